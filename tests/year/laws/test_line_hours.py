"""The laws of a threshold's hours find what is wrong: by hand, and in simulated hours."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.draw import draw
from tests.year.draws.lines import BUSY
from tests.year.laws.test_lines import load, plan, quirk, seen
from tests.year.plan import Plan, Window
from tests.year.run import run
from tests.year.trace import Trace
from watcher.engine.observation import samples
from watcher.engine.rules import hours

pytestmark = pytest.mark.timeout(300)

HOURS = Window(circuit="EVPL-00", start=125, end=240, zone="UTC")  # to 4:00
DOWN, UP = "EVPL-00 is full: outbound 98 %", "EVPL-00: recovered after 1 h"
OVER = "\N{MEDIUM BLACK CIRCLE} EVPL-00: outside the hours of staffed-line"


def within(*facts) -> Plan:
    return replace(plan(*facts), line_hours=HOURS)


INSIDE, AFTER = within(load(2.5, 98), load(3.25, 30)), within(load(2.5, 98), load(5, 30))
ACROSS, BEFORE = within(load(1, 98), load(3.25, 30)), within(load(1.5, 98), load(2.07, 30))
OUTSIDE = within(load(4.5, 98), load(5.5, 30))
LATE = within(load(1, 98), load(3, 30), quirk("late", 0.5, 3.5))


def wrong(trace: Trace, plan: Plan) -> list[str]:
    return [complaint.partition(":")[0] for complaint in oracle.complaints(plan, trace)]


def test_what_is_full_within_the_hours_is_shown():
    assert wrong(seen((2.75, "", DOWN), (3.5, "0", UP)), INSIDE) == []
    assert wrong(seen(), INSIDE) == ["lost"]
    assert wrong(seen((2.75, "", DOWN)), INSIDE) == ["untrue"]


def test_what_was_full_before_the_hours_is_shown_when_they_begin():
    assert wrong(seen((2.3, "", DOWN), (3.5, "0", UP)), ACROSS) == []
    assert wrong(seen((1.3, "", DOWN), (3.5, "0", UP)), ACROSS) == ["invented", "disturbed"]


def test_nobody_hears_of_what_was_full_before_the_hours_alone():
    assert wrong(seen(), BEFORE) == []
    assert wrong(seen((2.25, "", DOWN), (2.5, "0", UP)), BEFORE) == ["invented"]


def test_the_end_of_the_hours_is_no_recovery():
    assert wrong(seen((2.75, "", DOWN), (4, "0", OVER)), AFTER) == []
    assert wrong(seen((2.75, "", DOWN), (4, "0", UP)), AFTER) == ["false all-clear"]
    assert wrong(seen((2.75, "", DOWN), (5.2, "0", OVER)), AFTER) == ["untrue"]


def test_nobody_hears_of_what_is_full_outside_of_the_hours():
    assert wrong(seen(), OUTSIDE) == []
    assert wrong(seen((5.2, "", DOWN), (5.6, "0", UP)), OUTSIDE) == ["invented", "disturbed"]


def test_what_is_reported_late_was_within_the_hours():
    text = "EVPL-00: utilization was at or above 90 % (reported late) · from {} to 03:00:00 UTC"
    assert wrong(seen((3.6, "", text.format("02:05:00 UTC"))), LATE) == []
    assert wrong(seen((3.6, "", text.format("01:00:00 UTC"))), LATE) == ["disturbed"]


DAYS = {
    "inside": INSIDE,
    "across": ACROSS,
    "before": BEFORE,
    "after": AFTER,
    "outside": OUTSIDE,
    "late": LATE,
    "mean": replace(ACROSS, thresholds=(BUSY,)),
    "mean before": replace(BEFORE, thresholds=(BUSY,)),
}


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_hours_are_kept(day):
    assert wrong(run(day), day) == []


def test_seeds_have_such_a_line():
    plans = [draw(seed, 0.25) for seed in range(10)]
    assert 0 < sum(plan.line_hours is not None for plan in plans) < len(plans)


@pytest.mark.parametrize(
    ("day", "complaint"),
    [(AFTER, "untrue"), (OUTSIDE, "disturbed"), (BEFORE, "invented")],
)
def test_sabotage_of_hours_is_found(day, complaint):
    with mock.patch.object(hours, "apply_at", return_value=True):
        assert complaint in wrong(run(day), day)


def test_sabotage_of_what_is_late_of_outside_of_the_hours_is_found():
    with mock.patch.object(samples, "hours", mock.Mock(apply_at=lambda *_: True)):
        assert "disturbed" in wrong(run(LATE), LATE)
