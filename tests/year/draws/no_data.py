"""Draws a line of which Orange publishes nothing for a while, and a rule that says so."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from tests.year.draws.lines import draw_line, with_line
from tests.year.draws.rhythm import Rhythm
from tests.year.plan import NoData, Plan, Quirk

LINE = "EVPL-94"
_SHARE = 0.3  # of the seeds
_AFTER = 45  # minutes
_SHORT, _LONG = (15, 30), (75, 150)


def with_no_data(plan: Plan, end: datetime) -> Plan:
    """Return a plan with such a rule, its line and gaps; most seeds have none."""
    chance = random.Random(f"{plan.seed}/no data")  # noqa: S311  # repeatable
    if chance.random() >= _SHARE:
        return plan
    rhythm = Rhythm.of(plan)
    line = draw_line(chance, LINE)
    longer = with_line(plan, line, _gaps(chance, rhythm, plan.begin, end))
    return replace(longer, no_data=NoData(line=LINE, after=rhythm.span(chance, _AFTER, _AFTER)))


def _gaps(chance: random.Random, rhythm: Rhythm, begin: datetime, end: datetime) -> Iterator[Quirk]:
    """Yield times of which nothing is published, too short for the rule or long enough."""
    at = begin
    while True:
        at += rhythm.gap(chance, 20, 60)
        until = at + rhythm.span(chance, *chance.choice((_SHORT, _LONG, _LONG)))
        if until >= end:
            return
        yield Quirk(kind="missing", at=at, until=until, line=LINE)
        at = until
