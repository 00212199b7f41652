"""How every vendor API is asked: within its account's limits, retried a little, errors in words.

Wiring, once for each process and each account:

    session = wire.open_session()
    account = http.Account(name, settings.accounts[name], session, clock, meter)
    api = http.Api(account, base_url, timeout=timedelta(seconds=30))

Law: whatever goes wrong comes out as TemporaryError or PermanentError, without any secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import aiohttp
import stamina
from aiolimiter import AsyncLimiter
from yarl import URL

from watcher import model
from watcher.clock import Clock
from watcher.ports import Meter
from watcher.vendors import auth, faults, settings, wire


class Account:
    """One account of one vendor: its credentials, its pace and its monthly budget.

    Sources that share an account share this object, because the vendor counts their calls
    together. `name` is empty and `account` None for requests without credentials.
    """

    def __init__(
        self,
        name: str,
        account: settings.Account | None,
        session: aiohttp.ClientSession,
        clock: Clock,
        meter: Meter,
    ) -> None:
        self.session = session
        self.clock = clock
        self.auth = _credentials(name, account, session, clock)
        self._name = name
        self._meter = meter
        self._budget = account.calls_per_month if account else 0
        self._pace = AsyncLimiter(1, 1 / account.calls_per_second) if account else None

    async def admit(self) -> None:
        """Wait for this account's turn and count the call.

        Raises TemporaryError when this month's budget is used up; its delay ends with the month.
        """
        if self._pace is not None:
            await self._pace.acquire()
        if not self._budget:
            return
        now = self.clock.now()
        month = f"{now:%Y-%m}"
        if not await self._meter.spend(self._name, month, self._budget):
            raise model.TemporaryError(
                f"account {self._name!r} has used its {self._budget} calls of {month}:"
                f" nothing is asked before next month; see calls_per_month of"
                f" [accounts.{self._name}]",
                delay=(_next_month(now) - now).total_seconds(),
            )


class Api:
    """One API of one vendor, asked with GET alone.

    `timeout` is for one request from end to end; `attempts` counts the first try; `cap` is the
    largest body read, in bytes.
    """

    def __init__(
        self,
        account: Account,
        base_url: str,
        *,
        timeout: timedelta,
        attempts: int = 3,
        cap: int = 5 * wire.MEGABYTE,
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
    ) -> wire.Reply:
        """Ask for `path` (percent-encoded, with its leading slash); the reply's status is 200.

        A failure that may be a blip is tried again a few times; a timeout is not, nor an answer
        that asks for a delay. Raises TemporaryError or PermanentError.
        """
        url = URL(self._base_url + path, encoded=True).with_query(list(query))
        async for attempt in stamina.retry_context(
            on=_is_blip,
            attempts=self._attempts,
            timeout=self._timeout,
            wait_initial=0.2,
            wait_max=2.0,
            wait_jitter=0.5,
        ):
            with attempt:
                return await self._ask(url, headers or {})
        raise AssertionError("a retry context returns or raises")

    async def _ask(self, url: URL, headers: Mapping[str, str]) -> wire.Reply:
        signed, reply = await self._exchange(url, headers)
        if reply.status == 401 and self._account.auth.renew(signed):
            signed, reply = await self._exchange(url, headers)
        if reply.status == 200:
            return reply
        credentials = self._account.auth
        fault = faults.read(reply, self.clock.now(), credentials.conceal)
        raise faults.verdict(fault, credentials.hint(fault))

    async def _exchange(
        self, url: URL, headers: Mapping[str, str]
    ) -> tuple[dict[str, str], wire.Reply]:
        await self._account.admit()
        signed = await self._account.auth.headers("GET", url)
        reply = await wire.exchange(
            self._account.session,
            "GET",
            url,
            headers={**headers, **signed},
            within=self._timeout,
            cap=self._cap,
        )
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
        and not isinstance(error, wire.TimedOutError)
        and error.delay is None
    )


def _next_month(now: datetime) -> datetime:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)
