"""How every vendor API is asked: within its account's limits, with errors in words.

Wiring, once for each process and each account:

    session = exchange.open_session()
    account = VendorAccount(name, settings.accounts[name], session, clock, meter)
    api = VendorApi(account, base_url, timeout=timedelta(seconds=30))

Law: only a GET is repeated, and little. Whatever goes wrong comes out as TemporaryError or
PermanentError, without any secret.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from enum import Enum, auto

import aiohttp
import msgspec
import stamina
from aiolimiter import AsyncLimiter
from yarl import URL

from watcher import model
from watcher.clock import Clock, SystemClock
from watcher.ports import CallCounter
from watcher.vendors import settings
from watcher.vendors.http import auth, errors, exchange
from watcher.vendors.http.account import CircuitBreaker

_SPARE_SECONDS = 3_600.0  # until more of the month is over
SPARE_SHARE = 0.8  # of what a budget gives by now; the rest is for what is asked in need


class CallPriority(Enum):
    """What a GET is for."""

    POLL = auto()  # a whole source: it shows whether the vendor is there
    ONE = auto()  # one subject, and somebody waits; it may fail for reasons of its own
    SPARE = auto()  # one subject, and nobody waits: polls need the budget more

    @property
    def about_one(self) -> bool:
        """Whether it says little about the vendor."""
        return self is not CallPriority.POLL


def _is_unauthorized(reply: exchange.Reply) -> bool:
    return reply.status == 401


class VendorAccount:
    """One account of one vendor: its credentials, its pace, its circuit, its monthly budget.

    Sources that share an account share this object, because the vendor counts their calls
    together. `name` is empty and `account` None for requests without credentials.
    """

    def __init__(
        self,
        name: str,
        account: settings.Account | None,
        session: aiohttp.ClientSession,
        clock: Clock,
        meter: CallCounter,
    ) -> None:
        self.session = session
        self.clock = clock
        self.auth = _credentials(name, account, session, clock)
        self.circuit = CircuitBreaker(name, clock)
        self._name = name
        self._meter = meter
        self._budget = account.calls_per_month if account else 0
        self._quiet_until = 0.0  # on the monotonic clock
        self._pace = AsyncLimiter(1, 1 / account.calls_per_second) if account else None

    async def admit(self, errand: CallPriority) -> None:
        """Wait for this account's turn and count the call.

        Raises HeldBackError while the vendor has asked for silence or does not answer at all, and
        when this month's budget is used up; its delay ends with that, or with the month. What can
        be spared has only a share of what the budget gives for the time that has passed.
        """
        left = self._quiet_until - self.clock.monotonic()
        if left > 0:
            raise model.HeldBackError(
                f"account {self._name!r} has reached its vendor's rate limit: nothing is asked for"
                f" {left:.0f} s",
                delay=left,
            )
        self.circuit.admit(about_one=errand.about_one)
        if self._pace is not None:
            await self._pace.acquire()
        if not self._budget:
            return
        now = self.clock.now()
        month = f"{now:%Y-%m}"
        if errand is CallPriority.SPARE:
            by_now = int(SPARE_SHARE * self._budget * _passed(now))
            if by_now and await self._meter.spend(self._name, month, by_now):
                return
            raise model.HeldBackError(
                f"account {self._name!r} keeps its calls of {month} for polls: see calls_per_month"
                f" of [accounts.{self._name}]",
                delay=_SPARE_SECONDS,
            )
        if not await self._meter.spend(self._name, month, self._budget):
            raise model.HeldBackError(
                f"account {self._name!r} has used its {self._budget} calls of {month}:"
                f" nothing is asked before next month; see calls_per_month of"
                f" [accounts.{self._name}]",
                delay=(_next_month(now) - now).total_seconds(),
            )

    def keep_quiet(self, seconds: float) -> None:
        """Ask nothing for so long, whoever wants to: the vendor counts an account's calls."""
        self._quiet_until = self.clock.monotonic() + seconds


