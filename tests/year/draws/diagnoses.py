"""Draws who has Service Diagnostics run: in some seeds the rules ask for it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime

from tests.year.draws.rhythm import Rhythm
from tests.year.plan import Plan

_SHARE = 0.3  # of the seeds


def with_diagnoses(plan: Plan, end: datetime) -> Plan:
    """Return a plan whose circuits have services to diagnose; most have none, no calm days."""
    del end
    if Rhythm.of(plan).is_calm:
        return plan
    chance = random.Random(f"{plan.seed}/diagnoses")  # noqa: S311  # repeatable
    return replace(plan, diagnoses=True) if chance.random() < _SHARE else plan
