"""Draws whom nobody's answer calls: long outages, during which a reload changes who comes when."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tests.year.draws.rhythm import Rhythm
from tests.year.plan import Circuit, Plan, Reload, Status

CIRCUIT = Circuit(id="1092", name="Feed 92")
_SHARE = 0.3  # of the seeds
_STEPS = ((5, 15), (5, 25), (10, 20), (15, 5), (20, 10), (25, 5))  # minutes: duty, boss


def with_calls(plan: Plan, end: datetime) -> Plan:
    """Return a plan with such outages and reloads; most seeds have none."""
    chance = random.Random(f"{plan.seed}/calls")  # noqa: S311  # repeatable
    if chance.random() >= _SHARE:
        return plan
    rhythm = Rhythm.of(plan)
    first = _steps(chance, rhythm, plan.begin)
    rules = (replace(rule, escalate=first.escalate, boss=first.boss) for rule in plan.rules)
    facts = (*plan.facts, *_outages(chance, rhythm, end, first))
    return replace(
        plan,
        rules=tuple(rules),
        circuits=(*plan.circuits, CIRCUIT),
        facts=tuple(sorted(facts, key=lambda fact: fact.at)),
    )


def _outages(
    chance: random.Random, rhythm: Rhythm, end: datetime, rules: Reload
) -> Iterator[Status | Reload]:
    """Yield outages; during each the rules change after one step and before the other."""
    at = rules.at
    while True:
        at += rhythm.gap(chance, 20, 40)
        up_at = at + rhythm.span(chance, 45, 80)
        if up_at >= end:
            return
        yield Status(at=at, circuit=CIRCUIT.id, state="offline")
        yield Status(at=up_at, circuit=CIRCUIT.id, state="online")
        first = min(rules.escalate, rules.boss)
        changed = replace(rules, at=at + first + rhythm.span(chance, 4, 8))
        taken, ahead = ("escalate", "boss") if first == rules.escalate else ("boss", "escalate")
        changes = chance.choice(
            (
                {taken: timedelta()},
                {ahead: _minutes(rhythm, 3), taken: _minutes(rhythm, 30)},
                {taken: _minutes(rhythm, 35)},
                {ahead: timedelta()},
            )
        )
        yield replace(changed, **changes)
        rules = _steps(chance, rhythm, up_at + _minutes(rhythm, 10))
        yield rules
        at = up_at


def _steps(chance: random.Random, rhythm: Rhythm, at: datetime) -> Reload:
    """Return after how long the rules call somebody from a time on."""
    duty, boss = (_minutes(rhythm, minutes) for minutes in chance.choice(_STEPS))
    return Reload(at=at, escalate=duty, boss=boss)


def _minutes(rhythm: Rhythm, minutes: int) -> timedelta:
    return rhythm.of_spans * timedelta(minutes=minutes)
