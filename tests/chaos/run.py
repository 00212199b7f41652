"""Plays a plan against real processes, waits until all is told, and gives the checker's verdict."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.chaos import checker, processes, readers
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
class Outcome:
    """What the checker found, and what it looked at."""

    complaints: list[str]
    evidence: Evidence
    kills: int
    seconds: float

    def figures(self, plan: Plan) -> dict[str, Any]:
        """Say in figures what was tried and seen."""
        events = [one for one in self.evidence.messages if one.topic == "watcher/events"]
        kinds = [one.kind for one in self.evidence.violence]
        marked = sum(
            "possible duplicate" in json.dumps(message)
            for thread in self.evidence.threads
            for message in thread
        )
        return {
            "seed": plan.seed,
            "daemons": plan.daemons,
            "seconds": round(self.seconds),
            "kills": self.kills,
            "kills_at_work": self._kills_at_work(),
            "stops": kinds.count("stop"),
            "freezes": kinds.count("freeze"),
            "broker_restarts": kinds.count("broker"),
            "database_restarts": kinds.count("database"),
            "clock_jumps": kinds.count("clock"),
            "faults": sum(bool(deed.what and "fault" in deed.what) for deed in plan.deeds),
            "transitions": sum(bool(deed.what and "vyvx" in deed.what) for deed in plan.deeds),
            "polls": len(self.evidence.polls),
            "diagnostics": len(self.evidence.examined),
            "threads": len(self.evidence.threads),
            "messages": sum(len(thread) for thread in self.evidence.threads),
            "events": len({json.loads(one.payload)["event_id"] for one in events}),
            "marked_as_possible_duplicates": marked,
            "complaints": len(self.complaints),
        }

    def _kills_at_work(self) -> int:
        """Count the kills of a daemon that had polled since its start."""
        starts = [one for one in self.evidence.violence if one.kind == "start"]
        found = 0
        for kill in self.evidence.violence:
            if kill.kind == "kill":
                began = max(
                    one.began
                    for one in starts
                    if one.daemon == kill.daemon and one.began < kill.began
                )
                found += any(
                    began < poll.began < kill.began and poll.daemon == kill.daemon
                    for poll in self.evidence.polls
                )
        return found


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
    restart_database: Callable[[], None] = lambda: None

    async def do(self, deed: Deed) -> None:
        daemon = self.daemons[deed.daemon]
        match deed.kind:
            case "change":
                await processes.control(self.session, self.addresses, **(deed.what or {}))
            case "kill":
                await daemon.kill()
            case "stop":
                await daemon.stop()
            case "freeze":
                await daemon.freeze(deed.lasts)
            case "broker":
                began = now()
                await self.broker.stop()
                await asyncio.sleep(deed.lasts)
                await self.broker.start()
                self.violence.append(Violence(kind="broker", began=began, ended=now()))
            case "clock":
                if processes.FAKETIME:
                    daemon.jump(deed.lasts)
            case "database":
                began = now()
                await asyncio.to_thread(self.restart_database)
                self.violence.append(Violence(kind="database", began=began, ended=now()))

    async def collect(self) -> Evidence:
        url = f"{self.addresses['control_url']}/record"
        async with self.session.get(url, params={"after": len(self.heard)}) as answer:
            self.heard += (await answer.json())["heard"]
        threads = await self.channel.threads()
        return Evidence(
            polls=sorted(map(_poll, _of(self.heard, "vyvx.active")), key=lambda one: one.began),
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
            restart_database=database.restart if database else lambda: None,
        )


async def play(
    plan: Plan,
    folder: Path,
    *,
    patience: float = 90.0,
    database: Database | None = None,
    launcher: tuple[str, ...] = ("-m", "watcher"),
    expected: str = "",
) -> Outcome:
    """Play a plan to its end; `patience` in seconds is how long it may take to tell the rest.

    A complaint that has `expected` in it ends the waiting.
    """
    began = now()
    async with stage(plan, folder, database=database, launcher=launcher) as world:
        await _act(plan, world)
        await processes.control(world.session, world.addresses, clear="all")
        evidence, complaints = await _settle(world, patience, expected)
        return Outcome(
            complaints=complaints,
            evidence=evidence,
            kills=sum(daemon.kills for daemon in world.daemons),
            seconds=now() - began,
        )


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _working(daemon: processes.Daemon) -> None:
    for _ in range(600):
        if daemon.works:
            return
        await asyncio.sleep(TICK_SECONDS)


async def _act(plan: Plan, world: Stage) -> None:
    """Do every deed in its time; what lasts goes on beside the next.

    The plan's time stands still while every daemon takes longer to start than it should: else a
    busy machine would see them die before they have done anything.
    """
    at = 0.0

    async def wait(until: float) -> None:
        nonlocal at
        while at < until:
            began = now()
            await asyncio.sleep(min(TICK_SECONDS, until - at))
            if not all(daemon.lingers for daemon in world.daemons):
                at += now() - began

    async with asyncio.TaskGroup() as group:
        for deed in plan.deeds:
            await wait(deed.at)
            if deed.kind == "change":
                await world.do(deed)
            else:
                group.create_task(world.do(deed), name=f"{deed.kind} at {deed.at:.1f}")
        await wait(plan.ends)


async def _settle(world: Stage, patience: float, expected: str) -> tuple[Evidence, list[str]]:
    """Wait until the checker has nothing to say, twice in a row with quiet in between."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    clean = False
    while True:
        evidence = await world.collect()
        complaints = checker.check(evidence)
        found = expected and any(expected in complaint for complaint in complaints)
        hopeless = found or evidence.faults or loop.time() > deadline
        if (not complaints and clean) or (complaints and hopeless):
            return evidence, complaints
        clean = not complaints
        await asyncio.sleep(2.0)


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
