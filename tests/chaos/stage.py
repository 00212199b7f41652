"""The world of one chaos run: its processes, what is done to them, and what they leave behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.chaos import processes, readers
from tests.chaos.evidence import Evidence, Examined, Poll, Violence, now
from tests.chaos.plan import Deed, Plan
from tests.receivers.mosquitto import Mosquitto

TICK_SECONDS = 0.05
RECORDED = ("vyvx.active", "lumen.diagnostics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A PostgreSQL that the daemons share; `restart` kills its server and starts it again."""

    url: str
    restart: Callable[[], None]


@dataclass(kw_only=True)
class Stage:
    """The world of one run."""

    plan: Plan
    addresses: dict[str, Any]
    session: aiohttp.ClientSession
    broker: Mosquitto
    subscriber: readers.Subscriber
    channel: readers.Channel
    daemons: list[processes.Daemon]
    violence: list[Violence] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    database: Database | None = None

    async def change(self, **what: Any) -> None:
        """Let one thing happen at the vendors."""
        url = f"{self.addresses['control_url']}/change"
        async with self.session.post(url, json=what) as answer:
            assert answer.status == 200, await answer.text()

    async def do(self, deed: Deed) -> None:
        daemon = self.daemons[deed.daemon]
        match deed.kind:
            case "change":
                await self.change(**(deed.what or {}))
            case "kill":
                await daemon.kill()
            case "stop":
                await daemon.stop()
            case "freeze":
                await daemon.freeze(asyncio.sleep(deed.lasts))
            case "clock":
                if processes.FAKETIME:
                    daemon.jump(deed.lasts)
            case _:
                began = now()
                await self._strike(deed)
                self.violence.append(Violence(kind=deed.kind, began=began, ended=now()))

    async def _strike(self, deed: Deed) -> None:
        """Strike what the daemons depend on."""
        match deed.kind:
            case "broker":
                await self.broker.stop()
                await asyncio.sleep(deed.lasts)
                await self.broker.start()
            case "session":
                name = f"watcher-chaos{deed.daemon}"
                await readers.take_session(self.broker.port, name, deed.lasts)
            case "lock":
                file = self.daemons[0].home / "watcher.db"
                await asyncio.to_thread(_hold_lock, file, deed.lasts)
            case "database" if self.database:
                await asyncio.to_thread(self.database.restart)

    async def until(self, look: Callable[[], Awaitable[object]], *, within: float = 120.0) -> None:
        """Wait until something can be seen. Raises TimeoutError after so many seconds."""
        async with asyncio.timeout(within):
            while not await look():  # noqa: ASYNC110  # in another process
                await asyncio.sleep(TICK_SECONDS)

    async def polls(self) -> list[Poll]:
        """Read what the vendor was asked and answered."""
        url = f"{self.addresses['control_url']}/record"
        async with self.session.get(url, params={"after": len(self.heard)}) as answer:
            self.heard += (await answer.json())["heard"]
        return sorted(map(_poll, _of(self.heard, "vyvx.active")), key=lambda one: one.began)

    async def collect(self) -> Evidence:
        polls = await self.polls()
        threads = await self.channel.threads()
        return Evidence(
            polls=polls,
            examined=sorted(
                map(_examined, _of(self.heard, "lumen.diagnostics")), key=lambda one: one.began
            ),
            violence=[*self.violence, *(one for each in self.daemons for one in each.violence)],
            messages=list(self.subscriber.messages),
            retained=await readers.retained(self.broker.port),
            deaf=list(self.subscriber.deaf),
            threads=threads,
            files=await self.channel.files(threads),
            final=self.plan.final,
            faults=[fault for each in self.daemons for fault in each.complaints()],
        )


@asynccontextmanager
async def stage(
    plan: Plan,
    folder: Path,
    *,
    database: Database | None = None,
    launcher: tuple[str, ...] = ("-m", "watcher"),
) -> AsyncIterator[Stage]:
    """Set everything up, and leave no process behind."""
    async with AsyncExitStack() as stack:
        addresses = await stack.enter_async_context(processes.vendors(folder, plan.subjects))
        broker = Mosquitto(folder)
        await broker.start()
        stack.push_async_callback(broker.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        url = f"{addresses['control_url']}/record"
        async with session.post(url, json={"calls": RECORDED}) as answer:
            assert answer.status == 200
        subscriber = await stack.enter_async_context(readers.subscribed(broker.port))
        daemons = []
        for number in range(plan.daemons):
            processes.install(
                folder,
                addresses,
                number=number,
                subjects=plan.subjects,
                mqtt_port=broker.port,
                database=database.url if database else "sqlite:///watcher.db",
            )
            daemon = processes.Daemon(
                number=number, home=folder, launcher=launcher, may_die=plan.daemons > 1
            )
            stack.push_async_callback(daemon.end)
            await daemon.start()
            keeper = asyncio.create_task(daemon.keep(), name=f"keeper {number}")
            stack.push_async_callback(_end, keeper)
            daemons.append(daemon)
            await _working(daemon)  # one after another, so that everybody knows who leads
        yield Stage(
            plan=plan,
            addresses=addresses,
            session=session,
            broker=broker,
            subscriber=subscriber,
            channel=readers.Channel(addresses=addresses, session=session),
            daemons=daemons,
            database=database,
        )


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _working(daemon: processes.Daemon) -> None:
    for _ in range(600):
        if daemon.works:
            return
        await asyncio.sleep(TICK_SECONDS)


def _hold_lock(file: Path, seconds: float) -> None:
    """Keep others from writing for so long, as a backup tool may; wait for one's turn before."""
    with contextlib.closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")


def _of(heard: list[dict[str, Any]], call: str) -> list[dict[str, Any]]:
    return [one for one in heard if one["call"] == call]


def _poll(heard: dict[str, Any]) -> Poll:
    states = None
    if heard["whole"]:
        services = json.loads(heard["body"])["data"]["services"]
        states = {key: service["state"] for key, service in services.items()}
    return Poll(
        daemon=0 if heard["host"].startswith("127.") else 1,
        began=heard["began"],
        ended=heard["ended"],
        states=states,
    )


def _examined(heard: dict[str, Any]) -> Examined:
    return Examined(
        service=heard["query"].get("serviceId", ""),
        began=heard["began"],
        ended=heard["ended"],
        whole=heard["whole"],
    )
