"""Times and values of EVPL samples as they come; what cannot be read with certainty is left out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from watcher import text
from watcher.vendors.http.times import parse_time

SLACK = timedelta(days=1)  # how far beyond the time asked for a sample may be
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_EPOCH = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,9})?")
_UNITS = (1.0, 1000.0)  # a second in seconds, and in milliseconds
_MISSING = frozenset({"", "nan", "n/a", "na", "null", "none", "-"})
_ABSENT = object()


def of(entry: object) -> list[tuple[object, object]]:
    """Return the samples of an entry as they come, each a time and a value."""
    listed = entry.get("performanceValues") if isinstance(entry, dict) else None
    if listed is None:
        return []
    if not isinstance(listed, list):
        return [(_ABSENT, listed)]
    return [
        (sample.get("timeStamp", _ABSENT), sample.get("value", _ABSENT))
        if isinstance(sample, dict)
        else (_ABSENT, sample)
        for sample in listed
    ]


def parse_value(value: object) -> float | None:
    """Parse "12.5", "12,5" or a number; "", "NaN", "N/A" and null are None, which is not zero."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str):
        value = value.strip().replace(",", ".", 1)
        if not _NUMBER.fullmatch(value):
            return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def is_missing(value: object) -> bool:
    """Return whether a value says that nothing was measured."""
    if isinstance(value, str):
        return value.strip().casefold() in _MISSING
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def epoch_unit(times: Iterable[object], asked: tuple[datetime, datetime] | None) -> float | None:
    """Return how many of the epoch's units a second has, where all times agree; else None.

    They agree when all are numbers that lie within the time asked for in one unit, and in no other.
    """
    if asked is None:
        return None
    numbers = []
    for at in times:
        number = _epoch(at)
        if number is None:
            return None
        numbers.append(number)
    if not numbers:
        return None
    first, last = (asked[0] - SLACK).timestamp(), (asked[1] + SLACK).timestamp()
    fitting = [unit for unit in _UNITS if all(first <= number / unit <= last for number in numbers)]
    return fitting[0] if len(fitting) == 1 else None


def parse_at(at: object, unit: float | None) -> datetime | None:
    """Return the time of a sample; `unit` is the epoch's, where the times are numbers."""
    number = None if unit is None else _epoch(at)
    if number is None or unit is None:
        return parse_time(at)
    return datetime.fromtimestamp(number / unit, UTC)


def describe(at: object, value: object) -> str:
    """Return a sample as it came, in one short line."""
    parts = [text.clean(_shown(part), 40) for part in (value, at) if part is not _ABSENT]
    return " at ".join(part for part in parts if part)


def _shown(part: object) -> str:
    return repr(part) if isinstance(part, str | int | float) else type(part).__name__


def _epoch(at: object) -> float | None:
    if isinstance(at, bool):
        return None
    if isinstance(at, int | float):
        return float(at) if 0 <= at < 1e16 else None
    return float(at) if isinstance(at, str) and _EPOCH.fullmatch(at.strip()) else None
