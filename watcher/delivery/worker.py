"""Notifies each receiver of what it has not been notified of yet, and keeps the receipts.

How it works
------------
There is no queue of notifications. An incident carries a version and a numbered timeline; a
receipt, one for each incident and receiver, says how far that receiver has been notified. A
delivery is pending while the two differ, and the store computes that in the transaction that
changes either (store/outbox.py). So nothing can be lost between the two, and a crash at any point
leaves only a receipt that lags.

One worker for each receiver repeats four steps:

1. Claim the oldest pending receipt, and read its incident as it is now. The claim has a token and a
   lease: another daemon leaves the receipt alone until LEASE is over, and a write under an older
   token is refused. A worker that waits need not look: the commit that makes something due claims
   it for the worker in the same transaction (decision 0058).
2. Hand the incident to the receiver with the receipt. The receiver delivers the whole difference,
   so changes that came quickly one after another are coalesced.
3. The receiver splits that into acts (post a message, edit one, publish a document). Before an act
   that must not happen twice it saves a receipt with an *intent*; after the act it saves what came
   of it. If the process dies in between, or the answer is lost, the next delivery finds the intent
   and looks up at the receiver whether the act happened, instead of repeating it (law 5).
4. Release the claim with the new receipt, and with what people may ask about later: since when this
   was pending, and when it was tried and delivered (notifications.py). If the incident has changed
   meanwhile the receipt lags again and is due at once.

Failures stay with the receiver that fails. It is paused with a growing delay (receiver_health.py),
and each failed delivery waits a little longer than that, so that one bad incident does not block
the others. What only a person can fix, and a failure that outlasts `fallback_after`, goes into the
inbox as ReceiverFailed: the engine then notifies the other receivers, and the fallback if there is
one, and ReceiverRecovered ends that. Once after the start a receiver is tried without notifying
anybody, where it can be (ports.Trying), so that a missing token does not wait for an incident. An
exception that nobody expected is such a failure as well (unexpected.py): it must not end the
daemon, which has other receivers.

Stopping: a cancelled worker lets the act in hand finish and saves its receipt, for at most
`grace_seconds`, but starts no further act. The wakeup between the writer and this loop is a hint:
without it the outbox is read every POLL_SECONDS.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import structlog
from msgspec import Struct, field
from msgspec.structs import replace

from watcher import model, ports
from watcher.clock import Clock, Wakeup, token
from watcher.delivery import notifications
from watcher.delivery.receiver_health import FailedDelivery, Fallback, ReceiverHealth
from watcher.delivery.session import ClaimLostError, ClosingError, DeliverySession
from watcher.delivery.unexpected import UnexpectedErrors
from watcher.operations import status

log = structlog.get_logger()

POLL_SECONDS = 1.0  # a wakeup is a hint; the outbox is read this often without one
LEASE = timedelta(seconds=60)  # longer than any act; after a crash its deliveries wait so long
GRACE_SECONDS = 10.0  # when stopping, for the act in hand and its receipt


Count = Callable[[str, model.FailureReason | None], None]  # a receiver, and why it failed


class _Worker(Struct, kw_only=True):
    """One receiver, its health, and what wakes its worker."""

    receiver: ports.Receiver
    health: ReceiverHealth
    unexpected: UnexpectedErrors
    wakeup: Wakeup = field(default_factory=Wakeup)
    is_waiting: bool = False  # for something to deliver
    handed: list[ports.PendingDelivery] = field(default_factory=list)  # claimed with a commit
    fault: model.PermanentError | None = None  # of what it delivers through

    @property
    def first_intent(self) -> str:
        """The intent of its first act for an incident; empty where it writes none."""
        return self.receiver.first_intent if isinstance(self.receiver, ports.Intending) else ""

    def take_handed(self) -> list[ports.PendingDelivery]:
        """Return what it was handed since it last looked."""
        handed, self.handed = self.handed, []
        return handed

    async def wait(self) -> None:
        """Wait for something to deliver; meanwhile it may be handed what a commit has claimed."""
        self.is_waiting = True
        try:
            await self.wakeup.wait(POLL_SECONDS)
        finally:
            self.is_waiting = False

    async def deliver(
        self, view: model.IncidentView, receipt: model.Receipt, session: DeliverySession
    ) -> model.Receipt:
        """Deliver; an exception that nobody expected becomes this receiver's PermanentError."""
        if self.fault is not None:
            raise self.fault
        try:
            return await self.receiver.deliver(view, receipt, session)
        except (model.WatcherError, ClosingError, ClaimLostError):
            raise
        except Exception as error:  # the guard: logged, and reported as this receiver's fault
            raise self.unexpected.as_fault(error) from error


