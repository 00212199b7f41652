"""The laws of bookings find what is wrong: in traces by hand, and in simulated hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.plan import Booking, Status
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.engine import details

pytestmark = pytest.mark.timeout(300)

DOWN, UP = "Feed 3 is offline", "Feed 3: recovered after 2 h: online"
ENDED = "\N{MEDIUM BLACK CIRCLE} Feed 3: ended with its booked window"


def booked(begin: float, end: float, *, since: float = 0) -> Booking:
    return Booking(at=at(since), circuit="103", begin=at(begin), end=at(end))


def plan(*bookings: Booking, begin: float = 1.0, end: float = 3.0):
    facts = (
        *bookings,
        Status(at=at(begin), circuit="103", state="offline"),
        Status(at=at(end), circuit="103", state="online"),
    )
    return replace(MORNING, end=at(4), facts=tuple(sorted(facts, key=lambda fact: fact.at)))


def seen(*messages) -> Trace:
    """Return a trace of messages: the first is posted, the others are its edits."""
    trace = Trace()
    for number, (hours, text) in enumerate(messages):
        trace.add(
            at(hours),
            "slack",
            method="chat.update" if number else "chat.postMessage",
            ts="1",
            thread_ts="",
            text=text,
            done=True,
            answered=True,
        )
    return trace


def wrong(trace: Trace, plan) -> list[str]:
    return [complaint.partition(":")[0] for complaint in oracle.complaints(plan, trace)]


SHORT, LONG = plan(booked(0.5, 2)), plan(booked(0.5, 2), booked(0.5, 2.7, since=1.8))


def test_an_outage_on_air_is_shown_until_the_booking_ends():
    assert wrong(seen((1.04, DOWN), (2.01, ENDED)), SHORT) == []
    assert wrong(seen(), SHORT) == ["lost"]
    assert wrong(seen((1.04, DOWN), (1.5, ENDED)), SHORT) == ["lost"]


def test_an_end_is_no_recovery():
    assert wrong(seen((1.04, DOWN), (2.01, UP)), SHORT) == ["false all-clear"]


def test_what_is_shown_as_down_long_after_its_booking_is_untrue():
    assert wrong(seen((1.04, DOWN)), SHORT) == ["untrue"]


def test_an_extended_booking_has_not_ended():
    assert wrong(seen((1.04, DOWN), (2.71, ENDED)), LONG) == []
    assert wrong(seen((1.04, DOWN), (2.01, ENDED)), LONG) == ["lost"]


def test_off_air_calls_nobody():
    later = plan(booked(3.5, 3.9), end=2)
    assert wrong(seen(), later) == []
    assert wrong(seen((1.04, DOWN), (2.04, UP)), later) == ["off air"]


def test_what_is_down_when_the_booking_begins_has_to_be_shown():
    assert wrong(seen(), plan(booked(2, 3.9))) == ["lost"]
    assert wrong(seen((1.77, DOWN), (3.05, UP)), plan(booked(2, 3.9))) == []


DAYS = {
    "ends": SHORT,
    "extended": LONG,
    "extended late": plan(booked(0.5, 2), booked(0.5, 2.7, since=1.97)),
    "off air": plan(booked(3.5, 3.9), end=2),
    "begins": plan(booked(2, 3.9)),
}


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_what_is_on_air_is_shown_and_what_is_not_is_not(day):
    assert wrong(run(day), day) == []


def test_sabotage_of_reading_a_schedule_again_is_found():
    day = DAYS["extended late"]
    with (
        mock.patch.object(details, "are_current", return_value=True),
        mock.patch.object(details, "AT_AN_EDGE", timedelta(hours=9)),
        mock.patch.object(details, "FRESH", timedelta(hours=9)),
    ):
        assert "lost" in wrong(run(day), day)
