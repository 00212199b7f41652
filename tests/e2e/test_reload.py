"""A reload of many rules is read beside the loops, which go on."""

from __future__ import annotations

import asyncio
import threading

import aiohttp

from tests.eventually import eventually
from tests.servers.ports import free_port
from watcher import settings
from watcher.daemon import app, factories
from watcher.operations import control_socket

CONFIG = """
rules = ["rules.yaml"]
[sources.vyvx]
kind = "vyvx"
base_url = "http://127.0.0.1:1"
[web]
listen = "127.0.0.1:{port}"
[control]
socket = "c.sock"
"""


async def test_the_loops_go_on_while_rules_are_read(tmp_path, monkeypatch):
    port = free_port()
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(port=port))
    (tmp_path / "rules.yaml").write_text("rules: [{name: blind, source: vyvx, blind: 5m}]")
    stop, reading, answered = asyncio.Event(), threading.Event(), threading.Event()
    read_rules, in_time = factories.read_rules, []

    def read_slowly(*arguments):
        reading.set()
        in_time.append(answered.wait(5))
        return read_rules(*arguments)

    async def ask(path: str) -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as response,
        ):
            return response.status

    async def ready() -> bool:
        try:
            return await ask("/readyz") == 200
        except aiohttp.ClientError:
            return False  # it does not listen yet

    async with asyncio.TaskGroup() as group:
        group.create_task(app.run(settings.load(config), stop=stop))
        try:
            await eventually(ready)
            monkeypatch.setattr(factories, "read_rules", read_slowly)
            reload = group.create_task(
                control_socket.ask(tmp_path / "c.sock", "POST", "/reload"), name="reload"
            )
            assert await asyncio.to_thread(reading.wait, 10)
            async with asyncio.timeout(5):
                assert await ask("/healthz") == 200
            assert not reload.done()
            answered.set()
            assert "1 rule in force" in (await reload)["reloaded"]
            assert in_time == [True]
        finally:
            stop.set()
