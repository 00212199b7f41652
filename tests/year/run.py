"""Runs a plan: the daemon's own wiring, in a world without threads, sockets and real time."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import structlog

import watcher.clock
import watcher.delivery.worker
import watcher.jobs.runner
from tests.year import database, installation, slack, vendor
from tests.year.broker import Broker
from tests.year.loop import OWNER, run_to_end
from tests.year.network import Session
from tests.year.plan import Crash, Plan
from tests.year.trace import Trace
from tests.year.world import World
from watcher import model
from watcher.daemon import app, clock_watch, ingest, lifecycle
from watcher.daemon.outside import Outside
from watcher.settings import Settings

RESTART_SECONDS = 2.0  # until a daemon that has ended by itself is started again
STOP_SECONDS = 60.0
_WALL: ContextVar[Callable[[], datetime]] = ContextVar("_WALL")


def run(plan: Plan, *, level: int = logging.CRITICAL) -> Trace:
    """Return what came of a plan; of an equal plan always the same. `level`: what is logged."""
    with _without_leaks(plan, level):
        return run_to_end(_run(plan))


async def _run(plan: Plan) -> Trace:
    world = World(plan)
    with tempfile.TemporaryDirectory() as folder:
        daemon = _Daemon(world, installation.write(plan, Path(folder)))
        daemon.start()
        for crash in (fault for fault in plan.faults if isinstance(fault, Crash)):
            daemon.crash_later(crash)
        await asyncio.sleep((plan.end - plan.begin).total_seconds())
        await daemon.stop()
    return world.trace


class _Daemon:
    """One daemon, its machine's clock and its disk."""

    def __init__(self, world: World, settings: Settings) -> None:
        self._world = world
        self._settings = settings
        self._loop: Any = asyncio.get_running_loop()
        self._disk = database.Disk()
        self._broker = Broker(world)
        self._servers = {
            vendor.HOST: vendor.Vyvx(world).serve,
            slack.HOST: slack.Slack(world).serve,
        }
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._owner: object = None

    def start(self) -> None:
        """Start its process."""
        self._world.record("started")
        self._owner = object()
        context = contextvars.copy_context()
        context.run(OWNER.set, self._owner)
        context.run(_WALL.set, self._world.now)
        self._task = self._loop.create_task(self._live(), name="daemon", context=context)

    def crash_later(self, crash: Crash) -> None:
        """Let it die when the plan says so, and start it again."""
        begin = self._world.plan.begin

        def doom() -> None:
            self._loop.kill_after(self._owner, crash.steps, killed)

        def killed() -> None:
            self._world.record("crashed")
            self._broker.lose_all()
            up_at = max((crash.until - begin).total_seconds(), self._loop.time() + RESTART_SECONDS)
            self._loop.call_at(up_at, self.start)

        self._loop.call_at((crash.at - begin).total_seconds(), doom)

    async def stop(self) -> None:
        """Stop it as SIGTERM does."""
        self._stop.set()
        if self._task:
            async with asyncio.timeout(STOP_SECONDS):
                await self._task

    async def _live(self) -> None:
        """Run, and again where it ends by itself, as systemd does."""
        while not self._stop.is_set():
            try:
                await app.run(self._settings, stop=self._stop, outside=self._outside())
            except model.WatcherError as error:
                self._world.record("stopped", error=str(error))
                await asyncio.sleep(RESTART_SECONDS)
                self._world.record("started")
        self._world.record("stopped", error="")

    def _outside(self) -> Outside:
        session: Any = Session(self._servers)
        build_client: Any = self._broker.build
        return Outside(
            clock=watcher.clock.SystemClock(wall=_WALL.get(), elapsed=self._loop.time),
            open_store=database.opener(self._disk),
            open_session=lambda: session,
            build_client=build_client,
        )


@contextmanager
def _without_leaks(plan: Plan, level: int) -> Iterator[None]:
    """Put what reads the time or throws dice by itself on the plan's, and say nothing."""
    tokens = random.Random(f"{plan.seed}/tokens")  # noqa: S311  # repeatable
    random.seed(plan.seed)  # for what was bound as a default argument
    idle = plan.idle.total_seconds()
    patches = [
        (
            watcher.clock,
            "secrets",
            SimpleNamespace(token_hex=lambda size: tokens.randbytes(size).hex()),
        ),
        (ingest, "INBOX_SECONDS", idle),
        (watcher.jobs.runner, "POLL_SECONDS", idle),
        (watcher.delivery.worker, "POLL_SECONDS", idle),
        (clock_watch, "LOOK_SECONDS", idle),
        (lifecycle, "FEED_SECONDS", max(idle, lifecycle.FEED_SECONDS)),
    ]
    logged_before = structlog.get_config()
    with ExitStack() as stack:
        for name in ("apscheduler.schedulers.base.datetime", "apscheduler.executors.base.datetime"):
            stack.enter_context(mock.patch(name, _Datetime))
        for module, name, value in patches:
            stack.enter_context(mock.patch.object(module, name, value))
        stack.callback(structlog.configure, **logged_before)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
        yield


class _Datetime(datetime):
    """APScheduler's: it asks for the time of day by itself."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return _WALL.get()().astimezone(tz)
