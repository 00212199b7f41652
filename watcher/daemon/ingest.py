"""The one writer: takes polls, commands and timers, steps the engine, commits, wakes other loops.

Law: one event, one transaction. Nothing is sent before its commit. A commit that fails, or whose
outcome is unknown, raises out of `run`: the process ends, and the next start reloads the tables.
Law: a step that takes long runs in a thread, and the loop goes on. Anyone else who reads the state
takes turns with it (`turns`), or reads what was copied before.
"""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

import structlog
from msgspec.structs import replace

from watcher import engine, model, off_loop, ports
from watcher.clock import STEP, Clock, Wakeup
from watcher.daemon import incident_log
from watcher.metrics import Metrics

log = structlog.get_logger()

STALLED = timedelta(seconds=30)  # without a step: as after a start, nobody has watched meanwhile
MOST_ON_LOOP = 300  # subjects, changes and alerts of one step on the loop; some 20 ms of it
MANY_SUBJECTS = 10_000  # new ones
MANY_EFFECTS = 5_000  # which are looked through in a thread
INBOX_SECONDS = 1.0  # a wakeup is a hint; the inbox is read this often without one


class Poller(Protocol):
    """What ingest needs of a source's poller."""

    def poll_now(self) -> None:
        """Poll now."""

    def set_fast(self, fast: bool) -> None:  # noqa: FBT001  # the name says it
        """Poll at the fast interval, or go back to the normal one."""


class Deliveries(Protocol):
    """What ingest needs of delivery: what a commit has made due need not be looked for."""

    def claim(self) -> ports.Claim | None:
        """Return what to claim with a commit; None: nothing."""

    def take(self, claimed: Iterable[ports.PendingDelivery]) -> None:
        """Deliver at once what was claimed."""


