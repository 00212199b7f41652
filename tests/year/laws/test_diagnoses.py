"""Service Diagnostics is checked: runs by hand, and those of a Watcher without its limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year import installation, oracle
from tests.year.draws.diagnoses import with_diagnoses
from tests.year.faults import Crash
from tests.year.laws import diagnoses
from tests.year.plan import NOC, Status
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.engine.incidents import incidents
from watcher.store import jobs
from watcher.vendors.diagnostics import client

pytestmark = pytest.mark.timeout(300)

MINUTE = timedelta(minutes=1)
PLAN = replace(MORNING, diagnoses=True)
DOWN_AT, UP_AT = (fact.at for fact in PLAN.facts)
AGAIN = replace(
    PLAN,
    facts=(
        *PLAN.facts[:1],
        Status(at=DOWN_AT + 5 * MINUTE, circuit="103", state="online"),
        Status(at=DOWN_AT + 10 * MINUTE, circuit="103", state="offline"),
        *PLAN.facts[1:],
    ),
)
SERVICE = "SVC103"
RUN_AT = DOWN_AT + 2 * MINUTE


def ran(when=RUN_AT):
    return when, "run", {"service": SERVICE, "kind": "done", "result": "result 001"}


ANSWERED = (RUN_AT + MINUTE, "found", ran()[2])


def wrote(text, *, thread="1", method="chat.postMessage", when=RUN_AT + 2 * MINUTE):
    fields = {"method": method, "channel": NOC, "ts": "2", "thread_ts": thread, "text": text}
    return when, "slack", {**fields, "done": True}


SHOWN = wrote("Feed 3 is offline", thread="", when=RUN_AT)
REPLIED = wrote(f"Feed 3: Service Diagnostics for {SERVICE}: result 001")
SHARED = wrote(f"F1 diagnostics-{SERVICE}-r-1.pdf Feed 3", method="files.completeUploadExternal")
TOPIC = "watcher/incidents/w-1/reports/r-1"
PUBLISHED = (RUN_AT + 2 * MINUTE, "mqtt", {"topic": TOPIC, "payload": "%PDF result 001"})
WHOLE = (ran(), SHOWN, ANSWERED, REPLIED, SHARED, PUBLISHED)


def wrong(*records, plan=PLAN):
    """Return the complaints about what was run and shown."""
    trace = Trace()
    for when, what, fields in sorted(records, key=lambda record: record[0]):
        trace.add(when, what, **fields)
    return [complaint.partition(":")[0] for complaint in diagnoses.complaints(plan, trace)]


def test_a_run_whose_result_is_shown_is_right():
    assert wrong(*WHOLE) == []
    assert wrong(plan=MORNING) == []


def test_an_outage_without_a_run_is_found():
    assert wrong() == ["not diagnosed"]


def test_a_run_about_what_is_up_is_found():
    assert wrong(*WHOLE, ran(UP_AT + 20 * MINUTE)) == ["needless"]


def test_a_run_within_the_cooldown_is_found_unless_the_one_before_died():
    again = ran(RUN_AT + 5 * MINUTE)
    assert wrong(*WHOLE, again) == ["again"]
    died = (RUN_AT + MINUTE, "crashed", {"daemon": 0})
    assert wrong(*WHOLE, again, died) == []
    assert wrong(*WHOLE, again, ran(RUN_AT + 8 * MINUTE), died) == ["again"]


def test_what_is_shown_twice_or_not_at_all_is_found():
    assert wrong(*WHOLE, REPLIED) == ["twice"]
    assert wrong(*WHOLE, SHARED) == ["twice"]
    assert wrong(ran(), SHOWN, ANSWERED, SHARED, PUBLISHED) == ["not shown"]
    assert wrong(ran(), SHOWN, ANSWERED, REPLIED, SHARED) == ["not published"]


def test_some_seeds_have_diagnoses():
    drawn = [with_diagnoses(replace(MORNING, seed=seed), at(2)).diagnoses for seed in range(20)]
    assert True in drawn
    assert False in drawn


FAULTS = {
    "quiet": (),
    "crash": (Crash(at=DOWN_AT + 2.5 * MINUTE, until=DOWN_AT + 2.6 * MINUTE),),
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_a_circuit_that_fails_is_diagnosed(faults):
    plan = replace(AGAIN, faults=faults)
    trace = run(plan)
    assert oracle.complaints(plan, trace) == []
    assert len(list(trace.of("run"))) == 1 + len(faults)


BROKEN = {
    "request": (incidents, "request_diagnosis", lambda *_: True, "not diagnosed"),
    "report": (client, "find_pdf", lambda _: None, "not published"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_diagnosis_that_is_wrong_is_found(name):
    owner, function, substitute, complaint = BROKEN[name]
    with mock.patch.object(owner, function, substitute):
        assert complaint in complaints_about(AGAIN)


def test_a_cooldown_that_is_not_kept_is_found():
    other = Status(at=DOWN_AT + 5 * MINUTE, circuit="104", state="offline")
    plan = replace(PLAN, facts=(*PLAN.facts[:1], other, *PLAN.facts[1:]))
    with mock.patch.object(installation, "service_of", return_value=SERVICE):
        assert "again" not in complaints_about(plan)
        with mock.patch.object(jobs, "_refuse_for_service", return_value=""):
            assert "again" in complaints_about(plan)


def complaints_about(plan):
    return {line.partition(":")[0] for line in diagnoses.complaints(plan, run(plan))}
