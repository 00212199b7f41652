"""The live loop: what is owed -> tell -> receipts.

Law: delivery reconciles, it keeps no queue. What a receiver was told is in its receipts alone, so
nothing is lost by a crash, and an act that may have happened is never repeated unseen (law 5).
One receiver's trouble delays no other.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

import structlog

from watcher import clock as time
from watcher import model, ports, status

log = structlog.get_logger()

POLL_SECONDS = 1.0  # a ring is a hint; debts are looked for this often without one
LEASE = timedelta(seconds=60)  # longer than any one act; after a crash its debts wait so long
FIRST_PAUSE = 1.0  # seconds after the first failure, doubled with each further one
LONGEST_PAUSE = 15.0  # so that people are told soon after Slack or the broker is back
PERMANENT_PAUSE = 60.0  # a person has to mend something; look again this often
GRACE_SECONDS = 10.0  # at the end, for the act in hand and its receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Whom else to tell once a receiver has been failing for so long."""

    receiver: str
    after: timedelta


class _ClosingError(Exception):
    """The daemon is ending: no further act is begun."""


class _ClaimLostError(Exception):
    """Another daemon tells this incident now; what it keeps is not ours to overwrite."""


class _Telling:
    """Keeps the receipts of one telling; `receipt` is the last one that is durable."""

    def __init__(self, accounts: ports.Accounts, debt: ports.Debt) -> None:
        self.receipt = debt.receipt
        self._accounts = accounts
        self._token = debt.token
        self._closing = False

    def close(self) -> None:
        """Let the act in hand end, its receipt included, and no other begin."""
        self._closing = True

    async def paper(self, run: str) -> ports.Paper | None:
        """Read what one diagnostics run brought."""
        return await self._accounts.paper(run)

    async def roster(self, incident: str) -> tuple[model.IncidentAlert, ...]:
        """Read all alerts of an incident."""
        return await self._accounts.roster(incident)

    async def series(
        self, subject: str, metric: str, start: datetime, end: datetime
    ) -> tuple[model.Sample, ...]:
        """Read what was measured."""
        return await self._accounts.series(subject, metric, start, end)

    async def save(self, receipt: model.Receipt) -> None:
        """Commit a receipt now."""
        if self._closing and receipt.intent:
            raise _ClosingError  # before the intent is durable, so nothing has to be looked up
        try:
            await self._accounts.save_receipt(receipt, self._token)
        except model.PermanentError as error:
            raise _ClaimLostError(str(error)) from error
        self.receipt = receipt
        if self._closing:
            raise _ClosingError


@dataclass(frozen=True, slots=True)
class _Owed:
    """What could not be told: since when it waits, and when it is tried again."""

    since: datetime
    again_at: datetime


@dataclass(slots=True, kw_only=True)
class _Worker:
    """What is known of one receiver between two tellings."""

    receiver: ports.Receiver
    fallback: Fallback | None = None
    bell: time.Bell = field(default_factory=time.Bell)
    failures: int = 0
    failing_since: datetime | None = None
    error: str = ""
    permanent: bool = False
    reported: tuple[str, str] | None = None  # fault and fallback; None: nothing since the start
    proven: bool = False  # it was told something since the start
    owed: dict[str, _Owed] = field(default_factory=dict)  # by incident

    @property
    def fallback_at(self) -> datetime | None:
        """When its fallback is due, if it goes on failing; None: never."""
        if self.fallback is None or self.failing_since is None:
            return None
        return self.failing_since + self.fallback.after


