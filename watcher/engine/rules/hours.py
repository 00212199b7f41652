"""What the time of day means to a rule: the hours in which it applies, and what it reads of `now`.

Law: outside its hours a rule's condition is false, whatever a subject's fields say. It depends on
the clock alone, so nothing has to be seen, and nothing is recovered, for hours to end.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from datetime import datetime

from msgspec import Struct

from watcher import model


class Hours(Struct, frozen=True, kw_only=True):
    """Times of the week on the clocks of a place.

    `is_open` says whether a time is inside, `next_edge` when that changes after a time, and
    `describe` writes a time as people there do.
    """

    is_open: Callable[[datetime], bool]
    next_edge: Callable[[datetime], datetime | None]
    describe: Callable[[datetime], str]


class Now(Struct, frozen=True, kw_only=True):
    """What a rule's expressions read of `now`.

    `read` is equal at two times between which time alone makes no difference to them, and
    `next_change` says when that may be over; then the rule is evaluated again.
    """

    read: Callable[[datetime], Hashable]
    next_change: Callable[[datetime], datetime]


def next_edge(hours: Hours | None, now: Now | None, after: datetime) -> datetime | None:
    """Return when a rule has to be evaluated again because of the time alone; None: never."""
    edges = (
        None if hours is None else hours.next_edge(after),
        None if now is None else now.next_change(after),
    )
    return min((edge for edge in edges if edge is not None), default=None)


def apply_at(hours: Hours | None, at: datetime) -> bool:
    """Return whether a rule with these hours applies at a time; without any it always does."""
    return hours is None or hours.is_open(at)


def within(
    hours: Hours | None, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of a past time in which a rule with these hours applied."""
    at = start
    while hours is not None and at < end:
        edge = hours.next_edge(at)
        until = end if edge is None else min(edge, end)
        if hours.is_open(at):
            yield at, until
        at = until
    if hours is None:
        yield start, end


def describe(name: str, hours: Hours | None, now: Now | None, at: datetime) -> str:
    """Return what the time means to a rule at a time; empty where it means nothing."""
    edge = next_edge(hours, now, at)
    if edge is None or why_closed(name, hours, at):
        return why_closed(name, hours, at)
    what = f"reads the time: evaluated again at {model.format_date_time(edge)} UTC"
    if now is None and hours is not None:
        what = f"is within its hours until {hours.describe(edge)}"
    return f"rule {name} {what}"


def why_closed(name: str, hours: Hours | None, now: datetime) -> str:
    """Return that a rule does not apply now, and until when; empty where it does."""
    if hours is None or hours.is_open(now):
        return ""
    edge = hours.next_edge(now)
    until = "" if edge is None else f" (until {hours.describe(edge)})"
    return f"outside the hours of {name}{until}"