class Delivery:
    """Runs one worker for each receiver, which delivers one incident at a time."""

    def __init__(
        self,
        *,
        outbox: ports.Outbox,
        reader: ports.IncidentReader,
        receivers: Mapping[str, ports.Receiver],
        inbox: ports.Inbox,
        clock: Clock,
        wakeup: Wakeup,
        fallbacks: Mapping[str, Fallback] = MappingProxyType({}),
        grace_seconds: float = GRACE_SECONDS,
        jitter: Callable[[], float] = random.random,
        count: Count = lambda _, __: None,
    ) -> None:
        self._count = count
        self.last_pass_at = clock.monotonic()
        self._outbox = outbox
        self._reader = reader
        self._inbox = inbox
        self._workers = {
            name: _Worker(
                receiver=receiver,
                health=ReceiverHealth(jitter=jitter, fallback=fallbacks.get(name, Fallback())),
                unexpected=UnexpectedErrors(f"receiver {name}"),
            )
            for name, receiver in receivers.items()
        }
        self._clock = clock
        self._wakeup = wakeup
        self._grace_seconds = grace_seconds

    def states(self) -> dict[str, status.ReceiverState]:
        """Return the state of each receiver, as this daemon knows it."""
        return {name: _state(worker) for name, worker in self._workers.items()}

    def set_fault(self, receiver: str, fault: model.PermanentError | None) -> None:
        """Let deliveries to a receiver fail with this, as what they go through is broken."""
        self._workers[receiver].fault = fault

    def claim(self) -> ports.Claim | None:
        """Return what to claim with a commit: for each receiver that has nothing to do."""
        intents = {
            name: worker.first_intent
            for name, worker in self._workers.items()
            if worker.is_waiting and worker.health.failing_since is None and worker.fault is None
        }
        if not intents:
            return None
        now, asked_at = self._clock.now(), self._clock.monotonic()
        return ports.Claim(intents=intents, now=now, lease=LEASE, asked_at=asked_at)

    def take(self, claimed: Iterable[ports.PendingDelivery]) -> None:
        """Deliver at once what was claimed with a commit."""
        for pending in claimed:
            worker = self._workers[pending.receipt.receiver]
            worker.handed.append(pending)
            worker.wakeup.set()

    def clock_stepped(self, by: timedelta) -> None:
        """Move since when receivers fail: the clock was set."""
        for worker in self._workers.values():
            worker.health.move(by)

    async def run(self) -> None:
        """Deliver until cancelled. Raises what the outbox raises; a receiver's errors end here.

        When cancelled, acts in hand may finish, for at most `grace_seconds`.
        """
        async with asyncio.TaskGroup() as group:
            for name, worker in self._workers.items():
                group.create_task(self._work(name, worker), name=f"delivery {name}")
                group.create_task(self._try_out(name, worker), name=f"trying {name}")
            group.create_task(self._wake_workers(), name="delivery wakeup")

    async def _try_out(self, name: str, worker: _Worker) -> None:
        """Find out at the start what would else show at the first incident, as a missing token."""
        if not isinstance(worker.receiver, ports.Trying):
            return
        error = None
        try:
            if not await worker.receiver.try_out() or await self._outbox.is_pending(name):
                return  # what is pending shows more, soon
        except model.PermanentError as fault:
            error = fault
            log.warning("cannot deliver", receiver=name, error=str(fault))
        except model.WatcherError:
            return  # it may pass; the next delivery shows it
        except Exception as surprise:  # noqa: BLE001  # the guard of `deliver`
            error = worker.unexpected.as_fault(surprise)
        worker.health.tried(error, self._clock.now())
        await self._report(name, worker.health)

    async def _wake_workers(self) -> None:
        """Wake every worker; each has a wakeup of its own, so that none takes another's."""
        while True:
            await self._wakeup.wait(POLL_SECONDS)
            self.last_pass_at = self._clock.monotonic()
            for worker in self._workers.values():
                worker.wakeup.set()

    async def _work(self, name: str, worker: _Worker) -> None:
        while True:
            claimed = worker.take_handed() or await self._outbox.claim(
                now=self._clock.now(), receivers=[name], lease=LEASE, limit=1
            )
            if not claimed:
                if worker.health.may_be_over and not await self._outbox.is_pending(name):
                    worker.health.nothing_is_pending()
                if worker.health.failing_since is None:
                    await self._report(name, worker.health)
                await worker.wait()
            for pending in claimed:
                pause = await self._deliver_shielded(worker, pending)
                await asyncio.sleep(pause)

    async def _deliver_shielded(self, worker: _Worker, pending: ports.PendingDelivery) -> float:
        """Deliver so that a cancellation lets the act in hand finish; return seconds to pause."""
        session = DeliverySession(self._outbox, self._reader, pending)
        task = asyncio.create_task(
            self._deliver(worker, pending, session), name=f"delivering {pending.receipt.incident}"
        )
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            session.close()
            try:
                await asyncio.wait({task}, timeout=self._grace_seconds)
            finally:
                task.cancel()
            # Its result is of no use to a loop that ends; cut short, its intent stays durable.
            await asyncio.gather(task, return_exceptions=True)
            raise

    async def _deliver(
        self, worker: _Worker, pending: ports.PendingDelivery, session: DeliverySession
    ) -> float:
        view, again_at, pause, delivered = pending.view, None, 0.0, None
        notification = None
        if view is not None:
            notification = notifications.begin(pending, view, self._clock.now())
        session.receipt = replace(pending.receipt, notification=notification)
        try:
            receipt = session.receipt
            if view is not None and notification is not None:
                receipt = await worker.deliver(view, receipt, session)
                _log_notified(view, pending.receipt, receipt)
                delivered = notifications.delivered(notification, receipt, self._clock.now())
            receipt = replace(receipt, failures=0, failing_since=None, error="", notification=None)
            if worker.health.failing_since is not None:
                log.info("receiver recovered", receiver=receipt.receiver)
            worker.health.succeeded(pending.receipt)
            self._count(pending.receipt.receiver, None)
        except ClaimLostError as error:
            log.warning("claim lost", receiver=pending.receipt.receiver, reason=str(error))
            return 0
        except ClosingError:
            # The rest is for the next start, including what no version shows, such as a file.
            receipt, again_at = session.receipt, self._clock.now()
        except model.WatcherError as error:
            now = self._clock.now()
            self._count(pending.receipt.receiver, model.failure_reason(error))
            pause = self._record_failure(worker, pending.receipt, error)
            receipt = replace(
                session.receipt,
                failures=session.receipt.failures + 1,
                failing_since=session.receipt.failing_since or now,
                error=str(error),
                notification=notification and notifications.failed(notification, error, now),
            )
            again_at = worker.health.again_at(error, pause, receipt.failures, now)
            since = _pending_since(view, receipt) or now
            worker.health.failed_deliveries[receipt.incident] = FailedDelivery(since, again_at)
        try:
            await self._outbox.release(
                receipt, pending.token, again_at=again_at or receipt.due, delivered=delivered
            )
        except model.PermanentError as error:
            log.warning("claim lost", receiver=pending.receipt.receiver, reason=str(error))
        await self._report(pending.receipt.receiver, worker.health)
        return pause

    async def _report(self, name: str, health: ReceiverHealth) -> None:
        """Submit that a receiver failed for good or for long, or that it recovered.

        Only the result of a recent attempt counts, because another daemon may have delivered
        meanwhile.
        """
        now = self._clock.now()
        news, fallback = health.news(now), health.active_fallback(now)
        if news == health.reported:
            return
        if health.failing_since is None:
            waiting = any(
                failed.again_at + LEASE > now for failed in health.failed_deliveries.values()
            )
            if waiting or not health.proven:
                return
            health.failed_deliveries.clear()  # suppressed meanwhile, or delivered by another daemon
            command: model.Command = model.ReceiverRecovered(receiver=name)
        else:
            if not news[0]:
                return  # it may pass by itself
            others = tuple(other for other in self._workers if other != name)
            command = model.ReceiverFailed(
                receiver=name,
                error=health.error,
                others=others,
                fallback=fallback,
                since=None if health.permanent else health.failing_since,
            )
        await self._inbox.submit(f"receiver/{name}/{token()}", command, now)
        health.reported = news

    def _record_failure(self, worker: _Worker, receipt: model.Receipt, error: Exception) -> float:
        """Record and log a failure; return for how many seconds to pause the receiver."""
        if str(error) != worker.health.error:
            log.warning(
                "delivery failed",
                receiver=receipt.receiver,
                incident=receipt.incident,
                error=str(error),
            )
        return worker.health.failed(receipt, error, self._clock.now())


