"""A line that is reported late twice is found: in traces by hand, and in simulated hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year.faults import Stop, WrongClock
from tests.year.laws import late_lines
from tests.year.laws.test_lines import BEGIN, at, load, plan, quirk
from tests.year.laws.test_lines import seen as seen_of
from tests.year.plan import Plan
from tests.year.run import run
from tests.year.trace import Trace
from watcher.engine.incidents import reported_outages

pytestmark = pytest.mark.timeout(300)

LATE = plan(load(2, 98), load(3, 30), quirk("late", 1, 5))
_WHAT = "EVPL-00: outbound utilization was at or above 90 %, up to 98 %"


def late(minutes="02:00:00 UTC to 03:00:00 UTC", name="EVPL-00") -> str:
    begin, _, end = minutes.partition(" to ")
    return f"{_WHAT} (reported late) · from {begin} to {end}, for 1 h".replace("EVPL-00", name)


def seen(*messages) -> Trace:
    """Return a trace of first messages: when, and the text."""
    return seen_of(*((hours, "", text) for hours, text in messages))


def wrong(trace: Trace, plan: Plan = LATE) -> list[str]:
    return [complaint.partition(":")[0] for complaint in late_lines.complaints(plan, trace)]


def test_what_is_reported_late_once_is_fine():
    assert wrong(seen((5.3, late()))) == []
    assert wrong(seen((5.3, late()), (5.4, late("04:00:00 UTC to 04:30:00 UTC")))) == []
    assert wrong(seen((5.3, late()), (5.4, late(name="EVPL-01")))) == []


def test_a_sample_alone_is_no_day():
    alone, next_ones = "02:00:00 UTC to 02:00:00 UTC", "02:05:00 UTC to 02:10:00 UTC"
    assert wrong(seen((5.3, late(alone)), (5.4, late(next_ones)))) == []


def test_the_same_minutes_reported_late_again_are_found():
    assert wrong(seen((5.3, late()), (6, late()))) == ["twice"]
    assert wrong(seen((5.3, late()), (6, late()), (6.5, late()))) == ["twice", "twice"]


def test_some_of_the_same_minutes_reported_late_again_are_found():
    assert wrong(seen((5.3, late()), (6, late("02:30:00 UTC to 03:10:00 UTC")))) == ["twice"]


def test_the_same_time_of_another_day_is_another_report():
    assert wrong(seen((5.3, late()), (29.3, late()))) == []
    yesterday = f"{BEGIN:%Y-%m-%d} 23:50:00 UTC to {BEGIN:%Y-%m-%d} 23:55:00 UTC"
    assert wrong(seen((23.95, late("23:50:00 UTC to 23:55:00 UTC")), (24.5, late(yesterday)))) == [
        "twice"
    ]


def test_a_clock_that_is_days_behind_may_mean_another_day():
    behind = WrongClock(at=at(5.2), until=at(5.5), by=-2 * (at(24) - BEGIN))
    trace = seen((5.3, late()), (6, late()))
    assert wrong(trace, replace(LATE, faults=(behind,))) == []


def test_a_line_in_the_thread_of_another_incident_counts_as_well():
    trace = seen((5.3, late()))
    fields = {"method": "chat.postMessage", "ts": "9", "thread_ts": "8", "done": True}
    text = f"EVPL: meanwhile, {_WHAT}, 02:00:00 UTC to 03:00:00 UTC"
    trace.add(at(6), "slack", **fields, text=text)
    assert wrong(trace) == ["twice"]


def test_the_thread_itself_and_its_successor_repeat_nothing():
    trace = seen((5.3, late()))
    reply = {"method": "chat.postMessage", "ts": "9", "thread_ts": "0", "done": True}
    text = f"reported late: {_WHAT}, 02:00:00 UTC to 03:00:00 UTC"
    trace.add(at(5.31), "slack", **reply, text=text)
    assert wrong(trace) == []
    fields = {"method": "chat.update", "ts": "0", "thread_ts": "", "done": False}
    trace.add(at(5.9), "slack", **fields, text=late(), error="edit_window_closed")
    successor = {**reply, "ts": "10", "thread_ts": ""}
    trace.add(at(6), "slack", **successor, text=late())
    assert wrong(trace) == []


def test_sabotage_of_what_was_reported_is_found():
    """A daemon that is started with a clock days ahead has no samples in mind, and gets them."""
    ahead = WrongClock(at=at(6.05), until=at(6.2), by=timedelta(days=2))
    again = Stop(at=at(6.1), until=at(6.12))
    day = plan(load(5.4, 98), load(5.8, 30), quirk("late", 5, 5.95))
    day = replace(day, faults=(ahead, again), end=at(9))
    trace = run(day)
    assert wrong(trace, day) == []
    assert any("reported late" in record.fields["text"] for record in trace.of("slack"))
    with mock.patch.object(reported_outages, "is_reported", return_value=False):
        assert wrong(run(day), day) == ["twice"]
