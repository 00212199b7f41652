"""Where a reservation stands in its booked window, and when that changes by itself.

Pure, and from the vendor's schedule alone. What the schedule does not say is `unknown`, which
pages: a false page is better than an outage on air that nobody hears of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from watcher.model.subjects import Booking, Phase

PRE_ROLL = timedelta(minutes=15)
CHECK_OVERRUN = timedelta(minutes=5)  # how often: only the vendor knows when it is over
DURING = frozenset({Phase.PRE_ROLL, Phase.ON_AIR, Phase.OVERRUN, Phase.UNKNOWN})

# A member of an enum is looked up slowly by Python 3.11, and a phase is asked for at each change.
_UNKNOWN, _ON_AIR = Phase.UNKNOWN, Phase.ON_AIR

# Of several bookings of one service, the phase that pages counts.
_PRECEDENCE = (
    Phase.ON_AIR,
    Phase.OVERRUN,
    Phase.PRE_ROLL,
    Phase.UNKNOWN,
    Phase.BOOKED,
    Phase.ENDED,
)


def phase(bookings: Sequence[Booking], now: datetime, pre_roll: timedelta = PRE_ROLL) -> Phase:
    """Return the phase of a service with these bookings; without any it is unknown."""
    if not bookings:
        return _UNKNOWN
    if len(bookings) == 1:
        return _phase(bookings[0], now, pre_roll)
    return min((_phase(booking, now, pre_roll) for booking in bookings), key=_PRECEDENCE.index)


def within(
    bookings: Sequence[Booking],
    during: frozenset[Phase],
    start: datetime,
    end: datetime,
    pre_roll: timedelta = PRE_ROLL,
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of a past time in which the phase was one of these.

    That a booking is terminal by now says nothing about then; its times do.
    """
    then = [replace(booking, terminal=False) for booking in bookings]
    since, at = None, start
    while at < end:
        edge = next_edge(then, at, pre_roll)
        if phase(then, at, pre_roll) in during:
            since = since or at
        elif since is not None:
            yield since, at
            since = None
        at = end if edge is None else min(edge, end)
    if since is not None:
        yield since, end


def next_edge(
    bookings: Sequence[Booking], now: datetime, pre_roll: timedelta = PRE_ROLL
) -> datetime | None:
    """Return when the phase may change next; None when nothing in the schedule lies ahead."""
    ahead = (at for booking in bookings for at in _edges(booking, pre_roll) if at > now)
    return min(ahead, default=None)


def next_start(bookings: Sequence[Booking], now: datetime) -> datetime | None:
    """Return when the next booking goes on air; None when none lies ahead."""
    starts = (_start(booking) for booking in bookings if not booking.terminal)
    return min((at for at in starts if at is not None and at > now), default=None)


def on_air_until(bookings: Sequence[Booking], now: datetime) -> datetime | None:
    """Return when the last booking that is on air now ends; None when none is, or it is open."""
    ends = (
        _end(booking)
        for booking in bookings
        if _phase(booking, now, timedelta(0)) in {Phase.ON_AIR, Phase.OVERRUN}
    )
    return max((end for end in ends if end is not None), default=None)


def span(booking: Booking) -> tuple[datetime | None, datetime | None]:
    """Return when a booking goes on air and when it ends, each None where nothing says it."""
    return _start(booking), _end(booking)


def last_edge(
    bookings: Sequence[Booking], now: datetime, pre_roll: timedelta = PRE_ROLL
) -> datetime | None:
    """Return when the phase may have changed last; None when the whole schedule lies ahead."""
    behind = (at for booking in bookings for at in _edges(booking, pre_roll) if at <= now)
    return max(behind, default=None)


def _phase(booking: Booking, now: datetime, pre_roll: timedelta) -> Phase:
    start, end = _start(booking), _end(booking)
    over = booking.actual.end
    if booking.terminal or (over is not None and over <= now):
        return Phase.ENDED
    if booking.activated and _is_activated(booking, now):
        return Phase.OVERRUN if end is not None and now >= end else _ON_AIR
    if start is None:
        return _UNKNOWN if end is None or now < end else Phase.ENDED
    if now < start:
        return Phase.PRE_ROLL if now >= start - pre_roll else Phase.BOOKED
    if end is None or now < end:
        return _ON_AIR
    # Past its end: still going where the vendor says that it began and not that it is over.
    started = booking.actual.start is not None and over is None
    return Phase.OVERRUN if started and not booking.activated else Phase.ENDED


def _is_activated(booking: Booking, now: datetime) -> bool:
    return any(
        window.start is not None
        and window.start <= now
        and (window.end is None or now < window.end)
        for window in booking.activated
    )


def _start(booking: Booking) -> datetime | None:
    return booking.actual.start or booking.scheduled.start or booking.reserved.start


def _end(booking: Booking) -> datetime | None:
    return booking.actual.end or booking.scheduled.end or booking.reserved.end


def _edges(booking: Booking, pre_roll: timedelta) -> Iterator[datetime]:
    if booking.terminal:
        return
    start, end = _start(booking), _end(booking)
    if start is not None:
        yield start - pre_roll
        yield start
    if end is not None:
        yield end
    for window in booking.activated:
        yield from (at for at in (window.start, window.end) if at is not None)
