"""The checks of a fault alone: a true story passes, and a false all-clear is named."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.chaos import fault_checks
from tests.chaos.evidence import Evidence, Poll

SUBJECT, ID = "7000001", "w-aaaaaaaa"


def poll(at, state):
    return Poll(daemon=0, started_at=at, ended_at=at + 0.01, states={SUBJECT: state})


def event(number, kind, text, at):
    made = datetime.fromtimestamp(at, UTC).isoformat()
    return {"event_id": f"{ID}-{number}", "kind": kind, "text": text, "at": made, "heard": at}


def document(identity=ID, **changes):
    return {
        "id": identity,
        "fault": "picture",
        "status": "resolved",
        "opened_at": "2",
        "resolved_at": "5",
        "alerts": [{"subject": f"vyvx/{SUBJECT}"}],
        **changes,
    }


def thread(text):
    return [{"text": text, "metadata": {"event_payload": {"incident": ID}}}]


EVENTS = {
    ID: {
        1: event(1, "opened", "offline since 2", 2.1),
        2: event(2, "better", "better: degraded, still a fault", 3.1),
        3: event(3, "resolved", "recovered at 4: online", 4.1),
    }
}
POLLS = [poll(1, "online"), poll(2, "offline"), poll(3, "degraded"), poll(4, "online")]
TRUE = Evidence(
    polls=POLLS,
    diagnostics_calls=[],
    disruptions=[],
    messages=[],
    retained={},
    gaps=[],
    threads=[thread("\N{LARGE GREEN CIRCLE} Feed: recovered after 2 s: online")],
    files={},
    final={SUBJECT: "online"},
)


def test_a_fault_that_changed_its_face_and_recovered_is_accepted():
    assert list(fault_checks.check(TRUE, {ID: document()}, EVENTS)) == []


def test_a_recovery_that_came_late_with_the_entry_before_it_is_accepted():
    late = {
        ID: {
            number: {**event, "heard": 9.0} if number > 1 else event
            for number, event in EVENTS[ID].items()
        }
    }
    evidence = replace(TRUE, polls=[*POLLS, poll(8, "degraded")], final={SUBJECT: "degraded"})
    live = document("w-cccccccc", status="open", resolved_at=None, opened_at="8")
    again = {ID: document(), live["id"]: live}
    assert list(fault_checks.check(evidence, again, late)) == []


@pytest.mark.parametrize(
    ("complaint", "evidence", "documents"),
    [
        ("says 'recovered at 4: online'", {"polls": POLLS[:-1]}, [document()]),
        ("has two threads", {}, [document(), document("w-bbbbbbbb", opened_at="3")]),
        ("its fault is not open", {"final": {SUBJECT: "degraded"}}, [document()]),
        ("its fault is open", {}, [document(status="open", resolved_at=None)]),
        (
            "the last text of its fault",
            {"threads": [thread("\N{LARGE RED CIRCLE} Feed is gone")]},
            [document()],
        ),
    ],
)
def test_a_false_all_clear_is_named(complaint, evidence, documents):
    by_id = {document["id"]: document for document in documents}
    complaints = list(fault_checks.check(replace(TRUE, **evidence), by_id, EVENTS))
    assert any(complaint in text for text in complaints), complaints
