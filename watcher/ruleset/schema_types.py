"""The types of values in rule files and the inventory: spans, times of day, bandwidths, labels."""

from __future__ import annotations

import difflib
import re
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from watcher import model
from watcher.config_types import Section, Span
from watcher.config_words import shown
from watcher.ruleset.windows.cron import parse_cron
from watcher.vendors.internet_on_demand.client import LEAST_MBPS, MOST_MBPS, parse_bandwidth
from watcher.vendors.preorder.client import parse_address


class Part(Section):
    """A mapping in one of these files; its keys are as the file has them."""

    model_config = ConfigDict(populate_by_name=False, regex_engine="rust-regex")


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LEAST_REPEAT = timedelta(minutes=1)  # between two reminders
_DAYS_ARE = f"; expected {', '.join(WEEK)} or a range such as mon-fri"
_A_DAY = "|".join(WEEK)
_DAY_SCHEMA = {
    "type": "string",
    "anyOf": [{"enum": list(WEEK)}, {"pattern": f"^({_A_DAY})-({_A_DAY})$"}],
}


def _check_reminders(value: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    if min(value) < LEAST_REPEAT:
        shown = model.format_duration(min(value))
        raise ValueError(f"every {shown} nobody reads any more; expected at least 1m")
    if list(value) != sorted(value):
        raise ValueError("each span must be at least as long as the one before")
    return value


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _parse_mbps(value: object) -> float:
    mbps = parse_bandwidth(value)
    if not mbps:
        raise ValueError(
            f"{shown(value)} is not a bandwidth: write it with its unit, as in 500 Mbps or 1.5 Gbps"
        )
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


def parse_minutes(value: object) -> int:
    """Return a time of day in minutes, which is how YAML itself reads an unquoted 22:00."""
    minutes = value if isinstance(value, int) and not isinstance(value, bool) else -1
    if isinstance(value, str) and (match := re.fullmatch(r"(\d\d?):([0-5]\d)", value)):
        minutes = int(match[1]) * 60 + int(match[2])
    if not 0 <= minutes <= 24 * 60:
        raise ValueError("expected a time of day from 00:00 to 24:00, as in 01:30")
    return minutes


def _parse_wall_time(value: object) -> object:
    """Return a date and time of day, as in 2026-12-01 22:00, or minutes of a day."""
    if not isinstance(value, str) or "-" not in value:
        return parse_minutes(value)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d", value):
        raise ValueError("expected a date and a time of day, as in 2026-12-01 22:00")
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is not a date and a time of day: {error}") from error


def _check_cron(value: str) -> str:
    parse_cron(value)
    return value


def parse_days(value: object) -> object:
    """Return the days of the week in words such as `mon` and `mon-fri`."""
    words = (value,) if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        return value
    days: dict[object, None] = {}
    for word in words:
        if isinstance(word, list | dict):
            raise ValueError(f"a day is a word{_DAYS_ARE}")  # noqa: TRY004  # for pydantic
        days.update(dict.fromkeys(_parse_range(word) if isinstance(word, str) else (word,)))
    return tuple(days)


def _parse_range(word: str) -> tuple[Day, ...]:
    first, dash, last = word.partition("-")
    ends = (first, last) if dash else (first,)
    for day in ends:
        if day not in WEEK:
            near = difflib.get_close_matches(day[:3].casefold(), WEEK, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"{day!r} is not a day of the week{hint or _DAYS_ARE}")
    start, end = WEEK.index(first), WEEK.index(ends[-1])
    return (WEEK * 2)[start : end + 1 if end >= start else end + 1 + len(WEEK)]


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
Spans = Annotated[
    tuple[Span, ...],
    BeforeValidator(_as_tuple),
    Field(min_length=1),
    AfterValidator(_check_reminders),
]
Phases = Annotated[frozenset[model.Phase], BeforeValidator(_as_tuple), Field(min_length=1)]
Label = Annotated[str, AfterValidator(_check_label)]
Equal = Annotated[str, AfterValidator(_check_equal)]
TimeOfDay = Annotated[
    int,
    BeforeValidator(parse_minutes),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
]
WallTime = Annotated[
    int | datetime,
    BeforeValidator(_parse_wall_time),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
]
Cron = Annotated[str, AfterValidator(_check_cron)]
Address = Annotated[str, AfterValidator(_check_postal)]
Days = Annotated[
    tuple[Day, ...],
    BeforeValidator(parse_days),
    Field(min_length=1),
    WithJsonSchema({"type": "array", "items": _DAY_SCHEMA, "minLength": 1}),
]
Labels = Annotated[tuple[Label, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
Equals = Annotated[tuple[Equal, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
