"""The only file that reads the time, waits for it, or makes a random token.

Inside Watcher time is UTC and aware, and it is elapsed time: `now` goes on from the time of day at
the start, and is not moved when somebody sets the machine's clock. The daemon looks for that, moves
every mark that it has kept, and only then adopts the new time (docs/decisions/0019). A test hands
in a clock of its own.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

STEP = timedelta(seconds=2)  # what a time service corrects by setting the clock, not slewing it
SLEW = timedelta(milliseconds=20)  # by which `follow` corrects less than that, each time
_STEADY = timedelta(milliseconds=200)  # within which both clocks have to be read to be compared


def _wall() -> datetime:
    return datetime.now(UTC)


def _elapsed() -> float:
    """Return the seconds since the boot, those of a suspension among them where that is known."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Clock(Protocol):
    """What the loops need of a clock."""

    def now(self) -> datetime:
        """Return the time of day, aware and in UTC."""

    def monotonic(self) -> float:
        """Return the seconds since some fixed instant; it never goes back, and nobody sets it."""


class SystemClock:
    """The machine's own clock, whose time of day is taken once and goes on with elapsed time.

    Call `follow` about once a second, and `adopt` what it returns once every mark has been moved.
    """

    def __init__(
        self, *, wall: Callable[[], datetime] = _wall, elapsed: Callable[[], float] = _elapsed
    ) -> None:
        self._wall = wall
        self._elapsed = elapsed
        self._zero = wall() - timedelta(seconds=elapsed())  # the time of day when elapsed was 0

    def now(self) -> datetime:
        """Return the time of day, aware and in UTC; it never jumps by itself."""
        return self._zero + timedelta(seconds=self._elapsed())

    def monotonic(self) -> float:
        """Return the seconds since the machine's boot, those of a suspension among them."""
        return self._elapsed()

    def follow(self) -> timedelta:
        """Return by how much the machine's clock was set; zero where `now` agrees with it.

        What is less than STEP is corrected by and by.
        """
        before = self.now()
        wall = self._wall()
        if self.now() - before > _STEADY:  # this process was stopped in between
            return timedelta(0)
        off = wall - before
        if abs(off) > STEP:
            return off
        self._zero += min(max(off, -SLEW), SLEW)
        return timedelta(0)

    def adopt(self, by: timedelta) -> None:
        """Have `now` jump, by what `follow` has returned."""
        self._zero += by


class Wakeup:
    """A hint from one loop to another that there is work.

    The store is the truth, so a lost wakeup costs a little time and nothing else.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake the loop that waits, or the next one that will."""
        self._event.set()

    async def wait(self, seconds: float | None) -> bool:
        """Wait to be woken, for at most `seconds`; False when nothing woke it."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


def token() -> str:
    """Return 16 random hex digits: for leases, never for ids that a replay must repeat."""
    return secrets.token_hex(8)
