"""The laws of storms find what is wrong: in traces by hand, and in a simulated morning."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.plan import DUTY, NOC, Circuit, Press, Status
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.engine.incidents import notifications, storms
from watcher.receivers.slack import files

pytestmark = pytest.mark.timeout(300)

CABLE = tuple(Circuit(id=f"20{n}", name=f"Cable {n}") for n in range(4))


def plan(*facts, up=1.5):
    states = [Status(at=at(1), circuit=c.id, state="offline") for c in CABLE]
    states += [
        Status(at=at(up + n / 100), circuit=c.id, state="online") for n, c in enumerate(CABLE)
    ]
    return replace(
        MORNING,
        rules=(replace(MORNING.rules[0], escalate=timedelta(minutes=15)),),
        circuits=CABLE,
        storm=2,
        facts=tuple(sorted((*states, *facts), key=lambda fact: fact.at)),
    )


def later(circuit, by):
    """A circuit fails later than the others."""
    facts = plan().facts
    moved = [
        replace(fact, at=fact.at + by) if (fact.circuit, fact.at) == (circuit, at(1)) else fact
        for fact in facts
    ]
    return replace(plan(), facts=tuple(sorted(moved, key=lambda fact: fact.at)))


OPEN = "Storm on vyvx: 4 alerts (4 down-vyvx) · acknowledge w-1"
LEFT = "Storm on vyvx: 2 alerts (2 down-vyvx) · acknowledge w-1"
OVER = "Storm on vyvx (4 subjects): recovered after 30 min"
LIST = "F1 w-1.csv Storm on vyvx (4 subjects): all alerts " + " ".join(c.name for c in CABLE)


def seen(*records) -> Trace:
    """Return a trace: what is posted in a channel, its list, edits of it, and other records."""
    trace = Trace()
    threads: dict[str, str] = {}
    for number, (hours, what, text) in enumerate(records):
        if not isinstance(text, str):
            trace.add(at(hours), what, **text)
            continue
        is_file, is_edit = text.startswith("F1"), what in threads
        trace.add(
            at(hours),
            "slack",
            method="files.completeUploadExternal"
            if is_file
            else ("chat.update" if is_edit else "chat.postMessage"),
            channel=what.split("/")[0],
            ts=str(number) if is_file else threads.setdefault(what, str(number)),
            thread_ts=threads[what] if is_file else "",
            text=text,
            done=True,
            answered=True,
        )
    return trace


def wrong(trace: Trace, plan) -> list[str]:
    return [complaint.partition(":")[0] for complaint in oracle.complaints(plan, trace)]


OPENED, LISTED = (1.03, NOC, OPEN), (1.031, NOC, LIST)
CALLED = (1.3, DUTY, OPEN)
CLOSED, CLOSED_THERE = (1.56, NOC, OVER), (1.56, DUTY, OVER)
ACK = {"verb": "ack", "circuit": "200", "incident": "w-1", "opened": at(1.02).isoformat()}
PRESSED = (1.1, "pressed", {**ACK, "id": "press-8", "by": "ana"})
ANSWER = {"topic": "watcher/answers", "payload": json.dumps({"id": "press-8", "ok": True})}
PRESS = Press(at=at(1.1), circuit="200", what="ack")


def test_a_storm_that_is_shown_and_closed_is_fine():
    assert wrong(seen(OPENED, LISTED, CALLED, CLOSED, CLOSED_THERE), plan()) == []


def test_a_storm_that_nobody_sees_is_lost():
    assert set(wrong(seen(), plan())) == {"lost", "not called"}


def test_a_thread_for_each_is_too_many():
    threads = [(1.03, f"{NOC}/{c.id}", f"{c.name} is offline") for c in CABLE]
    ends = [(1.56, f"{NOC}/{c.id}", f"{c.name}: recovered") for c in CABLE]
    calls = [(1.3, f"{DUTY}/{c.id}", f"{c.name} is offline") for c in CABLE]
    assert wrong(seen(*threads, *calls, *ends), plan()) == ["many threads"]
    assert wrong(seen(*threads, *calls, *ends), replace(plan(), storm=20)) == []


def test_a_storm_that_counts_wrong_is_found():
    fewer = (1.03, NOC, LEFT)
    assert wrong(seen(fewer, LISTED, CALLED, CLOSED), plan()) == ["count"]


def test_who_comes_back_first_is_not_counted_any_more():
    slowly = plan(Status(at=at(1.2), circuit="200", state="online"))
    assert wrong(seen(OPENED, LISTED, CALLED, CLOSED), slowly) == ["count"]
    three = (1.23, NOC, OPEN.replace("4", "3"))
    assert wrong(seen(OPENED, LISTED, three, CALLED, CLOSED), slowly) == []


def test_a_storm_that_is_over_too_soon_is_found():
    assert "false all-clear" in wrong(seen(OPENED, LISTED, (1.2, NOC, OVER)), plan())


def test_a_storm_that_stays_open_is_found():
    assert wrong(seen(OPENED, LISTED, CALLED), plan()) == ["count"]


def test_who_is_not_in_the_list_is_found():
    short = (1.2, NOC, LIST.replace("Cable 3", ""))
    assert wrong(seen(OPENED, LISTED, short, CALLED, CLOSED), plan()) == ["list"]
    only = (1.031, NOC, LIST.replace("Cable 3", ""))
    assert wrong(seen(OPENED, only, CALLED, CLOSED), plan()) == ["list"]
    assert wrong(seen(OPENED, only, LISTED, CALLED, CLOSED), plan()) == []


def test_a_storm_that_nobody_acknowledges_calls_somebody_else():
    assert wrong(seen(OPENED, LISTED, CLOSED), plan()) == ["not called"]


def test_a_storm_that_somebody_has_acknowledged_calls_nobody_else():
    acked = (OPENED, LISTED, PRESSED, (1.11, "mqtt", ANSWER))
    assert wrong(seen(*acked, CLOSED), plan(PRESS)) == []
    assert wrong(seen(*acked, CALLED, CLOSED), plan(PRESS)) == ["called"]


DAYS = {
    "one by one": plan(),
    "acknowledged": plan(PRESS),
    "grows": later("203", timedelta(seconds=130)),  # it joins 20 s after the storm began
    "fails again": plan(
        Status(at=at(1.6), circuit="200", state="offline"),
        Status(at=at(1.7), circuit="200", state="online"),
    ),
}


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_a_cable_that_is_cut_is_one_thread(day):
    trace = run(day)
    assert wrong(trace, day) == []
    assert any("all alerts" in record.fields["text"] for record in trace.of("slack"))


def test_sabotage_of_the_storm_guard_is_found():
    with mock.patch.object(storms, "merge_if_too_many"):
        assert wrong(run(DAYS["one by one"]), DAYS["one by one"]) == ["many threads"]


def test_sabotage_of_the_second_list_is_found():
    with mock.patch.object(files, "next_list_at", return_value=None):
        assert wrong(run(DAYS["grows"]), DAYS["grows"]) == ["list"]


def test_sabotage_of_the_sum_is_found():
    count = mock.patch.object(
        notifications, "_storm", return_value={"title": "Storm on vyvx: 9 alerts"}
    )
    with count:
        assert "count" in wrong(run(DAYS["one by one"]), DAYS["one by one"])
