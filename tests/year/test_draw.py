"""A seed is a plan, always the same, and Watcher shows it right."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest

from tests.year.__main__ import seed_of
from tests.year.draw import draw
from tests.year.faults import Fault
from tests.year.oracle import complaints
from tests.year.plan import Fact
from tests.year.run import run

pytestmark = pytest.mark.timeout(300)


def test_a_seed_is_always_the_same_plan():
    assert draw(7) == draw(7) != draw(8)


def test_each_day_has_its_own_seeds():
    first, second = (seed_of(date(2026, 11, day)) for day in (29, 30))
    assert (first, second) == (26112900, 26113000)


def test_seeds_have_faults_of_every_kind():
    kinds = {type(fault) for seed in range(10) for fault in draw(seed).faults}
    assert kinds == set(get_args(Fault))


def test_seeds_have_facts_of_every_kind():
    kinds = {type(fact) for seed in range(10) for fact in draw(seed).facts}
    assert kinds == set(get_args(Fact))


@pytest.mark.parametrize("seed", [1, 11])
def test_what_a_seed_draws_is_shown_right(seed):
    plan = draw(seed, 0.25)
    assert complaints(plan, run(plan)) == []
