"""A failing plan becomes a short one, and a test file."""

from __future__ import annotations

import runpy
from datetime import datetime, timedelta

import pytest

from tests.year.draw import draw
from tests.year.faults import Crash
from tests.year.plan import Click, Notice, Plan
from tests.year.shrink import as_test, shrink, source

PLAN = draw(3, 2)
LONG = timedelta(minutes=20)


def has_a_crash_and_an_outage(plan: Plan) -> bool:
    return any(isinstance(fault, Crash) for fault in plan.faults) and bool(plan.facts)


def test_what_the_failure_does_not_need_is_left_out():
    assert has_a_crash_and_an_outage(PLAN)
    plan = shrink(PLAN, has_a_crash_and_an_outage)
    assert len(plan.facts) == len(plan.faults) == 1
    assert not plan.circuits
    assert plan.daemons == 1
    assert plan.facts[0].at.second == plan.faults[0].at.microsecond == 0


def test_a_press_about_works_is_left_with_what_it_needs():
    def has_both(plan: Plan) -> bool:
        return plan.has_buttons and bool(plan.notices)

    plan = shrink(draw(15, 2), has_both)
    assert [type(fact) for fact in plan.facts] in ([Click, Notice], [Notice, Click])
    assert plan.facts[0].at.second == plan.facts[1].at.second == 0


def test_what_only_fails_as_a_whole_is_kept():
    def fails(plan: Plan) -> bool:
        return plan.facts == PLAN.facts

    assert shrink(PLAN, fails).facts == PLAN.facts


def test_a_short_plan_begins_shortly_before_and_ends_soon():
    plan = shrink(PLAN, has_a_crash_and_an_outage)
    first, last = sorted((plan.facts[0].at, plan.faults[0].at))
    assert first - plan.begin < LONG
    assert plan.end - last < (PLAN.end - PLAN.begin) / 10


@pytest.mark.parametrize("seed", [3, 15])
def test_a_plan_is_written_as_the_python_that_makes_it(tmp_path, seed):
    plan = draw(seed, 2)
    (tmp_path / "test_it.py").write_text(as_test(plan, "lost: Feed 01"))
    names = runpy.run_path(str(tmp_path / "test_it.py"))
    assert names["PLAN"] == plan
    assert "lost: Feed 01" in names["__doc__"]


def test_defaults_are_not_written():
    at = datetime.fromisoformat("2028-02-29T01:00:00+00:00")
    crash = Crash(at=at, until=at + timedelta(seconds=5), steps=3)
    assert source(crash) == (
        'Crash(at=at("2028-02-29 01:00:00+00:00"), until=at("2028-02-29 01:00:05+00:00"), steps=3)'
    )
