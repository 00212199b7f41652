"""The only file that reads the time, waits for it, or makes a random token.

Inside Watcher time is UTC and aware; spans are measured on the monotonic clock. A test hands in a
clock of its own.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the loops need of a clock."""

    def now(self) -> datetime:
        """Return the time of day, aware and in UTC."""

    def monotonic(self) -> float:
        """Return the seconds since some fixed instant; it never goes back."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the time of day, aware and in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the seconds since the machine's boot."""
        return time.monotonic()


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
