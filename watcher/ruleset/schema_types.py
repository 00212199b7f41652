"""What may stand behind a key of a rule file or of the inventory, as pydantic reads it."""

from __future__ import annotations

import re
import zoneinfo
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from watcher import model
from watcher.config_types import Duration
from watcher.vendors.internet_on_demand.client import LEAST_MBPS, MOST_MBPS, read_bandwidth
from watcher.vendors.preorder.client import read_address

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _some_time(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than 0")
    return value


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _mbps(value: object) -> float:
    mbps = read_bandwidth(value)
    if not mbps:
        raise ValueError(f"{value!r} is no bandwidth: write it with its unit, as in 500 Mbps")
    return mbps


def _orderable(mbps: float) -> float:
    least, most = LEAST_MBPS, MOST_MBPS
    if mbps != int(mbps) or not least <= mbps <= most:
        raise ValueError(f"cannot be ordered: whole Mbit/s from {least} to {most} can")
    return mbps


def _connection(value: str) -> str:
    if not all(value.partition("/")):
        raise ValueError("expected SOURCE/ID, as in iod/77133831778")
    return value


def _postal(value: str) -> str:
    try:
        read_address(value)
    except model.PermanentError as error:
        raise ValueError(str(error)) from error
    return value.strip()


def _label(value: str) -> str:
    if not value.startswith("labels.") or value == "labels.":
        raise ValueError("expected labels.NAME")
    return value


def _equal(value: str) -> str:
    return value if value in {"subject", "source"} else _label(value)


def _minutes(value: object) -> object:
    """Read a time of day as minutes; YAML itself reads an unquoted 22:00 so."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d\d?):(\d\d)", value)):
        hours, minutes = map(int, match.groups())
        return hours * 60 + minutes if minutes < 60 else -1
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("expected a time of day, as in 01:30")


def _zone(value: str) -> str:
    if value not in zoneinfo.available_timezones():
        raise ValueError(f"there is no time zone {value!r}; expected one as Europe/Paris or UTC")
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Bandwidth = Annotated[
    float, BeforeValidator(_mbps), WithJsonSchema({"type": "string", "pattern": r"^\d.*[A-Za-z]"})
]
Orderable = Annotated[Bandwidth, AfterValidator(_orderable)]
Connection = Annotated[
    str, AfterValidator(_connection), WithJsonSchema({"type": "string", "pattern": "^[^/]+/.+$"})
]
Span = Annotated[Duration, AfterValidator(_some_time)]
Phases = Annotated[frozenset[model.Phase], BeforeValidator(_one_or_many), Field(min_length=1)]
Label = Annotated[str, AfterValidator(_label)]
Equal = Annotated[str, AfterValidator(_equal)]
TimeOfDay = Annotated[
    int,
    BeforeValidator(_minutes),
    Field(ge=0, le=24 * 60, json_schema_extra={"type": ["string", "integer"]}),
]
Zone = Annotated[str, AfterValidator(_zone)]
Address = Annotated[str, AfterValidator(_postal)]
Days = Annotated[tuple[Day, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
Labels = Annotated[tuple[Label, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
Equals = Annotated[tuple[Equal, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
