"""What a daemon takes from its machine can be handed in."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import aiomqtt

from watcher import settings
from watcher.clock import SystemClock
from watcher.daemon import app
from watcher.daemon.outside import Outside
from watcher.store import store

PRESENCE = "watcher/status/ops1"
LEAP_DAY = datetime(2096, 2, 29, tzinfo=UTC)
CONFIG = """
instance = "ops1"
rules = ["rules.yaml"]
[accounts.vyvx]
kind = "mpa"
key_id = "K"
secret = "S"
[sources.vyvx]
kind = "vyvx"
account = "vyvx"
base_url = "https://vendor.invalid"
[receivers.mqtt]
kind = "mqtt"
[mqtt]
host = "broker.invalid"
[web]
listen = ""
[control]
socket = "c.sock"
"""


async def test_a_daemon_reaches_nothing_but_what_it_was_given(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    (tmp_path / "rules.yaml").write_text("rules: [{name: blind, source: vyvx, blind: 5m}]")
    stop, asked, connected = asyncio.Event(), asyncio.Event(), asyncio.Event()
    opened = []

    @asynccontextmanager
    async def open_store(url, *, clock):
        opened.append((url, clock.now().date()))
        async with store.open(f"sqlite:///{tmp_path / 'other.db'}", clock=clock) as database:
            yield database

    async def refuse(request, handler):
        asked.set()
        raise aiohttp.ClientConnectionError(f"{request.method} {request.url.host}")

    def build_client(keys, client_id, *, will=""):
        assert (keys.host, client_id, will) == ("broker.invalid", "watcher-ops1", PRESENCE)
        connected.set()
        raise aiomqtt.MqttError("no broker here")

    outside = Outside(
        clock=SystemClock(wall=lambda: LEAP_DAY),
        open_store=open_store,
        open_session=lambda: aiohttp.ClientSession(middlewares=(refuse,)),
        build_client=build_client,
    )
    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        loaded = settings.load(config)
        group.create_task(app.run(loaded, stop=stop, outside=outside), name="daemon")
        try:
            await asked.wait()
            await connected.wait()
        finally:
            stop.set()
    assert opened == [(loaded.store.url, LEAP_DAY.date())]
