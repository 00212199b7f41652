"""The environment of one chaos run: its processes, what is done to them, and what they leave."""

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
from typing import Any, TypeVar

import aiohttp

from tests.chaos import processes, readers
from tests.chaos.evidence import DiagnosticsCall, Disruption, Evidence, Poll, now
from tests.chaos.plan import Action, Plan
from tests.eventually import eventually
from tests.servers.mosquitto import Mosquitto

TICK_SECONDS = 0.05
RECORDED = ("vyvx.active", "lumen.diagnostics")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A PostgreSQL that the daemons share; `restart` kills its server and starts it again."""

    url: str
    restart: Callable[[], None]


@dataclass(kw_only=True)
class Environment:
    """The environment of one run."""

    plan: Plan
    addresses: dict[str, Any]
    session: aiohttp.ClientSession
    broker: Mosquitto
    subscriber: readers.Subscriber
    channel: readers.Channel
    daemons: list[processes.Daemon]
    disruptions: list[Disruption] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    database: Database | None = None

    async def change(self, **change: Any) -> None:
        """Let one thing happen at the vendors."""
        url = f"{self.addresses['control_url']}/change"
        async with self.session.post(url, json=change) as answer:
            assert answer.status == 200, await answer.text()

    async def do(self, action: Action) -> None:
        daemon = self.daemons[action.daemon]
        match action.kind:
            case "change":
                await self.change(**(action.change or {}))
            case "kill":
                await daemon.kill()
            case "stop":
                await daemon.stop()
            case "freeze":
                await daemon.freeze(asyncio.sleep(action.seconds))  # so long it is frozen
            case "clock":
                if processes.FAKETIME:
                    daemon.jump(action.seconds)
            case _:
                started_at = now()
                await self._disrupt(action)
                self.disruptions.append(
                    Disruption(kind=action.kind, started_at=started_at, ended_at=now())
                )

    async def _disrupt(self, action: Action) -> None:
        """Disrupt what the daemons depend on."""
        match action.kind:
            case "broker":
                await self.broker.stop()
                await asyncio.sleep(action.seconds)  # so long it is away
                await self.broker.start()
            case "session":
                name = f"watcher-chaos{action.daemon}"
                await readers.take_session(self.broker.port, name, action.seconds)
            case "lock":
                file = self.daemons[0].home / "watcher.db"
                await asyncio.to_thread(_hold_lock, file, action.seconds)
            case "database" if self.database:
                await asyncio.to_thread(self.database.restart)

    async def until(
        self, check: Callable[[], Awaitable[Result]], *, within: float = 120.0
    ) -> Result:
        """Return what can be seen, once it can.

        Raises TimeoutError after so many seconds, with what each daemon wrote last.
        """
        try:
            return await eventually(check, within=within)
        except (AssertionError, TimeoutError) as error:
            last = "\n".join(f"daemon {d.number}: ...{d.last_words()}" for d in self.daemons)
            raise TimeoutError(f"not seen for {within:g} s\n{last}") from error

    async def start_again(self) -> None:
        """Kill every daemon, and wait until it has come up again."""
        for daemon in self.daemons:
            await daemon.kill()
        for daemon in self.daemons:
            await eventually(lambda daemon=daemon: daemon.works, within=120)

    async def polls(self) -> list[Poll]:
        """Read what the vendor was asked and answered."""
        url = f"{self.addresses['control_url']}/record"
        async with self.session.get(url, params={"after": len(self.calls)}) as answer:
            self.calls += (await answer.json())["heard"]
        return sorted(map(_poll, _of(self.calls, "vyvx.active")), key=lambda poll: poll.started_at)

    async def collect(self) -> Evidence:
        polls = await self.polls()
        threads = await self.channel.threads()
        return Evidence(
            polls=polls,
            diagnostics_calls=sorted(
                map(_diagnostics_call, _of(self.calls, "lumen.diagnostics")),
                key=lambda run: run.started_at,
            ),
            disruptions=[
                *self.disruptions,
                *(disruption for daemon in self.daemons for disruption in daemon.disruptions),
            ],
            messages=list(self.subscriber.messages),
            retained=await readers.retained(self.broker.port),
            gaps=list(self.subscriber.gaps),
            threads=threads,
            files=await self.channel.files(threads),
            final=self.plan.final,
            faults=[fault for daemon in self.daemons for fault in daemon.complaints()],
        )


@asynccontextmanager
async def set_up(
    plan: Plan,
    folder: Path,
    *,
    database: Database | None = None,
    launcher: tuple[str, ...] = ("-m", "watcher"),
) -> AsyncIterator[Environment]:
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
            stack.push_async_callback(_cancel, keeper)
            daemons.append(daemon)
            # One after another, so that everybody knows who leads.
            await eventually(lambda daemon=daemon: daemon.works, within=120)
        yield Environment(
            plan=plan,
            addresses=addresses,
            session=session,
            broker=broker,
            subscriber=subscriber,
            channel=readers.Channel(addresses=addresses, session=session),
            daemons=daemons,
            database=database,
        )


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _hold_lock(file: Path, seconds: float) -> None:
    """Keep others from writing for so long, as a backup tool may; wait for one's turn before."""
    with contextlib.closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)  # so long it is locked
        connection.execute("ROLLBACK")


def _of(calls: list[dict[str, Any]], call: str) -> list[dict[str, Any]]:
    return [record for record in calls if record["call"] == call]


def _poll(call: dict[str, Any]) -> Poll:
    states = None
    if call["whole"]:
        services = json.loads(call["body"])["data"]["services"]
        states = {key: service["state"] for key, service in services.items()}
    return Poll(
        daemon=0 if call["host"].startswith("127.") else 1,
        started_at=call["began"],
        ended_at=call["ended"],
        states=states,
    )


def _diagnostics_call(call: dict[str, Any]) -> DiagnosticsCall:
    return DiagnosticsCall(
        service=call["query"].get("serviceId", ""),
        started_at=call["began"],
        ended_at=call["ended"],
        whole=call["whole"],
    )
