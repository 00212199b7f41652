"""Maintenance windows that open once, and those that begin by cron.

Law: `cron` says what the wall clock shows when a window begins, and `for` how long it lasts, as
time that passes. Where the clocks skip the beginning it begins when they jump, and of a time that
comes twice it begins at the first. APScheduler reads the expression and counts on a clock that
nobody changes; when that is, weekly.py says for cron as for the windows of the week (APScheduler
itself would begin after the jump in spring, and never get past the repeated hour in autumn).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]  # no types
from msgspec import Struct

from watcher.ruleset.windows import weekly

_DAY = timedelta(days=1)
_CHECKED = 400  # beginnings, more than a year of daily ones, of which none may overlap

_Span = tuple[datetime, datetime]


class Once(Struct, frozen=True):
    """A window that opens once; both None where the clocks show no time between its ends."""

    span: _Span | None

    def is_open(self, now: datetime) -> bool:
        """Return whether a moment lies inside."""
        return self.span is not None and self.span[0] <= now < self.span[1]

    def next_edge(self, now: datetime) -> datetime | None:
        """Return when that changes next; None when it never does."""
        return min((at for at in self.span or () if at > now), default=None)


def once(zone: ZoneInfo, start: datetime, end: datetime) -> Once:
    """Compile a window between two times that the wall clock of a place shows."""
    first = start.hour * 60 + start.minute
    length = (end - start) // timedelta(minutes=1)
    return Once(weekly.between(zone, start.date(), first, first + length))


class Cron(Struct, frozen=True):
    """A window that begins by cron on the clocks of a place, and lasts for a span."""

    trigger: CronTrigger  # on a clock that shows UTC, whatever the place
    zone: ZoneInfo
    span: timedelta

    def is_open(self, now: datetime) -> bool:
        """Return whether a moment lies inside."""
        return any(opens <= now < closes for opens, closes in _spans(self, _midnight(now)))

    def next_edge(self, now: datetime) -> datetime | None:
        """Return when that may change next; None when it never does."""
        open_until = [
            closes for opens, closes in _spans(self, _midnight(now)) if opens <= now < closes
        ]
        if open_until:
            return max(open_until)
        return next((opens for opens in self.beginnings(now - _DAY) if opens > now), None)

    def beginnings(self, after: datetime) -> Iterator[datetime]:
        """Yield when it begins, from what the wall clock shows at a moment on."""
        wall = after.astimezone(self.zone).replace(tzinfo=UTC)
        before: datetime | None = None
        while (at := self.trigger.get_next_fire_time(before, wall)) is not None:
            yield weekly.moment(self.zone, at.replace(tzinfo=None))
            before, wall = at, at + timedelta(minutes=1)


@lru_cache(maxsize=256)  # asked for at each change of each subject
def _spans(window: Cron, midnight: datetime) -> tuple[_Span, ...]:
    """Return when the window is open on a day of UTC, or may be."""
    spans = []
    for opens in window.beginnings(midnight - window.span - _DAY):
        if opens >= midnight + _DAY:
            break
        spans.append((opens, opens + window.span))
    return tuple(spans)


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def objection(cron: Cron, after: datetime) -> str:
    """Return why a window cannot be as it is written; empty if it can."""
    beginnings = list(islice(cron.beginnings(after), _CHECKED))
    if not beginnings:
        return "never begins"
    if any(later - earlier < cron.span for earlier, later in pairwise(beginnings)):
        return "begins again before it has ended; for days without a break write from and to"
    return ""
