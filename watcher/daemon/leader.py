"""What only the leader does: keeps the state, polls, and runs ingest.

Law: none of it starts before the lease is held. Timers are data, so the next leader loads the
tables and goes on where the last one stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, timedelta

import structlog
from apscheduler.schedulers.asyncio import (  # type: ignore[import-untyped]  # publishes no types
    AsyncIOScheduler,
)

from watcher import engine, model, ports
from watcher.clock import Clock, Wakeup
from watcher.daemon import ingest, lifecycle
from watcher.metrics import Metrics
from watcher.operations import status
from watcher.store.store import Store
from watcher.vendors import poller
from watcher.vendors import settings as vendor_settings

log = structlog.get_logger()

RETENTION_HOUR = 3  # UTC


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
        on_health: Callable[[model.SourceHealth], None],
        on_silences: Callable[[Sequence[model.Silence]], None] = lambda _: None,
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
        self._on_health = on_health
        self._on_silences = on_silences
        self._ingest: ingest.Ingest | None = None
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._ingest_task: asyncio.Task[None] | None = None
        self._poll_tasks: list[asyncio.Task[None]] = []

    async def start(self, token: int, group: asyncio.TaskGroup) -> None:
        """Load what the last commit left, and watch from there on in tasks of `group`."""
        state = await self._load()
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
            on_health=self._on_health,
            on_silences=self._on_silences,
        )
        for name, source in self._sources.items():
            subjects = [subject for subject in state.subjects.values() if subject.source == name]
            source.resume(subjects)
            self.pollers[name] = poller.Poller(
                source,
                self._source_settings[name],
                submit=writer.submit,
                clock=self._clock,
                known_ids=[subject.id for subject in subjects],
            )
            self.pollers[name].schedule(self._scheduler)
        self._scheduler.add_job(self._prune, "cron", hour=RETENTION_HOUR, id="retention")
        self.state, self._ingest, self.loops["ingest"] = state, writer, writer
        self._ingest_task = group.create_task(writer.run(), name="ingest")
        await writer.submit(engine.Reloaded(ruleset=self.rules))
        self._metrics.is_leader.set(1)
        self._poll_tasks = [
            group.create_task(source_poller.run(), name=f"poll {name}")
            for name, source_poller in self.pollers.items()
        ]
        self._scheduler.start()

    async def _load(self) -> engine.State:
        """Return the state that the last commit has left."""
        loaded = await self._store.commits.load(
            now=self._clock.now(),
            reopen_within=engine.REOPEN_WITHIN,
            keep_samples=engine.keep_samples(self.rules),
        )
        return engine.restore(self.rules, loaded)

    async def preview(self, silence: model.Silence) -> model.SilencePreview:
        """Return what a silence would match now; a standby reads it from the store."""
        return engine.preview(self.state or await self._load(), silence, self._clock.now())

    def unmatched(self) -> tuple[str, ...]:
        """Return what the rules name and nothing has, as far as the leader knows."""
        return () if self.state is None else engine.unmatched(self.state)

    def overview(self) -> status.Overview | None:
        """Return source health and incident counts from memory; None on a standby."""
        if self.state is None:
            return None
        statuses = [incident.status for incident in self.state.incidents.values()]
        return status.Overview(
            sources=tuple(self.state.health.values()),
            open=statuses.count(model.IncidentStatus.OPEN),
            acknowledged=statuses.count(model.IncidentStatus.ACKNOWLEDGED),
            silences=tuple(self.state.silences.values()),
        )

    def windows(self) -> tuple[status.OpenWindow, ...]:
        """Return the maintenance windows that are open now."""
        now = self._clock.now()
        return tuple(
            status.OpenWindow(name=window.name, until=window.next_edge(now))
            for window in self.rules.maintenance
            if window.action is not engine.WindowAction.RUN and window.is_open(now)
        )

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
        # Not before now: it drops its jobs, of which the last step may change one, and it cuts a
        # run short that has started, and logs that as an error.
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
