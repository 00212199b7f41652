"""The checker alone: it accepts true evidence, and names what is wrong with false evidence."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from tests.chaos import checker, vendor_checks
from tests.chaos.evidence import DiagnosticsCall, Disruption, Evidence, Poll, Published

SUBJECT = "7000001"
ID = "w-aaaaaaaa"
PDF = b"%PDF-1.7"
DIGEST = hashlib.sha256(PDF).hexdigest()
REPORTS = f"watcher/incidents/{ID}/reports/r-1.pdf"
KILLED = Disruption(kind="kill", started_at=3.05, ended_at=3.06, daemon=0)


def poll(at, state):
    return Poll(daemon=0, started_at=at, ended_at=at + 0.01, states=state and {SUBJECT: state})


def event(number, kind, at, *, notify=True):
    body = {
        "event_id": f"{ID}-{number}",
        "incident": ID,
        "number": number,
        "kind": kind,
        "at": str(at),
        "text": kind,
        "notify": notify,
    }
    return Published(at=at, topic="watcher/events", payload=json.dumps(body).encode())


def document(**changes):
    report = {"sha256": DIGEST, "filename": "a.pdf", "topic": REPORTS}
    return {
        "id": ID,
        "version": 4,
        "status": "resolved",
        "rule": "down",
        "opened_at": "1",
        "alerts": [{"subject": f"vyvx/{SUBJECT}", "to": "online"}],
        "diagnostics": [{"service_id": "S", "status": "done", "report": report}],
        **changes,
    }


def message(ts, text, *, entries="", files=(), **about):
    payload = {"incident": ID, **({"entries": entries} if entries else {}), **about}
    return {
        "ts": ts,
        "text": text,
        "metadata": {"event_payload": {} if files else payload},
        "files": [{"id": name, "name": name} for name in files],
    }


PARENT = message("1.0", "\N{LARGE GREEN CIRCLE} Feed: recovered after 5 min")
DIAGNOSED = message("2.0", "found", entries="3")
OVER = message("3.0", "recovered", entries="4")
FILES = message("2.5", "", files=("a.pdf", "a.png"))
THREAD = (PARENT, DIAGNOSED, FILES, OVER)


def retained(doc, **more):
    return {
        "watcher/status": b"online",
        "watcher/sources/vyvx": b'{"sight": "seen"}',
        f"watcher/incidents/{ID}": json.dumps(doc).encode(),
        REPORTS: PDF,
        **more,
    }


TRUE = Evidence(
    polls=[poll(1.0, "online"), poll(2.0, "offline"), poll(3.0, "online"), poll(4.0, "online")],
    diagnostics_calls=[DiagnosticsCall(service="S", started_at=2.1, ended_at=2.2, whole=True)],
    disruptions=[],
    messages=[
        event(1, "opened", 2.0),
        event(2, "diagnosing", 2.1, notify=False),
        event(3, "diagnosed", 2.3, notify=False),
        event(4, "resolved", 3.0),
    ],
    retained=retained(document()),
    gaps=[],
    threads=[THREAD],
    files={"a.pdf": DIGEST, "a.png": "picture"},
    final={SUBJECT: "online"},
)


def test_a_true_story_is_accepted():
    assert checker.check(TRUE) == []


FALSE = {
    "has no reply": {"threads": [(PARENT, DIAGNOSED, FILES)]},
    "has 2 replies": {"threads": [(*THREAD, OVER)]},
    "has 2 parents": {"threads": [THREAD, (PARENT,)]},
    "has no thread": {"threads": []},
    "comes after entry 4": {"threads": [(PARENT, OVER, FILES, DIAGNOSED)]},
    "another incident's reply": {
        "threads": [(*THREAD, message("4.0", "x", incident="w-b"))],
    },
    "its thread lacks a.pdf": {"files": {"a.pdf": "another", "a.png": "picture"}},
    "shows a.pdf 2 times": {"threads": [(*THREAD, FILES)]},
    "its parent says": {
        "threads": [(message("1.0", "\N{LARGE RED CIRCLE} Feed is offline"), *THREAD[1:])]
    },
    "has no document": {"retained": {"watcher/status": b"online"}},
    "names a PDF": {"retained": {**TRUE.retained, REPORTS: b"cut"}},
    "has no diagnostics": {"retained": retained(document(diagnostics=[]))},
    "online, and down is open": {"retained": retained(document(status="open"))},
    "status/a says offline": {"retained": {**TRUE.retained, "watcher/status/a": b"offline"}},
    "came twice": {"messages": [*TRUE.messages, event(4, "resolved", 3.0)]},
    "came after number 4": {
        "messages": [TRUE.messages[0], *TRUE.messages[2:], TRUE.messages[1]],
    },
    "never came": {"messages": TRUE.messages[:1] + TRUE.messages[2:]},
    "went back from version 9": {
        "messages": [
            *TRUE.messages,
            *(
                Published(
                    at=3.0,
                    topic=f"watcher/incidents/{ID}",
                    payload=json.dumps(document(version=version)).encode(),
                )
                for version in (9, 4)
            ),
        ]
    },
    "and again at": {
        "diagnostics_calls": [
            *TRUE.diagnostics_calls,
            DiagnosticsCall(service="S", started_at=4, ended_at=5, whole=True),
        ]
    },
    "entries that no poll explains": {"polls": [poll(at, "online") for at in (1.0, 2.0, 3.0)]},
    "no entry fits the poll at 5.000": {
        "polls": [*TRUE.polls, poll(5.0, "offline"), poll(6.0, "offline"), poll(7.0, "offline")],
        "final": {SUBJECT: "offline"},
    },
    "a message belongs to no incident": {
        "threads": [THREAD, ({"ts": "9.0", "text": "hello"},)],
    },
}


@pytest.mark.parametrize(("fault", "lie"), FALSE.items(), ids=FALSE.keys())
def test_a_false_story_is_named(fault, lie):
    complaints = checker.check(replace(TRUE, **lie))

    assert any(fault in complaint for complaint in complaints), complaints


def test_a_repetition_that_says_so_is_accepted():
    again = message("4.0", "recovered (possible duplicate)", entries="4")
    parents = message("0.5", "Feed (possible duplicate)")
    assert checker.check(replace(TRUE, threads=[(parents,), (*THREAD, again)])) == []


def test_an_event_may_come_twice_around_a_kill_and_be_missed_while_the_broker_was_gone():
    scenario = replace(
        TRUE,
        disruptions=[KILLED],
        messages=[*TRUE.messages[:2], *TRUE.messages[3:], event(4, "resolved", 3.0)],
        gaps=[(2.2, 2.4)],
    )
    later = replace(scenario.messages[-1], at=3.2)
    assert checker.check(replace(scenario, messages=[*scenario.messages[:-1], later])) == []


def test_a_lock_on_the_database_and_a_jump_of_the_clock_excuse_nothing():
    again = replace(event(4, "resolved", 3.0), at=3.2)
    twice = replace(TRUE, messages=[*TRUE.messages, again])
    for kind in ("lock", "clock"):
        scenario = replace(
            twice, disruptions=[Disruption(kind=kind, started_at=3.05, ended_at=3.1)]
        )
        assert any("came twice" in complaint for complaint in checker.check(scenario))
    assert checker.check(replace(twice, disruptions=[KILLED])) == []


def test_a_run_may_be_repeated_when_a_kill_cut_it_off_but_not_after_its_findings():
    runs = [
        DiagnosticsCall(service="S", started_at=at, ended_at=at + 0.1, whole=True)
        for at in (2.1, 4.0)
    ]
    cut_off = replace(TRUE, diagnostics_calls=runs, disruptions=[KILLED])
    findings = json.loads(TRUE.messages[2].payload) | {"text": "Service Diagnostics for S: fine"}
    reported = replace(TRUE.messages[2], payload=json.dumps(findings).encode())
    assert checker.check(cut_off) == []
    assert checker.check(
        replace(cut_off, messages=[*TRUE.messages[:2], reported, *TRUE.messages[3:]])
    )


def test_the_last_poll_before_a_kill_may_have_been_seen_or_not():
    seen = [poll(1.0, "online"), poll(2.0, "offline"), poll(3.0, "online"), poll(5.0, "offline")]
    unsure = replace(
        TRUE,
        polls=[*seen, poll(6.0, "online"), poll(7.0, "online")],
        disruptions=[Disruption(kind="kill", started_at=5.1, ended_at=5.2, daemon=0)],
    )
    assert checker.check(unsure) == []
    assert checker.check(replace(unsure, disruptions=[]))


def test_a_for_goes_on_over_a_kill_and_does_not_start_again():
    (poor,) = (rule for rule in vendor_checks.RULES if rule.name == "poor")
    bad = [poll(at, "degraded") for at in (2.0, 2.25, 3.0, 3.2, 3.4, 3.6)]
    kill = Disruption(kind="kill", started_at=2.5, ended_at=2.6, daemon=0)
    scenario = replace(TRUE, polls=[poll(1.0, "online"), *bad], disruptions=[kill])
    seen = vendor_checks.observations(scenario, SUBJECT)

    assert not any(observation.unwatched for observation in seen)
    assert vendor_checks.check(poor, seen, ["begin"]) == ""
    assert "no entry fits" in vendor_checks.check(poor, seen, [])
    short = [observation for observation in seen if observation.at < 3.1]
    assert vendor_checks.check(poor, short[:3], []) == ""
    assert "no poll explains" in vendor_checks.check(poor, short[:3], ["begin"])


def test_a_for_may_start_again_after_a_long_time_without_polls():
    (poor,) = (rule for rule in vendor_checks.RULES if rule.name == "poor")
    before = [poll(1.0, "online"), poll(2.0, "degraded"), poll(2.25, "degraded")]
    after = [poll(at, "degraded") for at in (6.0, 6.2, 6.4)]
    over = [poll(at, "online") for at in (6.6, 6.8)]
    started = [
        Disruption(kind="kill", started_at=2.5, ended_at=2.6, daemon=0),
        Disruption(kind="start", started_at=2.6, ended_at=2.7, daemon=0),
    ]
    scenario = replace(TRUE, polls=[*before, *after, *over], disruptions=started)

    for entries in ([], ["begin", "resolved"]):
        assert (
            vendor_checks.check(poor, vendor_checks.observations(scenario, SUBJECT), entries) == ""
        )
    froze = [Disruption(kind="freeze", started_at=2.5, ended_at=5.9, daemon=0)]
    watched = vendor_checks.observations(replace(scenario, disruptions=froze), SUBJECT)
    assert vendor_checks.check(poor, watched, ["begin", "resolved"]) == ""
    assert "no entry fits" in vendor_checks.check(poor, watched, [])
