"""Circuits of each vendor keep the laws of states."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.year import oracle
from tests.year.faults import WrongClock
from tests.year.laws import messages
from tests.year.laws.timing import unsilenced
from tests.year.plan import Circuit, Status, Window
from tests.year.run import run
from tests.year.test_run import BEGIN, MORNING, at
from tests.year.trace import Record, Trace

pytestmark = pytest.mark.timeout(300)

LINE = Circuit(id="IOD-1", name="IOD-1", vendor="iod")
FACTS = (
    Status(at=at(0.5), circuit="IOD-1", state="offline"),
    Status(at=at(1.5), circuit="IOD-1", state="online"),
)


@pytest.mark.parametrize("others", [(), MORNING.circuits], ids=["alone", "beside Vyvx"])
def test_a_connection_that_is_suspended_is_shown_until_it_is_active(others):
    plan = replace(MORNING, circuits=(*others, LINE), facts=FACTS)
    trace = run(plan)
    assert oracle.complaints(plan, trace) == []
    texts = [record.fields["text"] for record in trace.of("slack")]
    assert "IOD-1 is suspended" in texts[0]
    assert "recovered" in texts[-1]


def acknowledged(*people: str) -> list[Record]:
    return [
        Record(
            at=BEGIN + timedelta(seconds=number),
            what="slack",
            fields={
                "method": "chat.postMessage",
                "thread_ts": "1.0",
                "text": f"Feed 1: acknowledged by {by}",
            },
        )
        for number, by in enumerate(people)
    ]


@pytest.mark.parametrize(
    ("people", "count"), [(("bo", "ana", "bo"), 0), (("bo", "bo"), 1), (("bo", "ana", "ana"), 1)]
)
def test_who_acknowledges_after_somebody_else_is_shown_again(people, count):
    assert len(list(messages.repetitions(acknowledged(*people), "Feed 1", {}))) == count


def test_an_old_thread_that_is_edited_again_is_no_new_all_clear():
    trace = Trace()
    fields = {"thread_ts": "", "done": True, "answered": True}
    for ts, hours, method, text in (
        ("0", 0.5, "chat.postMessage", "Feed 3: down"),
        ("0", 0.6, "chat.update", "Feed 3: recovered"),
        ("1", 1.1, "chat.postMessage", "Feed 3: down"),
        ("0", 1.2, "chat.update", "Feed 3: recovered"),
        ("1", 1.3, "chat.update", "Feed 3: recovered"),
    ):
        trace.add(at(hours), "slack", ts=ts, method=method, text=text, **fields)
    assert [record.at for record in messages.all_clears(list(trace.of("slack")))] == [
        at(0.6),
        at(1.3),
    ]


def test_a_window_may_be_open_at_another_time_by_a_clock_that_is_wrong():
    down = Status(at=at(1), circuit="IOD-1", state="offline")
    night = Window(circuit="IOD-1", start=150, end=180, zone="UTC")
    ahead = WrongClock(at=at(0.9), until=at(1.3), by=at(2.6) - at(1))
    plan = replace(MORNING, circuits=(LINE,), facts=(down,), windows=(night,))
    by = at(1.05)
    assert unsilenced(plan, LINE, at(1), by) == by
    assert unsilenced(replace(plan, faults=(ahead,)), LINE, at(1), by) > at(1.3)
