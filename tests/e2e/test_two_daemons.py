"""Two daemons on one PostgreSQL: whichever is killed, stopped or frozen, the other goes on."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from tests.e2e.conftest import (
    OFFLINE,
    ONLINE,
    Daemon,
    World,
    nothing_twice,
    program,
    started,
)
from tests.e2e.test_drill import drill
from tests.eventually import eventually
from tests.servers.ports import free_port
from watcher.operations import control_socket

pytestmark = pytest.mark.broker

TAKEOVER = 10  # seconds, the budget


@dataclass(kw_only=True)
class Pair:
    """`ops1` leads at first, `ops2` is the standby."""

    ops1: Daemon
    ops2: Daemon

    async def leader(self, asked: Daemon) -> list[str]:
        answer = await control_socket.ask(asked.home / "c.sock", "GET", "/status")
        return [daemon["instance"] for daemon in answer["daemons"] if daemon["leads"]]


@pytest.fixture
async def pair(home, postgresql_url) -> AsyncIterator[Pair]:
    async with (
        instance(home, "ops1", postgresql_url) as ops1,
        instance(home, "ops2", postgresql_url) as ops2,
    ):
        yield Pair(ops1=ops1, ops2=ops2)


@asynccontextmanager
async def instance(
    home: Path, name: str, url: str, *, module: str = "watcher"
) -> AsyncIterator[Daemon]:
    """The same configuration, as on a host of its own."""
    place = home.parent / name
    place.mkdir(exist_ok=True)
    for file in ("rules.yaml", "inventory.yaml"):
        (place / file).write_text((home / file).read_text())
    config = (home / "config.toml").read_text().replace('instance = "e2e"', f'instance = "{name}"')
    port = free_port()
    (place / "port").write_text(str(port))
    config = config.replace('listen = ""', f'listen = "127.0.0.1:{port}"')
    (place / "config.toml").write_text(f'{config}\n[store]\nurl = "{url}"\n')
    async with started(place, module) as daemon:
        yield daemon


async def get(session, asked: Daemon, path: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{(asked.home / 'port').read_text()}{path}"
    async with session.get(url) as response:
        return response.status, await response.text()


async def reported(world: World) -> bool:
    """One thread with its findings, PDF and preview."""
    (parent,) = await world.parents()
    files = [
        file["name"] for reply in await world.thread(parent) for file in reply.get("files", [])
    ]
    assert sorted(name.rpartition(".")[2] for name in files) == ["pdf", "png"]
    return True


async def recovered(world: World) -> bool:
    return await last_reply_says(world, "recovered")


async def last_reply_says(world: World, word: str) -> bool:
    (parent,) = await world.parents()
    replies = await world.thread(parent)
    return word in json.dumps(replies[-1]).lower()


async def test_a_standby_is_healthy_and_shows_the_same_board(pair, world, session):
    await world.change(vyvx=OFFLINE)

    async def shown() -> bool:
        for asked in (pair.ops1, pair.ops2):
            assert (await get(session, asked, "/healthz")) == (200, "ok")
            assert (await get(session, asked, "/readyz"))[0] == 200
            status, board = await get(session, asked, "/")
            assert status == 200
            assert "1 open</h1>" in board
            assert "USA East is offline" in board
            assert "standby" in board
            listed = json.loads((await get(session, asked, "/api/v1/incidents"))[1])["incidents"]
            assert len(listed) == 1
        return True

    await eventually(shown)


async def test_one_leads_and_the_status_of_both_names_it(pair):
    for asked in (pair.ops1, pair.ops2):
        answer = await control_socket.ask(asked.home / "c.sock", "GET", "/status")
        assert [(daemon["instance"], daemon["leads"]) for daemon in answer["daemons"]] == [
            ("ops1", True),
            ("ops2", False),
        ]
        assert [source["source"] for source in answer["sources"]] == ["vyvx"]


async def test_the_leader_is_killed_and_the_other_steps_within_ten_seconds(world, pair):
    await world.change(vyvx=OFFLINE)
    await eventually(lambda: reported(world))
    pair.ops1.process.kill()
    await world.change(vyvx=ONLINE)
    await eventually(lambda: recovered(world), within=TAKEOVER)
    await nothing_twice(world)
    assert await pair.leader(pair.ops2) == ["ops2"]
    assert (await world.calls())["lumen.diagnostics"] == 1


async def test_a_leader_killed_during_a_delivery_loses_and_repeats_nothing(world, pair):
    hang = {"vendor": "slack", "kind": "hang", "endpoint": "chat.postMessage", "times": 1}
    await world.change(fault=hang)
    await world.change(vyvx=OFFLINE)

    async def posting() -> bool:
        return (await world.calls())["slack.chat.postMessage"] >= 1

    await eventually(posting)
    pair.ops1.process.kill()
    await world.change(clear="slack")
    await eventually(lambda: reported(world), within=30)
    await world.change(vyvx=ONLINE)
    await eventually(lambda: recovered(world), within=TAKEOVER)
    await nothing_twice(world)


async def test_a_frozen_leader_is_replaced_and_ends_when_it_wakes(world, pair):
    await world.change(vyvx=OFFLINE)
    await eventually(lambda: reported(world))
    pair.ops1.process.send_signal(signal.SIGSTOP)
    await world.change(vyvx=ONLINE)
    await eventually(lambda: recovered(world), within=TAKEOVER)
    pair.ops1.process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(10):
        assert await pair.ops1.process.wait() == 1
    last = pair.ops1.log.read_text().splitlines()[-1]
    assert "another" in last
    assert "must restart" in last
    assert "Traceback" not in pair.ops1.log.read_text()
    await nothing_twice(world)
    assert await pair.leader(pair.ops2) == ["ops2"]


async def test_a_leader_that_is_stopped_hands_over_at_once(world, pair):
    await world.change(vyvx=OFFLINE)
    await eventually(lambda: reported(world))
    assert await pair.ops1.stop() == 0
    await world.change(vyvx=ONLINE)
    await eventually(lambda: recovered(world), within=4)
    await nothing_twice(world)


async def test_an_acknowledgement_on_the_standby_counts(world, pair):
    await world.change(vyvx=OFFLINE)
    await eventually(lambda: reported(world))
    socket = pair.ops2.home / "c.sock"
    (incident,) = (await control_socket.ask(socket, "GET", "/incidents"))["incidents"]
    answer = await control_socket.ask(
        socket, "POST", f"/incidents/{incident['id']}/ack", {"by": "ada"}
    )
    assert answer["incident"]["status"] == "acknowledged"


async def test_a_drill_on_the_standby_notifies_every_receiver_once(world, pair):
    code, output = await drill(pair.ops2.home)
    assert code == 0, output
    assert len(output.splitlines()) == 3
    assert len(await world.parents()) == 1


async def test_an_old_version_goes_on_beside_a_newer_one_and_is_refused_when_it_starts(
    world, home, pair, postgresql_url
):
    newer = "tests.e2e.newer"
    await world.change(vyvx=OFFLINE)
    await eventually(lambda: reported(world))

    async with instance(home, "ops3", postgresql_url, module=newer) as ops3:
        assert await revision(postgresql_url) == "9999"
        await world.change(vyvx=ONLINE)
        await eventually(lambda: recovered(world))
        assert await pair.leader(ops3) == ["ops1"]
        assert await ops3.stop() == 0

    pair.ops1.process.kill()
    await world.change(vyvx=OFFLINE)
    await eventually(lambda: last_reply_says(world, "again: "), within=TAKEOVER)
    assert await pair.leader(pair.ops2) == ["ops2"]

    code, output = await refused(pair.ops1)
    assert code == 1
    assert "written by a newer Watcher (its tables are at revision 9999, this version" in output
    assert output.endswith("install that version again, or restore a backup")

    async with instance(home, "ops3", postgresql_url, module=newer):
        assert await pair.ops2.stop() == 0
        await world.change(vyvx=ONLINE)
        await eventually(lambda: recovered(world))
    await nothing_twice(world)


async def revision(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("SELECT version_num FROM alembic_version")
    finally:
        await connection.close()


async def refused(daemon: Daemon) -> tuple[int, str]:
    """How it ends when it is started again, and its last line."""
    config = str(daemon.home / "config.toml")
    async with program("watcher", "run", "--config", config, log=daemon.log) as process:
        async with asyncio.timeout(60):
            code = await process.wait()
    return code, daemon.log.read_text().splitlines()[-1]
