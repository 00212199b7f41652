"""By when people must know of something."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.year.faults import BrokerFault, Fault, WrongClock
from tests.year.laws.calendar import openings
from tests.year.plan import Circuit, Plan, Silence, Unsilence

SLACK_TIME = timedelta(minutes=1)  # for Slack, and for reading the vendor's details first
AFTER_FAULT = timedelta(minutes=5)  # how long Watcher may wait before it tries again
_MOST_BACKOFF = 4  # times the interval


def due(plan: Plan, at: datetime, wait: timedelta, interval: timedelta | None = None) -> datetime:
    """Return by when people must know of what changed at `at`; faults put it off.

    A fault that is over still does for as long as Watcher may wait before it tries again. The
    broker does not delay Slack, nor a wrong clock a state: that goes by the time of observation.
    `interval` is how often the vendor is asked, if it is not Vyvx.
    """
    harmless = BrokerFault if interval else BrokerFault | WrongClock
    interval = interval or plan.interval
    wait += 2 * interval + SLACK_TIME
    by = at + wait
    for fault in plan.faults:
        if isinstance(fault, harmless):
            continue
        tried_again = fault.until + AFTER_FAULT + interval + _backoff(fault, interval)
        if fault.at <= by and tried_again >= at:
            by = max(by, tried_again + wait)
    return by


def _backoff(fault: Fault, interval: timedelta) -> timedelta:
    """Return how long a source waits at most after a fault: it doubles while the fault lasts."""
    return min(_MOST_BACKOFF * interval, 2 * (fault.until - fault.at) + interval)


def unsilenced(plan: Plan, circuit: Circuit, at: datetime, by: datetime) -> datetime:
    """Return by when something is shown that began at `at`: a silence or a window puts it off.

    These begin and end by the time of day of the machine, which may be wrong: then a window may be
    open at another time.
    """
    wrong = [fault for fault in plan.faults if isinstance(fault, WrongClock)]
    spans = [
        (fact.at, _end(plan, fact))
        for fact in plan.facts
        if isinstance(fact, Silence) and fact.circuit == circuit.id
    ]
    for window in plan.windows:
        if window.circuit == circuit.id:
            spans += openings(plan, window)
            spans += (
                (max(fault.at, begin - fault.by), min(fault.until, end - fault.by))
                for begin, end in openings(plan, window)
                for fault in wrong
                if begin - fault.by < fault.until and end - fault.by > fault.at
            )
    for begin, end in sorted(spans):
        until = max([end, *(f.until for f in wrong if f.at < end and f.until > begin)])
        if begin <= by and until >= at:
            by = max(by, due(plan, until, timedelta()))
    return by


def _end(plan: Plan, silence: Silence) -> datetime:
    """Return when a silence ends: where somebody ends it before, unless that may go astray."""
    for fact in plan.facts:
        if isinstance(fact, Unsilence) and (fact.circuit, fact.asked) == (
            silence.circuit,
            silence.at,
        ):
            may_fail = any(
                fault.at <= fact.at + SLACK_TIME and fault.until + AFTER_FAULT >= fact.at
                for fault in plan.faults
            )
            return silence.until if may_fail else fact.at
    return silence.until


def is_clock_wrong(plan: Plan, begin: datetime, end: datetime) -> bool:
    """Return whether a daemon had another time of day between two times, or shortly before."""
    return any(
        isinstance(fault, WrongClock)
        and fault.at <= end
        and due(plan, fault.until, timedelta()) >= begin
        for fault in plan.faults
    )