def _log_notified(view: model.IncidentView, before: model.Receipt, after: model.Receipt) -> None:
    """Log that a receiver was notified of something, where it was more than an edit."""
    kinds = [
        entry.kind.value
        for entry in view.timeline
        if before.told_through < entry.number <= after.told_through and entry.notify
    ]
    if kinds:
        log.info(
            "receiver notified",
            incident=after.incident,
            rule=view.incident.rule,
            subject=view.incident.group,
            receiver=after.receiver,
            of=kinds,
        )


def _state(worker: _Worker) -> status.ReceiverState:
    health, receiver = worker.health, worker.receiver
    failed = health.failed_deliveries.values()
    cut_off = receiver.cut_off() if isinstance(receiver, ports.Connected) else None
    return status.ReceiverState(
        failing_since=health.failing_since or (cut_off.since if cut_off else None),
        error=health.error or (cut_off.error if cut_off else ""),
        permanent=health.permanent,
        owed=len(failed),
        owed_since=min((delivery.since for delivery in failed), default=None),
        waits_until=health.waits_until,
        remarks=receiver.remarks() if isinstance(receiver, ports.Remarking) else (),
    )


def _pending_since(view: model.IncidentView | None, receipt: model.Receipt) -> datetime | None:
    """Return the time of the first timeline entry that was not delivered."""
    undelivered = (
        entry.at for entry in (view.timeline if view else ()) if entry.number > receipt.told_through
    )
    return next(undelivered, None)
