"""Draws planned works: windows that are announced, moved, cancelled or completed, and outages."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tests.year.draws.rhythm import Rhythm
from tests.year.plan import Circuit, Notice, Plan, Status, WorkStatus

_APART = timedelta(minutes=40)  # between outages: what ended just before would be opened again


def with_works(plan: Plan, end: datetime) -> Plan:
    """Return a plan with works on circuits of their own until `end`, in one seed of three."""
    chance = random.Random(f"{plan.seed}/works")  # noqa: S311  # repeatable
    if chance.random() < 0.65:
        return plan
    circuits = tuple(Circuit(id=f"30{n:02}", name=f"Site {n:02}") for n in range(2))
    facts: list[Notice | Status] = []
    for circuit in circuits:
        facts += _of_circuit(chance, Rhythm.of(plan), circuit, plan.begin, end)
    ordered = sorted((*plan.facts, *facts), key=lambda fact: fact.at)
    return replace(plan, circuits=(*plan.circuits, *circuits), facts=tuple(ordered))


def _of_circuit(
    chance: random.Random, rhythm: Rhythm, circuit: Circuit, begin: datetime, end: datetime
) -> Iterator[Notice | Status]:
    """Yield one works after the other, each with what happens to the circuit around it."""
    number, at, apart = 0, begin + rhythm.gap(chance, 5, 60), rhythm.of_spans * _APART
    while True:
        starts = at + rhythm.span(chance, 15, 90)
        ends = starts + rhythm.span(chance, 20, 120)
        if ends + apart >= end:
            return
        first = Notice(
            at=at,
            works=f"CHG-{circuit.id}-{number}",
            begin=starts,
            end=ends,
            circuits=(circuit.id,),
            status=chance.choice(("TENTATIVE", "CONFIRMED")),
            impact=chance.choice(("OUTAGE", "OUTAGE", "OUTAGE", "NO-IMPACT")),
        )
        notices = [first, *_changes(chance, rhythm, first)]
        yield from notices
        last = min(end, max(notice.end for notice in notices) + 2 * apart)
        down_at = at + rhythm.span(chance, 0, 20)
        down_at = chance.choice((down_at, starts + rhythm.span(chance, 0, 15)))
        while down_at < last:
            up_at = min(down_at + rhythm.span(chance, 2, 60), end)
            yield Status(at=down_at, circuit=circuit.id, state="offline")
            yield Status(at=up_at, circuit=circuit.id, state="online")
            down_at = up_at + apart + rhythm.span(chance, 0, 60)
        number, at = number + 1, max(last, down_at) + rhythm.gap(chance, 5, 120)


def _changes(chance: random.Random, rhythm: Rhythm, first: Notice) -> Iterator[Notice]:
    """Yield what the carrier says of works later."""
    what = chance.choice(("", "", "moved", "cancelled", "completed", "old"))
    if not what:
        return
    at = first.at + chance.uniform(0.1, 0.9) * (first.end - first.at)
    at = at.replace(microsecond=0)
    if what == "completed":
        at = first.begin + chance.uniform(0.2, 0.9) * (first.end - first.begin)
        at = at.replace(microsecond=0)
    status: WorkStatus = first.status
    if what == "moved":
        status = chance.choice(("RE-SCHEDULED", "CONFIRMED"))
        later = max(at, first.begin) - first.begin + rhythm.span(chance, 10, 60)
        first = replace(first, begin=first.begin + later, end=first.end + later)
    elif what != "old":  # which comes after the first one and was written before it
        status = "CANCELLED" if what == "cancelled" else "COMPLETED"
    sequence = 0 if what == "old" else 2
    if what == "old":
        later = rhythm.span(chance, 30, 60)
        first = replace(first, begin=first.begin + later, end=first.end + later)
    yield replace(first, at=at, status=status, sequence=sequence)
