"""Keeps everybody who shares an account from asking a vendor that does not answer.

Law: once so many calls in a row have failed, one trial leaves in each pause, and one answer lets
everybody ask again. A poll goes first; what asks about one subject tries only where no poll did.
"""

from __future__ import annotations

import math

import structlog

from watcher import model
from watcher.clock import Clock

FAILURES = 5  # in a row
PAUSE = 10.0  # seconds; a poller that has failed so often waits longer by itself

log = structlog.get_logger()


class CircuitBreaker:
    """One account's; closed to begin with. `trouble` is the last failure while it is open."""

    def __init__(self, account: str, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._failures = 0
        self._last = ""
        self._tried = 0.0  # on the monotonic clock, when the last trial left

    @property
    def trouble(self) -> str:
        """Say why nothing is asked; empty while everybody may ask."""
        return self._last if self._failures >= FAILURES else ""

    def admit(self, *, about_one: bool) -> None:
        """Let a call leave, or raise HeldBackError with the time until a trial may."""
        if not self.trouble:
            return
        now = self._clock.monotonic()
        left = self._tried + (2 * PAUSE if about_one else PAUSE) - now
        if left > 0:
            raise model.HeldBackError(
                f"the vendor of account {self._account!r} does not answer ({self._last}):"
                f" nothing is asked for {math.ceil(left)} s",
                delay=left,
            )
        self._tried = now

    def failed(self, error: Exception) -> None:
        """Count a call that says that the vendor is down."""
        self._failures += 1
        self._last = str(error)
        if self._failures == FAILURES:
            self._tried = self._clock.monotonic() - PAUSE  # the first trial needs no pause
            log.warning("vendor does not answer", account=self._account, error=self._last)

    def answered(self) -> None:
        """Let everybody ask: the vendor is there, whatever it said."""
        if self.trouble:
            log.info("vendor answers again", account=self._account, failures=self._failures)
        self._failures = 0
