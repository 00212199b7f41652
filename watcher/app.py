"""Builds the daemon in one straight line, runs it, and takes it down in reverse.

Law: one AsyncExitStack, one TaskGroup of named tasks; when one of them ends, all end (law 10).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC
from importlib.metadata import version
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import (  # type: ignore[import-untyped]  # publishes no types
    AsyncIOScheduler,
)

from watcher import (
    adapters,
    control,
    delivery,
    engine,
    heartbeat,
    ingest,
    jobs,
    lifecycle,
    model,
    ports,
    systemd,
)
from watcher import clock as time
from watcher.metrics import Metrics
from watcher.response import settings as response_keys
from watcher.settings import Settings
from watcher.sources import poller
from watcher.store import store
from watcher.vendors import wire
from watcher.web import server

log = structlog.get_logger()

RETENTION_HOUR = 3  # UTC


async def run(
    settings: Settings,
    *,
    extra: Mapping[str, ports.Receiver] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Watch until SIGTERM or SIGINT, or until `stop` is set.

    `extra` receivers are told beside the configured ones. Raises model.FaultyConfigError before
    anything is started, PermanentError or TemporaryError for what a person must see, and an
    ExceptionGroup for what nobody expected.
    """
    stop = stop or asyncio.Event()
    clock = time.SystemClock()
    started = clock.now()
    extra = extra or {}
    rules = adapters.read_rules(settings, extra)
    inbox_bell, jobs_bell, delivery_bell = time.Bell(), time.Bell(), time.Bell()

    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(store.open(settings.store.url, clock=clock))
        token = await database.lead(settings.instance)
        state = engine.restore(
            rules,
            await database.load(
                now=started,
                reopen_within=engine.REOPEN_WITHIN,
                keep_samples=engine.keep_samples(rules),
            ),
        )

        session = await stack.enter_async_context(wire.open_session())
        accounts = adapters.Accounts(settings, session, clock, database)
        sources = adapters.build_sources(settings, accounts)
        hub = adapters.build_broker(settings, clock)
        receivers = {
            **adapters.build_receivers(
                settings, session=session, clock=clock, hub=hub, shelf=database
            ),
            **extra,
        }
        metrics = Metrics(version=version("watcher"), sources=sources, receivers=receivers)

        pollers: dict[str, poller.Poller] = {}  # filled below: they submit to ingest
        writer = ingest.Ingest(
            ledger=database,
            token=token,
            state=state,
            pollers=pollers,
            clock=clock,
            metrics=metrics,
            bell=inbox_bell,
            delivery=delivery_bell,
            jobs=jobs_bell,
            health=hub.publish_source if hub else _tell_nobody,
        )
        scheduler = AsyncIOScheduler(timezone=UTC)
        for name, source in sources.items():
            pollers[name] = poller.Poller(
                source,
                settings.sources[name],
                submit=writer.submit,
                clock=clock,
                known=[one.id for one in state.subjects.values() if one.source == name],
            )
            pollers[name].schedule(scheduler)
        worker = jobs.Jobs(
            workshop=database,
            inbox=database,
            sources=sources,
            examiner=adapters.build_examiner(settings, accounts),
            keys=settings.diagnostics or response_keys.Diagnostics(),
            clock=clock,
            bell=jobs_bell,
            inbox_bell=inbox_bell,
        )
        teller = delivery.Delivery(
            accounts=database, receivers=receivers, clock=clock, bell=delivery_bell
        )
        pulse = lifecycle.Pulse(
            clock,
            loops={"ingest": writer, "jobs": worker, "delivery": teller},
            pollers=pollers,
        )

        async def reload() -> str:
            try:
                fresh = adapters.read_rules(settings, extra)
            except model.FaultyConfigError as error:
                metrics.reload.set(0)
                log.error("rules not read again", faults=error.faults)
                raise
            await writer.submit(engine.Reloaded(ruleset=fresh))
            metrics.reload.set(1)
            metrics.rules.set(len(fresh.rules))
            log.info("rules read again", rules=len(fresh.rules), version=fresh.version)
            return f"{len(fresh.rules)} rules are in force, version {fresh.version}"

        async def hang_up() -> None:
            with contextlib.suppress(model.FaultyConfigError):  # told by reload itself
                await reload()

        async def prune() -> None:
            try:
                now = clock.now()
                await database.prune(
                    now - settings.store.retention,
                    samples_before=now - engine.keep_samples(state.ruleset),
                )
            except model.TemporaryError as error:
                log.warning("old rows stay until tomorrow", error=str(error))

        scheduler.add_job(prune, "cron", hour=RETENTION_HOUR, id="retention")

        async def status() -> Mapping[str, Any]:
            return {
                "instance": settings.instance,
                "version": version("watcher"),
                "since": started,
                **_state_of(state, teller),
            }

        if settings.web.listen:
            await stack.enter_async_context(
                server.serving(
                    settings.web,
                    stuck=pulse.stuck,
                    ready=lambda: True,
                    metrics=lambda: _exposition(metrics, state, teller),
                )
            )
        desk = control.Control(
            library=database,
            inbox=database,
            ingest=inbox_bell,
            clock=clock,
            status=status,
            reload=reload,
        )
        await stack.enter_async_context(desk.serve(settings.control.socket))

        group = await stack.enter_async_context(lifecycle.tasks())
        stack.enter_context(
            lifecycle.signals(stop, lambda: group.create_task(hang_up(), name="reload"))
        )
        writing = group.create_task(writer.run(), name="ingest")
        await writer.submit(engine.Reloaded(ruleset=rules))
        telling = group.create_task(teller.run(), name="delivery")
        others = [group.create_task(pulse.feed(lambda: _in_one_line(state, teller)), name="pulse")]
        if hub:
            others.append(group.create_task(hub.run(), name="mqtt"))
        if heartbeat_url := settings.heartbeat.url.get_secret_value():
            beating = heartbeat.beat(session, heartbeat_url, pulse.stuck)
            others.append(group.create_task(beating, name="heartbeat"))
        working = group.create_task(worker.run(), name="jobs")
        polling = [
            group.create_task(each.run(), name=f"poll {name}") for name, each in pollers.items()
        ]
        scheduler.start()
        systemd.ready()
        log.info("watching", instance=settings.instance, sources=list(sources))
        await stop.wait()

        log.info("stopping")
        systemd.stopping()
        scheduler.shutdown(wait=False)
        await lifecycle.end(*polling, working)
        writer.finish()
        await asyncio.wait([writing])
        await lifecycle.end(telling)  # before the broker's connection, which it may be using
        await lifecycle.end(*others)


