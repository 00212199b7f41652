"""Draws who presses buttons in Slack: once or twice, two at once, stale ones, around a crash."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from tests.year.draws.rhythm import Rhythm
from tests.year.faults import Crash
from tests.year.plan import Click, Plan, Status


def with_buttons(plan: Plan, end: datetime) -> Plan:
    """Return a plan in which people press in one seed of three, on calm days for few outages."""
    chance = random.Random(f"{plan.seed}/buttons")  # noqa: S311  # repeatable
    if chance.random() < 0.65:
        return plan
    share = 0.1 if Rhythm.of(plan).is_calm else 0.5  # of the outages
    circuits = {circuit.id for circuit in plan.circuits_of("vyvx")}
    clicks = [
        click
        for status in plan.statuses
        if status.state != "online" and status.circuit in circuits and chance.random() < share
        for click in _about(chance, status)
        if click.at < end
    ]
    crashes = [
        Crash(
            at=click.at + timedelta(seconds=chance.uniform(-0.5, 0.5)),
            until=click.at + timedelta(seconds=chance.uniform(1, 20)),
            steps=chance.randint(0, 40),
            daemon=chance.randrange(plan.daemons),
        )
        for click in clicks
        if chance.random() < 0.15
    ]
    facts = tuple(sorted((*plan.facts, *clicks), key=lambda fact: fact.at))
    faults = tuple(sorted((*plan.faults, *crashes), key=lambda fault: fault.at))
    return replace(plan, facts=facts, faults=faults)


def _about(chance: random.Random, status: Status) -> Iterator[Click]:
    """Yield a press soon after an outage or late, and in some cases that of somebody else."""
    at = status.at + timedelta(seconds=round(10 ** chance.uniform(1.7, 3.7)))
    what = chance.choice(("acknowledge", "acknowledge", "acknowledge", "unacknowledge", "packet"))
    click = Click(
        at=at,
        circuit=status.circuit,
        what=what,
        times=1 if what == "packet" else chance.choice((1, 1, 2)),
        is_stale=chance.random() < 0.25,
        is_sent_again=chance.random() < 0.25,
    )
    yield click
    if chance.random() < 0.3:
        later = timedelta(seconds=chance.choice((0, 0, 1, 600)))
        yield replace(click, at=at + later, what="acknowledge", times=1)
