"""Draws silences that somebody changes: ends early, makes longer, or replaces by a shorter one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tests.year.draws.rhythm import Rhythm
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
    rhythm = Rhythm.of(plan)
    length = 2 * _HOUR * rhythm.of_spans
    at = plan.begin + rhythm.gap(chance, 5, 40)
    while at + length < end:
        facts += _episode(chance, rhythm, at, at + length)
        at += length + rhythm.gap(chance, 5, 40)
    return replace(
        plan,
        circuits=(*plan.circuits, CIRCUIT),
        facts=tuple(sorted((*plan.facts, *facts), key=lambda fact: fact.at)),
    )


def _episode(chance: random.Random, rhythm: Rhythm, at: datetime, end: datetime) -> Iterator[Fact]:
    """Yield a silence, an outage under it, and what somebody makes of the silence."""
    changed_at, circuit = at + rhythm.span(chance, 8, 20), CIRCUIT.id
    kind = chance.choice(("ended", "extended", "replaced"))
    until = at + rhythm.span(chance, 25, 35) if kind == "extended" else end
    yield Silence(at=at, begin=at, until=until, circuit=circuit)
    yield Status(at=at + rhythm.span(chance, 2, 7), circuit=circuit, state="offline")
    if kind != "extended":
        yield Unsilence(at=changed_at, circuit=circuit, asked=at)
    if kind != "ended":
        last = end if kind == "extended" else at + rhythm.span(chance, 30, 50)
        asked = changed_at - timedelta(minutes=1)
        yield Silence(at=asked, begin=asked, until=last, circuit=circuit)
    yield Status(at=at + rhythm.span(chance, 70, 85), circuit=circuit, state="online")
