"""Draws what goes by the clocks of a place, on nights on which these change: a window, a rota."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.year.draws.rhythm import Rhythm
from tests.year.plan import Circuit, Plan, Rota, Status, Window

CIRCUIT = Circuit(id="1094", name="Feed 94")
_SHARE = 0.5  # of the seeds with such a night
_STARTS = ("18:00", "01:30", "02:00", "02:30")
_ENDS = ("02:00", "02:30", "03:00", "03:30")
_HANDOVERS = ("02:00", "02:30", "03:00")
_ZONE = "Europe/Paris"
_AROUND = timedelta(hours=18)  # the night on which they change


def with_clocks(plan: Plan, end: datetime) -> Plan:
    """Return a plan with a window and a rota; most seeds have none."""
    chance = random.Random(f"{plan.seed}/clocks")  # noqa: S311  # repeatable
    zone = ZoneInfo(_ZONE)
    night = _night(plan, zone)
    if night is None or chance.random() >= _SHARE:
        return plan
    ends = [_minute(text) for text in _ENDS]
    start = _minute(chance.choice(_STARTS))
    window = Window(
        circuit=CIRCUIT.id, start=start, end=chance.choice([end for end in ends if end != start])
    )
    rota = Rota(
        turns=("ana", "bo", "cy"),
        handovers=(_minute(chance.choice(_HANDOVERS)),),
        start=(plan.begin - timedelta(days=chance.randint(2, 9))).replace(hour=0, minute=0),
    )
    rhythm = Rhythm.of(plan)
    around = _AROUND / 3 if rhythm.is_calm else _AROUND
    begin, end = max(plan.begin, night - around), min(end, night + around)
    facts = (*plan.facts, *_outages(chance, rhythm, begin, end))
    return replace(
        plan,
        windows=(window,),
        rota=rota,
        circuits=(*plan.circuits, CIRCUIT),
        facts=tuple(sorted(facts, key=lambda fact: fact.at)),
    )


def _night(plan: Plan, zone: ZoneInfo) -> datetime | None:
    """Return about when the clocks of a zone change while a plan goes on."""
    offset, at = plan.begin.astimezone(zone).utcoffset(), plan.end
    if at.astimezone(zone).utcoffset() == offset:
        return None
    while at.astimezone(zone).utcoffset() != offset:
        at -= timedelta(hours=1)
    return at


def _outages(
    chance: random.Random, rhythm: Rhythm, begin: datetime, end: datetime
) -> Iterator[Status]:
    at = begin
    while True:
        at += rhythm.span(chance, 18, 28)
        up_at = at + rhythm.span(chance, 6, 14)
        if up_at >= end:
            return
        yield Status(at=at, circuit=CIRCUIT.id, state="offline")
        yield Status(at=up_at, circuit=CIRCUIT.id, state="online")
        at = up_at


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return 60 * int(hours) + int(minutes)