class Ingest:
    """The one writer.

    After a commit it sets the wakeups of delivery and jobs that have work now, and calls
    `on_health` with each source's health that changed, `on_silences` with all silences when one of
    them did, and `on_clock_step` with by how much the clock was set: only from then on may `clock`
    show the new time.
    """

    def __init__(
        self,
        *,
        commits: ports.CommitLog,
        inbox: ports.Inbox,
        token: int,
        state: engine.State,
        pollers: Mapping[str, Poller],
        clock: Clock,
        metrics: Metrics,
        wakeup: Wakeup,
        delivery_wakeup: Wakeup,
        jobs_wakeup: Wakeup,
        deliveries: Deliveries | None = None,
        on_health: Callable[[model.SourceHealth], None],
        on_silences: Callable[[Sequence[model.Silence]], None] = lambda _: None,
        on_clock_step: Callable[[timedelta], None],
    ) -> None:
        self.state = state
        self.turns = off_loop.Turns()  # of the state
        self.last_pass_at = clock.monotonic()
        self._commits = commits
        self._inbox = inbox
        self._token = token
        self._pollers = pollers
        self._clock = clock
        self._metrics = metrics
        self._wakeup = wakeup
        self._delivery_wakeup = delivery_wakeup
        self._jobs_wakeup = jobs_wakeup
        self._deliveries = deliveries
        self._on_health = on_health
        self._on_silences = on_silences
        self._silences: tuple[model.Silence, ...] | None = None  # as last passed on
        self._on_clock_step = on_clock_step
        self._progress_at = clock.now()
        self._submitted: deque[tuple[engine.Event, asyncio.Future[None]]] = deque()
        self._runner = engine.Runner(state, now=clock.now())
        self._frozen = 0  # subjects that are not looked through for garbage
        self._just_started = True
        self._stopping = False

    async def submit(self, event: engine.Event) -> None:
        """Submit an event and wait until its effects are durable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._submitted.append((event, done))
        self._wakeup.set()
        await done

    def stop(self) -> None:
        """Let `run` return once everything that was submitted is durable."""
        self._stopping = True
        self._wakeup.set()

    async def run(self) -> None:
        """Step events as they come, until `stop`. Raises what the store raises."""
        while not self._stopping:
            await self._wakeup.wait(self._seconds_to_wait())
            await self._make_pass()

    async def _make_pass(self) -> None:
        """Step everything that is there now, each event in a transaction of its own."""
        await self._note_progress()
        while self._submitted:
            event, done = self._submitted.popleft()
            await self._step(self._with_last_success(event))
            if not done.done():
                done.set_result(None)
            await self._note_progress()
        for envelope in await self._inbox.read():
            await self._step(self._on_clock(envelope), inbox=envelope.number)
            await self._note_progress()
        deadline, now = engine.next_deadline(self.state), self._clock.now()
        if deadline is not None and deadline <= now:
            await self._take(self._runner.wait(now), model.Ticked())

    async def _note_progress(self) -> None:
        """Step that nobody has watched, where the last pass, or step of it, is long ago."""
        self.last_pass_at = self._clock.monotonic()
        began, self._progress_at = self._progress_at, self._clock.now()
        if self._progress_at - began <= STALLED or self._just_started:
            return
        span = model.format_duration(self._progress_at - began)
        log.warning("nobody has watched: the machine, or this process, stood still", span=span)
        await self._step(model.Stalled(since=began))

    def _on_clock(self, envelope: ports.Envelope) -> model.Command:
        """Return a command with the times of one that was put in while the clock was ahead."""
        ahead = envelope.at - self._clock.now()
        if ahead <= STEP or not isinstance(envelope.command, model.Silenced):
            return envelope.command
        silence = envelope.command.silence
        end = None if silence.end is None else silence.end - ahead
        moved = replace(silence, begin=silence.begin - ahead, end=end)
        return replace(envelope.command, silence=moved)

    def _seconds_to_wait(self) -> float:
        if self._submitted:
            return 0
        deadline = engine.next_deadline(self.state)
        if deadline is None:
            return INBOX_SECONDS
        return min(INBOX_SECONDS, max(0.0, (deadline - self._clock.now()).total_seconds()))

    async def _step(self, event: engine.Event, *, inbox: int | None = None) -> None:
        await self._take(self._runner.take(event, self._clock.now()), event, inbox=inbox)

    async def _take(
        self, steps: Iterator[engine.StepResult], event: engine.Event, *, inbox: int | None = None
    ) -> None:
        """Commit each step before the next one; `event` is the last of them."""

        def take_next() -> engine.StepResult | None:
            step = next(steps, None)
            engine.next_deadline(self.state)  # passes over the timers that were cancelled
            return step

        def is_long() -> bool:
            return _takes_long(self.state, event)

        while (step := await self.turns.use(take_next, is_long=is_long)) is not None:
            await self._commit(step, inbox=inbox if step.event is event else None)
        if len(self.state.subjects) > self._frozen + MANY_SUBJECTS:
            self._frozen = len(self.state.subjects)
            gc.freeze()  # they stay; looking through them for garbage would hold the loop up

    async def _commit(self, step: engine.StepResult, *, inbox: int | None = None) -> None:
        if step.refusal:
            log.warning("command rejected", reason=step.refusal)
        notifies = any(isinstance(effect, model.Incident) for effect in step.effects)
        claim = self._deliveries.claim() if self._deliveries and notifies else None
        with self._metrics.commit_seconds.time():
            claimed = await self._commits.commit(
                self._token,
                ports.Commit(
                    at=step.at,
                    event=self._to_record(step.event),
                    effects=step.effects,
                    inbox=inbox,
                    note=step.refusal,
                    matters=step.matters,
                ),
                claim,
            )
        if self._deliveries and claimed:
            self._deliveries.take(claimed)
        if isinstance(step.event, model.ClockStepped):
            self._progress_at += step.event.by
            self._on_clock_step(step.event.by)
        self._wake_loops(step.event, step.effects)
        if len(step.effects) > MANY_EFFECTS:
            await off_loop.run(lambda: incident_log.write(step.effects))
        else:
            incident_log.write(step.effects)
        silences = tuple(self.state.silences.values())
        if silences != self._silences:
            self._silences = silences
            self._on_silences(silences)

    def _with_last_success(self, event: engine.Event) -> engine.Event:
        """Add to the first rules, which mark a start, until when the sources were watched."""
        if not isinstance(event, engine.Reloaded) or not self._just_started:
            return event
        polled_at = [
            health.last_success for health in self.state.health.values() if health.last_success
        ]
        return replace(event, unwatched_since=max(polled_at, default=None))

    def _to_record(self, event: engine.Event) -> model.Event | ports.RulesRead:
        """Return the event as the journal keeps it; the first rules mark a start."""
        if not isinstance(event, engine.Reloaded):
            return event
        started, self._just_started = self._just_started, False
        return ports.RulesRead(
            version=event.ruleset.version,
            started=started,
            last_success=event.unwatched_since,
            moved=event.moved,
        )

    def _wake_loops(self, event: engine.Event, effects: tuple[model.Effect, ...]) -> None:
        kinds = set(map(type, effects))
        if model.Incident in kinds:
            self._delivery_wakeup.set()
        if not kinds.isdisjoint(_FOR_JOBS):
            self._jobs_wakeup.set()
        for effect in [effect for effect in effects if type(effect) in _FOR_ONE_EACH]:
            match effect:
                case model.PollNeeded():
                    self._pollers[effect.source].poll_now()
                case model.SourceHealth():
                    self._count_health(effect)
                    self._on_health(effect)
                case model.ExpressionFailed():
                    self._metrics.expression_errors.labels(effect.rule).inc()
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
            poller.set_fast(name in pending)

    def _count(self, event: engine.Event) -> None:
        match event:
            case model.Polled():
                self._metrics.polls.labels(event.source, "ok").inc()
                self._metrics.unreadable.labels(event.source).inc(len(event.unreadable))
                self._metrics.future.labels(event.source).inc(event.future)
                self._metrics.unread_values.labels(event.source).inc(event.unread_values)
            case model.PollFailed():
                self._metrics.polls.labels(event.source, "failed").inc()
            case model.HistoryRead():
                outcome = "failed" if event.error else "ok"
                self._metrics.history_fetches.labels(model.source_of(event.subject), outcome).inc()
            case _:
                pass

    def _count_health(self, health: model.SourceHealth) -> None:
        self._metrics.blind.labels(health.source).set(health.sight is model.Visibility.BLIND)
        self._metrics.subjects.labels(health.source).set(health.subjects)
        if health.last_success is not None:
            self._metrics.last_success.labels(health.source).set(health.last_success.timestamp())


_FOR_JOBS = frozenset(
    {
        model.DetailsNeeded,
        model.HistoryNeeded,
        model.DiagnosisNeeded,
        model.AlternativesNeeded,
        model.BandwidthNeeded,
    }
)
_FOR_ONE_EACH = frozenset({model.PollNeeded, model.SourceHealth, model.ExpressionFailed})


def _takes_long(state: engine.State, event: engine.Event) -> bool:
    """Return whether a step looks at so much that the loop must go on meanwhile."""
    if (
        isinstance(event, model.Polled)
        and state.visibility(event.source) is model.Visibility.SEEN
        and not state.is_awaited(event.source)
    ):
        pending = len(state.alert_index.pending.get(event.source, ()))
        changes = len(event.seen) + len(event.samples) + len(event.absent)
        return changes + pending > MOST_ON_LOOP
    seen = len(event.seen) if isinstance(event, model.Polled) else 0
    return seen + len(state.subjects) > MOST_ON_LOOP
