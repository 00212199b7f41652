"""The law of what comes too early finds it: in traces by hand, and where a daemon takes over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year.faults import Crash, StoreFault, WrongClock
from tests.year.laws.test_people import DOWN, OPENED, plan, seen, wrong
from tests.year.plan import DUTY, NOC
from tests.year.run import run
from tests.year.test_run import at
from watcher.store.leadership import Leadership

pytestmark = pytest.mark.timeout(300)

CLOSED = (1.5 + 1 / 30, NOC, "Feed 3: recovered after 30 min: online")
BEHIND, AHEAD = timedelta(hours=-2), timedelta(hours=2)


def two_daemons(by):
    """The one that leads has a wrong clock, and dies five minutes after a circuit went down."""
    wrong_clock = WrongClock(at=at(-1), until=at(9), by=by)
    crash = Crash(at=at(1) + timedelta(minutes=5), until=at(1.9))
    return plan(daemons=2, faults=(wrong_clock, crash))


def test_who_is_called_in_time_is_called_and_not_before():
    assert wrong(seen(OPENED, (1.3, DUTY, DOWN), CLOSED), plan()) == []
    assert wrong(seen(OPENED, (1.2, DUTY, DOWN), CLOSED), plan()) == ["called early"]


def test_what_is_down_for_less_than_for_is_no_news():
    day = plan()
    held = replace(
        day, rules=(replace(day.rules[0], hold=timedelta(minutes=5), escalate=timedelta()),)
    )
    assert wrong(seen((1.1, NOC, DOWN), CLOSED), held) == []
    assert wrong(seen((1.05, NOC, DOWN), CLOSED), held) == ["early"]


@pytest.mark.parametrize("by", [BEHIND, AHEAD])
def test_one_that_takes_over_calls_nobody_too_early_nor_too_late(by):
    day = two_daemons(by)
    trace = run(day)
    assert wrong(trace, day) == []
    called = next(r for r in trace.of("slack") if r.fields["channel"] == DUTY).at
    assert at(1.25) <= called <= at(1.25) + timedelta(minutes=3)  # it is seen by a poll


def test_it_bites_where_a_takeover_counts_the_difference_as_time_that_somebody_waited():
    day = two_daemons(BEHIND)
    with mock.patch.object(Leadership, "clock_difference", return_value=("", timedelta(0))):
        trace = run(day)
    assert "called early" in wrong(trace, day)


def test_a_daemon_that_starts_after_all_were_gone_cannot_know_of_a_wrong_clock():
    trace = seen(OPENED, (1.2, DUTY, DOWN), CLOSED)
    day = two_daemons(BEHIND)
    assert "called early" in wrong(trace, day)
    gone = StoreFault(at=at(1.1), until=at(1.15), kind="locked")
    assert "called early" not in wrong(trace, replace(day, faults=(*day.faults, gone)))
