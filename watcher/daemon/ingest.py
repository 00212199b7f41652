"""The live loop: polls, the inbox and timers -> step -> commit -> wake whoever has work now.

Law: one event, one transaction. Nothing leaves before its commit; a commit that fails or whose
outcome is unknown raises out of `run`, the process ends, and the next start reloads the tables.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

import structlog

from watcher import engine, model, ports
from watcher.clock import Clock, Wakeup
from watcher.metrics import Metrics

log = structlog.get_logger()

INBOX_SECONDS = 1.0  # a wakeup is a hint; the inbox is read this often without one


class Poller(Protocol):
    """What ingest asks of a source's poller."""

    def hurry(self) -> None:
        """Poll now."""

    def quicken(self, fast: bool) -> None:  # noqa: FBT001  # the one thing it says
        """Poll at the fast interval, or go back to the normal one."""


class Ingest:
    """The one writer. `delivery`, `jobs` and `health` are told what a commit brought for them."""

    def __init__(
        self,
        *,
        ledger: ports.CommitLog,
        token: int,
        state: engine.State,
        pollers: Mapping[str, Poller],
        clock: Clock,
        metrics: Metrics,
        wakeup: Wakeup,
        delivery: Wakeup,
        jobs: Wakeup,
        health: Callable[[model.SourceHealth], None],
    ) -> None:
        self.state = state
        self.turned_at = clock.monotonic()
        self._ledger = ledger
        self._token = token
        self._pollers = pollers
        self._clock = clock
        self._metrics = metrics
        self._wakeup = wakeup
        self._delivery = delivery
        self._jobs = jobs
        self._health = health
        self._waiting: deque[tuple[engine.Event, asyncio.Future[None]]] = deque()
        self._drive = engine.Runner(state, now=clock.now())
        self._restored = True
        self._ending = False

    async def submit(self, event: engine.Event) -> None:
        """Hand an event in and wait until its consequences are durable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, done))
        self._wakeup.set()
        await done

    def finish(self) -> None:
        """Let `run` return once everything that has been handed in is durable."""
        self._ending = True
        self._wakeup.set()

    async def run(self) -> None:
        """Step through events as they come, until `finish`. Raises what the ledger raises."""
        while not self._ending:
            await self._wakeup.wait(self._seconds_to_wait())
            await self._turn()

    async def _turn(self) -> None:
        """Take in everything that is there now, each event in a transaction of its own."""
        self.turned_at = self._clock.monotonic()
        while self._waiting:
            event, done = self._waiting.popleft()
            await self._take(self._dated(event))
            if not done.done():
                done.set_result(None)
        for envelope in await self._ledger.inbox():
            await self._take(envelope.command, inbox=envelope.number)
        for step in self._drive.wait(self._clock.now()):
            await self._commit(step)

    def _seconds_to_wait(self) -> float:
        if self._waiting:
            return 0
        deadline = engine.next_deadline(self.state)
        if deadline is None:
            return INBOX_SECONDS
        return min(INBOX_SECONDS, max(0.0, (deadline - self._clock.now()).total_seconds()))

    async def _take(self, event: engine.Event, *, inbox: int | None = None) -> None:
        for step in self._drive.take(event, self._clock.now()):
            await self._commit(step, inbox=inbox if step.event is event else None)

    async def _commit(self, step: engine.StepResult, *, inbox: int | None = None) -> None:
        if step.refusal:
            log.warning("command refused", reason=step.refusal)
        with self._metrics.commits.time():
            await self._ledger.commit(
                self._token,
                ports.Commit(
                    at=step.at,
                    event=self._recorded(step.event),
                    effects=step.effects,
                    inbox=inbox,
                    note=step.refusal,
                    matters=step.matters,
                ),
            )
        self._announce(step.event, step.effects)

    def _dated(self, event: engine.Event) -> engine.Event:
        """Say with the first rules, which tell of a start, until when somebody watched."""
        if not isinstance(event, engine.Reloaded) or not self._restored:
            return event
        seen = [each.last_success for each in self.state.health.values() if each.last_success]
        return replace(event, unwatched_since=max(seen, default=None))

    def _recorded(self, event: engine.Event) -> model.Event | ports.RulesRead:
        """Write a change of rules down as facts; the first one tells of a start."""
        if not isinstance(event, engine.Reloaded):
            return event
        started, self._restored = self._restored, False
        return ports.RulesRead(
            version=event.ruleset.version, started=started, last_success=event.unwatched_since
        )

    def _announce(self, event: engine.Event, effects: tuple[model.Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case model.Incident():
                    self._delivery.set()
                case model.PollNeeded():
                    self._pollers[effect.source].hurry()
                case (
                    model.DetailsNeeded()
                    | model.HistoryNeeded()
                    | model.DiagnosisNeeded()
                    | model.AlternativesNeeded()
                    | model.BandwidthNeeded()
                ):
                    self._jobs.set()
                case model.SourceHealth():
                    self._count_health(effect)
                    self._health(effect)
                case model.ExpressionFailed():
                    self._metrics.misfires.labels(effect.rule).inc()
                    log.error(
                        "expression failed",
                        rule=effect.rule,
                        subject=effect.subject,
                        error=effect.error,
                    )
                case _:
                    pass
        self._count(event)
        pending = engine.pending_sources(self.state)
        for name, poller in self._pollers.items():
            poller.quicken(name in pending)

    def _count(self, event: engine.Event) -> None:
        match event:
            case model.Polled():
                self._metrics.polls.labels(event.source, "ok").inc()
                self._metrics.unreadable.labels(event.source).inc(len(event.unreadable))
            case model.PollFailed():
                self._metrics.polls.labels(event.source, "failed").inc()
            case model.HistoryRead():
                outcome = "failed" if event.error else "ok"
                self._metrics.records.labels(model.source_of(event.subject), outcome).inc()
            case _:
                pass

    def _count_health(self, health: model.SourceHealth) -> None:
        self._metrics.sight.labels(health.source).set(health.sight is model.Visibility.BLIND)
        self._metrics.subjects.labels(health.source).set(health.subjects)
        if health.last_success is not None:
            self._metrics.last_success.labels(health.source).set(health.last_success.timestamp())
