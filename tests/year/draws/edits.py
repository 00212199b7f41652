"""Draws silences that somebody changes: ends early, makes longer, or replaces by a shorter one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tests.year.plan import Circuit, Fact, Plan, Silence, Status, Unsilence

CIRCUIT = Circuit(id="1093", name="Feed 93")
_SHARE = 0.3  # of the seeds
_HOUR = timedelta(hours=1)


def with_edits(plan: Plan, end: datetime) -> Plan:
    """Return a plan with such silences; most seeds have none."""
    chance = random.Random(f"{plan.seed}/edits")  # noqa: S311  # repeatable
    if chance.random() >= _SHARE:
        return plan
    facts: list[Fact] = []
    at = plan.begin + _minutes(chance, 5, 40)
    while at + 2 * _HOUR < end:
        facts += _episode(chance, at)
        at += 2 * _HOUR + _minutes(chance, 5, 40)
    return replace(
        plan,
        circuits=(*plan.circuits, CIRCUIT),
        facts=tuple(sorted((*plan.facts, *facts), key=lambda fact: fact.at)),
    )


def _episode(chance: random.Random, at: datetime) -> Iterator[Fact]:
    """Yield two hours: a silence, an outage under it, and what somebody makes of the silence."""
    changed_at, circuit = at + _minutes(chance, 8, 20), CIRCUIT.id
    kind = chance.choice(("ended", "extended", "replaced"))
    until = at + (_minutes(chance, 25, 35) if kind == "extended" else 2 * _HOUR)
    yield Silence(at=at, begin=at, until=until, circuit=circuit)
    yield Status(at=at + _minutes(chance, 2, 7), circuit=circuit, state="offline")
    if kind != "extended":
        yield Unsilence(at=changed_at, circuit=circuit, asked=at)
    if kind != "ended":
        last = at + (2 * _HOUR if kind == "extended" else _minutes(chance, 30, 50))
        asked = changed_at - timedelta(minutes=1)
        yield Silence(at=asked, begin=asked, until=last, circuit=circuit)
    yield Status(at=at + _minutes(chance, 70, 85), circuit=circuit, state="online")


def _minutes(chance: random.Random, least: int, most: int) -> timedelta:
    return timedelta(minutes=chance.randint(least, most))
