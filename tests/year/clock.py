"""The time of day on a machine, which somebody may set wrong."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from tests.year.faults import WrongClock
from tests.year.plan import Plan

WALL: ContextVar[Callable[[], datetime]] = ContextVar("WALL")  # that of the machine that is running


class Datetime(datetime):
    """APScheduler's: it asks for the time of day by itself."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        """Return the time of day on the machine that is running."""
        return WALL.get()().astimezone(tz)


def wall(plan: Plan, daemon: int, true_time: Callable[[], datetime]) -> Callable[[], datetime]:
    """Return the clock of a daemon's machine."""
    faults = [f for f in plan.faults if isinstance(f, WrongClock) and f.daemon == daemon]

    def read() -> datetime:
        now = true_time()
        wrong = (fault.by for fault in faults if fault.at <= now < fault.until)
        return now + sum(wrong, timedelta(0))

    return read
