"""Builds the daemon in one straight line, runs it, and takes it down in reverse.

Law: one AsyncExitStack, one TaskGroup of named tasks; when one of them ends, all end (law 10).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import ChainMap
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib.metadata import version

import structlog

from watcher import delivery, jobs, model, ports, ruleset
from watcher.clock import SystemClock, Wakeup
from watcher.daemon import database_alarm, factories, leader, lifecycle
from watcher.metrics import Metrics
from watcher.operations import control_socket, status
from watcher.operations.commands import CommandService
from watcher.receivers.mqtt import commands
from watcher.receivers.slack.receiver import SlackReceiver
from watcher.settings import Settings
from watcher.store import store
from watcher.vendors.diagnostics.settings import Diagnostics
from watcher.vendors.http import exchange
from watcher.web import server

log = structlog.get_logger()

LOOK_SECONDS = 1.0  # how often a daemon that stands by looks whether it may lead


async def run(
    settings: Settings,
    *,
    extra: Mapping[str, ports.Receiver] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Watch until SIGTERM or SIGINT, or until `stop` is set.

    `extra` receivers are told beside the configured ones. Raises model.InvalidConfigError before
    anything is started, PermanentError or TemporaryError for what a person must see, and an
    ExceptionGroup for what nobody expected.
    """
    stop, up = stop or asyncio.Event(), asyncio.Event()
    clock = SystemClock()
    extra = extra or {}
    rules = factories.read_rules(settings, extra)
    inbox_wakeup, jobs_wakeup, delivery_wakeup = Wakeup(), Wakeup(), Wakeup()

    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(store.open(settings.store.url, clock=clock))
        token = await database.lead(settings.instance)
        present = await stack.enter_async_context(lifecycle.tasks())
        beating = present.create_task(database.stay(), name="lease")
        stack.push_async_callback(lifecycle.end, beating)

        session = await stack.enter_async_context(exchange.open_session())
        accounts = factories.VendorAccounts(settings, session, clock, database)
        sources = factories.build_sources(settings, accounts)
        hub = factories.build_broker(settings, clock)
        receivers = {
            **factories.build_receivers(
                settings, session=session, clock=clock, hub=hub, reader=database
            ),
            **extra,
        }
        metrics = Metrics(version=version("watcher"), sources=sources, receivers=receivers)

        watch = leader.Leader(
            database=database,
            retention=settings.store.retention,
            rules=rules,
            sources=sources,
            keys=settings.sources,
            clock=clock,
            metrics=metrics,
            wakeup=inbox_wakeup,
            delivery=delivery_wakeup,
            jobs=jobs_wakeup,
            health=hub.publish_source if hub else _tell_nobody,
        )
        worker = jobs.Jobs(
            workshop=database,
            inbox=database,
            sources=sources,
            examiner=factories.build_examiner(settings, accounts),
            qualifier=factories.build_qualifier(settings, accounts, database, clock),
            orderers=factories.build_orderers(settings, accounts),
            keys=settings.diagnostics or Diagnostics(),
            clock=clock,
            wakeup=jobs_wakeup,
            inbox_wakeup=inbox_wakeup,
        )
        teller = delivery.Delivery(
            accounts=database,
            receivers=receivers,
            inbox=database,
            clock=clock,
            wakeup=delivery_wakeup,
            fallbacks=factories.build_fallbacks(settings),
        )
        pulse = lifecycle.Watchdog(
            clock,
            loops=ChainMap({"jobs": worker, "delivery": teller}, watch.loops),
            pollers=watch.pollers,
        )

        reporter = status.StatusReporter(
            instance=settings.instance,
            version=version("watcher"),
            since=clock.now(),
            sources=sources,
            standing=database,
            metrics=metrics,
            seen=watch.seen,
            receivers=teller.states,
            usages=lambda: factories.usages(settings, accounts, database, clock.now()),
        )

        async def reload() -> str:
            try:
                fresh = factories.read_rules(settings, extra)
            except model.InvalidConfigError as error:
                metrics.reload.set(0)
                reporter.refused = error.problems
                log.error("rules not read again", faults=error.problems)
                raise
            changed = ruleset.describe_changes(watch.rules, fresh)
            await watch.reload(fresh)
            metrics.reload.set(1)
            reporter.refused = ()
            metrics.rules.set(len(fresh.rules))
            log.info("rules read again", rules=len(fresh.rules), changed=changed)
            when = "are in force" if watch.state else "will be in force when this daemon leads"
            return f"{len(fresh.rules)} rules {when}: {changed}"

        async def hang_up() -> None:
            with contextlib.suppress(model.InvalidConfigError):  # told by reload itself
                await reload()

        async def relieved() -> bool:
            daemons = await database.daemons()
            return any(one.leads and one.instance != settings.instance for one in daemons)

        siren = database_alarm.DatabaseAlarm(
            instance=settings.instance,
            channels=[one for one in receivers.values() if isinstance(one, SlackReceiver)],
            mark=settings.control.socket.with_name("database-failed"),
            relieved=relieved,
        )
        stack.push_async_exit(siren)
        group = await stack.enter_async_context(lifecycle.tasks())
        stack.enter_context(
            lifecycle.signals(stop, lambda: group.create_task(hang_up(), name="reload"))
        )

        if settings.web.listen:
            await stack.enter_async_context(
                server.serve(
                    settings.web,
                    stuck=pulse.stuck,
                    ready=lambda: up.is_set() and not stop.is_set(),
                    reporter=reporter,
                    reader=database,
                    clock=clock,
                )
            )
        wishes = CommandService(
            reader=database,
            inbox=database,
            ingest=inbox_wakeup,
            clock=clock,
            receivers=tuple(receivers),
        )
        door = control_socket.ControlSocket(
            reader=database, commands=wishes, clock=clock, status=reporter.read, reload=reload
        )
        await stack.enter_async_context(door.serve(settings.control.socket))
        telling = group.create_task(teller.run(), name="delivery")
        actions = factories.build_actions(
            settings, session=session, wishes=wishes, library=database, clock=clock
        )
        pressed = (
            [group.create_task(actions.run(), name="slack actions")] if actions is not None else []
        )
        others = [group.create_task(pulse.feed(reporter.in_one_line), name="pulse")]
        if hub:
            if settings.mqtt.commands:
                orders = commands.CommandListener(connection=hub, commands=wishes)
                others.append(group.create_task(orders.run(), name="commands"))
            others.append(group.create_task(hub.run(), name="mqtt"))
        working = group.create_task(worker.run(), name="jobs")

        async def take_over(token: int) -> None:
            await watch.lead(token, group)
            if hub:
                hub.become_leader()
            if address := settings.heartbeat.url.get_secret_value():
                beat = lifecycle.beat(session, address, pulse.stuck)
                others.append(group.create_task(beat, name="heartbeat"))
            log.info("leads", instance=settings.instance, token=token)

        async def stand_by() -> None:
            log.info("stands by", instance=settings.instance)
            while (token := await database.lead(settings.instance)) is None:  # noqa: ASYNC110  # a row
                await asyncio.sleep(LOOK_SECONDS)
            await take_over(token)

        if token is None:
            waiting = group.create_task(stand_by(), name="standing by")
        else:
            waiting = group.create_task(take_over(token), name="taking over")
            await asyncio.wait([waiting])
        siren.rest()
        lifecycle.ready()
        up.set()
        log.info("watching", instance=settings.instance, sources=list(sources))
        await stop.wait()

        log.info("stopping")
        lifecycle.stopping()
        await lifecycle.end(waiting, *pressed)  # who presses now reaches another daemon, or nobody
        await watch.stop_polling()
        await lifecycle.end(working)
        await watch.finish()
        await lifecycle.end(telling)  # before the broker's connection, which it may be using
        await lifecycle.end(*others)


def _tell_nobody(_: model.SourceHealth) -> None:
    """Without a broker the health of a source is on the metrics and in `watcher status` alone."""
