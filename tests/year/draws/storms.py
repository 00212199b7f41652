"""Draws storms: a cable on which many circuits run is cut, and comes back at once or in parts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.year.plan import Circuit, Press, Status

_LIMIT = 5  # of outages at once that have a thread each


@dataclass(frozen=True, slots=True, kw_only=True)
class Storms:
    """What a plan has of a cable: nothing in most seeds."""

    limit: int = 20  # as Watcher has it
    circuits: tuple[Circuit, ...] = ()
    facts: tuple[Status | Press, ...] = ()


def draw_storms(seed: int, begin: datetime, end: datetime, *, calm: float = 1) -> Storms:
    """Return a cable in one seed of four, cut a few times a day, some circuits of it or all."""
    chance = random.Random(f"{seed}/storms")  # noqa: S311  # repeatable
    if chance.random() < 0.7:
        return Storms()
    circuits = tuple(
        Circuit(id=f"20{n:02}", name=f"Cable {n:02}") for n in range(chance.randint(_LIMIT + 2, 12))
    )
    facts: list[Status | Press] = []
    at = begin
    while True:
        at += timedelta(seconds=round(calm * chance.expovariate(1 / (2 * 3600))))
        if at >= end:
            break
        least = chance.choice((_LIMIT - 1, _LIMIT + 1, len(circuits)))
        cut = chance.sample(circuits, chance.randint(least, len(circuits)))
        news = list(_cut(chance, cut, at, end))
        facts += news
        at = max(fact.at for fact in news)
    return Storms(limit=_LIMIT, circuits=circuits, facts=tuple(facts)) if facts else Storms()


def _cut(
    chance: random.Random, circuits: list[Circuit], at: datetime, end: datetime
) -> Iterator[Status | Press]:
    """Yield how circuits go down within seconds, or minutes, and come back until `end`."""
    within = chance.choice((0, 0, 0, 20, 90))
    back_at = at + _span(chance, 180, 10_000)
    apart = chance.choice((0, 0, 5, 300))  # while they come back, if not at once
    again = chance.choice((0, 0, 0, 120, 900))  # until some of them fail again
    for number, circuit in enumerate(circuits):
        down = at + timedelta(seconds=chance.randint(0, within))
        up = min(back_at + timedelta(seconds=number * apart), end)
        if down >= up:
            continue
        yield Status(at=down, circuit=circuit.id, state="offline")
        yield Status(at=up, circuit=circuit.id, state="online")
        down = up + timedelta(seconds=again)
        if again and down < end and chance.random() < 0.5:
            yield Status(at=down, circuit=circuit.id, state="offline")
            up = min(down + _span(chance, 120, 3600), end)
            yield Status(at=up, circuit=circuit.id, state="online")
    if chance.random() < 0.5:
        yield Press(
            at=min(at + _span(chance, 60, 3600), end),
            circuit=chance.choice(circuits).id,
            what=chance.choice(("ack", "ack", "note")),
            times=chance.choice((1, 2)),
        )


def _span(chance: random.Random, least: float, most: float) -> timedelta:
    """Return some seconds, rather few than many."""
    return timedelta(seconds=round(least * (most / least) ** chance.random()))
