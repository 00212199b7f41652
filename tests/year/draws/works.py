"""Draws planned works: windows that are announced, moved, cancelled or completed, and outages."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

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
        facts += _of_circuit(chance, circuit, plan.begin, end)
    ordered = sorted((*plan.facts, *facts), key=lambda fact: fact.at)
    return replace(plan, circuits=(*plan.circuits, *circuits), facts=tuple(ordered))


def _of_circuit(
    chance: random.Random, circuit: Circuit, begin: datetime, end: datetime
) -> Iterator[Notice | Status]:
    """Yield one works after the other, each with what happens to the circuit around it."""
    number, at = 0, begin + _minutes(chance, 5, 60)
    while True:
        starts = at + _minutes(chance, 15, 90)
        ends = starts + _minutes(chance, 20, 120)
        if ends + _APART >= end:
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
        notices = [first, *_changes(chance, first)]
        yield from notices
        last = min(end, max(notice.end for notice in notices) + 2 * _APART)
        down_at = at + _minutes(chance, 0, 20)
        down_at = chance.choice((down_at, starts + _minutes(chance, 0, 15)))
        while down_at < last:
            up_at = min(down_at + _minutes(chance, 2, 60), end)
            yield Status(at=down_at, circuit=circuit.id, state="offline")
            yield Status(at=up_at, circuit=circuit.id, state="online")
            down_at = up_at + _APART + _minutes(chance, 0, 60)
        number, at = number + 1, max(last, down_at) + _minutes(chance, 5, 120)


def _changes(chance: random.Random, first: Notice) -> Iterator[Notice]:
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
        later = max(at, first.begin) - first.begin + _minutes(chance, 10, 60)
        first = replace(first, begin=first.begin + later, end=first.end + later)
    elif what != "old":  # which comes after the first one and was written before it
        status = "CANCELLED" if what == "cancelled" else "COMPLETED"
    sequence = 0 if what == "old" else 2
    if what == "old":
        later = _minutes(chance, 30, 60)
        first = replace(first, begin=first.begin + later, end=first.end + later)
    yield replace(first, at=at, status=status, sequence=sequence)


def _minutes(chance: random.Random, least: int, most: int) -> timedelta:
    return timedelta(minutes=chance.randint(least, most))
