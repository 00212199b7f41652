"""The field types that settings and rules share: durations, addresses, zones, strict sections."""

from __future__ import annotations

import difflib
import zoneinfo
from datetime import timedelta
from functools import cache
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from yarl import URL

from watcher import model
from watcher.config_words import shown


def _parse_duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return model.parse_duration(value)
    raise ValueError(
        f"{shown(value)} is not a duration: write it with its unit, as in 15s, 5m, 4h, 30d"
    )


def _check_span(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than 0")
    return value


def _check_address(value: str) -> str:
    address = URL(value)
    if address.scheme not in {"http", "https"} or not address.host:
        raise ValueError(f"{value!r} is not an HTTP or HTTPS address")
    if address.user or address.password:
        raise ValueError("an address must not carry a user or password; use the account's settings")
    return value.rstrip("/")


@cache
def _zones() -> frozenset[str]:
    """Return the names of all time zones; it takes reading many files."""
    return frozenset(zoneinfo.available_timezones())


def _check_zone(value: str) -> str:
    zones = _zones()
    if value not in zones:
        cities = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(zones)}
        city = value.strip().replace(" ", "_").rpartition("/")[2].casefold()
        near = difflib.get_close_matches(city, cities, n=1, cutoff=0.75)
        hint = (
            f"did you mean {cities[near[0]]}?"
            if near
            else "expected one such as Europe/Paris or UTC"
        )
        raise ValueError(f"there is no time zone {value!r}; {hint}")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_parse_duration),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|[dhms]))+$|^0$"}),
]
Span = Annotated[Duration, AfterValidator(_check_span)]
Address = Annotated[str, AfterValidator(_check_address)]
Zone = Annotated[str, AfterValidator(_check_zone)]


class Section(BaseModel):
    """A part of config or rules: unknown keys are errors, values do not change after loading.

    Errors do not show the input, which may be a secret.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
