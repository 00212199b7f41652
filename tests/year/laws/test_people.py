"""The laws of what people do find what is wrong: in traces by hand, and in simulated hours."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.plan import BOSS, DUTY, NOC, Press, Silence
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.engine.incidents import escalation, suppression

pytestmark = pytest.mark.timeout(300)

DOWN, UP = "Feed 3 is offline", "Feed 3: recovered after 30 min: online"
RULE = replace(MORNING.rules[0], escalate=timedelta(minutes=15))
ACK = Press(at=at(1.1), circuit="103", what="ack", times=2)
SILENCE = Silence(at=at(0.5), begin=at(0.9), until=at(1.8), circuit="103")


def plan(*facts, **changes):
    ordered = sorted((*MORNING.facts, *facts), key=lambda fact: fact.at)
    return replace(MORNING, rules=(RULE,), facts=tuple(ordered), **changes)


def seen(*records) -> Trace:
    """Return a trace of records: messages by channel, and what has another name."""
    trace = Trace()
    threads: dict[str, str] = {}
    for number, (hours, what, text) in enumerate(records):
        if what not in {NOC, DUTY, BOSS}:
            trace.add(at(hours), what, **text)
            continue
        method = "chat.update" if what in threads else "chat.postMessage"
        ts = threads.setdefault(what, str(number))
        trace.add(
            at(hours),
            "slack",
            method=method,
            channel=what,
            ts=ts,
            thread_ts="",
            text=text,
            done=True,
            answered=True,
        )
    return trace


def wrong(trace: Trace, plan) -> list[str]:
    return [complaint.partition(":")[0] for complaint in oracle.complaints(plan, trace)]


def answer(identity: str):
    payload = json.dumps({"id": identity, "ok": True})
    return (1.12, "mqtt", {"topic": "watcher/answers", "payload": payload})


def pressed(verb: str, identity: str):
    opened = at(1.01).isoformat()
    fields = {"verb": verb, "circuit": "103", "opened": opened, "id": identity, "by": "ana"}
    return (1.1, "pressed", {**fields, "incident": "w-1", "text": f"note {identity}"})


OPENED, CLOSED = (1.03, NOC, DOWN), (1.53, NOC, UP)
CALLED = (1.3, DUTY, DOWN)
ACKED = (pressed("ack", "press-1"), answer("press-1"))


def test_what_nobody_acknowledges_calls_somebody_else():
    assert wrong(seen(OPENED, CALLED, CLOSED), plan()) == []
    assert wrong(seen(OPENED, CLOSED), plan()) == ["not called"]


def test_what_is_acknowledged_calls_nobody_else():
    assert wrong(seen(OPENED, *ACKED, CLOSED), plan(ACK)) == []
    assert wrong(seen(OPENED, *ACKED, CALLED, CLOSED), plan(ACK)) == ["called"]


def test_nothing_is_said_of_a_press_that_nobody_answered():
    assert wrong(seen(OPENED, ACKED[0], CLOSED), plan(ACK)) == []
    assert wrong(seen(OPENED, ACKED[0], CALLED, CLOSED), plan(ACK)) == []


def test_a_silence_is_kept():
    silenced = (0.5, "silenced", {"id": "silence-0", "circuit": "103"})
    quiet = seen(silenced, answer("silence-0"))
    assert wrong(quiet, plan(SILENCE)) == []
    loud = seen(silenced, answer("silence-0"), OPENED, CLOSED)
    assert wrong(loud, plan(SILENCE)) == ["disturbed"]


def test_what_is_down_when_a_silence_ends_has_to_be_shown():
    short = replace(SILENCE, until=at(1.2))
    assert wrong(seen(), plan(short)) == ["lost"]
    assert wrong(seen((1.23, NOC, DOWN), CLOSED), plan(short)) == []


def test_a_note_that_came_twice_is_on_the_timeline_once():
    note = replace(ACK, what="note")
    notes = ((1, "note press-1"), (2, "note press-1"), (2, "note press-10"))
    events = (
        {"event_id": f"w-1-{n}", "number": n, "kind": "noted", "text": text, "incident": "w-1"}
        for n, text in notes
    )
    once, again, other = (
        (1.12, "mqtt", {"topic": "watcher/events", "payload": json.dumps(event)})
        for event in events
    )
    press = (pressed("note", "press-1"), answer("press-1"))
    assert wrong(seen(OPENED, *press, once, once, CALLED, CLOSED), plan(note)) == []
    assert wrong(seen(OPENED, *press, once, again, CALLED, CLOSED), plan(note)) == ["press"]
    assert wrong(seen(OPENED, *press, once, other, CALLED, CLOSED), plan(note)) == []
    assert wrong(seen(OPENED, *press, CALLED, CLOSED), plan(note)) == ["press"]


DAYS = {
    "ack": plan(ACK),
    "note": plan(replace(ACK, what="note")),
    "stale": plan(replace(ACK, at=at(1.7))),
    "silence": plan(SILENCE),
    "silence that ends": plan(replace(SILENCE, until=at(1.2))),
}


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_people_have_their_way(day):
    trace = run(day)
    assert wrong(trace, day) == []
    assert any(record.fields["topic"] == "watcher/answers" for record in trace.of("mqtt"))


def test_sabotage_of_acknowledgements_is_found():
    with mock.patch.object(escalation, "needs_attention", return_value=True):
        assert wrong(run(DAYS["ack"]), DAYS["ack"]) == ["called"]


def test_sabotage_of_silences_is_found():
    with mock.patch.object(suppression, "reason", return_value=None):
        assert wrong(run(DAYS["silence"]), DAYS["silence"]) == ["disturbed"]
