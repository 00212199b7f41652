"""How long a loop of the daemon waits that has found nothing to do: until there may be something.

A daemon looks once a second, for rows that nobody woke it for. Here the database says when the next
row is due, so that the loop need not wake before; what is written meanwhile comes with a wakeup.
"""

from __future__ import annotations

from typing import Any

import watcher.delivery.worker
import watcher.jobs.runner
from tests.year import database
from tests.year.plan import Plan
from watcher.daemon import app, clock_watch, drills, ingest, lifecycle
from watcher.oncall import reader
from watcher.receivers.mqtt.broker import session
from watcher.receivers.slack import session as slack_session
from watcher.store import leadership

_STALLED = 1.25  # times `watch` without a pass of the writer, and it says that it stood still
_LEASES_SLOWER = 10  # two daemons would mostly renew their leases
_MARK = 1e-6  # what is due is found after its time, not at it
_UNCLAIMED = 1.0  # as Watcher itself: the loop that will take what is due pauses


class _UntilDue(float):
    """Seconds, and less where a row is due before: it is added to the time when the wait begins."""

    table = ""

    def __radd__(self, now: float) -> float:
        due = database.seconds_to_next(self.table)
        if due is None:
            return now + float(self)
        return now + min(float(self), due + _MARK if due > 0 else _UNCLAIMED)


def _until_due(seconds: float, table: str) -> float:
    if seconds <= watcher.jobs.runner.POLL_SECONDS:
        return seconds  # as Watcher itself
    until = _UntilDue(seconds)
    until.table = table
    return until


def patches(plan: Plan) -> list[tuple[Any, str, object]]:
    """Return the constants of Watcher's loops for a plan: module, name and value."""
    idle, watch = plan.idle.total_seconds(), plan.watch.total_seconds()
    slower = _LEASES_SLOWER if plan.daemons > 1 and idle > 1 else 1
    if plan.daemons > 1:
        idle = min(idle, watch)  # what the other daemon writes wakes nobody here
    return [
        (leadership, "LEASE", leadership.LEASE * slower),
        (leadership, "RENEW_SECONDS", leadership.RENEW_SECONDS * slower),
        (slack_session, "FRESH_SECONDS", slack_session.FRESH_SECONDS * slower),
        (app, "STANDBY_SECONDS", app.STANDBY_SECONDS * slower),
        (ingest, "INBOX_SECONDS", min(idle, watch)),
        (ingest, "STALLED", _STALLED * plan.watch),
        (clock_watch, "LOOK_SECONDS", min(idle, watch)),
        (watcher.jobs.runner, "POLL_SECONDS", _until_due(idle, "jobs")),
        (watcher.delivery.worker, "POLL_SECONDS", _until_due(idle, "receipts")),
        (lifecycle, "FEED_SECONDS", max(idle, lifecycle.FEED_SECONDS)),
        (lifecycle, "STUCK_SECONDS", idle + lifecycle.STUCK_SECONDS),
        (drills, "_CHECK_SECONDS", max(idle, drills._CHECK_SECONDS)),
        (reader, "_TICK_SECONDS", max(idle, reader._TICK_SECONDS)),
        (session, "REFRESH_SECONDS", max(idle, session.REFRESH_SECONDS)),
    ]
