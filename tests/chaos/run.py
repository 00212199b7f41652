"""Runs a plan against real processes, waits until all is delivered, and runs the checker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos import checker
from tests.chaos.environment import TICK_SECONDS, Database, Environment, set_up
from tests.chaos.evidence import Evidence, now
from tests.chaos.plan import Plan

Scenario = Callable[[Environment], Awaitable[None]]


@dataclass(kw_only=True)
class Outcome:
    """What the checker found, and what it looked at."""

    complaints: list[str]
    evidence: Evidence
    kills: int
    seconds: float

    def figures(self, plan: Plan) -> dict[str, Any]:
        """Say in figures what was tried and seen."""
        events = [
            message for message in self.evidence.messages if message.topic == "watcher/events"
        ]
        kinds = [disruption.kind for disruption in self.evidence.disruptions]
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
            "sessions_taken_over": kinds.count("session"),
            "database_restarts": kinds.count("database"),
            "database_locks": kinds.count("lock"),
            "clock_jumps": kinds.count("clock"),
            "faults": sum(
                bool(action.change and "fault" in action.change) for action in plan.actions
            ),
            "transitions": sum(
                bool(action.change and "vyvx" in action.change) for action in plan.actions
            ),
            "polls": len(self.evidence.polls),
            "diagnostics": len(self.evidence.diagnostics_calls),
            "threads": len(self.evidence.threads),
            "messages": sum(len(thread) for thread in self.evidence.threads),
            "events": len({json.loads(event.payload)["event_id"] for event in events}),
            "marked_as_possible_duplicates": marked,
            "complaints": len(self.complaints),
        }

    def _kills_at_work(self) -> int:
        """Count the kills of a daemon that had polled since its start."""
        starts = [start for start in self.evidence.disruptions if start.kind == "start"]
        at_work = 0
        for kill in self.evidence.disruptions:
            if kill.kind == "kill":
                started_at = max(
                    start.started_at
                    for start in starts
                    if start.daemon == kill.daemon and start.started_at < kill.started_at
                )
                at_work += any(
                    started_at < poll.started_at < kill.started_at and poll.daemon == kill.daemon
                    for poll in self.evidence.polls
                )
        return at_work


async def run_plan(
    plan: Plan,
    folder: Path,
    *,
    patience: float = 90.0,
    database: Database | None = None,
    launcher: tuple[str, ...] = ("-m", "watcher"),
    scenario: Scenario | None = None,
    expected: tuple[str, ...] = (),
) -> Outcome:
    """Play a plan to its end; it ends when nothing new has come for `patience` seconds.

    A `scenario` replaces the plan's actions. With `expected` a complaint that has one of
    these in it is waited for.
    """
    started_at = now()
    async with set_up(plan, folder, database=database, launcher=launcher) as environment:
        await (scenario(environment) if scenario else _carry_out(plan, environment))
        await environment.change(clear="all")
        evidence, complaints = await _wait_for_quiet(environment, patience, expected)
        return Outcome(
            complaints=complaints,
            evidence=evidence,
            kills=sum(daemon.kills for daemon in environment.daemons),
            seconds=now() - started_at,
        )


async def _carry_out(plan: Plan, environment: Environment) -> None:
    """Do every action in its time; one that lasts goes on beside the next.

    The plan's time stands still while every daemon takes longer to start than it should: else a
    busy machine would see them die before they have done anything.
    """
    at = 0.0

    async def wait(until: float) -> None:
        nonlocal at
        while at < until:
            started_at = now()
            await asyncio.sleep(min(TICK_SECONDS, until - at))  # the time of the plan
            if not all(daemon.lingers for daemon in environment.daemons):
                at += now() - started_at

    async with asyncio.TaskGroup() as group:
        for action in plan.actions:
            await wait(action.at)
            if action.kind == "change":
                await environment.do(action)
            else:
                group.create_task(environment.do(action), name=f"{action.kind} at {action.at:.1f}")
        await wait(plan.ends)


async def _wait_for_quiet(
    environment: Environment, patience: float, expected: tuple[str, ...]
) -> tuple[Evidence, list[str]]:
    """Wait until the checker has nothing to say, twice in a row with quiet in between."""
    loop = asyncio.get_running_loop()
    clean, last_seen, deadline = False, -1, 0.0
    while True:
        evidence = await environment.collect()
        complaints = checker.check(evidence)
        if (
            evidence.seen > last_seen
        ):  # on a busy machine the rest may take minutes, as long as it comes
            last_seen, deadline = evidence.seen, loop.time() + patience
        as_expected = any(sign in complaint for complaint in complaints for sign in expected)
        # What the keeper complains of does not go away; the rest may still come.
        quiet = not expected and len(complaints) == len(evidence.faults)
        if (quiet and clean) or as_expected or loop.time() > deadline:
            return evidence, complaints
        clean = quiet
        await asyncio.sleep(2.0)  # what is quiet says nothing
