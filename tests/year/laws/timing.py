"""By when people must know of something."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.year.faults import BrokerFault, Fault, WrongClock
from tests.year.plan import Plan

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
