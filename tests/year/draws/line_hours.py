"""Draws a threshold that applies at certain hours: they begin and end while its line is full."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from tests.year.draws.hours import draw_window
from tests.year.draws.lines import draw_line, with_line
from tests.year.draws.rhythm import Rhythm
from tests.year.peers.series import DIRECTIONS
from tests.year.plan import Load, Plan

LINE = "EVPL-95"
FULL, CALM = 98, 20  # percent
_SHARE = 0.3  # of the seeds


def with_line_hours(plan: Plan, end: datetime) -> Plan:
    """Return a plan with such a threshold, its line and loads; most seeds have none."""
    chance = random.Random(f"{plan.seed}/line hours")  # noqa: S311  # repeatable
    if chance.random() >= _SHARE:
        return plan
    rhythm = Rhythm.of(plan)
    line = draw_line(chance, LINE)
    longer = with_line(plan, line, _loads(chance, rhythm, plan.begin, end))
    return replace(longer, line_hours=draw_window(chance, rhythm, plan, LINE))


def _loads(chance: random.Random, rhythm: Rhythm, begin: datetime, end: datetime) -> Iterator[Load]:
    """Yield hours in which it is full: for minutes, or over an edge."""
    at = begin
    while True:
        at += rhythm.gap(chance, 15, 40)
        until = at + rhythm.span(chance, *chance.choice(((10, 25), (70, 150))))
        if until >= end:
            return
        way = chance.choice(DIRECTIONS)
        yield Load(at=at, line=LINE, direction=way, percent=FULL)
        yield Load(at=until, line=LINE, direction=way, percent=CALM)
        at = until
