"""The laws of a rule's hours find what is wrong: in traces by hand, and in simulated hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.faults import WrongClock
from tests.year.plan import NOC, Status, Window
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.engine.observation import hours
from watcher.engine.rules import hours as times

pytestmark = pytest.mark.timeout(300)

DOWN, UP = "Feed 3 is offline", "Feed 3: recovered after 20 min: online"
OVER = "\N{MEDIUM BLACK CIRCLE} Feed 3: outside the hours of staffed: last known offline"
LATE = "\N{CLOCK FACE FOUR OCLOCK} Feed 3: offline (reported late) \N{MIDDLE DOT} for 30 min"
HOURS = Window(circuit="103", start=60, end=90, zone="UTC")  # from 1 to 1.5


def plan(down, up, hours=HOURS, begin=MORNING.begin):
    facts = (
        Status(at=begin + (at(down) - MORNING.begin), circuit="103", state="offline"),
        Status(at=begin + (at(up) - MORNING.begin), circuit="103", state="online"),
    )
    end = begin + (at(3) - MORNING.begin)
    return replace(MORNING, begin=begin, facts=facts, end=end, hours=hours)


INSIDE, BEFORE, AFTER = plan(1.1, 1.3), plan(0.5, 1.3), plan(1.1, 2)
OUTSIDE = plan(2, 2.4)


def seen(*records) -> Trace:
    """Return a trace of one thread: when, and what its first message says then."""
    trace = Trace()
    for number, (hour, text) in enumerate(records):
        method = "chat.update" if number else "chat.postMessage"
        fields = {"channel": NOC, "ts": "1", "thread_ts": "", "text": text}
        trace.add(at(hour), "slack", method=method, done=True, answered=True, **fields)
    return trace


def wrong(trace: Trace, plan) -> list[str]:
    return [complaint.partition(":")[0] for complaint in oracle.complaints(plan, trace)]


def test_what_is_down_within_the_hours_is_shown():
    assert wrong(seen((1.13, DOWN), (1.35, UP)), INSIDE) == []
    assert wrong(seen(), INSIDE) == ["lost"]
    assert wrong(seen((1.13, DOWN)), INSIDE) == ["untrue"]


def test_what_was_down_before_the_hours_is_shown_when_they_begin():
    assert wrong(seen((1.01, DOWN), (1.35, UP)), BEFORE) == []
    assert wrong(seen((0.53, DOWN), (1.35, UP)), BEFORE) == ["invented", "disturbed"]


def test_the_end_of_the_hours_is_no_recovery():
    assert wrong(seen((1.13, DOWN), (1.5, OVER)), AFTER) == []
    assert wrong(seen((1.13, DOWN), (1.5, UP)), AFTER) == ["false all-clear"]
    assert wrong(seen((1.13, DOWN), (2.03, UP)), AFTER) == ["untrue"]


def test_nobody_hears_of_what_is_down_outside_of_the_hours():
    assert wrong(seen(), OUTSIDE) == []
    assert wrong(seen((2.03, DOWN), (2.43, UP)), OUTSIDE) == ["invented", "disturbed"]


def test_hours_that_only_a_wrong_clock_has_seen_pass_are_not_held_against_anybody():
    ahead = WrongClock(at=at(0.6), until=at(0.65), by=timedelta(days=1), daemon=0)
    trace = seen((0.67, LATE))
    assert wrong(trace, BEFORE) == ["lost", "invented"]
    assert wrong(trace, replace(BEFORE, faults=(ahead,))) == ["lost"]


NIGHT = datetime(2027, 10, 31, tzinfo=UTC)  # the clocks of Paris are put back at 01:00 UTC
TWICE = replace(HOURS, start=120, end=150, zone="Europe/Paris")  # 00:00 to 01:30 UTC
DAYS = {
    "inside": INSIDE,
    "before": BEFORE,
    "after": AFTER,
    "outside": OUTSIDE,
    "night": plan(0.7, 2, TWICE, NIGHT),
}


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_hours_are_kept(day):
    assert wrong(run(day), day) == []


@pytest.mark.parametrize(
    ("owner", "name", "substitute", "day", "complaint"),
    [
        (hours, "_close", lambda *_: None, AFTER, "untrue"),
        (hours, "_open", lambda *_: None, BEFORE, "lost"),
        (times, "apply_at", lambda *_: True, OUTSIDE, "disturbed"),
    ],
)
def test_sabotage_of_hours_is_found(owner, name, substitute, day, complaint):
    with mock.patch.object(owner, name, substitute):
        assert complaint in wrong(run(day), day)
