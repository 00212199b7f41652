"""The types of values in rule files and the inventory: spans, times of day, bandwidths, labels."""

from __future__ import annotations

import re
import zoneinfo
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from watcher import model
from watcher.config_types import Duration
from watcher.vendors.internet_on_demand.client import LEAST_MBPS, MOST_MBPS, parse_bandwidth
from watcher.vendors.preorder.client import parse_address

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _check_span(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than 0")
    return value


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _parse_mbps(value: object) -> float:
    mbps = parse_bandwidth(value)
    if not mbps:
        raise ValueError(f"{value!r} is not a bandwidth: write it with its unit, as in 500 Mbps")
    return mbps


def _check_orderable(mbps: float) -> float:
    least, most = LEAST_MBPS, MOST_MBPS
    if mbps != int(mbps) or not least <= mbps <= most:
        raise ValueError(f"cannot be ordered: use whole Mbit/s from {least} to {most}")
    return mbps


def _check_connection(value: str) -> str:
    if not all(value.partition("/")):
        raise ValueError("expected SOURCE/ID, as in iod/77133831778")
    return value


def _check_postal(value: str) -> str:
    try:
        parse_address(value)
    except model.PermanentError as error:
        raise ValueError(str(error)) from error
    return value.strip()


def _check_label(value: str) -> str:
    if not value.startswith("labels.") or value == "labels.":
        raise ValueError("expected labels.NAME")
    return value


def _check_equal(value: str) -> str:
    return value if value in {"subject", "source"} else _check_label(value)


def _parse_minutes(value: object) -> object:
    """Return a time of day in minutes, which is how YAML itself reads an unquoted 22:00."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d\d?):(\d\d)", value)):
        hours, minutes = map(int, match.groups())
        return hours * 60 + minutes if minutes < 60 else -1
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("expected a time of day, as in 01:30")


def _check_zone(value: str) -> str:
    if value not in zoneinfo.available_timezones():
        raise ValueError(
            f"there is no time zone {value!r}; expected one such as Europe/Paris or UTC"
        )
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Bandwidth = Annotated[
    float,
    BeforeValidator(_parse_mbps),
    WithJsonSchema({"type": "string", "pattern": r"^\d.*[A-Za-z]"}),
]
Orderable = Annotated[Bandwidth, AfterValidator(_check_orderable)]
Connection = Annotated[
    str,
    AfterValidator(_check_connection),
    WithJsonSchema({"type": "string", "pattern": "^[^/]+/.+$"}),
]
Span = Annotated[Duration, AfterValidator(_check_span)]
Phases = Annotated[frozenset[model.Phase], BeforeValidator(_as_tuple), Field(min_length=1)]
Label = Annotated[str, AfterValidator(_check_label)]
Equal = Annotated[str, AfterValidator(_check_equal)]
TimeOfDay = Annotated[
    int,
    BeforeValidator(_parse_minutes),
    Field(ge=0, le=24 * 60, json_schema_extra={"type": ["string", "integer"]}),
]
Zone = Annotated[str, AfterValidator(_check_zone)]
Address = Annotated[str, AfterValidator(_check_postal)]
Days = Annotated[tuple[Day, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
Labels = Annotated[tuple[Label, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
Equals = Annotated[tuple[Equal, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
