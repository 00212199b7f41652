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

from watcher import model, ports
from watcher.clock import Clock, Wakeup, token
from watcher.delivery.receiver_health import Fallback, PendingState, ReceiverHealth
from watcher.operations import status

log = structlog.get_logger()

POLL_SECONDS = 1.0  # a wakeup is a hint; the outbox is read this often without one
LEASE = timedelta(seconds=60)  # longer than any one act; after a crash its debts wait so long
GRACE_SECONDS = 10.0  # at the end, for the act in hand and its receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worker:
    """One receiver, how it stands, and what wakes its worker."""

    receiver: ports.Receiver
    standing: ReceiverHealth
    wakeup: Wakeup = field(default_factory=Wakeup)


class Delivery:
    """Tells every receiver what it is owed: one worker each, one incident at a time."""

    def __init__(
        self,
        *,
        accounts: ports.Outbox,
        receivers: Mapping[str, ports.Receiver],
        inbox: ports.Inbox,
        clock: Clock,
        wakeup: Wakeup,
        fallbacks: Mapping[str, Fallback] = MappingProxyType({}),
        grace_seconds: float = GRACE_SECONDS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.turned_at = clock.monotonic()
        self._accounts = accounts
        self._inbox = inbox
        self._workers = {
            name: _Worker(
                receiver=one, standing=ReceiverHealth(jitter=jitter, fallback=fallbacks.get(name))
            )
            for name, one in receivers.items()
        }
        self._clock = clock
        self._wakeup = wakeup
        self._grace_seconds = grace_seconds

    def states(self) -> dict[str, status.ReceiverState]:
        """Say of each receiver how it does."""
        return {
            name: status.ReceiverState(
                failing_since=standing.failing_since,
                error=standing.error,
                permanent=standing.permanent,
                owed=len(standing.pending),
                owed_since=min((one.since for one in standing.pending.values()), default=None),
            )
            for name, standing in ((name, one.standing) for name, one in self._workers.items())
        }

    async def run(self) -> None:
        """Tell for ever. Raises what the accounts raise; a receiver's failures end here.

        When it is cancelled the acts in hand may end, for at most `grace_seconds`.
        """
        async with asyncio.TaskGroup() as group:
            for name, worker in self._workers.items():
                group.create_task(self._work(name, worker), name=f"delivery {name}")
            group.create_task(self._pass_on(), name="delivery wakeup")

    async def _pass_on(self) -> None:
        """Wake every worker; each has a wakeup of its own, so that none takes another's."""
        while True:
            await self._wakeup.wait(POLL_SECONDS)
            self.turned_at = self._clock.monotonic()
            for worker in self._workers.values():
                worker.wakeup.set()

    async def _work(self, name: str, worker: _Worker) -> None:
        while True:
            claimed = await self._accounts.claim(
                now=self._clock.now(), receivers=[name], lease=LEASE, limit=1
            )
            if not claimed:
                if worker.standing.failing_since is None:
                    await self._report(name, worker.standing)
                await worker.wakeup.wait(POLL_SECONDS)
            for pending in claimed:
                pause = await self._attend(worker, pending)
                await asyncio.sleep(pause)

    async def _attend(self, worker: _Worker, pending: ports.PendingDelivery) -> float:
        """Tell one debt so that a cancellation lets the act in hand end; seconds to pause."""
        session = DeliverySession(self._accounts, pending)
        task = asyncio.create_task(
            self._tell(worker, pending, session), name=f"telling {pending.receipt.incident}"
        )
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            session.close()
            try:
                await asyncio.wait({task}, timeout=self._grace_seconds)
            finally:
                task.cancel()
            # Its outcome is of no use to a loop that ends; cut short, its intent stays durable.
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def _tell(
        self, worker: _Worker, pending: ports.PendingDelivery, session: DeliverySession
    ) -> float:
        view = await self._accounts.incident_view(pending.receipt.incident)
        again_at, pause = None, 0.0
        try:
            receipt = pending.receipt
            if view is not None:
                receipt = await worker.receiver.deliver(view, pending.receipt, session)
            receipt = replace(receipt, failures=0, failing_since=None, error="")
            if worker.standing.failing_since is not None:
                log.info("receiver is told again", receiver=receipt.receiver)
            worker.standing.succeeded(pending.receipt)
        except ClaimLostError as error:
            log.warning("claim lost", receiver=pending.receipt.receiver, reason=str(error))
            return 0
        except ClosingError:
            # Whatever is left is for the next start, also what no version shows: a file.
            receipt, again_at = session.receipt, self._clock.now()
        except model.WatcherError as error:
            now = self._clock.now()
            pause = self._failed(worker, pending.receipt, error)
            receipt = replace(
                session.receipt,
                failures=session.receipt.failures + 1,
                failing_since=session.receipt.failing_since or now,
                error=str(error),
            )
            again_at = worker.standing.again_at(error, pause, receipt.failures, now)
            since = _owed_since(view, receipt) or now
            worker.standing.pending[receipt.incident] = PendingState(since, again_at)
        try:
            await self._accounts.settle(receipt, pending.token, again_at=again_at or receipt.due)
        except model.PermanentError as error:
            log.warning("claim lost", receiver=pending.receipt.receiver, reason=str(error))
        await self._report(pending.receipt.receiver, worker.standing)
        return pause

    async def _report(self, name: str, standing: ReceiverHealth) -> None:
        """Have the other receivers told of what only a person can mend or lasts, and of its end.

        Only what has just been tried is news, for another daemon may have told it meanwhile.
        """
        now = self._clock.now()
        news, instead = standing.news(now), standing.instead(now)
        if news == standing.reported:
            return
        if standing.failing_since is None:
            waiting = any(one.again_at + LEASE > now for one in standing.pending.values())
            if waiting or not standing.proven:
                return
            standing.pending.clear()  # held back meanwhile, or told by another daemon
            command: model.Command = model.ReceiverRecovered(receiver=name)
        else:
            known = standing.reported is not None and standing.reported[1] == news[1]
            if not standing.permanent and (known or instead is None):
                return
            others = tuple(other for other in self._workers if other != name)
            command = model.ReceiverFailed(
                receiver=name, error=standing.error, others=others, fallback=instead
            )
        await self._inbox.submit(f"receiver/{name}/{token()}", command, now)
        standing.reported = news

    def _failed(self, worker: _Worker, receipt: model.Receipt, error: Exception) -> float:
        """Note a failure, and say for how many seconds the receiver is left alone."""
        if str(error) != worker.standing.error:
            log.warning(
                "receiver cannot be told",
                receiver=receipt.receiver,
                incident=receipt.incident,
                error=str(error),
            )
        return worker.standing.failed(receipt, error, self._clock.now())


def _owed_since(view: model.IncidentView | None, receipt: model.Receipt) -> datetime | None:
    untold = (
        entry.at for entry in (view.timeline if view else ()) if entry.number > receipt.told_through
    )
    return next(untold, None)


class ClosingError(Exception):
    """The daemon is ending: no further act is begun."""


class ClaimLostError(Exception):
    """Another daemon tells this incident now; what it keeps is not ours to overwrite."""


class DeliverySession:
    """Keeps the receipts of one telling; `receipt` is the last one that is durable."""

    def __init__(self, accounts: ports.Outbox, pending: ports.PendingDelivery) -> None:
        self.receipt = pending.receipt
        self._accounts = accounts
        self._token = pending.token
        self._closing = False

    def close(self) -> None:
        """Let the act in hand end, its receipt included, and no other begin."""
        self._closing = True

    async def report_files(self, run: str) -> ports.ReportFiles | None:
        """Read what one diagnostics run brought."""
        return await self._accounts.report_files(run)

    async def all_alerts(self, incident: str) -> tuple[model.IncidentAlert, ...]:
        """Read all alerts of an incident."""
        return await self._accounts.all_alerts(incident)

    async def series(
        self, subject: str, metric: str, start: datetime, end: datetime
    ) -> tuple[model.Sample, ...]:
        """Read what was measured."""
        return await self._accounts.series(subject, metric, start, end)

    async def save(self, receipt: model.Receipt) -> None:
        """Commit a receipt now."""
        if self._closing and receipt.intent:
            raise ClosingError  # before the intent is durable, so nothing has to be looked up
        try:
            await self._accounts.save_receipt(receipt, self._token)
        except model.PermanentError as error:
            raise ClaimLostError(str(error)) from error
        self.receipt = receipt
        if self._closing:
            raise ClosingError
