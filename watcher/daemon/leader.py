"""What only the daemon that leads does: it keeps the state, polls, and steps.

Law: nothing of it begins before the lease is held. Timers are data, so whoever leads next loads
the tables and goes on where the last one was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
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
from watcher.store import store
from watcher.vendors import poller
from watcher.vendors import settings as vendor_settings

log = structlog.get_logger()

RETENTION_HOUR = 3  # UTC


class Leader:
    """Does nothing until `lead`. `loops` and `pollers` are what must turn from then on."""

    def __init__(
        self,
        *,
        database: store.Store,
        retention: timedelta,
        rules: engine.Ruleset,
        sources: Mapping[str, ports.Source],
        keys: Mapping[str, vendor_settings.Polled],
        clock: Clock,
        metrics: Metrics,
        wakeup: Wakeup,
        delivery: Wakeup,
        jobs: Wakeup,
        health: Callable[[model.SourceHealth], None],
    ) -> None:
        self.state: engine.State | None = None
        self.loops: dict[str, lifecycle.Turning] = {}
        self.pollers: dict[str, poller.Poller] = {}
        self._database = database
        self._retention = retention
        self.rules = rules
        self._sources = sources
        self._keys = keys
        self._clock = clock
        self._metrics = metrics
        self._wakeup = wakeup
        self._delivery = delivery
        self._jobs = jobs
        self._health = health
        self._writer: ingest.Ingest | None = None
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._writing: asyncio.Task[None] | None = None
        self._polling: list[asyncio.Task[None]] = []

    async def lead(self, token: int, group: asyncio.TaskGroup) -> None:
        """Load what the last commit left behind, and watch from there on in tasks of `group`."""
        state = engine.restore(
            self.rules,
            await self._database.load(
                now=self._clock.now(),
                reopen_within=engine.REOPEN_WITHIN,
                keep_samples=engine.keep_samples(self.rules),
            ),
        )
        writer = ingest.Ingest(
            ledger=self._database,
            token=token,
            state=state,
            pollers=self.pollers,
            clock=self._clock,
            metrics=self._metrics,
            wakeup=self._wakeup,
            delivery=self._delivery,
            jobs=self._jobs,
            health=self._health,
        )
        for name, source in self._sources.items():
            known = [one for one in state.subjects.values() if one.source == name]
            source.resume(known)
            self.pollers[name] = poller.Poller(
                source,
                self._keys[name],
                submit=writer.submit,
                clock=self._clock,
                known=[one.id for one in known],
            )
            self.pollers[name].schedule(self._scheduler)
        self._scheduler.add_job(self._prune, "cron", hour=RETENTION_HOUR, id="retention")
        self.state, self._writer, self.loops["ingest"] = state, writer, writer
        self._writing = group.create_task(writer.run(), name="ingest")
        await writer.submit(engine.Reloaded(ruleset=self.rules))
        self._metrics.leads.set(1)
        self._polling = [
            group.create_task(each.run(), name=f"poll {name}")
            for name, each in self.pollers.items()
        ]
        self._scheduler.start()

    def seen(self) -> status.Seen | None:
        """Say how well the sources are seen and what is open; None on one that stands by."""
        if self.state is None:
            return None
        found = [incident.status for incident in self.state.incidents.values()]
        return status.Seen(
            sources=tuple(self.state.health.values()),
            open=found.count(model.IncidentStatus.OPEN),
            acknowledged=found.count(model.IncidentStatus.ACKNOWLEDGED),
        )

    async def reload(self, rules: engine.Ruleset) -> None:
        """Put other rules in force; on a daemon that stands by, for when it leads."""
        self.rules = rules
        if self._writer is not None:
            await self._writer.submit(engine.Reloaded(ruleset=rules))

    async def stop_polling(self) -> None:
        """Ask the vendors no more."""
        if self._scheduler.running:
            self._scheduler.pause()
        await lifecycle.end(*self._polling)

    async def finish(self) -> None:
        """Make durable what has been handed in, and step no more."""
        if self._writer is not None and self._writing is not None:
            self._writer.finish()
            await asyncio.wait([self._writing])
        # Not before now: it forgets its jobs, of which the last step may change one, and it cuts
        # short a run that has begun, and logs that as an error.
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def _prune(self) -> None:
        now, keep_samples = self._clock.now(), engine.keep_samples(self.rules)
        try:
            await self._database.checkpoint(
                now, reopen_within=engine.REOPEN_WITHIN, keep_samples=keep_samples
            )
            await self._database.prune(now - self._retention, samples_before=now - keep_samples)
        except model.TemporaryError as error:
            log.warning("old rows stay until tomorrow", error=str(error))