class VendorApi:
    """One API of one vendor.

    `timeout` is for one request from end to end; `attempts` counts the first try; `cap` is the
    largest body read, in bytes.
    """

    def __init__(
        self,
        account: VendorAccount,
        base_url: str,
        *,
        timeout: timedelta,
        attempts: int = 3,
        cap: int = 5 * exchange.MEGABYTE,
    ) -> None:
        self.clock = account.clock
        self._account = account
        self._base_url = base_url
        self._timeout = timeout.total_seconds()
        self._attempts = attempts
        self._cap = cap

    async def get(
        self,
        path: str,
        *,
        query: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        errand: CallPriority = CallPriority.POLL,
    ) -> exchange.Reply:
        """Ask for `path` (percent-encoded, with its leading slash); the reply's status is 200.

        A failure that may be a blip is tried again a few times; a timeout is not, nor an answer
        that asks for a delay. Raises TemporaryError or PermanentError.
        """
        url = URL(self._base_url + path, encoded=True).with_query(list(query))
        async for attempt in stamina.retry_context(
            on=self._is_worth_another_try,
            attempts=self._attempts,
            timeout=self._timeout,
            wait_initial=0.2,
            wait_max=2.0,
            wait_jitter=0.5,
        ):
            with attempt:
                return await self._ask(url, headers or {}, errand)
        raise AssertionError("a retry context returns or raises")

    async def send(
        self,
        verb: str,
        path: str,
        content: object,
        *,
        headers: Mapping[str, str] | None = None,
        is_token_refused: Callable[[exchange.Reply], bool] = _is_unauthorized,
    ) -> exchange.Reply:
        """Have something done: POST or PUT `content` as JSON; give the reply, whatever its status.

        It leaves once. Only an answer by which the vendor refused the token, so did nothing, is
        followed by another try with a fresh one. Raises AmbiguousError when it left and no whole
        answer came, else TemporaryError or PermanentError.
        """
        url = URL(self._base_url + path, encoded=True)
        body = msgspec.json.encode(content)
        told = {"Content-Type": "application/json", **(headers or {})}
        signed, reply = await self._exchange(verb, url, told, CallPriority.ONE, body)
        if is_token_refused(reply) and self._account.auth.renew(signed):
            _, reply = await self._exchange(verb, url, told, CallPriority.ONE, body)
        return reply

    def refusal(
        self, reply: exchange.Reply, *, about_one: bool = True
    ) -> model.TemporaryError | model.PermanentError:
        """Say what an unhappy answer means and who has to act."""
        fault = self.fault(reply)
        if fault.http != 404:
            hint = self._account.auth.hint(fault)
        else:
            hint = "" if about_one else "check base_url"
        verdict = errors.as_exception(fault, hint)
        if isinstance(verdict, errors.RateLimitedError):
            self._account.keep_quiet(verdict.delay or errors.RATE_LIMIT_PAUSE)
        return verdict

    def fault(self, reply: exchange.Reply) -> errors.ErrorReply:
        """Read an unhappy answer, whatever its envelope, without the account's secrets."""
        return errors.read_error(reply, self.clock.now(), self._account.auth.conceal)

    def _is_worth_another_try(self, error: Exception) -> bool:
        return _is_blip(error) and not self._account.circuit.trouble

    async def _ask(
        self, url: URL, headers: Mapping[str, str], errand: CallPriority
    ) -> exchange.Reply:
        signed, reply = await self._exchange("GET", url, headers, errand)
        if _is_unauthorized(reply) and self._account.auth.renew(signed):
            _, reply = await self._exchange("GET", url, headers, errand)
        if reply.status == 200:
            return reply
        refusal = self.refusal(reply, about_one=errand.about_one)
        if reply.status >= 500 and not errand.about_one:
            self._account.circuit.failed(refusal)
        raise refusal

    async def _exchange(
        self,
        verb: str,
        url: URL,
        headers: Mapping[str, str],
        errand: CallPriority,
        content: bytes | None = None,
    ) -> tuple[dict[str, str], exchange.Reply]:
        await self._account.admit(errand)
        try:
            signed = await self._account.auth.headers(verb, url)
        except errors.RateLimitedError:
            raise
        except model.TemporaryError as error:
            self._account.circuit.failed(error)
            raise
        try:
            reply = await exchange.exchange(
                self._account.session,
                verb,
                url,
                headers={**headers, **signed},
                content=content,
                within=self._timeout,
                cap=self._cap,
            )
        except exchange.UnsentError as error:
            self._account.circuit.failed(error)
            raise
        except model.TemporaryError as error:
            if not errand.about_one:
                self._account.circuit.failed(error)
            if verb == "GET":
                raise
            raise model.AmbiguousError(
                f"{error}: it may have been done all the same, so look before repeating it"
            ) from error
        if reply.status < 500:
            self._account.circuit.answered()
        return signed, reply


def _credentials(
    name: str, account: settings.Account | None, session: aiohttp.ClientSession, clock: Clock
) -> auth.Auth:
    match account:
        case None:
            return auth.NoAuth()
        case settings.MpaAccount():
            return auth.Mpa(name, account, clock)
        case settings.OAuth2Account():
            return auth.OAuth2(name, account, session, clock)


def _is_blip(error: Exception) -> bool:
    return (
        isinstance(error, model.TemporaryError)
        and not isinstance(error, exchange.TimedOutError)
        and error.delay is None
    )


def _passed(now: datetime) -> float:
    """Tell how much of the month is over, from 0 to 1."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (now - first) / (_next_month(now) - first)


def _next_month(now: datetime) -> datetime:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


class Uncounted:
    """A meter that always says yes: a try by hand is not held back by the month's budget."""

    async def spend(self, account: str, month: str, budget: int) -> bool:  # noqa: ARG002  # the port
        """Let it leave."""
        return True


@asynccontextmanager
async def open_account(keys: settings.Account) -> AsyncIterator[VendorAccount]:
    """Open one account; `alone` is its name in errors."""
    async with exchange.open_session() as session:
        yield VendorAccount("alone", keys, session, SystemClock(), Uncounted())
