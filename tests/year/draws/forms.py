"""Draws silences that somebody asks for by a form in Slack: for a while, until a time, or resolved.

An outage, a form about it, and another outage soon after, which may be under the same silence.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tests.year.draws.rhythm import Rhythm
from tests.year.plan import Circuit, Fact, Form, Plan, Status

CIRCUIT = Circuit(id="1096", name="Feed 96")
_SHARE = 0.3  # of the seeds
_LONG = timedelta(days=8)  # more than a silence may last unasked


def with_forms(plan: Plan, end: datetime) -> Plan:
    """Return a plan with such forms until `end`; most seeds have none, and no calm days."""
    chance = random.Random(f"{plan.seed}/forms")  # noqa: S311  # repeatable
    if Rhythm.of(plan).is_calm or chance.random() >= _SHARE:
        return plan
    facts: list[Fact] = []
    at = plan.begin + _minutes(chance, 5, 20)
    while True:
        episode = list(_episode(chance, at))
        at = max(fact.at for fact in episode)
        if at >= end:
            break
        facts += episode
        at += _minutes(chance, 20, 40)
    return replace(
        plan,
        circuits=(*plan.circuits, CIRCUIT),
        facts=tuple(sorted((*plan.facts, *facts), key=lambda fact: fact.at)),
    )


def _episode(chance: random.Random, at: datetime) -> Iterator[Fact]:
    up_at = at + _minutes(chance, 30, 60)
    asked_at = at + _minutes(chance, 5, 14)
    form = Form(
        at=asked_at,
        circuit=CIRCUIT.id,
        length=chance.choice(("30m", "30m", "1h", "4h", "resolved")),
        is_sent_again=chance.random() < 0.25,
    )
    if chance.random() < 0.3:
        until = (asked_at + _minutes(chance, 15, 50)).replace(second=0)
        form = replace(form, until=chance.choice((until, until, asked_at + _LONG)))
    yield Status(at=at, circuit=CIRCUIT.id, state="offline")
    yield form
    is_long = form.length == "4h" or (form.until and form.until - form.at > timedelta(hours=1))
    if is_long or chance.random() < 0.3:
        yield replace(form, at=min(asked_at + _minutes(chance, 5, 20), up_at), what="unsilence")
    yield Status(at=up_at, circuit=CIRCUIT.id, state="online")
    again_at = up_at + _minutes(chance, 20, 30)
    yield Status(at=again_at, circuit=CIRCUIT.id, state="offline")
    yield Status(at=again_at + _minutes(chance, 12, 30), circuit=CIRCUIT.id, state="online")


def _minutes(chance: random.Random, least: int, most: int) -> timedelta:
    return timedelta(seconds=chance.randint(60 * least, 60 * most))
