"""Draws a plan from a seed: what goes down and for how long, and what breaks meanwhile."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.year.plan import Circuit, Crash, Fault, Plan, Rule, SlackFault, Status, VendorFault

RULE = Rule(name="down", to=("offline",), hold=timedelta(seconds=20), keep=timedelta(minutes=1))
# Clocks change, months and years end, and a February has one day more.
_NIGHTS = (
    datetime(2027, 3, 28, tzinfo=UTC),
    datetime(2027, 10, 31, tzinfo=UTC),
    datetime(2027, 12, 31, tzinfo=UTC),
    datetime(2028, 2, 29, tzinfo=UTC),
)
QUIET = timedelta(hours=2)  # at the end, for what is still to be said


def draw(seed: int, days: float = 1.0) -> Plan:
    """Return the plan of a seed, always the same; it begins shortly before a special night."""
    chance = random.Random(f"{seed}/plan")  # noqa: S311  # repeatable
    begin = chance.choice(_NIGHTS) - timedelta(hours=chance.uniform(0, 24 * days / 2))
    begin = begin.replace(microsecond=0)
    end = begin + timedelta(days=days)
    count = chance.randint(3, 8)
    circuits = tuple(Circuit(id=f"10{n:02}", name=f"Feed {n:02}") for n in range(count))
    facts = [fact for circuit in circuits for fact in _changes(chance, circuit, begin, end - QUIET)]
    facts.sort(key=lambda fact: (fact.at, fact.circuit))
    faults = [*_faults(chance, facts, begin, end - QUIET)]
    faults.sort(key=lambda fault: fault.at)
    return Plan(
        seed=seed,
        begin=begin,
        end=end,
        rules=(RULE,),
        circuits=circuits,
        facts=tuple(facts),
        faults=tuple(faults),
        interval=timedelta(seconds=chance.choice((30, 60, 120))),
        idle=timedelta(seconds=20),
    )


def _changes(
    chance: random.Random, circuit: Circuit, begin: datetime, end: datetime
) -> Iterator[Status]:
    """Yield states in turn: hours up, and down for seconds to hours, sometimes in a flurry."""
    at, flurry = begin, 0
    for state in itertools.cycle(("offline", "online")):
        if state == "offline" and flurry == 0:
            at += timedelta(hours=chance.expovariate(1 / 6))
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


def _faults(
    chance: random.Random, facts: list[Status], begin: datetime, end: datetime
) -> Iterator[Fault]:
    """Yield about one fault in two hours, half of them soon after something has changed."""
    for _ in range(round((end - begin) / timedelta(hours=2))):
        at = begin + chance.random() * (end - begin)
        if facts and chance.random() < 0.5:
            at = chance.choice(facts).at + timedelta(seconds=chance.uniform(0, 150))
        if at >= end:
            continue
        until = at + timedelta(seconds=10 ** chance.uniform(0.5, 3))
        match chance.choice(("crash", "vendor", "slack", "answer")):
            case "crash":
                yield Crash(at=at, until=at + timedelta(seconds=5), steps=chance.randint(0, 40))
            case "vendor":
                yield VendorFault(at=at, until=until)
            case "slack":
                yield SlackFault(at=at, until=until, kind="down")
            case _:
                yield SlackFault(at=at, until=until, kind="answer_lost")
