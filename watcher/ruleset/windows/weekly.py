"""Times of the week on the clocks of a place, for maintenance and for the hours of a rule.

Law: a window is open while the wall clock there shows a time from its start up to its end. Where
the clocks jump over its start it opens at the jump, where they jump over its end it closes there;
one that lies wholly inside what they skip does not open that day. Where they are put back it opens
at the first of two equal times and closes at the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from watcher import engine
from watcher.ruleset import schema_types
from watcher.ruleset.windows import schema

_DAY = timedelta(days=1)
_MINUTES = 24 * 60
# A weekly window that was skipped once opens after two weeks; what has not changed by then never
# does.
_AHEAD = timedelta(days=15)

_Span = tuple[datetime, datetime]


class Window(Struct, frozen=True, kw_only=True):
    """From `start` to `end` minutes after midnight on these weekdays (Monday is 0).

    An `end` that is not after `start` is on the next day.
    """

    zone: ZoneInfo
    days: frozenset[int]
    start: int
    end: int

    def on(self, day: date) -> _Span | None:
        """Return when the window of a day opens and closes; None if it does not open."""
        if day.weekday() not in self.days:
            return None
        return _span(self.zone, day, self.start, self.end)


class Weekly(Struct, frozen=True):
    """Windows of the week, of which one has to be open."""

    windows: tuple[Window, ...]

    def is_open(self, now: datetime) -> bool:
        """Return whether a moment lies inside."""
        return any(opens <= now < closes for opens, closes in self._spans(now, timedelta(0)))

    def next_edge(self, now: datetime) -> datetime | None:
        """Return when that changes next; None when it never does."""
        for span in _joined(self._spans(now, _AHEAD)):
            for edge in span:
                if edge > now:
                    return edge if edge <= now + _AHEAD else None
        return None

    def describe(self, at: datetime) -> str:
        """Return a time as people there write it: `Mon 08:00 Europe/Paris`."""
        zone = self.windows[0].zone
        local = at.astimezone(zone)
        return f"{schema_types.WEEK[local.weekday()].capitalize()} {local:%H:%M} {zone.key}"

    def _spans(self, now: datetime, ahead: timedelta) -> Iterator[_Span]:
        """Yield when each window is open, from what may still be open on."""
        for window in self.windows:
            today = now.astimezone(window.zone).date()
            for offset in range(-2, ahead.days + 3):
                if span := window.on(today + offset * _DAY):
                    yield span


def compile_weekly(windows: Iterable[schema.TimeOfWeek]) -> Weekly:
    """Compile the windows of a file."""
    return Weekly(
        tuple(
            Window(
                zone=ZoneInfo(window.zone),
                days=frozenset(schema_types.WEEK.index(day) for day in window.days),
                start=window.from_,
                end=window.to,
            )
            for window in windows
        )
    )


def compile_hours(windows: Sequence[schema.Hours] | None) -> engine.Hours | None:
    """Compile the hours of a rule; None for a rule that always applies."""
    if windows is None:
        return None
    weekly = compile_weekly(windows)
    return engine.Hours(
        is_open=weekly.is_open, next_edge=weekly.next_edge, describe=weekly.describe
    )


def _joined(spans: Iterable[_Span]) -> Iterator[_Span]:
    """Yield spans in their order, those that touch or overlap as one."""
    opened: datetime | None = None
    closed: datetime | None = None
    for opens, closes in sorted(spans):
        if opened is None or closed is None:
            opened, closed = opens, closes
        elif opens <= closed:
            closed = max(closed, closes)
        else:
            yield opened, closed
            opened, closed = opens, closes
    if opened is not None and closed is not None:
        yield opened, closed


@lru_cache(maxsize=4096)  # asked for at each change of each subject
def _span(zone: ZoneInfo, day: date, start: int, end: int) -> _Span | None:
    return between(zone, day, start, start + ((end - start) % _MINUTES or _MINUTES))


def between(zone: ZoneInfo, day: date, start: int, until: int) -> _Span | None:
    """Return the moments between two times of a place, in minutes after a day's midnight.

    None if the clocks show no time between them.
    """
    opens = _moment(zone, day, start, fold=0)
    # Of an end at which the clocks are put back, the first: the last minute inside has gone by.
    last = _moment(zone, day, until - 1, fold=1)
    closes = min(last + timedelta(minutes=1), _moment(zone, day, until, fold=1))
    return (opens, closes) if opens < closes else None


def moment(zone: ZoneInfo, wall: datetime) -> datetime:
    """Return when the wall clock shows a time first; where the clocks skip it, when they jump."""
    minutes = wall.hour * 60 + wall.minute
    return _moment(zone, wall.date(), minutes, fold=0)


def _moment(zone: ZoneInfo, day: date, minutes: int, *, fold: int) -> datetime:
    """Return when the wall clock shows a time; where the clocks skip it, when they jump."""
    days, minutes = divmod(minutes, _MINUTES)
    wall = datetime.combine(day + days * _DAY, time(*divmod(minutes, 60), fold=fold))
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    return _jump(zone, wall)


def _jump(zone: ZoneInfo, skipped: datetime) -> datetime:
    """Return when the clocks jump over a time that they never show."""
    before, after = (skipped.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
    offset = before.astimezone(zone).utcoffset()
    while (seconds := (after - before) // timedelta(seconds=1)) > 1:
        middle = before + timedelta(seconds=seconds // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
