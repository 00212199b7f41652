"""The laws of buttons find what is wrong: in traces by hand, and in simulated mornings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.faults import Crash
from tests.year.plan import DUTY, NOC, Click
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.receivers.slack.interactive.requests import Answer
from watcher.receivers.slack.interactive.service import SlackActions

pytestmark = pytest.mark.timeout(300)

DOWN, UP = "Feed 3 is offline", "Feed 3: recovered after 30 min: online"
RULE = replace(MORNING.rules[0], escalate=timedelta(minutes=15))
ACK = Click(at=at(1.1), circuit="103")
OPENED, CLOSED = (1.03, NOC, DOWN), (1.53, NOC, UP)
NAMED, CALLED = (1.11, NOC, f"{DOWN} · acknowledged by person-1"), (1.3, DUTY, DOWN)


def plan(*facts, **changes):
    ordered = sorted((*MORNING.facts, *facts), key=lambda fact: fact.at)
    return replace(MORNING, rules=(RULE,), facts=tuple(ordered), **changes)


def press(hours=1.1, verb="ack"):
    fields = {"verb": verb, "circuit": "103", "incident": "w-1", "by": "person-1"}
    opened = at(1.03).isoformat()
    return (hours, "pressed", {**fields, "id": "click-1-0", "opened": opened, "arrived": True})


def answer(text, hours=1.1001):
    return (hours, "answered", {"id": "click-1-0", "text": text})


def entry(number, kind="acknowledged", hours=1.1002):
    event = {"event_id": f"w-1-{number}", "incident": "w-1", "number": number, "kind": kind}
    event |= {"by": "person-1", "text": "acknowledged"}
    return (hours, "mqtt", {"topic": "watcher/events", "payload": json.dumps(event)})


def seen(*records) -> Trace:
    """Return a trace: messages by channel, of which later ones edit the first, and the rest."""
    trace = Trace()
    threads: dict[str, str] = {}
    for number, (hours, what, text) in enumerate(records):
        if what not in {NOC, DUTY}:
            trace.add(at(hours), what, **text)
            continue
        method = "chat.update" if what in threads else "chat.postMessage"
        ts = threads.setdefault(what, str(number))
        fields = {"channel": what, "ts": ts, "thread_ts": "", "text": text}
        trace.add(at(hours), "slack", method=method, done=True, answered=True, **fields)
    return trace


def wrong(trace: Trace, plan) -> list[str]:
    return [complaint.partition(":")[0] for complaint in oracle.complaints(plan, trace)]


YOURS = answer("Feed 3: it is yours. Reminders and escalations stop.")
OVER = answer("w-1 is already resolved: recovered", 1.6001)


def test_a_press_that_is_answered_and_counts_once_is_fine():
    trace = seen(OPENED, press(), YOURS, entry(1), NAMED, CLOSED)
    assert wrong(trace, plan(ACK)) == []


def test_a_press_that_nobody_answers_is_found():
    assert wrong(seen(OPENED, press(), CLOSED), plan(ACK)) == ["unanswered"]
    crash = Crash(at=at(1.1), until=at(1.101))
    assert wrong(seen(OPENED, press(), CLOSED), plan(ACK, faults=(crash,))) == []


def test_a_press_that_counts_twice_is_found():
    trace = seen(OPENED, press(), YOURS, entry(1), entry(2), NAMED, CLOSED)
    assert wrong(trace, plan(ACK)) == ["press"]


def test_a_second_press_counts_where_somebody_else_has_pressed_in_between():
    again = (1.1, "pressed", {**press()[2], "id": "click-1-1", "arrived": False})
    other = (1.1, "pressed", {**press()[2], "id": "click-2-0", "by": "ana", "arrived": False})
    twice = (press(), YOURS, entry(1), again, entry(2))
    assert wrong(seen(OPENED, *twice, NAMED, CLOSED), plan(ACK)) == ["press"]
    assert wrong(seen(OPENED, *twice, other, NAMED, CLOSED), plan(ACK)) == []


def test_a_press_that_does_not_count_is_found():
    assert wrong(seen(OPENED, press(), YOURS, NAMED, CLOSED), plan(ACK)) == ["press"]


def test_who_acknowledges_has_to_be_named():
    assert wrong(seen(OPENED, press(), YOURS, entry(1), CLOSED), plan(ACK)) == ["press"]


def test_a_refused_press_changes_nothing():
    late = (OPENED, CALLED, CLOSED, press(1.6), OVER)
    assert wrong(seen(*late), plan(replace(ACK, at=at(1.6)))) == []
    counted = entry(1, hours=1.601)
    assert wrong(seen(*late, counted), plan(replace(ACK, at=at(1.6)))) == ["press"]


def test_who_is_called_although_somebody_pressed_is_found():
    trace = seen(OPENED, press(), YOURS, entry(1), NAMED, CALLED, CLOSED)
    assert wrong(trace, plan(ACK)) == ["called"]


DAYS = {
    "once": plan(ACK),
    "twice, and delivered again": plan(replace(ACK, times=2, is_sent_again=True)),
    "two people": plan(ACK, ACK),
    "packet": plan(replace(ACK, what="packet", is_sent_again=True)),
    "taken back": plan(ACK, replace(ACK, at=at(1.2), what="unacknowledge")),
    "stale": plan(replace(ACK, at=at(1.7), is_stale=True)),
    "before a crash": plan(
        replace(ACK, is_sent_again=True),
        faults=(Crash(at=at(1.1), until=at(1.101), steps=6),),
    ),
}


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_who_presses_has_their_way(day):
    trace = run(day)
    assert wrong(trace, day) == []
    assert list(trace.of("pressed"))


def test_sabotage_of_answers_is_found():
    with mock.patch.object(SlackActions, "_say", autospec=True):
        assert wrong(run(DAYS["once"]), DAYS["once"]) == ["unanswered"]


def test_sabotage_of_what_is_done_is_found():
    lie = mock.AsyncMock(return_value=Answer(["it is yours"]))
    with mock.patch.object(SlackActions, "_attempt", lie):
        assert "press" in wrong(run(DAYS["once"]), DAYS["once"])
