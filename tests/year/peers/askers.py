"""Operators who ask why: about a circuit around what becomes of it, and in quiet times."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.year.broker import Broker
from tests.year.doors import Doors
from tests.year.machine import Machine
from tests.year.peers.people import newest
from tests.year.plan import Circuit, Plan
from tests.year.world import World

_MOST = 100  # questions in all
_MOST_OF_LONG = 40  # of a plan of more than two days
_BEFORE = timedelta(seconds=1.7)  # it changes, and not when status is asked for
_SOON = timedelta(seconds=5)  # after a poll
_ROOM = timedelta(seconds=70)  # beyond two polls and `for`, when people must know
_RESOURCE = "/why/{key}"
_INCIDENT = re.compile(r"incident (\S+)$")


class Askers:
    """They type `watcher why SUBJECT`, and then `watcher why INCIDENT`."""

    def __init__(self, world: World, doors: Doors, machines: list[Machine], broker: Broker) -> None:
        self._world = world
        self._doors = doors
        self._broker = broker
        self._asking: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        for number, (at, circuit) in enumerate(questions(world.plan)):
            seconds = (at - world.plan.begin).total_seconds()
            daemon = number % len(machines)
            self._loop.call_at(seconds, self._send, daemon, machines[daemon], circuit)

    def _send(self, daemon: int, machine: Machine, circuit: Circuit) -> None:
        self._loop.call_soon(self._begin, daemon, circuit, context=machine.context())

    def _begin(self, daemon: int, circuit: Circuit) -> None:
        task = asyncio.create_task(self._ask(daemon, circuit))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, daemon: int, circuit: Circuit) -> None:
        code, answer = await self._doors.ask(_RESOURCE, key=circuit.subject)
        asked = self._world.now()
        names = [_INCIDENT.search(line) for line in _lines(code, answer)]
        named = next((name.group(1) for name in names if name), "")
        shown = newest(self._broker, circuit.subject)
        incident = named or (shown[1] if shown else "")
        its_code, its_answer = 0, None
        if incident:
            its_code, its_answer = await self._doors.ask(_RESOURCE, key=incident)
        self._world.record(
            "why",
            daemon=daemon,
            circuit=circuit.id,
            asked=asked,
            code=code,
            answer=answer,
            incident=incident,
            incident_code=its_code,
            incident_answer=its_answer,
        )


def questions(plan: Plan) -> list[tuple[datetime, Circuit]]:
    """Return when they ask about which circuit."""
    wanted = sorted(set(_wanted(plan)), key=lambda question: (question[0], question[1].id))
    inside = [question for question in wanted if plan.begin < question[0] < plan.end]
    most = _MOST if plan.end - plan.begin <= timedelta(days=2) else _MOST_OF_LONG
    step = max(1, -(-len(inside) // most))
    return inside[::step]


def _wanted(plan: Plan) -> Iterator[tuple[datetime, Circuit]]:
    circuits = {circuit.id: circuit for circuit in plan.circuits}
    hold = max((rule.hold for rule in plan.rules), default=timedelta())
    for fact in plan.statuses:
        circuit = circuits[fact.circuit]
        yield fact.at - _BEFORE, circuit
        yield fact.at + plan.interval + _SOON, circuit
        yield fact.at + hold + 2 * plan.interval + _ROOM, circuit
    for number, circuit in enumerate(plan.circuits):
        yield plan.begin + (number + 1) / (len(circuits) + 1) * (plan.end - plan.begin), circuit


def _lines(code: int, answer: Any) -> list[str]:
    """Return the lines of an answer; none where it was refused."""
    return list(answer["why"]) if code == 200 else []
