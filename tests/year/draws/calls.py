"""Draws whom nobody's answer calls: long outages, during which a reload changes who comes when."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tests.year.plan import Circuit, Plan, Reload, Status

CIRCUIT = Circuit(id="1092", name="Feed 92")
_SHARE = 0.3  # of the seeds
_STEPS = ((5, 15), (5, 25), (10, 20), (15, 5), (20, 10), (25, 5))  # minutes: duty, boss


def with_calls(plan: Plan, end: datetime) -> Plan:
    """Return a plan with such outages and reloads; most seeds have none."""
    chance = random.Random(f"{plan.seed}/calls")  # noqa: S311  # repeatable
    if chance.random() >= _SHARE:
        return plan
    duty, boss = chance.choice(_STEPS)
    first = Reload(at=plan.begin, escalate=_minutes(duty), boss=_minutes(boss))
    rules = (replace(rule, escalate=first.escalate, boss=first.boss) for rule in plan.rules)
    facts = (*plan.facts, *_outages(chance, plan.begin, end, first))
    return replace(
        plan,
        rules=tuple(rules),
        circuits=(*plan.circuits, CIRCUIT),
        facts=tuple(sorted(facts, key=lambda fact: fact.at)),
    )


def _outages(
    chance: random.Random, begin: datetime, end: datetime, rules: Reload
) -> Iterator[Status | Reload]:
    """Yield outages; during each the rules change after one step and before the other."""
    at = begin
    while True:
        at += _minutes(chance.randint(20, 40))
        up_at = at + _minutes(chance.randint(45, 80))
        if up_at >= end:
            return
        yield Status(at=at, circuit=CIRCUIT.id, state="offline")
        yield Status(at=up_at, circuit=CIRCUIT.id, state="online")
        first = min(rules.escalate, rules.boss)
        changed = replace(rules, at=at + first + _minutes(chance.randint(4, 8)))
        taken, ahead = ("escalate", "boss") if first == rules.escalate else ("boss", "escalate")
        changes = chance.choice(
            (
                {taken: timedelta()},
                {ahead: _minutes(3), taken: _minutes(30)},
                {taken: _minutes(35)},
                {ahead: timedelta()},
            )
        )
        yield replace(changed, **changes)
        duty, boss = chance.choice(_STEPS)
        rules = Reload(at=up_at + _minutes(10), escalate=_minutes(duty), boss=_minutes(boss))
        yield rules
        at = up_at


def _minutes(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)
