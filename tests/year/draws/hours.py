"""Draws a rule that applies at certain hours: they begin and end while its circuit is down."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.year.draws.rhythm import Rhythm
from tests.year.plan import Circuit, Plan, Status, Window

CIRCUIT = Circuit(id="1095", name="Desk 95")
_SHARE = 0.3  # of the seeds
_ZONE = ZoneInfo("Europe/Paris")
_DAY = 24 * 60  # minutes
_AT_NIGHT = (90, 120, 150, 180, 210)  # about when clocks change, minutes after midnight


def with_hours(plan: Plan, end: datetime) -> Plan:
    """Return a plan with such a rule, its circuit and outages; most seeds have none."""
    chance = random.Random(f"{plan.seed}/hours")  # noqa: S311  # repeatable
    if chance.random() >= _SHARE:
        return plan
    rhythm = Rhythm.of(plan)
    facts = (*plan.facts, *_outages(chance, rhythm, plan.begin, end))
    return replace(
        plan,
        hours=draw_window(chance, rhythm, plan, CIRCUIT.id),
        circuits=(*plan.circuits, CIRCUIT),
        facts=tuple(sorted(facts, key=lambda fact: fact.at)),
    )


def draw_window(chance: random.Random, rhythm: Rhythm, plan: Plan, circuit: str) -> Window:
    """Return hours with an edge soon after a plan begins, or where the clocks change in it."""
    shown = plan.begin.astimezone(_ZONE)
    soon = 30 * ((60 * shown.hour + shown.minute) // 30 + chance.randint(1, 4))
    if plan.end.astimezone(_ZONE).utcoffset() != shown.utcoffset() and chance.random() < 0.7:
        soon = chance.choice(_AT_NIGHT)
    other = soon + round(rhythm.of_spans) * 30 * chance.randint(1, 6)
    start, end = (soon, other) if chance.random() < 0.5 else (other, soon)
    return Window(circuit=circuit, start=start % _DAY, end=end % _DAY, zone=_ZONE.key)


def _outages(
    chance: random.Random, rhythm: Rhythm, begin: datetime, end: datetime
) -> Iterator[Status]:
    """Yield short outages and such as last over an edge."""
    at = begin
    while True:
        at += rhythm.gap(chance, 15, 28)
        up_at = at + rhythm.span(chance, *chance.choice(((6, 14), (45, 120))))
        if up_at >= end:
            return
        yield Status(at=at, circuit=CIRCUIT.id, state="offline")
        yield Status(at=up_at, circuit=CIRCUIT.id, state="online")
        at = up_at
