"""Watcher as a process, in a world of simulated vendors that the test itself serves."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import aiomqtt
import pytest
from aiohttp import web

from tests.eventually import eventually
from tests.servers.ports import free_port
from tests.unit.cli.conftest import logs_as_before
from watcher import simulator

__all__ = ["logs_as_before"]  # a command sets up the logging of its process

CHANNEL_HEADERS = {"Authorization": "Bearer xoxb-simulated"}
WHOLE = {"include_all_metadata": "true", "limit": "999"}

CONFIG = """
instance = "e2e"
rules = ["rules.yaml"]
inventory = "inventory.yaml"

[accounts.vyvx]
kind = "mpa"
key_id = "{vyvx_key_id}"
secret = "{vyvx_secret}"

[accounts.lumen]
kind = "oauth2"
token_url = "{lumen_token_url}"
client_id = "{lumen_client_id}"
client_secret = "{lumen_client_secret}"

[sources.vyvx]
kind = "vyvx"
account = "vyvx"
base_url = "{vyvx_url}"
interval = "200ms"
fast_interval = "100ms"
blind_after = "2s"

[diagnostics]
account = "lumen"
base_url = "{lumen_url}"

[receivers.noc]
kind = "slack"
channel = "{slack_channel}"

[receivers.mqtt]
kind = "mqtt"

[slack]
bot_token = "{slack_bot_token}"
api_url = "{slack_api_url}"

[mqtt]
host = "127.0.0.1"
port = {mqtt_port}

[web]
listen = ""

[control]
socket = "c.sock"
"""

RULES = """
rules:
  - name: vyvx-service-down
    source: vyvx
    transition: {field: state, to: [offline]}
    severity: critical
    title: "{{ name }} is {{ state }}: {{ side }}"
    diagnose: true
  - name: vyvx-blind
    source: vyvx
    blind: 2s
    severity: warning
    title: "{{ source }} cannot be seen"
"""

INVENTORY = """
subjects:
  vyvx/1234567: {service_ids: [SVC1], contacts: {lumen: "Lumen NOC, +1 555 0100"}}
