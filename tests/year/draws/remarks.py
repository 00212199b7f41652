"""Draws what people say of announced works in Slack: that they know, or that these do not count."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tests.year.draws.rhythm import Rhythm
from tests.year.plan import Plan, Remark


def with_remarks(plan: Plan, end: datetime) -> Plan:
    """Return a plan in which people press about a third of the works; none on calm days."""
    if Rhythm.of(plan).is_calm:
        return plan
    chance = random.Random(f"{plan.seed}/remarks")  # noqa: S311  # repeatable
    remarks = [remark for remark in _remarks(chance, plan) if remark.at < end]
    facts = sorted((*plan.facts, *remarks), key=lambda fact: fact.at)
    return replace(plan, facts=tuple(facts))


def _remarks(chance: random.Random, plan: Plan) -> Iterator[Remark]:
    for notice in plan.notices:
        if chance.random() < 0.65:
            continue
        seconds = chance.uniform(0.1, 0.9) * (notice.end - notice.at).total_seconds()
        yield Remark(
            at=notice.at + timedelta(seconds=round(seconds)),
            circuit=notice.circuits[0],
            what=chance.choice(("dismiss", "dismiss", "acknowledge")),
            is_sent_again=chance.random() < 0.25,
        )
