"""Operators who ask why: about a circuit or a line around what becomes of it, and in between."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tests.year.broker import Broker
from tests.year.doors import Doors
from tests.year.machine import Machine
from tests.year.peers.people import newest
from tests.year.peers.series import STEP
from tests.year.plan import Circuit, Line, Load, Plan
from tests.year.world import World

_About = TypeVar("_About", Circuit, Line)
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
        self._ask_all(questions(world.plan), machines)
        self._ask_all(questions_of_lines(world.plan), machines)

    def _ask_all(
        self, wanted: Sequence[tuple[datetime, Circuit | Line]], machines: list[Machine]
    ) -> None:
        for number, (at, about) in enumerate(wanted):
            seconds = (at - self._world.plan.begin).total_seconds()
            daemon = number % len(machines)
            self._loop.call_at(seconds, self._send, daemon, machines[daemon], about)

    def _send(self, daemon: int, machine: Machine, about: Circuit | Line) -> None:
        self._loop.call_soon(self._begin, daemon, about, context=machine.context())

    def _begin(self, daemon: int, about: Circuit | Line) -> None:
        task = asyncio.create_task(self._ask(daemon, about))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, daemon: int, about: Circuit | Line) -> None:
        code, answer = await self._doors.ask(_RESOURCE, key=about.subject)
        asked = self._world.now()
        names = [_INCIDENT.search(line) for line in _lines(code, answer)]
        named = next((name.group(1) for name in names if name), "")
        shown = newest(self._broker, about.subject)
        incident = named or (shown[1] if shown else "")
        its_code, its_answer = 0, None
        if incident:
            its_code, its_answer = await self._doors.ask(_RESOURCE, key=incident)
        is_line = isinstance(about, Line)
        self._world.record(
            "why line" if is_line else "why",
            daemon=daemon,
            **{"line" if is_line else "circuit": about.id},
            asked=asked,
            code=code,
            answer=answer,
            incident=incident,
            incident_code=its_code,
            incident_answer=its_answer,
        )


def questions(plan: Plan) -> list[tuple[datetime, Circuit]]:
    """Return when they ask about which circuit."""
    return _some(plan, set(_wanted(plan)))


def questions_of_lines(plan: Plan) -> list[tuple[datetime, Line]]:
    """Return when they ask about which line."""
    return _some(plan, set(_wanted_of_lines(plan)))


def _some(plan: Plan, wanted: set[tuple[datetime, _About]]) -> list[tuple[datetime, _About]]:
    """Return questions in the order of time, and not too many of them."""
    inside = sorted(
        (question for question in wanted if plan.begin < question[0] < plan.end),
        key=lambda question: (question[0], question[1].id),
    )
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


def _wanted_of_lines(plan: Plan) -> Iterator[tuple[datetime, Line]]:
    lines = {line.id: line for line in plan.lines}
    over = max((rule.over + rule.consecutive * STEP for rule in plan.thresholds), default=STEP)
    keep = max((rule.keep for rule in plan.thresholds), default=timedelta())
    for fact in (fact for fact in plan.facts if isinstance(fact, Load)):
        line = lines[fact.line]
        known_at = fact.at + line.lag + plan.settle + STEP + plan.line_interval
        yield known_at + _SOON, line
        yield known_at + over + plan.line_interval + _ROOM, line
        yield known_at + over + keep + plan.line_interval + _ROOM, line
    for number, line in enumerate(plan.lines):
        yield plan.begin + (number + 1) / (len(lines) + 1) * (plan.end - plan.begin), line


def _lines(code: int, answer: Any) -> list[str]:
    """Return the lines of an answer; none where it was refused."""
    return list(answer["why"]) if code == 200 else []
