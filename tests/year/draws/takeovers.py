"""Draws takeovers between clocks that differ: a daemon dies while somebody is soon to be called."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

from tests.year.faults import Crash, Fault, WrongClock
from tests.year.plan import Circuit, Plan, Status

CIRCUIT = Circuit(id="1097", name="Feed 97")
_SHARE = 0.4  # of the seeds with two daemons
_ESCALATE = timedelta(minutes=20)


def with_takeovers(plan: Plan, end: datetime) -> Plan:
    """Return a plan with such takeovers; most seeds have none."""
    chance = random.Random(f"{plan.seed}/takeovers")  # noqa: S311  # repeatable
    if plan.daemons < 2 or chance.random() >= _SHARE:
        return plan
    statuses: list[Status] = []
    faults: list[Fault] = []
    at = plan.begin + _minutes(chance, 20, 60)
    while (up_at := at + _minutes(chance, 45, 70)) < end:
        statuses.append(Status(at=at, circuit=CIRCUIT.id, state="offline"))
        statuses.append(Status(at=up_at, circuit=CIRCUIT.id, state="online"))
        by = _minutes(chance, 30, 600) * chance.choice((1, -1))
        since, until = at - _minutes(chance, 1, 15), up_at - _minutes(chance, 1, 15)
        faults.append(WrongClock(at=since, until=until, by=by, daemon=chance.randrange(2)))
        first = chance.randrange(2)  # one of the two leads
        for daemon, dies_at in (
            (first, _minutes(chance, 4, 6)),
            (1 - first, _minutes(chance, 9, 14)),
        ):
            back_at = at + dies_at + _minutes(chance, 1, 3)
            faults.append(Crash(at=at + dies_at, until=back_at, daemon=daemon))
        at = up_at + _minutes(chance, 40, 80)  # what comes sooner may be of the same incident
    return replace(
        plan,
        rules=tuple(replace(rule, escalate=rule.escalate or _ESCALATE) for rule in plan.rules),
        circuits=(*plan.circuits, CIRCUIT),
        facts=tuple(sorted((*plan.facts, *statuses), key=lambda fact: fact.at)),
        faults=tuple(sorted((*plan.faults, *faults), key=lambda fault: fault.at)),
    )


def _minutes(chance: random.Random, least: int, most: int) -> timedelta:
    return timedelta(seconds=chance.randint(60 * least, 60 * most))
