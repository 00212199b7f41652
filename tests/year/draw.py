"""Draws a plan from a seed: what goes down and for how long, and what breaks meanwhile."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.year import faults
from tests.year.draws.bookings import draw_bookings
from tests.year.draws.kinds import with_kinds
from tests.year.draws.lines import draw_lines
from tests.year.draws.people import draw_people
from tests.year.draws.storms import draw_storms
from tests.year.plan import Circuit, Fact, Plan, Rule, Status

RULE = Rule(
    name="down",
    to=("offline",),
    hold=timedelta(seconds=20),
    keep=timedelta(minutes=1),
    escalate=timedelta(minutes=15),
)
# Clocks change, months and years end, and a February has one day more.
_NIGHTS = (
    datetime(2027, 3, 28, tzinfo=UTC),
    datetime(2027, 10, 31, tzinfo=UTC),
    datetime(2027, 12, 31, tzinfo=UTC),
    datetime(2028, 2, 29, tzinfo=UTC),
)
QUIET = timedelta(hours=2)  # at the end, for what is still to be said
# How often is looked where nothing happens: on dense days and on calm ones.
_OFTEN = {"history": timedelta(minutes=15), "idle": timedelta(minutes=10)}
_SELDOM = {
    "line_interval": timedelta(minutes=30),
    "works_interval": timedelta(minutes=30),
    "history": timedelta(hours=6),
    "idle": timedelta(hours=1),
    "watch": timedelta(minutes=4),
    "retention": timedelta(days=4),
}


def draw(seed: int, days: float = 1.0) -> Plan:
    """Return the plan of a seed, always the same; it begins shortly before a special night.

    Of more than two days most are calm, with one daemon, or they would take too long to run.
    """
    chance = random.Random(f"{seed}/plan")  # noqa: S311  # repeatable
    begin = chance.choice(_NIGHTS) - timedelta(hours=chance.uniform(0, 24 * days / 2))
    begin = begin.replace(microsecond=0)
    end = begin + timedelta(days=days)
    calm, busy_until = max(1.0, days / 2), end - QUIET
    count = chance.randint(3, 8)
    circuits = tuple(Circuit(id=f"10{n:02}", name=f"Feed {n:02}") for n in range(count))
    statuses = [
        status
        for circuit in circuits
        for status in _changes(chance, circuit, begin, busy_until, calm)
    ]
    of_iod = random.Random(f"{seed}/connections")  # noqa: S311  # repeatable
    connections = tuple(
        Circuit(id=f"IOD-{n}", name=f"IOD-{n}", vendor="iod")
        for n in range(of_iod.choice((0, 0, 1, 3)))
    )
    for circuit in connections:
        statuses += _changes(of_iod, circuit, begin, busy_until, calm)
    statuses.sort(key=lambda fact: (fact.at, fact.circuit))
    lines = draw_lines(seed, begin, busy_until, calm=calm)
    booked = draw_bookings(seed, circuits, begin, busy_until)
    storms = draw_storms(seed, begin, busy_until, calm=calm)
    people = draw_people(seed, statuses, begin, busy_until, calm=calm)
    facts: list[Fact] = sorted(
        (*statuses, *lines.facts, *people, *booked, *storms.facts), key=lambda fact: fact.at
    )
    news = [fact.at for fact in facts]
    machines = 1 if calm > 1 else faults.daemons(seed)
    plan = Plan(
        seed=seed,
        begin=begin,
        end=end,
        rules=(RULE,),
        circuits=(*circuits, *storms.circuits, *connections),
        thresholds=(lines.rule,),
        lines=lines.lines,
        settle=lines.settle,
        storm=storms.limit,
        facts=tuple(facts),
        daemons=machines,
        faults=faults.draw(seed, news, begin, busy_until, machines=machines, calm=calm),
        interval=timedelta(seconds=chance.choice((300, 600, 900) if calm > 1 else (30, 60, 120))),
        **(_SELDOM if calm > 1 else _OFTEN),
    )
    return with_kinds(plan, busy_until)


def _changes(
    chance: random.Random, circuit: Circuit, begin: datetime, end: datetime, calm: float
) -> Iterator[Status]:
    """Yield states in turn: hours up, and down for seconds to hours, sometimes in a flurry."""
    at, flurry = begin, 0
    for state in itertools.cycle(("offline", "online")):
        if state == "offline" and flurry == 0:
            at += timedelta(hours=calm * chance.expovariate(1 / 6))
            flurry = chance.choice((0, 0, 0, 4))
        else:
            at += timedelta(seconds=10 ** chance.uniform(1, 2 if flurry else 4))
            flurry = max(0, flurry - 1)
        at = at.replace(microsecond=0)
        if at >= end:
            if state == "online":
                yield Status(at=end, circuit=circuit.id, state=state)
            return
        yield Status(at=at, circuit=circuit.id, state=state)
