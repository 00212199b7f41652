"""One account of one vendor: its credentials, rate, monthly budget and circuit breaker.

Everything that shares an account shares one `VendorAccount`, because the vendor counts its calls
together. The circuit breaker keeps all of them from a vendor that does not respond: after
`FAILURES` failed calls in a row one trial call leaves in each `PAUSE`, and one answer closes it
again. Polls go first; a lookup of one subject tries only where no poll did.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from enum import Enum, auto

import aiohttp
import structlog
from aiolimiter import AsyncLimiter

from watcher import model
from watcher.clock import Clock, SystemClock
from watcher.http import exchange
from watcher.ports import CallCounter
from watcher.vendors import settings
from watcher.vendors.http import auth

FAILURES = 5  # in a row
PAUSE = 10.0  # seconds; a poller that has failed so often waits longer by itself
BACKGROUND_SHARE = 0.8  # of what a budget gives by now; the rest is for polls and lookups
_BACKGROUND_DELAY = 3_600.0  # seconds until more of the month is over

log = structlog.get_logger()


class CallPriority(Enum):
    """What a GET is for."""

    POLL = auto()  # a whole source: it shows whether the vendor is there
    LOOKUP = auto()  # one subject, and somebody waits; it may fail for reasons of its own
    BACKGROUND = auto()  # one subject, and nobody waits: polls need the budget more


class CircuitBreaker:
    """Of one account; closed at first. `trouble` is the last failure while it is open."""

    def __init__(self, account: str, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._failures = 0
        self._last_failure = ""
        self._tried_at = 0.0  # on the monotonic clock, when the last trial left

    @property
    def trouble(self) -> str:
        """Why nothing is asked; empty while it is closed."""
        return self._last_failure if self._failures >= FAILURES else ""

    def admit(self, *, is_poll: bool) -> None:
        """Let a call leave, or raise HeldBackError with the time until a trial may."""
        if not self.trouble:
            return
        now = self._clock.monotonic()
        left = self._tried_at + (PAUSE if is_poll else 2 * PAUSE) - now
        if left > 0:
            raise model.HeldBackError(
                f"account {self._account!r}: vendor not responding ({self._last_failure});"
                f" next attempt in {math.ceil(left)} s",
                delay=left,
            )
        self._tried_at = now

    def failed(self, error: Exception) -> None:
        """Count a call whose failure means that the vendor is down."""
        self._failures += 1
        self._last_failure = str(error)
        if self._failures == FAILURES:
            self._tried_at = self._clock.monotonic() - PAUSE  # the first trial needs no pause
            log.warning("vendor is not responding", account=self._account, error=self._last_failure)

    def answered(self) -> None:
        """Close it: the vendor is there, whatever it answered."""
        if self.trouble:
            log.info("vendor is responding again", account=self._account, failures=self._failures)
        self._failures = 0


class VendorAccount:
    """Credentials, and the limits that hold for all calls together.

    `name` is empty and `config` None for requests without credentials.
    """

    def __init__(
        self,
        name: str,
        config: settings.Account | None,
        session: aiohttp.ClientSession,
        clock: Clock,
        counter: CallCounter,
    ) -> None:
        self.session = session
        self.clock = clock
        self.auth = _auth(name, config, session, clock)
        self.circuit = CircuitBreaker(name, clock)
        self._name = name
        self._counter = counter
        self._budget = config.calls_per_month if config else 0
        self._limited_until = 0.0  # on the monotonic clock
        self._rate = AsyncLimiter(1, 1 / config.calls_per_second) if config else None

    async def admit(self, priority: CallPriority) -> None:
        """Wait for this account's turn and count the call.

        Raises HeldBackError while the vendor's rate limit is exceeded, while the circuit is open,
        and when this month's budget is used up; its delay ends with that, or with the month.
        Background calls have only a share of what the budget gives for the time that has passed.
        """
        self._refuse_while_limited()
        self.circuit.admit(is_poll=priority is CallPriority.POLL)
        if self._rate is not None:
            await self._rate.acquire()
            self._refuse_while_limited()  # another call may have been refused meanwhile
        if self._budget:
            await self._spend(priority)

    def _refuse_while_limited(self) -> None:
        left = self._limited_until - self.clock.monotonic()
        if left > 0:
            raise model.HeldBackError(
                f"account {self._name!r}: the vendor's rate limit is exceeded;"
                f" next request in {left:.0f} s",
                delay=left,
            )

    def hold_back(self, seconds: float) -> None:
        """Let no call leave for so long: the vendor's rate limit counts all of them."""
        self._limited_until = self.clock.monotonic() + seconds

    async def _spend(self, priority: CallPriority) -> None:
        now = self.clock.now()
        month = f"{now:%Y-%m}"
        if priority is CallPriority.BACKGROUND:
            by_now = int(BACKGROUND_SHARE * self._budget * _passed_share(now))
            if by_now and await self._counter.spend(self._name, month, by_now):
                return
            raise model.HeldBackError(
                f"account {self._name!r}: the remaining calls of {month} are kept for polls;"
                f" see calls_per_month of [accounts.{self._name}]",
                delay=_BACKGROUND_DELAY,
            )
        if not await self._counter.spend(self._name, month, self._budget):
            resume = _next_month(now)
            raise model.HeldBackError(
                f"account {self._name!r}: monthly budget of {self._budget} calls is used up;"
                f" requests resume on {resume.day} {resume:%B};"
                f" see calls_per_month of [accounts.{self._name}]",
                delay=(resume - now).total_seconds(),
            )


class Uncounted:
    """A call counter that always agrees: what a person tries by hand is not held back."""

    async def spend(self, account: str, month: str, budget: int) -> bool:  # noqa: ARG002  # the port
        """Let it leave."""
        return True


@asynccontextmanager
async def open_account(config: settings.Account) -> AsyncIterator[VendorAccount]:
    """Open one account with a session of its own; `alone` is its name in errors."""
    async with exchange.open_session() as session:
        yield VendorAccount("alone", config, session, SystemClock(), Uncounted())


def _auth(
    name: str, config: settings.Account | None, session: aiohttp.ClientSession, clock: Clock
) -> auth.Auth:
    match config:
        case None:
            return auth.NoAuth()
        case settings.MpaAccount():
            return auth.Mpa(name, config, clock)
        case settings.OAuth2Account():
            return auth.OAuth2(name, config, session, clock)


def _passed_share(now: datetime) -> float:
    """Return how much of the month is over, from 0 to 1."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (now - first) / (_next_month(now) - first)


def _next_month(now: datetime) -> datetime:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)
