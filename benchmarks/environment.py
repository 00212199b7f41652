"""A vendor and a Slack that answer at once, and a real `watcher run` between them, for benchmarks.

The daemon is a process of its own, on SQLite in a temporary folder; vendor and Slack are here, so
that one clock times both ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import socket
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from builds import Build

from tests.servers.world import FIRST, World

CONFIG = """
instance = "bench"
rules = ["rules.yaml"]
inventory = "inventory.yaml"
[store]
url = "sqlite:///watcher.db"
[sources.vyvx]
kind = "vyvx"
base_url = "{url}/vyvx"
interval = "{interval}"
fast_interval = "{interval}"
[receivers.noc]
kind = "slack"
channel = "C0000000001"
{mqtt}
[slack]
bot_token = "xoxb-bench"
api_url = "{url}/api/"
[web]
listen = ""
[control]
socket = "control.sock"
"""
MQTT = """
[receivers.mqtt]
kind = "mqtt"
[mqtt]
host = "127.0.0.1"
port = {port}
protocol = "3.1.1"
"""


@dataclass(kw_only=True)
class Environment:
    """The world, the daemon's folder, and how to start it."""

    world: World
    folder: Path

    @contextlib.asynccontextmanager
    async def daemon(self, build: Build) -> AsyncIterator[Daemon]:
        """Run the daemon of a build; yield it once it is READY."""
        address = self.folder / "notify"
        address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(address))
            notify.setblocking(False)
            started = time.monotonic()
            with (self.folder / "log").open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *build.watcher("run", "--config", self.folder / "config.toml"),
                    stdout=log,
                    stderr=log,
                    env={**os.environ, "NOTIFY_SOCKET": str(address)},
                )
            try:
                await self._ready(process, notify)
                daemon = Daemon(process=process, ready_after=time.monotonic() - started)
                yield dataclasses.replace(daemon, ready_cpu=daemon.cpu)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                await process.wait()

    async def _ready(self, process: asyncio.subprocess.Process, notify: socket.socket) -> None:
        """Wait for its READY. Raises RuntimeError with its log when it has ended instead."""

        async def notified() -> None:
            while b"READY=1" not in await asyncio.get_running_loop().sock_recv(notify, 4096):
                pass

        ready, ended = asyncio.create_task(notified()), asyncio.create_task(process.wait())
        try:
            async with asyncio.timeout(120):
                await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                log = (self.folder / "log").read_text(errors="replace")
                raise RuntimeError(f"the daemon ended with {process.returncode}:\n{log}")
        finally:
            ready.cancel()
            ended.cancel()

    def count(self, query: str) -> int:
        """Return how many rows the database has, asked beside the daemon."""
        with sqlite3.connect(f"file:{self.folder / 'watcher.db'}?mode=ro", uri=True) as connection:
            return int(connection.execute(f"select count(*) from {query}").fetchone()[0])  # noqa: S608  # ours


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A running daemon; `ready_after` in seconds from its start, `ready_cpu` what that took."""

    process: asyncio.subprocess.Process
    ready_after: float
    ready_cpu: float = 0.0

    @property
    def cpu(self) -> float:
        """CPU seconds that its threads have used, to the nanosecond: ticks hide an idle daemon.

        What threads that have ended used is not in it; Watcher's live as long as it does.
        """
        tasks = Path(f"/proc/{self.process.pid}/task")
        spent = ((task / "schedstat").read_text().split()[0] for task in tasks.iterdir())
        return sum(map(int, spent)) / 1e9

    @property
    def resident(self) -> int:
        """Its resident memory in bytes."""
        return self._memory("VmRSS")

    @property
    def peak(self) -> int:
        """Its largest resident memory so far, in bytes."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(name))
        return int(line.split()[1]) * 1024


@contextlib.asynccontextmanager
async def run_environment(
    services: int, rules: str, *, interval: str = "1s", inventory: str = "{}", mqtt_port: int = 0
) -> AsyncIterator[Environment]:
    """Run vendor and Slack, and write the daemon's files."""
    world = World(services={str(FIRST + number): {} for number in range(services)})
    world.set("online")
    runner = web.AppRunner(world.app(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            mqtt = MQTT.format(port=mqtt_port) if mqtt_port else ""
            text = CONFIG.format(url=url, interval=interval, mqtt=mqtt)
            (folder / "config.toml").write_text(text)
            (folder / "rules.yaml").write_text(rules)
            (folder / "inventory.yaml").write_text(inventory)
            yield Environment(world=world, folder=folder)
    finally:
        await runner.cleanup()


async def wait_until(holds: Callable[[], bool], *, seconds: float = 120.0) -> None:
    """Wait until a condition holds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  # it looks into another process
            await asyncio.sleep(0.01)
