"""A whole daemon in this process at 100,000 services, and what it is asked meanwhile."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.integration.loop import others
from tests.integration.loop.probe import Standstill, probe
from tests.servers.ports import free_port, until_it_listens
from tests.servers.world import FIRST
from watcher import settings
from watcher.daemon import app, leader
from watcher.operations import control_client

ROOT = Path(__file__).parents[3]
SERVICES = 100_000
INVENTORY = 1_000
CONFIG = """
instance = "w"
rules = ["rules.yaml"]
inventory = "inventory.yaml"
[store]
url = "sqlite:///watcher.db"
[sources.vyvx]
kind = "vyvx"
base_url = "{url}/vyvx"
interval = "1h"
fast_interval = "1s"
[sources.evpl]
kind = "evpl"
base_url = "{url}/evpl"
interval = "1h"
fast_interval = "1s"
operator_code = "X"
application_id = "Y"
[sources.iod]
kind = "internet_on_demand"
base_url = "{url}/iod"
interval = "1h"
fast_interval = "1s"
[receivers.noc]
kind = "slack"
channel = "C0000000001"
[receivers.mqtt]
kind = "mqtt"
[mqtt]
host = "127.0.0.1"
port = {mqtt}
protocol = "3.1.1"
[slack]
bot_token = "xoxb-loop"
api_url = "{url}/api/"
[web]
listen = "127.0.0.1:{web}"
[control]
socket = "c.sock"
"""
RULES = """
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}, severity: critical,
     notify: [noc, mqtt]}
  - {name: suspended, source: iod, transition: {field: status, to: suspended}}
  - {name: full, source: evpl, threshold: {metric: utilization, above: 95, consecutive: 3}}
""" + "".join(
    f"""
  - name: rule-{number}
    source: vyvx
    transition: {{field: state, from: [online], to: [degraded]}}
    for: {number}m
"""
    for number in range(1, 18)
)


class WholeDaemon:
    """The daemon, its folder, and the longest standstill of each thing that it was asked to do."""

    def __init__(self, folder: Path, *, mqtt: int) -> None:
        self.longest: dict[str, Standstill] = {}
        self._folder = folder
        self._leaders: list[leader.Leader] = []
        self._others, self._web = free_port(), free_port()
        url = f"http://127.0.0.1:{self._others}"
        config = CONFIG.format(url=url, mqtt=mqtt, web=self._web)
        (folder / "config.toml").write_text(config)
        self.write(RULES, site="NYC")

    def write(self, rules: str, *, site: str) -> None:
        """Write the files that a reload reads."""
        (self._folder / "rules.yaml").write_text(rules)
        lines = (
            f"  vyvx/{FIRST + number}: {{labels: {{customer: a{number}, site: {site}}}}}\n"
            for number in range(INVENTORY)
        )
        (self._folder / "inventory.yaml").write_text("subjects:\n" + "".join(lines))

    @property
    def leader(self) -> leader.Leader:
        return self._leaders[-1]

    @asynccontextmanager
    async def measured(self, what: str) -> AsyncIterator[None]:
        async with probe() as self.longest[what]:
            yield

    async def get(self, path: str) -> None:
        """Read a page as a browser does, without keeping it."""
        async with self.measured(path.partition("w-")[0]):
            while not await self._request(self._web, "GET", path):
                pass  # on a busy machine it takes longer than an answer may

    async def ask(self, resource: str, body: object = None) -> dict[str, Any]:
        """Ask over the control socket, from a thread that has nothing to do with the loop."""
        path, method = self._folder / "c.sock", "GET" if body is None else "POST"
        async with self.measured(resource.partition("w-")[0]):
            answer: dict[str, Any] = await asyncio.to_thread(
                control_client.ask, path, method, resource, body
            )
            return answer

    async def say(self, state: str, *, every: int) -> None:
        query = f"state={state}&services={SERVICES}&every={every}"
        await self._request(self._others, "POST", f"/state?{query}")

    async def poll(self, what: str, source: str) -> None:
        poller = self.leader.pollers[source]
        async with self.measured(what):
            await poller._poll()

    async def _request(self, port: int, verb: str, path: str) -> bool:
        """Return whether there was an answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"{verb} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.read(65_536)
        assert not answer or b" 200 " in answer.partition(b"\r\n")[0], answer
        while await reader.read(65_536):
            pass
        writer.close()
        return bool(answer)

    @asynccontextmanager
    async def others_serving(self) -> AsyncIterator[None]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", others.__name__, str(self._others)), cwd=ROOT
        )
        try:
            await until_it_listens(self._others, process)
            yield
        finally:
            process.terminate()
            await process.wait()

    @asynccontextmanager
    async def running(self, what: str, monkeypatch) -> AsyncIterator[None]:
        """Run it; it has polled all of its sources when this is entered."""
        built = leader.Leader.__init__

        def build(self_, **parts) -> None:
            built(self_, **parts)
            self._leaders.append(self_)

        stop, before = asyncio.Event(), len(self._leaders)
        loaded = settings.load(self._folder / "config.toml")
        with monkeypatch.context() as patch:
            patch.setattr(leader.Leader, "__init__", build)
            async with asyncio.TaskGroup() as group:
                async with self.measured(what):
                    daemon = group.create_task(app.run(loaded, stop=stop), name="app")
                    while len(self._leaders) == before or not self._have_all_polled():
                        await asyncio.wait([daemon], timeout=0.02)
                        assert not daemon.done()
                try:
                    yield
                finally:
                    stop.set()

    def _have_all_polled(self) -> bool:
        state = self.leader.state
        return state is not None and not any(map(state.is_awaited, state.ruleset.sources))
