"""Draws what people do: silences, and presses soon after an outage began, some late, some twice."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tests.year.plan import Press, Silence, Status


def draw_people(
    seed: int, statuses: Sequence[Status], begin: datetime, end: datetime, *, calm: float = 1
) -> Iterator[Press | Silence]:
    """Yield about a press for two outages, and a silence a day for some circuits."""
    chance = random.Random(f"{seed}/people")  # noqa: S311  # repeatable
    for status in statuses:
        if status.state == "online" or chance.random() < 0.5:
            continue
        at = status.at + timedelta(seconds=round(10 ** chance.uniform(1.5, 3.7)))
        if at < end:
            yield Press(
                at=at,
                circuit=status.circuit,
                what=chance.choice(("ack", "ack", "ack", "unack", "note")),
                times=chance.choice((1, 1, 2)),
                by=chance.choice(("ana", "bo")),
            )
    for circuit in sorted({status.circuit for status in statuses}):
        at = begin + timedelta(hours=calm * chance.expovariate(1 / 12))
        while at < end:
            starts = at + timedelta(minutes=chance.choice((0, 0, 30)))
            until = starts + timedelta(minutes=chance.choice((20, 60, 240)))
            if until < end:
                yield Silence(at=at, begin=starts, until=until, circuit=circuit)
            at = until + timedelta(hours=calm * chance.expovariate(1 / 24))
