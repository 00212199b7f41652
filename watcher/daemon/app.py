"""One daemon process: builds its parts in one straight line, runs them, stops them in reverse.

Law: one AsyncExitStack, one TaskGroup of named tasks; when one of them ends, all end (law 10).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import ChainMap
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from importlib.metadata import version

import structlog

from watcher import delivery, engine, jobs, logs, model, ports, ruleset
from watcher.clock import Wakeup
from watcher.daemon import (
    clock_watch,
    database_alarm,
    drills,
    factories,
    leader,
    lifecycle,
    works,
)
from watcher.daemon.affected import AffectedSubjects
from watcher.daemon.outside import Outside
from watcher.daemon.secrets import secrets_in
from watcher.daemon.supervision import supervise
from watcher.http.redaction import Redactor
from watcher.metrics import Metrics
from watcher.oncall.reader import CalendarReader
from watcher.oncall.schedules import Schedules
from watcher.operations import control_socket, status
from watcher.operations.carrier_packet import PacketOptions
from watcher.operations.commands import CommandService
from watcher.operations.links import Addresses
from watcher.operations.notices import NoticeIntake
from watcher.receivers.slack.receiver import SlackReceiver
from watcher.settings import Settings
from watcher.vendors.diagnostics.settings import Diagnostics

log = structlog.get_logger()

STANDBY_SECONDS = 1.0  # how often a standby tries to become the leader


async def run(
    settings: Settings,
    *,
    extra: Mapping[str, ports.Receiver] | None = None,
    stop: asyncio.Event | None = None,
    outside: Outside | None = None,
) -> None:
    """Run the daemon until SIGTERM or SIGINT, or until `stop` is set.

    `extra` receivers are notified beside the configured ones; a simulation hands in its `outside`.
    Raises model.InvalidConfigError before anything is started, PermanentError or TemporaryError for
    what a person must see, and an ExceptionGroup for what nobody expected.
    """
    lifecycle.log_unawaited_errors()
    logs.hide(Redactor(secrets_in(settings)))
    stop, started = stop or asyncio.Event(), asyncio.Event()
    outside, extra = outside or Outside(), extra or {}
    clock = outside.clock
    rules = await asyncio.to_thread(factories.read_rules, settings, extra)
    reloading = asyncio.Lock()
    inbox_wakeup, jobs_wakeup, delivery_wakeup, drill_wakeup = (Wakeup() for _ in range(4))

    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(outside.open_store(settings.store.url, clock=clock))
        token = await store.leadership.acquire(settings.instance)
        lease_group = await stack.enter_async_context(lifecycle.task_group())
        lease = lease_group.create_task(store.leadership.keep_renewing(), name="lease")
        stack.push_async_callback(lifecycle.cancel, lease)

        session = await stack.enter_async_context(outside.open_session())
        accounts = factories.VendorAccounts(settings, session, clock, store.call_counter)
        mqtt = factories.build_mqtt_connection(settings, clock, outside.build_client)
        schedules = Schedules(rules.rotas, clock.now)
        receivers = {
            **factories.build_receivers(
                settings,
                session=session,
                clock=clock,
                mqtt=mqtt,
                reader=store.queries,
                schedules=schedules,
            ),
            **extra,
        }
        polled = works.polled(settings)
        metrics = Metrics(version=version("watcher"), sources=polled, receivers=receivers)
        sources = {
            **factories.build_sources(settings, accounts),
            **works.build_source(settings, store, inbox_wakeup, clock, metrics),
        }
        deliveries = delivery.Delivery(
            outbox=store.outbox,
            reader=store.queries,
            receivers=receivers,
            inbox=store.inbox,
            clock=clock,
            wakeup=delivery_wakeup,
            fallbacks=factories.build_fallbacks(settings),
            count=metrics.count_delivery,
        )

        def adopt_clock_step(by: timedelta) -> None:
            clock.adopt(by)
            deliveries.clock_stepped(by)
            store.leadership.clock_stepped(by)
            reporter.clock_stepped(by)

        leading = leader.Leader(
            store=store,
            retention=settings.store.retention,
            rules=rules,
            sources=sources,
            source_settings=polled,
            clock=clock,
            metrics=metrics,
            wakeup=inbox_wakeup,
            delivery_wakeup=delivery_wakeup,
            jobs_wakeup=jobs_wakeup,
            deliveries=deliveries,
            on_health=mqtt.publish_source if mqtt else _ignore,
            on_silences=mqtt.publish_silences if mqtt else _ignore,
            on_clock_step=adopt_clock_step,
            on_takeover=lambda step: clock_watch.show(step, reporter=reporter, metrics=metrics),
        )
        job_runner = jobs.Jobs(
            queue=store.jobs,
            inbox=store.inbox,
            sources=sources,
            diagnostics_runner=factories.build_diagnostics_runner(settings, accounts),
            backup_finder=factories.build_backup_finder(
                settings, accounts, store.unserved_addresses, clock
            ),
            bandwidth_changers=factories.build_bandwidth_changers(settings, accounts),
            diagnostics=settings.diagnostics or Diagnostics(),
            clock=clock,
            wakeup=jobs_wakeup,
            inbox_wakeup=inbox_wakeup,
        )

        def report_mqtt(fault: model.PermanentError | None) -> None:
            for name, receiver in settings.receivers.items():
                if receiver.kind == "mqtt":
                    deliveries.set_fault(name, fault)

        watchdog = lifecycle.Watchdog(
            clock,
            loops=ChainMap({"jobs": job_runner, "delivery": deliveries}, leading.loops),
            pollers=leading.pollers,
        )

        affected = AffectedSubjects(reader=store.queries, rules=lambda: leading.rules, clock=clock)
        reporter = status.StatusReporter(
            instance=settings.instance,
            version=version("watcher"),
            database=status.Database(
                name=store.database.name,
                product=store.database.dialect.product,
                caution=store.database.dialect.caution,
            ),
            since=clock.now(),
            sources=sources,
            reader=store.queries,
            metrics=metrics,
            overview=leading.overview,
            receivers=deliveries.states,
            now=clock.now,
            windows=leading.windows,
            on_call=schedules.all,
            works=affected.coming,
            drill_overdue_after=settings.drill.overdue_after,
            usages=lambda: factories.usages(settings, accounts, store.call_counter, clock.now()),
        )

        for calendar in await store.queries.calendars():
            schedules.calendars[calendar.rota] = calendar
        calendars = CalendarReader(
            schedules=schedules, session=session, clock=clock, submit=leading.submit
        )

        async def reload() -> str:
            async with reloading:
                return await read_and_apply()

        async def read_and_apply() -> str:
            try:  # thousands of rules take seconds, which the loops must not wait for
                new_rules = await asyncio.to_thread(factories.read_rules, settings, extra)
            except model.InvalidConfigError as error:
                metrics.last_reload_successful.set(0)
                reporter.refused = error.problems
                log.error("rules not reloaded", problems=error.problems)
                raise
            changes = ruleset.describe_changes(leading.rules, new_rules)
            await leading.reload(new_rules)
            schedules.rotas = new_rules.rotas
            calendars.wakeup.set()
            metrics.last_reload_successful.set(1)
            reporter.refused = ()
            metrics.rules.set(len(new_rules.rules))
            log.info("rules reloaded", rules=len(new_rules.rules), changed=changes)
            when = "in force" if leading.state else "in force once this daemon is the leader"
            warnings = [f"warning: {what}" for what in await warn_of_unmatched()]
            count = model.format_count(len(new_rules.rules), "rule")
            return "\n".join((f"{count} {when}: {changes}", *warnings))

        async def warn_of_unmatched() -> tuple[str, ...]:
            unmatched = await leading.unmatched()
            if unmatched:
                log.warning("what the rules name, and nothing has", unmatched=unmatched)
            return unmatched

        async def reload_on_hangup() -> None:
            with contextlib.suppress(model.InvalidConfigError):  # reload has logged it
                await reload()

        alarm = database_alarm.DatabaseAlarm(
            instance=settings.instance,
            channels=[
                receiver for receiver in receivers.values() if isinstance(receiver, SlackReceiver)
            ],
            sent_marker=settings.control.socket.with_name("database-failed"),
            daemons=store.queries.daemons,
        )
        stack.push_async_exit(alarm)
        group = await stack.enter_async_context(lifecycle.task_group())
        stack.enter_context(
            lifecycle.signals(stop, lambda: group.create_task(reload_on_hangup(), name="reload"))
        )

        board_tasks = []
        if settings.web.listen:
            from watcher.daemon import board  # noqa: PLC0415  # its pages, where there are any

            board_tasks = await board.open_board(
                settings.web,
                stack=stack,
                group=group,
                store=store,
                rules=lambda: leading.rules,
                reporter=reporter,
                stuck=watchdog.stuck,
                ready=lambda: started.is_set() and not stop.is_set(),
                subjects_of=affected.find,
                metrics=metrics,
                clock=clock,
            )
        commands = CommandService(
            reader=store.queries,
            inbox=store.inbox,
            ingest=inbox_wakeup,
            clock=clock,
            receivers=tuple(receivers),
            preview=leading.preview,
            longest_silence=settings.silences.longest,
            drilled=drill_wakeup.set,
            packet_options=PacketOptions(
                labels=frozenset(settings.packet.labels),
                zone=settings.packet.zone or "",
                addresses=Addresses(board=settings.web.public_url),
                contract=lambda key, labels: leading.rules.inventory.entry(key, labels).contract,
            ),
        )
        control = control_socket.ControlSocket(
            reader=store.queries,
            commands=commands,
            clock=clock,
            status=reporter.read,
            reload=reload,
            group=settings.control.group,
            windows=leading.windows,
            ticket_after=settings.ticket.remind_after,
            subjects_of=affected.find,
            count_works=engine.counted,
            coming_works=affected.coming,
            on_call=schedules.all,
            record_backup=store.self_checks.record_backup,
            by_time=leading.by_time,
            intake=NoticeIntake(
                commands=commands,
                clock=clock,
                rejected=factories.rejected_folder(settings),
                count=metrics.count_notice,
                zone=settings.works.zone,
                parser_python=settings.works.parser_python,
            ),
            count_change=lambda source: factories.count_change(
                settings, store.call_counter, source, clock.now()
            ),
        )
        await stack.enter_async_context(control.serve(settings.control.socket))
        delivery_task = group.create_task(deliveries.run(), name="delivery")
        slack_actions = factories.build_slack_actions(
            settings,
            session=session,
            commands=commands,
            reader=store.queries,
            clock=clock,
            schedules=schedules,
            by_time=leading.by_time,
        )
        slack_tasks = (
            [group.create_task(supervise("slack actions", slack_actions.run), name="slack actions")]
            if slack_actions
            else []
        )
        feeding = group.create_task(watchdog.feed(reporter.one_line), name="watchdog")
        other_tasks = [*board_tasks, feeding]
        clock_task = clock_watch.watch_clock(
            clock, stepped=leading.clock_stepped, reporter=reporter, metrics=metrics
        )
        other_tasks.append(group.create_task(clock_task, name="clock"))
        if mqtt:
            if settings.mqtt.commands:
                listener = factories.build_command_listener(settings, mqtt, commands)
                commands_task = supervise("MQTT commands", listener.run)
                other_tasks.append(group.create_task(commands_task, name="commands"))
            mqtt_task = supervise("MQTT connection", mqtt.run, report=report_mqtt)
            other_tasks.append(group.create_task(mqtt_task, name="mqtt"))
        jobs_task = group.create_task(job_runner.run(), name="jobs")
        calendars_task = group.create_task(supervise("calendars", calendars.run), name="calendars")

        scheduled = drills.ScheduledDrills(
            starter=commands,
            listings=store.listings,
            reader=store.queries,
            results=store.self_checks,
            receivers=receivers,
            every=settings.drill.every,
            within=settings.drill.within,
            clock=clock,
            wakeup=drill_wakeup,
        )

        async def become_leader(token: int) -> None:
            await leading.start(token, group)
            if mqtt:
                mqtt.become_leader()
            await scheduled.recall()
            drilling = supervise("drills", scheduled.run)
            other_tasks.append(group.create_task(drilling, name="drills"))
            if url := settings.heartbeat.url.get_secret_value():
                reasons = (watchdog.stuck, scheduled.trouble)  # to send none
                send = functools.partial(lifecycle.send_heartbeats, session, url, *reasons)
                heartbeat = supervise("heartbeat", send)
                other_tasks.append(group.create_task(heartbeat, name="heartbeat"))
            log.info("became leader", instance=settings.instance, token=token)
            await warn_of_unmatched()

        async def stand_by() -> None:
            reporter.standby = True
            log.info("standby", instance=settings.instance)
            while (token := await store.leadership.acquire(settings.instance)) is None:  # noqa: ASYNC110  # a row
                await asyncio.sleep(STANDBY_SECONDS)
            await become_leader(token)

        if token is None:
            leading_task = group.create_task(stand_by(), name="standby")
        else:
            leading_task = group.create_task(become_leader(token), name="become leader")
            await asyncio.wait([leading_task])
        alarm.reset()
        lifecycle.notify_ready()
        started.set()
        log.info("watching", instance=settings.instance, sources=list(sources))
        await stop.wait()

        log.info("stopping")
        lifecycle.notify_stopping()
        # Buttons go first: from now on Slack sends them to another daemon, or to none.
        await lifecycle.cancel(leading_task, *slack_tasks)
        await leading.stop_polling()
        await lifecycle.cancel(jobs_task, calendars_task)
        await leading.stop()
        await lifecycle.cancel(delivery_task)  # before the broker's connection, which it may use
        await lifecycle.cancel(*other_tasks)


def _ignore(_: object) -> None:
    """Without a broker, health and silences are only in the metrics and in `watcher status`."""
