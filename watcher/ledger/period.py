"""The period of a ledger: a calendar month in a time zone, with as many minutes as it has there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

_FIRST_YEAR, _LAST_YEAR = 1970, 9998  # of times that have a day before and after in every zone
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class Period(Struct, frozen=True, kw_only=True):
    """A month from `start` until `end` (UTC), named as people write it: `2026-11`."""

    name: str
    zone: str
    start: datetime
    end: datetime

    def days(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield the begin and the end of each day of the month, in UTC."""
        place = ZoneInfo(self.zone)
        day, start = self.start.astimezone(place).date(), self.start
        while start < self.end:
            day += timedelta(days=1)
            end = datetime.combine(day, time(), tzinfo=place).astimezone(UTC)
            yield start, end
            start = end


def parse_month(text: str, zone: str = "UTC") -> Period:
    """Return the month `2026-11` in a zone. Raises ValueError for what is neither."""
    match = _MONTH.fullmatch(text.strip())
    if match is None or not _FIRST_YEAR <= int(match[1]) <= _LAST_YEAR:
        raise ValueError(f"{text!r} is not a month: write YEAR-MONTH, as in 2026-11")
    place = _zone(zone)
    year, month = int(match[1]), int(match[2])
    following = (year + month // 12, month % 12 + 1)
    return Period(
        name=match[0],
        zone=zone,
        start=datetime(year, month, 1, tzinfo=place).astimezone(UTC),
        end=datetime(*following, 1, tzinfo=place).astimezone(UTC),
    )


def month_of(at: datetime, zone: str = "UTC") -> str:
    """Return the name of the month that a time lies in. Raises ValueError for no zone."""
    return at.astimezone(_zone(zone)).strftime("%Y-%m")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # it looks for a file of this name
        raise ValueError(f"{name!r} is not a time zone: write UTC or Europe/Paris") from None
