"""What only the leader does: keeps the state, polls, and runs ingest.

Law: none of it starts before the lease is held. Timers are data, so the next leader loads the
tables and goes on where the last one stopped.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any, TypeVar

import structlog
from apscheduler.schedulers.asyncio import (  # type: ignore[import-untyped]  # publishes no types
    AsyncIOScheduler,
)

from watcher import engine, model, off_loop, ports
from watcher.clock import STEP, Clock, Wakeup
from watcher.daemon import ingest, lifecycle
from watcher.metrics import Metrics
from watcher.operations import status
from watcher.store.store import Store
from watcher.vendors import poller
from watcher.vendors import settings as vendor_settings

log = structlog.get_logger()

Result = TypeVar("Result")

_NOT_MOVED = timedelta()
RETENTION_HOUR = 3  # UTC
RETENTION_EVERY = timedelta(days=1)
IDLE_RULES_SECONDS = 60.0  # between two looks for rules that match nothing
RETENTION_DELAY = timedelta(minutes=1)  # after a start, where nobody has pruned for a day


class Leader:
    """Does nothing until `start`; from then on `loops` and `pollers` have to make progress."""

    def __init__(
        self,
        *,
        store: Store,
        retention: timedelta,
        rules: engine.Ruleset,
        sources: Mapping[str, ports.Source],
        source_settings: Mapping[str, vendor_settings.Polled],
        clock: Clock,
        metrics: Metrics,
        wakeup: Wakeup,
        delivery_wakeup: Wakeup,
        jobs_wakeup: Wakeup,
        deliveries: ingest.Deliveries | None = None,
        on_health: Callable[[model.SourceHealth], None],
        on_silences: Callable[[Sequence[model.Silence]], None] = lambda _: None,
        on_clock_step: Callable[[timedelta], None],
        on_takeover: Callable[[model.ClockStep], None] = lambda _: None,
    ) -> None:
        self.state: engine.State | None = None
        self.loops: dict[str, lifecycle.Loop] = {}
        self.pollers: dict[str, poller.Poller] = {}
        self._store = store
        self._retention = retention
        self.rules = rules
        self._sources = sources
        self._source_settings = source_settings
        self._clock = clock
        self._metrics = metrics
        self._wakeup = wakeup
        self._delivery_wakeup = delivery_wakeup
        self._jobs_wakeup = jobs_wakeup
        self._deliveries = deliveries
        self._on_health = on_health
        self._on_silences = on_silences
        self._on_clock_step = on_clock_step
        self._on_takeover = on_takeover
        self._starting = asyncio.Lock()
        self._idle_rules: tuple[str, float, tuple[str, ...]] = ("", -math.inf, ())
        self._ingest: ingest.Ingest | None = None
        self._overview: status.Overview | None = None  # the last one
        self._group: asyncio.TaskGroup | None = None
        self._refresh: asyncio.Task[None] | None = None  # for rules that match nothing
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._ingest_task: asyncio.Task[None] | None = None
        self._poll_tasks: list[asyncio.Task[None]] = []

    async def start(self, token: int, group: asyncio.TaskGroup) -> None:
        """Load what the last commit left, and watch from there on in tasks of `group`."""
        async with self._starting:
            await self._start(token, group)

    async def clock_stepped(self, by: timedelta) -> None:
        """Move every mark by a step of the machine's clock; then `on_clock_step` is called."""
        async with self._starting:
            if self._ingest is None:
                self._on_clock_step(by)
            else:
                await self._ingest.submit(model.ClockStepped(by=by))

    async def _start(self, token: int, group: asyncio.TaskGroup) -> None:
        led_before, moved = self._store.leadership.clock_difference()
        state = await self._load(moved)
        await self._take_back(state, moved)
        writer = ingest.Ingest(
            commits=self._store.commits,
            inbox=self._store.inbox,
            token=token,
            state=state,
            pollers=self.pollers,
            clock=self._clock,
            metrics=self._metrics,
            wakeup=self._wakeup,
            delivery_wakeup=self._delivery_wakeup,
            jobs_wakeup=self._jobs_wakeup,
            deliveries=self._deliveries,
            on_health=self._on_health,
            on_silences=self._on_silences,
            on_clock_step=self._clock_has_stepped,
        )
        subjects_of, ids_of = await off_loop.run(lambda: _by_source(state, self._sources))
        for name, source in self._sources.items():
            source.resume(subjects_of[name])
            self.pollers[name] = poller.Poller(
                source,
                self._source_settings[name],
                submit=writer.submit,
                clock=self._clock,
                known_ids=ids_of[name],
            )
            self.pollers[name].schedule(self._scheduler)
        await self._schedule_retention()
        self.state, self._ingest, self.loops["ingest"] = state, writer, writer
        self._overview, self._group = self._survey(state, idle_rules=()), group
        self._ingest_task = group.create_task(writer.run(), name="ingest")
        await writer.submit(engine.Reloaded(ruleset=self.rules, moved=moved))
        if moved:
            step = model.ClockStep.between(led_before, moved, self._clock.now())
            log.warning(step.sentence)
            self._on_takeover(step)
        self._metrics.is_leader.set(1)
        self._poll_tasks = [
            group.create_task(source_poller.run(), name=f"poll {name}")
            for name, source_poller in self.pollers.items()
        ]
        self._scheduler.start()

    async def _take_back(self, state: engine.State, moved: timedelta) -> None:
        """Move stored deadlines where the clock was set back while nobody watched."""
        polled_at = [health.last_success for health in state.health.values() if health.last_success]
        now = self._clock.now() - moved  # on the clock of who led before
        ahead = max(polled_at, default=now) - now
        if ahead > STEP:
            await self._store.commits.take_back(-ahead)

    def _clock_has_stepped(self, by: timedelta) -> None:
        """Show the new time, and have the scheduler wake everything in time, by the new one."""
        self._on_clock_step(by)
        for source_poller in self.pollers.values():
            source_poller.clock_stepped()
        if job := self._scheduler.get_job("retention"):
            again = job.trigger.get_next_fire_time(None, self._clock.now())
            job.modify(next_run_time=min(job.next_run_time, again))

    async def _schedule_retention(self) -> None:
        """Prune once a day; soon, where nobody has for a day or the last time is in the future."""
        options: dict[str, Any] = {}
        now, last = self._clock.now(), await self._store.journal.last_checkpoint()
        if last is not None and abs(now - last) > RETENTION_EVERY:
            options["next_run_time"] = now + RETENTION_DELAY
        self._scheduler.add_job(
            self._prune,
            "cron",
            hour=RETENTION_HOUR,
            id="retention",
            coalesce=True,
            misfire_grace_time=None,  # late is better than tomorrow
            **options,
        )

    async def _load(self, moved: timedelta = _NOT_MOVED) -> engine.State:
        """Return the state that the last commit has left; its times will be `moved`."""
        now = self._clock.now()
        loaded = await self._store.commits.load(
            now=min(now, now - moved),  # the rest is over by either clock
            reopen_within=engine.REOPEN_WITHIN,
            keep_samples=engine.keep_samples(self.rules),
        )
        return await off_loop.run(lambda: engine.restore(self.rules, loaded))

    async def preview(self, silence: model.Silence) -> model.SilencePreview:
        """Return what a silence would match now; a standby reads it from the store."""
        if self.state is None:
            state = await self._load()
            return await off_loop.run(lambda: engine.preview(state, silence, self._clock.now()))
        return await self._read_state(
            lambda state: engine.preview(state, silence, self._clock.now())
        )

    async def unmatched(self) -> tuple[str, ...]:
        """Return what the rules name and nothing has, as far as the leader knows."""
        return () if self.state is None else await self._read_state(engine.unmatched)

    async def _read_state(self, read: Callable[[engine.State], Result]) -> Result:
        """Read the state between two steps; one with many subjects in a thread."""
        state, writer = self.state, self._ingest
        if state is None or writer is None:
            raise RuntimeError("a standby has no state")
        return await writer.turns.use(lambda: read(state), is_long=lambda: _is_large(state))

    def overview(self) -> status.Overview | None:
        """Return source health and incident counts from memory; None on a standby.

        While a thread steps the state, they are those of the last time that somebody asked.
        """
        state, writer = self.state, self._ingest
        if state is None or writer is None:
            return None
        if not writer.turns.in_use:
            self._overview = self._survey(state, idle_rules=self._find_idle_rules(state))
        return self._overview

    def _survey(self, state: engine.State, *, idle_rules: tuple[str, ...]) -> status.Overview:
        statuses = [
            incident.status for incident in state.incidents.values() if not incident.is_announcement
        ]
        return status.Overview(
            sources=tuple(state.health.values()),
            open=statuses.count(model.IncidentStatus.OPEN),
            acknowledged=statuses.count(model.IncidentStatus.ACKNOWLEDGED),
            silences=tuple(state.silences.values()),
            idle_rules=idle_rules,
            circuits_asked=sum(
                len(work.asked)
                for work in state.works.values()
                if work.end is not None and work.end > self._clock.now()
            ),
        )

    def _find_idle_rules(self, state: engine.State) -> tuple[str, ...]:
        """Return the rules that match nothing; looked for again after a while, or a reload.

        Among many subjects a task looks for them: they are there the next time.
        """
        now = self._clock.monotonic()
        version, found_at, idle = self._idle_rules
        if version == state.ruleset.version and now - found_at <= IDLE_RULES_SECONDS:
            return idle
        if not _is_large(state):
            return self._remember_idle_rules(engine.rule_matches(state, self._clock.now()))
        if self._group is not None and (self._refresh is None or self._refresh.done()):
            self._refresh = self._group.create_task(self._look_for_idle_rules(), name="idle rules")
        return idle if version == state.ruleset.version else ()

    async def _look_for_idle_rules(self) -> None:
        self._remember_idle_rules(
            await self._read_state(lambda state: engine.rule_matches(state, self._clock.now()))
        )

    def _remember_idle_rules(self, matches: Mapping[str, bool]) -> tuple[str, ...]:
        idle = tuple(name for name, matched in matches.items() if not matched)
        self._metrics.show_rules(matches)
        version = "" if self.state is None else self.state.ruleset.version
        self._idle_rules = (version, self._clock.monotonic(), idle)
        return idle

    def windows(self) -> tuple[status.OpenWindow, ...]:
        """Return the maintenance windows that are open now."""
        now = self._clock.now()
        return tuple(
            status.OpenWindow(name=window.name, until=window.next_edge(now))
            for window in self.rules.maintenance
            if window.action is not engine.WindowAction.RUN and window.is_open(now)
        )

    def by_time(self, source: str, name: str) -> tuple[str, ...]:
        """Return what the time of day means now to a source's rules, or to the one of this name."""
        now = self._clock.now()
        sentences = (
            engine.describe_time(rule.name, rule.hours, rule.now, now)
            for rule in self.rules.rules
            if source in rule.sources and name in {"", rule.name}
        )
        return tuple(sentence for sentence in sentences if sentence)

    async def submit(self, event: model.CalendarRead) -> bool:
        """Step an event; return False on a standby, which does not step."""
        if self._ingest is None:
            return False
        await self._ingest.submit(event)
        return True

    async def reload(self, rules: engine.Ruleset) -> None:
        """Put other rules into force; on a standby, for when it becomes the leader."""
        self.rules = rules
        if self._ingest is not None:
            await self._ingest.submit(engine.Reloaded(ruleset=rules))

    async def stop_polling(self) -> None:
        """Stop polling the vendors."""
        if self._scheduler.running:
            self._scheduler.pause()
        await lifecycle.cancel(*self._poll_tasks)

    async def stop(self) -> None:
        """Commit what was submitted, then stop the writer."""
        if self._ingest is not None and self._ingest_task is not None:
            self._ingest.stop()
            await asyncio.wait([self._ingest_task])
        # Not before now: it drops its jobs, of which the last step may change one, and it cancels
        # those that have started, which it logs as an error unless the job expects it.
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _prune(self) -> None:
        now, keep_samples = self._clock.now(), engine.keep_samples(self.rules)
        try:
            await self._store.journal.checkpoint(
                now, reopen_within=engine.REOPEN_WITHIN, keep_samples=keep_samples
            )
            await self._store.retention.prune(
                now - self._retention, samples_before=now - keep_samples
            )
        except model.TemporaryError as error:
            log.warning("pruning failed, retrying tomorrow", error=str(error))
        except asyncio.CancelledError:  # by `stop`; the scheduler would log it as an error
            log.info("pruning interrupted, the rest is deleted tomorrow")


def _by_source(
    state: engine.State, sources: Iterable[str]
) -> tuple[dict[str, list[model.Subject]], dict[str, list[str]]]:
    """Return the subjects of each source, and their ids."""
    subjects: dict[str, list[model.Subject]] = {name: [] for name in sources}
    for subject in state.subjects.values():
        if subject.source in subjects:
            subjects[subject.source].append(subject)
    return subjects, {name: [subject.id for subject in of] for name, of in subjects.items()}


def _is_large(state: engine.State) -> bool:
    """Return whether looking at each subject takes too long for the loop."""
    return len(state.subjects) > ingest.MOST_ON_LOOP
