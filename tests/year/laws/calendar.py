"""What the clocks of a place show, minute by minute: when a window is open, who is on call.

Nothing is computed backwards from a time of day: each minute of the world is asked what the clocks
show then. Where they are put back, a window is open from the first minute inside to the last.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from tests.year.plan import Plan, Rota, Window

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)

Span = tuple[datetime, datetime]


def openings(plan: Plan, window: Window) -> list[Span]:
    """Return from when until when a window is open, in and around a plan."""
    return list(_openings(window, plan.begin, plan.end))


@cache
def _openings(window: Window, begin: datetime, until: datetime) -> tuple[Span, ...]:
    spans: list[Span] = []
    zone = ZoneInfo(window.zone)
    length = (window.end - window.start) % (24 * 60) or 24 * 60
    day = begin.astimezone(zone).replace(hour=0, minute=0, second=0, tzinfo=None) - 2 * _DAY
    while day < until.astimezone(zone).replace(tzinfo=None):
        start = day + window.start * _MINUTE
        end = start + length * _MINUTE
        inside = [at for at, shown in _minutes(zone, day) if start <= shown < end]
        if inside:
            spans.append((inside[0], inside[-1] + _MINUTE))
        day += _DAY
    return tuple(spans)


def on_call(rota: Rota, at: datetime) -> str:
    """Return who has a rota at a time."""
    zone = ZoneInfo(rota.zone)
    day = rota.start.replace(hour=0, minute=0, second=0, tzinfo=None)
    turn = -1
    while True:
        for minutes in sorted(rota.handovers):
            if _first(zone, day, minutes) > at:
                return rota.turns[turn % len(rota.turns)] if turn >= 0 else ""
            turn += 1
        day += _DAY


@cache
def _first(zone: ZoneInfo, day: datetime, minutes: int) -> datetime:
    """Return when the clocks show a time of a day first; skipped, by the offset of before."""
    wanted = day + minutes * _MINUTE
    shown = {wall: at for at, wall in reversed(_minutes(zone, day))}
    if wanted in shown:
        return shown[wanted]
    return shown[day] + minutes * _MINUTE


@cache
def _minutes(zone: ZoneInfo, day: datetime) -> list[Span]:
    """Return the minutes of two days and more, and what the clocks of a place show then."""
    start = day.replace(tzinfo=UTC) - _DAY / 2
    times = (start + number * _MINUTE for number in range(3 * 24 * 60))
    return [(at, at.astimezone(zone).replace(tzinfo=None)) for at in times]