"""


OFFLINE = {"id": "1234567", "state": "offline", "ingress_state": "online", "message": "TS Loss"}
ONLINE = {"id": "1234567", "state": "online"}


@dataclass(kw_only=True)
class World:
    """The simulator, spoken to as a person may: over HTTP."""

    addresses: dict[str, Any]
    session: aiohttp.ClientSession

    async def change(self, **what: Any) -> None:
        address = f"{self.addresses['control_url']}/change"
        async with self.session.post(address, json=what) as response:
            assert response.status == 200, await response.text()

    async def calls(self) -> dict[str, int]:
        async with self.session.get(f"{self.addresses['control_url']}/calls") as response:
            return (await response.json())["calls"]

    async def report(self, service_id: str) -> bytes:
        address = f"{self.addresses['control_url']}/reports/{service_id}.pdf"
        async with self.session.get(address) as response:
            assert response.status == 200
            return await response.read()

    async def slack(self, method: str, **arguments: Any) -> dict[str, Any]:
        address = f"{self.addresses['slack_api_url']}{method}"
        arguments.setdefault("channel", self.addresses["credentials"]["slack_channel"])
        async with self.session.get(address, params=arguments, headers=CHANNEL_HEADERS) as response:
            answer = await response.json()
        assert answer["ok"], answer
        return answer

    async def parents(self) -> list[dict[str, Any]]:
        """What stands in the channel, oldest first, without what a thread sent there as well."""
        messages = (await self.slack("conversations.history", **WHOLE))["messages"][::-1]
        return [
            message
            for message in messages
            if message.get("thread_ts", message["ts"]) == message["ts"]
        ]

    async def thread(self, parent: dict[str, Any]) -> list[dict[str, Any]]:
        """The replies of a thread, in order."""
        return (await self.slack("conversations.replies", ts=parent["ts"], **WHOLE))["messages"][1:]

    async def download(self, file: dict[str, Any]) -> bytes:
        async with self.session.get(
            file["url_private_download"], headers=CHANNEL_HEADERS
        ) as response:
            assert response.status == 200
            return await response.read()


async def nothing_twice(world: World) -> None:
    (parent,) = await world.parents()
    replies = await world.thread(parent)
    marks = [
        reply["metadata"]["event_payload"].get("event_id")
        for reply in replies
        if reply.get("metadata")
    ]
    assert marks
    assert len(marks) == len(set(marks))
    assert sum(len(reply.get("files", [])) for reply in replies) == 2


@dataclass(kw_only=True)
class Daemon:
    """One `watcher run`; `log` is where it writes."""

    process: asyncio.subprocess.Process
    log: Path
    home: Path

    async def stop(self, *, within: float = 25) -> int:
        self.process.terminate()
        async with asyncio.timeout(within):
            return await self.process.wait()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@asynccontextmanager
async def program(*arguments: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *arguments, stdout=asyncio.subprocess.PIPE, stderr=errors
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
async def world(session) -> AsyncIterator[World]:
    async with simulator.Simulator(simulator.load("quiet"), with_broker=False) as vendors:
        yield World(addresses=vendors.addresses(), session=session)


@dataclass
class Subscriber:
    """What a program sees that subscribed before anything happened."""

    messages: list[tuple[str, bytes, bool]] = field(default_factory=list)

    def last(self, prefix: str) -> bytes:
        return [payload for topic, payload, _ in self.messages if topic.startswith(prefix)][-1]

    def documents(self) -> dict[str, dict[str, Any]]:
        """The newest document of each incident, by its rule."""
        documents = [
            json.loads(payload)
            for topic, payload, _ in self.messages
            if topic.startswith("watcher/incidents/") and topic.count("/") == 2
        ]
        return {document["rule"]: document for document in documents}

    def document(self) -> dict:
        return self.documents()["vyvx-service-down"]

    def events(self) -> list[dict]:
        return [json.loads(p) for topic, p, _ in self.messages if topic == "watcher/events"]


@pytest.fixture
def subscribed(mosquitto):
    @asynccontextmanager
    async def subscribe() -> AsyncIterator[Subscriber]:
        seen = Subscriber()
        async with aiomqtt.Client(
            "127.0.0.1", mosquitto.port, protocol=aiomqtt.ProtocolVersion.V5
        ) as client:
            await client.subscribe("watcher/#", qos=1)

            async def listen() -> None:
                async for message in client.messages:
                    seen.messages.append(
                        (str(message.topic), bytes(message.payload), message.retain)
                    )

            async with asyncio.TaskGroup() as group:
                task = group.create_task(listen(), name="subscriber")
                yield seen
                task.cancel()

    return subscribe


@pytest.fixture
def home(world, mosquitto, tmp_path) -> Path:
    """A configured installation, not started."""
    place = tmp_path / "h"
    place.mkdir()
    values = {**world.addresses, **world.addresses["credentials"], "mqtt_port": mosquitto.port}
    (place / "config.toml").write_text(CONFIG.format(**values))
    (place / "rules.yaml").write_text(RULES)
    (place / "inventory.yaml").write_text(INVENTORY)
    return place


@asynccontextmanager
async def started(home: Path, module: str = "watcher") -> AsyncIterator[Daemon]:
    """Run `watcher run`; it counts as started when its control socket answers."""
    log = home / "daemon.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            "run",
            "--config",
            str(home / "config.toml"),
            stdout=output,
            stderr=output,
        )
    try:

        async def listening() -> bool:
            assert process.returncode is None, log.read_text()
            return _takes_connections(home / "c.sock")

        await eventually(listening)
        yield Daemon(process=process, log=log, home=home)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _takes_connections(path: Path) -> bool:
    """Return whether somebody listens: the file is there a moment before, or of one that died."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


@pytest.fixture
def daemon(home):
    """Start `watcher run` on one installation, any number of times."""
    return lambda: started(home)


class Bridge:
    """What was posted, by rule, in order."""

    def __init__(self) -> None:
        self.posts: list[dict] = []

    async def take(self, request: web.Request) -> web.Response:
        self.posts.append(await request.json())
        return web.Response()

    def of(self, rule: str) -> list[str]:
        return [post["status"] for post in self.posts if post["rule"] == rule]

    def has(self, rule: str, *statuses: str):
        async def posted() -> bool:
            return list(dict.fromkeys(self.of(rule))) == list(statuses)

        return posted


@pytest.fixture
async def bridge(home) -> AsyncIterator[Bridge]:
    """A webhook of the installation, named bridge."""
    bridge, port = Bridge(), free_port()
    app = web.Application()
    app.add_routes([web.post("/hook", bridge.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    config = home / "config.toml"
    hook = f'\n[receivers.bridge]\nkind = "webhook"\nurl = "http://127.0.0.1:{port}/hook"\n'
    config.write_text(config.read_text() + hook)
    yield bridge
    await runner.cleanup()
