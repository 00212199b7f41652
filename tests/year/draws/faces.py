"""Draws a fault that changes its face: in some seeds a circuit is offline, then degraded.

Two rules of one fault see it, and its alert passes from the one to the other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tests.year.draws.rhythm import Rhythm
from tests.year.plan import Circuit, Plan, Status

CIRCUIT = Circuit(id="1091", name="Feed 91")
FAULT = "picture"
_SHARE = 0.3  # of the seeds


def with_faces(plan: Plan, end: datetime) -> Plan:
    """Return a plan with such a circuit and its second rule; most seeds have none."""
    chance = random.Random(f"{plan.seed}/faces")  # noqa: S311  # repeatable
    if chance.random() >= _SHARE:
        return plan
    (rule,), rhythm = plan.rules, Rhythm.of(plan)
    # On calm days few polls are made while an alert is pending.
    keep = rule.hold / 2 if rhythm.is_calm else rule.keep
    rule = replace(rule, fault=FAULT, keep=keep, hold=max(rule.hold, 1.5 * keep))  # one ends before
    rules = rule, replace(rule, name="bad", to=("degraded",))
    facts = (*plan.facts, *_changes(chance, rhythm, plan.begin, end))
    return replace(
        plan,
        rules=rules,
        circuits=(*plan.circuits, CIRCUIT),
        facts=tuple(sorted(facts, key=lambda fact: fact.at)),
    )


def _changes(
    chance: random.Random, rhythm: Rhythm, begin: datetime, end: datetime
) -> Iterator[Status]:
    at = begin
    while True:
        at += rhythm.of_gaps * timedelta(seconds=chance.randint(600, 3600))
        faces = chance.randint(1, 6)
        lengths = [round(rhythm.of_spans * 10 ** chance.uniform(1, 3.1)) for _ in range(faces)]
        if at + timedelta(seconds=sum(lengths)) >= end:
            return
        state = chance.choice(("offline", "degraded"))
        for length in lengths:
            yield Status(at=at, circuit=CIRCUIT.id, state=state)
            state = "offline" if state == "degraded" else "degraded"
            at += timedelta(seconds=length)
        yield Status(at=at, circuit=CIRCUIT.id, state="online")
