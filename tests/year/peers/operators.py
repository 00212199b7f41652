"""Operators, who ask each daemon how Watcher is: each hour, and more often around what breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.year.doors import Doors
from tests.year.machine import Machine
from tests.year.plan import Plan
from tests.year.world import World

_SECONDS_AFTER = (65, 200, 500, 1000)  # the beginning of a fault
_SECONDS_OVER = (60, 300, 900)  # its end
_APART = timedelta(seconds=20)  # at least; several faults may come together
_PATIENCE = 60.0  # seconds
_HOURS_IN_ALL = 48  # at which anybody asks who has seen nothing break


class Operators:
    """They type `watcher status` on each machine, and read the whole answer."""

    def __init__(self, world: World, doors: Doors, machines: list[Machine]) -> None:
        self._world = world
        self._doors = doors
        self._machines = machines
        self._asking: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        for at in times(world.plan):
            self._loop.call_at((at - world.plan.begin).total_seconds(), self._ask_all)

    def _ask_all(self) -> None:
        for number, machine in enumerate(self._machines):
            self._loop.call_soon(self._begin, number, context=machine.context())

    def _begin(self, number: int) -> None:
        task = asyncio.create_task(self._ask(number))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def read_ledger(self) -> None:
        """Read the ledger of the whole plan on the first machine."""
        plan = self._world.plan
        task = self._loop.create_task(self._read_ledger(plan), context=self._machines[0].context())
        await asyncio.wait([task], timeout=_PATIENCE)

    async def _read_ledger(self, plan: Plan) -> None:
        circuits: dict[str, Any] = {}
        error = ""
        try:
            circuits = await self._doors.read_ledger(plan.begin, plan.end)
        except Exception as surprise:  # noqa: BLE001  # the law tells it
            error = repr(surprise)
        self._world.record("ledger", error=error, circuits=circuits)

    async def _ask(self, number: int) -> None:
        code, report = await self._doors.ask("/status")
        self._world.record("status", daemon=number, code=code, report=report)


def times(plan: Plan) -> list[datetime]:
    """Return when they ask."""
    chosen: list[datetime] = []
    for at in sorted({at for at in _wanted(plan) if plan.begin <= at < plan.end}):
        if not chosen or at - chosen[-1] >= _APART:
            chosen.append(at)
    return chosen


def _wanted(plan: Plan) -> Iterator[datetime]:
    hours = max(1, round((plan.end - plan.begin) / timedelta(hours=_HOURS_IN_ALL)))
    at = plan.end - timedelta(seconds=1)
    while at > plan.begin:
        yield at
        at -= timedelta(hours=hours)
    for fault in plan.faults:
        yield from (fault.at + timedelta(seconds=seconds) for seconds in _SECONDS_AFTER)
        yield fault.until - timedelta(seconds=1)
        yield from (fault.until + timedelta(seconds=seconds) for seconds in _SECONDS_OVER)