def _tell_nobody(_: model.SourceHealth) -> None:
    """Without a broker the health of a source is on the metrics and in `watcher status` alone."""


def _state_of(state: engine.State, teller: delivery.Delivery) -> dict[str, Any]:
    statuses = [incident.status for incident in state.incidents.values()]
    return {
        "sources": list(state.health.values()),
        "receivers": [
            {
                "name": name,
                "failing": not one.ok,
                "error": one.error,
                "owed": one.owed,
                "owed_since": one.owed_since,
            }
            for name, one in teller.states().items()
        ],
        "open": statuses.count(model.IncidentStatus.OPEN),
        "acknowledged": statuses.count(model.IncidentStatus.ACKNOWLEDGED),
    }


def _exposition(metrics: Metrics, state: engine.State, teller: delivery.Delivery) -> bytes:
    """Bring the gauges of what is open and owed up to date, and write all metrics."""
    live = _state_of(state, teller)
    metrics.incidents.labels(model.IncidentStatus.OPEN).set(live["open"])
    metrics.incidents.labels(model.IncidentStatus.ACKNOWLEDGED).set(live["acknowledged"])
    for name, one in teller.states().items():
        metrics.owed.labels(name).set(one.owed)
        metrics.oldest_owed.labels(name).set(one.owed_since.timestamp() if one.owed_since else 0)
        metrics.failing.labels(name).set(not one.ok)
    return metrics.exposition()


def _in_one_line(state: engine.State, teller: delivery.Delivery) -> str:
    """Write what `systemctl status` shows."""
    seen = [health.sight is model.Sight.SEEN for health in state.health.values()]
    failing = [name for name, one in teller.states().items() if not one.ok]
    told = f"cannot tell {', '.join(failing)}" if failing else "all receivers fine"
    live = _state_of(state, teller)
    return (
        f"{sum(seen)} of {len(seen)} sources seen, {live['open']} incidents open,"
        f" {live['acknowledged']} acknowledged, {told}"
    )
