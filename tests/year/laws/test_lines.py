"""The laws of lines find what is wrong: in traces by hand, and in a Watcher broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.draws.lines import QUICK, SETTLE
from tests.year.faults import WrongClock
from tests.year.plan import Line, Load, Plan, Quirk
from tests.year.run import run
from tests.year.trace import Trace
from watcher.engine.observation import samples
from watcher.engine.rules import thresholds
from watcher.vendors.evpl import source

pytestmark = pytest.mark.timeout(300)
BEGIN = datetime(2027, 10, 31, tzinfo=UTC)
FULL, CLEAR = "EVPL-00 is full: outbound 98 %", "EVPL-00: recovered after 3 h"


def at(hours: float) -> datetime:
    return BEGIN + timedelta(hours=hours)


def load(hours: float, percent: float, direction="out") -> Load:
    return Load(at=at(hours), line="EVPL-00", direction=direction, percent=percent)


def quirk(kind, begin: float, end: float, percent: float = 99) -> Quirk:
    return Quirk(kind=kind, at=at(begin), until=at(end), line="EVPL-00", percent=percent)


def plan(*facts: Load | Quirk, hours: float = 7, settle: timedelta = timedelta()) -> Plan:
    return Plan(
        seed=1,
        begin=BEGIN,
        end=at(hours),
        thresholds=(QUICK,),
        lines=(Line(id="EVPL-00"),),
        facts=tuple(sorted(facts, key=lambda fact: fact.at)),
        settle=settle,
        idle=timedelta(seconds=20),
    )


AFTERNOON = plan(load(2, 98), load(5, 30))


def seen(*messages) -> Trace:
    """Return a trace of messages: when, the thread if it is an edit, and the text."""
    trace = Trace()
    for number, (hours, edited, text) in enumerate(messages):
        trace.add(
            at(hours),
            "slack",
            method="chat.update" if edited else "chat.postMessage",
            ts=edited or str(number),
            thread_ts="",
            text=text,
            done=True,
            answered=True,
        )
    return trace


def wrong(trace: Trace, plan: Plan = AFTERNOON) -> list[str]:
    return [complaint.partition(":")[0] for complaint in oracle.complaints(plan, trace)]


def test_a_full_line_that_is_shown_and_closed_is_fine():
    assert wrong(seen((2.3, "", FULL), (5.4, "0", CLEAR))) == []


def test_a_full_line_that_nobody_sees_is_lost():
    assert wrong(seen()) == ["lost"]


def test_a_full_line_that_is_shown_much_later_is_lost():
    assert wrong(seen((4, "", FULL), (5.4, "0", CLEAR))) == ["lost"]


def test_a_thread_that_stays_open_is_untrue():
    assert wrong(seen((2.3, "", FULL))) == ["untrue"]


def test_what_is_between_the_limits_has_not_recovered():
    between = plan(load(2, 98), load(3.5, 85), load(5, 30))
    trace = seen((2.3, "", FULL), (4, "0", CLEAR))
    assert wrong(trace, between) == ["false all-clear"]


def test_a_full_line_that_never_was_is_invented():
    assert "invented" in wrong(seen((1, "", FULL), (1.5, "0", CLEAR)), plan(load(2, 85)))


def test_what_only_a_sample_for_tomorrow_says_is_invented():
    tomorrow = plan(quirk("future", 1, 3))
    assert "invented" in wrong(seen((1.5, "", FULL), (2, "0", CLEAR)), tomorrow)


def test_a_clock_that_is_behind_takes_samples_of_then_for_those_of_now():
    behind = WrongClock(at=at(17), until=at(17.1), by=-timedelta(hours=16))
    day = plan(load(0.5, 98), load(1.5, 30), hours=20)
    before = ((0.8, "", FULL), (1.8, "0", CLEAR))
    then = seen(*before, (17.05, "", FULL), (17.5, "2", CLEAR))
    assert wrong(then, day) == ["invented"]
    assert wrong(then, replace(day, faults=(behind,))) == []
    later = seen(*before, (18, "", FULL), (18.5, "2", CLEAR))
    assert wrong(later, replace(day, faults=(behind,))) == ["invented"]


def test_samples_that_come_late_put_off_what_is_due():
    assert wrong(seen((3.5, "", FULL), (5.4, "0", CLEAR)), plan(*AFTERNOON.facts)) == ["lost"]
    late = plan(*AFTERNOON.facts, quirk("late", 1.9, 3.2))
    assert wrong(seen((3.5, "", FULL), (5.4, "0", CLEAR)), late) == []


def test_what_was_full_and_clear_again_before_its_samples_came_has_to_be_shown():
    late = plan(load(2, 98), load(3, 30), quirk("late", 1, 5))
    assert wrong(seen(), late) == ["lost"]
    assert wrong(seen((5.3, "", "EVPL-00 was full, reported late")), late) == []


def test_a_message_that_watcher_is_broken_is_found():
    broken = (3, "", "noc is failing: internal error (ValueError)")
    assert wrong(seen((2.3, "", FULL), broken, (5.4, "0", CLEAR))) == ["broken"]


BEHIND = WrongClock(at=at(1), until=at(4), by=-timedelta(minutes=9))  # less than `clock_tolerance`
DAYS_BEHIND = WrongClock(at=at(14), until=at(14.3), by=-timedelta(days=2))
MORNING = plan(load(0.5, 98), load(1.5, 30), hours=15)  # too long ago to be told in the evening
DAYS = {
    "clock days behind": replace(MORNING, faults=(DAYS_BEHIND,)),
    "clock behind": replace(AFTERNOON, faults=(BEHIND,), line_interval=timedelta(minutes=5)),
    "plain": AFTERNOON,
    "late": plan(load(2, 98), load(3, 30), quirk("late", 1, 5)),
    "missing": plan(load(2, 98), load(5, 30), quirk("missing", 3, 3.5)),
    "filling": plan(load(2, 98), load(5, 30), quirk("filling", 1, 6), settle=SETTLE),
    "corrected": plan(load(2, 98), load(5, 30), quirk("corrected", 1, 4, 20)),
    "future": plan(load(2, 98), load(5, 30), quirk("future", 1, 4)),
}


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_whatever_orange_does_with_samples_the_right_thing_is_shown(day):
    trace = run(day)
    assert wrong(trace, day) == []
    assert len(list(trace.of("slack"))) > 1


def test_sabotage_of_future_samples_is_found():
    with (
        mock.patch.object(source, "up_to", lambda answer, _: (answer, 0)),
        mock.patch.object(samples, "_latest", lambda ctx, _: ctx.now + timedelta(days=9)),
    ):
        assert wrong(run(DAYS["future"]), DAYS["future"]) != []


def test_sabotage_of_hysteresis_by_direction_is_found():
    day = plan(load(2, 98), load(4, 30), load(3.5, 85, "in"))
    assert wrong(run(day), day) == []
    with mock.patch.object(thresholds, "_held", return_value=frozenset({"in", "out"})):
        assert wrong(run(day), day) == ["untrue"]
