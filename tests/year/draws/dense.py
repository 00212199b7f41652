"""Draws episodes: in some seeds one circuit fails every half hour, and each time something breaks.

A seed has a fault in two hours otherwise, and few of them come while it matters. An episode's fault
is aimed: a crash just after a post, an answer that is lost, a daemon that stands still between what
it saw and what it says, a clock that is set while `for` counts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tests.year.draws.rhythm import Rhythm
from tests.year.faults import Crash, Fault, Freeze, SlackFault, WrongClock
from tests.year.plan import Circuit, Plan, Status

CIRCUIT = Circuit(id="1090", name="Feed 90")
INTERVAL = timedelta(seconds=30)  # between polls; what is due comes soon after each fault
HOLD = timedelta(minutes=2)  # `for`
_SHARE = 0.3  # of the seeds


def with_episodes(plan: Plan, end: datetime) -> Plan:
    """Return a plan with its episodes until `end`; most seeds have none, and no calm days."""
    chance = random.Random(f"{plan.seed}/dense")  # noqa: S311  # repeatable
    if Rhythm.of(plan).is_calm or chance.random() >= _SHARE:
        return plan
    statuses: list[Status] = []
    faults: list[Fault] = []
    at = plan.begin + _minutes(chance, 5, 30)
    while (up_at := at + _minutes(chance, 18, 30)) < end:
        statuses.append(Status(at=at, circuit=CIRCUIT.id, state="offline"))
        statuses.append(Status(at=up_at, circuit=CIRCUIT.id, state="online"))
        faults += _aimed(chance, at, chance.randrange(plan.daemons))
        at = up_at + _minutes(chance, 18, 30)
    return replace(
        plan,
        rules=tuple(replace(rule, hold=HOLD) for rule in plan.rules),
        circuits=(*plan.circuits, CIRCUIT),
        facts=tuple(sorted((*plan.facts, *statuses), key=lambda fact: fact.at)),
        faults=tuple(sorted((*plan.faults, *faults), key=lambda fault: fault.at)),
        interval=INTERVAL,
    )


def _aimed(chance: random.Random, at: datetime, daemon: int) -> Iterator[Fault]:
    """Yield what breaks when a circuit has failed at a time."""
    seen = at + _seconds(chance, 0, 150)  # about when it is seen, or shown
    match chance.choice(("crash", "answer", "freeze", "clock")):
        case "crash":
            until, steps = at + _minutes(chance, 4, 6), chance.randrange(4)
            yield Crash(at=at, until=until, steps=steps, after_post=True, daemon=daemon)
        case "answer":
            yield SlackFault(at=at, until=at + _minutes(chance, 3, 5), kind="answer_lost")
        case "freeze":
            yield Freeze(at=seen, until=seen + _seconds(chance, 70, 240), daemon=daemon)
        case _:
            by = _minutes(chance, 3, 600) * chance.choice((1, -1))
            until = seen + _minutes(chance, 10, 15)
            yield WrongClock(at=seen, until=until, by=by, daemon=daemon)


def _seconds(chance: random.Random, least: int, most: int) -> timedelta:
    return timedelta(seconds=chance.randint(least, most))


def _minutes(chance: random.Random, least: int, most: int) -> timedelta:
    return _seconds(chance, 60 * least, 60 * most)
