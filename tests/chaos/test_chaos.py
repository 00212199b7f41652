"""Chaos, in short: two seeds at once, one of them new each time. The long run is `make chaos`."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from tests.chaos import plan, run

pytestmark = [pytest.mark.broker, pytest.mark.timeout(900), pytest.mark.xdist_group("chaos")]

FIXED = 11
KILLS = 3
INTERVAL = 3.0


async def test_nothing_is_lost_or_delivered_twice_under_disruptions(tmp_path):
    seeds = (FIXED, secrets.randbelow(1_000_000))
    plans = [plan.make(seed, kills=KILLS, interval=INTERVAL) for seed in seeds]
    for seed in seeds:
        (tmp_path / str(seed)).mkdir()

    outcomes = await asyncio.gather(
        *(run.run_plan(drawn, tmp_path / str(drawn.seed)) for drawn in plans)
    )

    for drawn, outcome in zip(plans, outcomes, strict=True):
        again = f"python -m tests.chaos --kills {KILLS} --interval {INTERVAL:g} --seed {drawn.seed}"
        assert not outcome.complaints, "\n".join((*outcome.complaints, f"again: {again}"))
        assert outcome.kills == KILLS
        assert outcome.evidence.threads


def test_the_same_seed_gives_the_same_plan():
    assert plan.make(7, kills=20) == plan.make(7, kills=20)
    assert plan.make(7, kills=20) != plan.make(8, kills=20)
