"""Draws lines, their loads, and what Orange does with their samples."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tests.year.peers.series import DIRECTIONS
from tests.year.plan import Line, Load, Plan, Quirk, QuirkKind, Threshold

FULL = Threshold(name="full", above=90, clear=75, consecutive=3, keep=timedelta(minutes=30))
BUSY = Threshold(name="busy", above=80, clear=70, over=timedelta(hours=1))
QUICK = Threshold(name="quick", above=90, clear=80, keep=timedelta(minutes=10))
SETTLE = timedelta(minutes=10)  # as long as a sample may go on filling, and a little more


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What a plan has of lines."""

    rule: Threshold
    lines: tuple[Line, ...]
    settle: timedelta
    facts: tuple[Load | Quirk, ...]


def draw_line(chance: random.Random, name: str) -> Line:
    """Return a line, and how late its samples are published."""
    return Line(id=name, lag=timedelta(seconds=chance.randint(0, 240)))


def with_line(plan: Plan, line: Line, facts: Iterable[Load | Quirk]) -> Plan:
    """Return a plan with one line more."""
    every = sorted((*plan.facts, *facts), key=lambda fact: fact.at)
    return replace(plan, lines=(*plan.lines, line), facts=tuple(every))


def draw_lines(seed: int, begin: datetime, end: datetime, *, calm: float = 1) -> Lines:
    """Return one to three lines, what they do, and what Orange does with their samples."""
    chance = random.Random(f"{seed}/lines")  # noqa: S311  # repeatable
    rule, settle = chance.choice((FULL, BUSY, QUICK)), chance.choice((timedelta(), SETTLE))
    lines = tuple(draw_line(chance, f"EVPL-{n:02}") for n in range(chance.randint(1, 3)))
    kinds: tuple[QuirkKind, ...] = ("late", "missing", "corrected", "future")
    facts: list[Load | Quirk] = []
    for line in lines:
        for way in DIRECTIONS:
            facts += (
                Load(at=at, line=line.id, direction=way, percent=percent)
                for at, percent in _loads(chance, rule, begin, end, calm)
            )
        # What fills needs `settle`: without it Watcher cannot know.
        may_be = (*kinds, "filling") if settle else kinds
        facts += _quirks(chance, line, begin, end, kinds=may_be, calm=calm)
    return Lines(rule=rule, lines=lines, settle=settle, facts=tuple(facts))


def _quirks(
    chance: random.Random,
    line: Line,
    begin: datetime,
    end: datetime,
    *,
    kinds: tuple[QuirkKind, ...],
    calm: float,
) -> Iterator[Quirk]:
    at = begin
    while True:
        at += timedelta(seconds=round(calm * chance.expovariate(1 / (8 * 3600))))
        until = at + _length(chance, 5, 240)
        if until >= end:
            return
        yield Quirk(
            at=at,
            until=until,
            line=line.id,
            kind=chance.choice(kinds),
            percent=chance.choice((0, 20, 99)),
        )
        at = until


def _loads(
    chance: random.Random, rule: Threshold, begin: datetime, end: datetime, calm: float
) -> Iterator[tuple[datetime, float]]:
    """Yield loads in turn: hours of calm, full for minutes to hours, perhaps between the limits."""
    at, between = begin, (rule.above + rule.clear) / 2
    while True:
        at += timedelta(seconds=round(calm * chance.expovariate(1 / (6 * 3600))))
        percents = [between, 98] if chance.random() < 0.2 else [98]
        percents += chance.choice(([], [], [between], [between, 98], [between, 20, 98]))
        for percent in percents:
            if at >= end:
                break
            yield at, percent
            at += _length(chance, 5, 400)
        at = min(at, end)
        yield at, chance.choice((5, 20, 50))
        if at >= end:
            return


def _length(chance: random.Random, least: float, most: float) -> timedelta:
    """Return some minutes, rather few than many."""
    minutes = least * (most / least) ** chance.random()
    return timedelta(seconds=round(60 * minutes))
