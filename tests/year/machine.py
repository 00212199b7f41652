"""One daemon on its machine: started, stopped, frozen, killed, and started again."""

from __future__ import annotations

import asyncio
import contextvars
import signal
from pathlib import Path
from typing import Any

import watcher.clock
from tests.year import clock, database, installation, slack
from tests.year.broker import Broker
from tests.year.call_record import CallRecord
from tests.year.faults import Crash, Freeze, Stop
from tests.year.loop import OWNER
from tests.year.network import Session
from tests.year.peers import diagnostics, evpl, iod, vyvx
from tests.year.peers.sockets import Sockets
from tests.year.plan import Reload
from tests.year.storage import Storage
from tests.year.world import World
from watcher import model
from watcher.daemon import app
from watcher.daemon.outside import Outside

RESTART_SECONDS = 2.0  # until a daemon that has ended is started again
STOP_SECONDS = 60.0
_NEVER = 1_000_000_000


class Installation:
    """What all daemons share: the database, the broker, and the servers that they ask."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.notices = folder / "notices"
        self.notices.mkdir()
        self.disk = database.Disk()
        self.storage = Storage(world)
        self.disk.connection.before = self.storage.before
        self.broker = Broker(world)
        self.slack = slack.Slack(world)
        self.sockets = Sockets(world)
        self.calls = CallRecord(world, slack.HOST)
        self.servers = {
            vyvx.HOST: vyvx.Vyvx(world).serve,
            iod.HOST: iod.InternetOnDemand(world).serve,
            evpl.HOST: evpl.Evpl(world).serve,
            diagnostics.HOST: diagnostics.Diagnostics(world).serve,
            slack.HOST: self.slack.serve,
        }


class Machine:
    """A machine with one daemon, and what the plan says of it."""

    def __init__(self, installation_: Installation, number: int) -> None:
        self._common = installation_
        self._world = installation_.world
        self._number = number
        self._folder = installation_.folder / str(number)
        self._folder.mkdir()
        plan = self._world.plan
        self._settings = installation.write(
            plan, self._folder, instance=f"ops{number + 1}", notices=installation_.notices
        )
        self._loop: Any = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._ending = False
        self._up_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._owner: object = None
        self._wall = clock.wall(plan, number, self._world.now)
        for fault in plan.faults:
            match fault:
                case Crash(daemon=number_) if number_ == number:
                    self._at(fault.at, self._crash, fault)
                case Stop(daemon=number_) if number_ == number:
                    self._at(fault.at, self._stop_until, fault)
                case Freeze(daemon=number_) if number_ == number:
                    self._at(fault.at, self._freeze, fault)

        for fact in plan.facts:
            if isinstance(fact, Reload):
                self._at(fact.at, self._reload, fact)

    def start(self) -> None:
        """Start its process."""
        self._record("started")
        self._owner = object()
        self._task = self._loop.create_task(self._live(), name="daemon", context=self.context())

    def context(self) -> contextvars.Context:
        """Return a context of its process: what runs in it dies and stands still with it."""
        context = contextvars.copy_context()
        context.run(OWNER.set, self._owner)
        context.run(clock.WALL.set, self._wall)
        return context

    async def stop(self) -> None:
        """Stop it as SIGTERM does, for good."""
        self._ending = True
        self._stop.set()
        if self._task:
            async with asyncio.timeout(STOP_SECONDS):
                await self._task

    def _at(self, when: Any, work: Any, *arguments: object) -> None:
        self._loop.call_at((when - self._world.plan.begin).total_seconds(), work, *arguments)

    def _record(self, what: str, **fields: object) -> None:
        self._world.record(what, daemon=self._number, **fields)

    def _stay_down_until(self, until: Any) -> None:
        seconds = (until - self._world.plan.begin).total_seconds()
        self._up_at = max(seconds, self._loop.time() + RESTART_SECONDS)

    def _crash(self, fault: Crash) -> None:
        """Kill it after some of its steps, and start it again."""

        def killed() -> None:
            self._record("crashed")
            self._common.broker.lose(self._owner)
            self._common.sockets.lose(self._owner)
            self._stay_down_until(fault.at if fault.after_post else fault.until)
            self._loop.call_at(self._up_at, self.start)

        def doom() -> None:
            if fault.until >= self._world.now():
                self._loop.kill_after(self._owner, fault.steps, killed)

        if fault.after_post:
            self._world.after_post.append(doom)
        elif fault.statements:
            self._loop.kill_after(self._owner, _NEVER, killed)
            self._common.storage.doom(self._owner, fault.statements)
        else:
            self._loop.kill_after(self._owner, fault.steps, killed)

    def _stop_until(self, fault: Stop) -> None:
        self._stay_down_until(fault.until)
        self._stop.set()

    def _reload(self, reload: Reload) -> None:
        installation.write_rules(self._world.plan, self._folder, reload)
        self._loop.signal(self._owner, signal.SIGHUP)

    def _freeze(self, fault: Freeze) -> None:
        owner = self._owner
        self._record("frozen")
        self._loop.freeze(owner)
        self._at(fault.until, self._thaw, owner)

    def _thaw(self, owner: object) -> None:
        self._record("thawed")
        self._loop.thaw(owner)

    async def _live(self) -> None:
        """Run, and again where it has ended, as systemd does."""
        while not self._ending:
            self._stop = asyncio.Event()
            self._up_at = 0.0
            error = ""
            try:
                await app.run(self._settings, stop=self._stop, outside=self._outside())
            except model.WatcherError as expected:
                error = str(expected)
            self._record("stopped", error=error)
            if self._ending:
                return
            await asyncio.sleep(max(RESTART_SECONDS, self._up_at - self._loop.time()))
            self._record("started")

    def _outside(self) -> Outside:
        session: Any = Session(
            self._common.servers, self._common.calls, self._common.sockets.connect
        )
        build_client: Any = self._common.broker.build
        return Outside(
            clock=watcher.clock.SystemClock(wall=self._wall, elapsed=self._loop.time),
            open_store=database.opener(self._common.disk, self._world),
            open_session=lambda: session,
            build_client=build_client,
        )