class Delivery:
    """Tells every receiver what it is owed: one worker each, one incident at a time."""

    def __init__(
        self,
        *,
        accounts: ports.Accounts,
        receivers: Mapping[str, ports.Receiver],
        inbox: ports.Inbox,
        clock: time.Clock,
        bell: time.Bell,
        fallbacks: Mapping[str, Fallback] = MappingProxyType({}),
        grace_seconds: float = GRACE_SECONDS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.turned_at = clock.monotonic()
        self._accounts = accounts
        self._inbox = inbox
        self._workers = {
            name: _Worker(receiver=one, fallback=fallbacks.get(name))
            for name, one in receivers.items()
        }
        self._clock = clock
        self._bell = bell
        self._grace_seconds = grace_seconds
        self._jitter = jitter

    def states(self) -> dict[str, status.ReceiverState]:
        """Say of each receiver how it does."""
        return {
            name: status.ReceiverState(
                failing_since=worker.failing_since,
                error=worker.error,
                permanent=worker.permanent,
                owed=len(worker.owed),
                owed_since=min((one.since for one in worker.owed.values()), default=None),
            )
            for name, worker in self._workers.items()
        }

    async def run(self) -> None:
        """Tell for ever. Raises what the accounts raise; a receiver's failures end here.

        When it is cancelled the acts in hand may end, for at most `grace_seconds`.
        """
        async with asyncio.TaskGroup() as group:
            for name, worker in self._workers.items():
                group.create_task(self._work(name, worker), name=f"delivery {name}")
            group.create_task(self._pass_on(), name="delivery bell")

    async def _pass_on(self) -> None:
        """One ring wakes every worker; each has a bell, so that none takes another's ring."""
        while True:
            await self._bell.wait(POLL_SECONDS)
            self.turned_at = self._clock.monotonic()
            for worker in self._workers.values():
                worker.bell.ring()

    async def _work(self, name: str, worker: _Worker) -> None:
        while True:
            debts = await self._accounts.owed(
                now=self._clock.now(), receivers=[name], lease=LEASE, limit=1
            )
            if not debts:
                if worker.failing_since is None:
                    await self._report(name, worker)
                await worker.bell.wait(POLL_SECONDS)
            for debt in debts:
                pause = await self._attend(worker, debt)
                await asyncio.sleep(pause)

    async def _attend(self, worker: _Worker, debt: ports.Debt) -> float:
        """Tell one debt so that a cancellation lets the act in hand end; seconds to pause."""
        telling = _Telling(self._accounts, debt)
        task = asyncio.create_task(
            self._tell(worker, debt, telling), name=f"telling {debt.receipt.incident}"
        )
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            telling.close()
            try:
                await asyncio.wait({task}, timeout=self._grace_seconds)
            finally:
                task.cancel()
            # Its outcome is of no use to a loop that ends; cut short, its intent stays durable.
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def _tell(self, worker: _Worker, debt: ports.Debt, telling: _Telling) -> float:
        dossier = await self._accounts.dossier(debt.receipt.incident)
        again_at, pause = None, 0.0
        try:
            receipt = debt.receipt
            if dossier is not None:
                receipt = await worker.receiver.tell(dossier, debt.receipt, telling)
            receipt = replace(receipt, failures=0, failing_since=None, error="")
            self._succeeded(worker, debt)
        except _ClaimLostError as error:
            log.warning("claim lost", receiver=debt.receipt.receiver, reason=str(error))
            return 0
        except _ClosingError:
            # Whatever is left is for the next start, also what no version shows: a file.
            receipt, again_at = telling.receipt, self._clock.now()
        except (model.TemporaryError, model.PermanentError) as error:
            since = _owed_since(dossier, telling.receipt) or self._clock.now()
            pause = self._failed(worker, debt, error)
            receipt = self._failed_receipt(telling.receipt, error)
            again_at = self._again_at(worker, error, pause, receipt.failures)
            worker.owed[receipt.incident] = _Owed(since, again_at)
        try:
            await self._accounts.settle(receipt, debt.token, again_at=again_at or receipt.due)
        except model.PermanentError as error:
            log.warning("claim lost", receiver=debt.receipt.receiver, reason=str(error))
        await self._report(debt.receipt.receiver, worker)
        return pause

    async def _report(self, name: str, worker: _Worker) -> None:
        """Have the other receivers told of what only a person can mend or lasts, and of its end.

        Only what has just been tried is news, for another daemon may have told it meanwhile.
        """
        now = self._clock.now()
        fallback = None
        if worker.fallback and worker.fallback_at and worker.fallback_at <= now:
            fallback = model.Fallback(
                receiver=worker.fallback.receiver, since=worker.failing_since or now
            )
        news = worker.error if worker.permanent else "", fallback.receiver if fallback else ""
        if news == worker.reported:
            return
        if worker.failing_since is None:
            waiting = any(one.again_at + LEASE > now for one in worker.owed.values())
            if waiting or not worker.proven:
                return
            worker.owed.clear()  # held back meanwhile, or told by another daemon
            command: model.Command = model.ReceiverRecovered(receiver=name)
        else:
            known = worker.reported is not None and worker.reported[1] == news[1]
            if not worker.permanent and (known or fallback is None):
                return
            others = tuple(other for other in self._workers if other != name)
            command = model.ReceiverFailed(
                receiver=name, error=worker.error, others=others, fallback=fallback
            )
        await self._inbox.submit(f"receiver/{name}/{time.token()}", command, now)
        worker.reported = news

    def _succeeded(self, worker: _Worker, debt: ports.Debt) -> None:
        worker.owed.pop(debt.receipt.incident, None)
        worker.proven = True
        if debt.receipt.failures:
            worker.reported = None  # who failed may have been another daemon, which has ended
        if worker.failing_since is not None:
            log.info("receiver is told again", receiver=debt.receipt.receiver)
        worker.failures, worker.failing_since = 0, None
        worker.error, worker.permanent = "", False

    def _failed(self, worker: _Worker, debt: ports.Debt, error: Exception) -> float:
        """Note it, and say for how many seconds the receiver is left alone."""
        if str(error) != worker.error:
            log.warning(
                "receiver cannot be told",
                receiver=debt.receipt.receiver,
                incident=debt.receipt.incident,
                error=str(error),
            )
        before = None if worker.proven else debt.receipt.failing_since  # before the start
        worker.failing_since = worker.failing_since or before or self._clock.now()
        worker.error, worker.permanent = str(error), isinstance(error, model.PermanentError)
        if isinstance(error, model.TemporaryError) and error.narrow:
            return 0.0
        worker.failures += 1
        return max(self._backoff(worker.failures), _asked_delay(error))

    def _failed_receipt(self, receipt: model.Receipt, error: Exception) -> model.Receipt:
        return replace(
            receipt,
            failures=receipt.failures + 1,
            failing_since=receipt.failing_since or self._clock.now(),
            error=str(error),
        )

    def _again_at(self, worker: _Worker, error: Exception, pause: float, failures: int) -> datetime:
        """After the receiver's pause and one of the debt's own, so that others get their turn.

        Not later than when the fallback is due: then it shows whether it is needed.
        """
        if isinstance(error, model.PermanentError):
            own = PERMANENT_PAUSE * (0.75 + 0.5 * self._jitter())
        else:
            own = self._backoff(failures)
        now, least = self._clock.now(), timedelta(seconds=max(pause, _asked_delay(error)))
        again_at = now + least + timedelta(seconds=own)
        if worker.fallback_at is not None and worker.fallback_at > now:
            return min(again_at, max(worker.fallback_at, now + least))
        return again_at

    def _backoff(self, failures: int) -> float:
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 10))
        return longest * (0.5 + 0.5 * self._jitter())


def _asked_delay(error: Exception) -> float:
    return (error.delay or 0.0) if isinstance(error, model.TemporaryError) else 0.0


def _owed_since(dossier: model.Dossier | None, receipt: model.Receipt) -> datetime | None:
    untold = (
        entry.at
        for entry in (dossier.timeline if dossier else ())
        if entry.number > receipt.told_through
    )
    return next(untold, None)
