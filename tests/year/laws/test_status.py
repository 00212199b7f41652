"""What `watcher status` says is checked: answers by hand, and those of a Watcher that hides it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.faults import BrokerFault, SlackFault, StoreFault, VendorFault
from tests.year.laws import status
from tests.year.peers import operators
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.operations import status as operations
from watcher.receivers.mqtt.receiver import MqttReceiver

pytestmark = pytest.mark.timeout(300)

MINUTE = timedelta(minutes=1)


def receiver(name, **changes):
    fields = {"failing": False, "owed": 0, "owed_since": None, "remarks": []}
    return {"name": name, **fields, **changes}


def source(**changes):
    fields = {"sight": "seen", "last_success": at(0.9).isoformat(), "error": ""}
    return {"source": "vyvx", **fields, **changes}


def report(*, receivers=(), sources=(), incidents=0, leads=True):
    changed = {row["name"]: row for row in receivers}
    return {
        "receivers": [changed.get(name, receiver(name)) for name in ("noc", "duty", "mqtt")],
        "sources": list(sources) or [source()],
        "open": incidents,
        "acknowledged": 0,
        "daemons": [{"leads": leads}],
    }


QUIET = replace(MORNING, facts=())
ASKED = at(1.5)


def wrong(answer, *, plan=QUIET, seen=(), code=200) -> list[str]:
    """Return the complaints about one answer, given at ASKED after other records."""
    trace = Trace()
    for when, what, fields in seen:
        trace.add(when, what, **fields)
    trace.add(ASKED, "status", daemon=0, code=code, report=answer)
    return [complaint.partition(" at ")[0] for complaint in status.complaints(plan, trace)]


def write(when, *, ok=False, **changes):
    fields = {"channel": "C00000NOC1", "text": "", "thread_ts": "", "ts": "1", "error": ""}
    return when, "slack", {**fields, "done": ok, "answered": ok, **changes}


def polled(when, *, whole=True):
    return when, "polled", {"source": "vyvx", "asked": when, "whole": whole}


FAILING = receiver("noc", failing=True)
DOWN = SlackFault(at=ASKED - 10 * MINUTE, until=at(2), kind="down")
SLACK_DOWN = replace(QUIET, faults=(DOWN,))


def test_an_answer_in_quiet_times_that_all_is_fine_is_right():
    assert wrong(report(), seen=[polled(at(0.9))]) == []


@pytest.mark.parametrize("code", [0, 503])
def test_no_answer_never_says_fine(code):
    assert wrong(None, plan=SLACK_DOWN, seen=[write(DOWN.at)], code=code) == []


def test_an_internal_error_is_found():
    assert wrong({"error": "KeyError"}, code=500) == ["broken: status"]


def test_a_channel_that_is_fine_while_its_writes_fail_is_found():
    seen = [write(ASKED - 5 * MINUTE), polled(at(0.9))]
    assert wrong(report(), plan=SLACK_DOWN, seen=seen) == ["fine: noc"]
    assert wrong(report(receivers=[FAILING]), plan=SLACK_DOWN, seen=seen) == []
    owing = receiver("noc", owed=1)
    assert wrong(report(receivers=[owing]), plan=SLACK_DOWN, seen=seen) == []


def test_a_channel_may_be_fine_where_a_later_write_arrived_or_the_failure_is_new():
    plan = SLACK_DOWN
    again = [write(ASKED - 5 * MINUTE), write(ASKED - 3 * MINUTE, ok=True), polled(at(0.9))]
    assert wrong(report(), plan=plan, seen=again) == []
    assert wrong(report(), plan=plan, seen=[write(ASKED - MINUTE / 2), polled(at(0.9))]) == []
    refused = write(ASKED - 5 * MINUTE, answered=True, error="edit_window_closed")
    assert wrong(report(), plan=plan, seen=[refused, polled(at(0.9))]) == []


def test_mqtt_that_is_fine_without_a_broker_is_found():
    plan = replace(QUIET, faults=(BrokerFault(at=ASKED - 2 * MINUTE, until=at(2)),))
    assert wrong(report(), plan=plan, seen=[polled(at(0.9))]) == ["fine: mqtt"]
    failing = receiver("mqtt", failing=True)
    assert wrong(report(receivers=[failing]), plan=plan, seen=[polled(at(0.9))]) == []
    new = replace(QUIET, faults=(BrokerFault(at=ASKED - MINUTE / 2, until=at(2)),))
    assert wrong(report(), plan=new, seen=[polled(at(0.9))]) == []


def test_a_source_that_is_fine_while_polls_fail_is_found():
    fault = VendorFault(at=ASKED - 5 * MINUTE, until=at(2))
    plan = replace(QUIET, faults=(fault,))
    seen = [polled(at(0.9)), polled(ASKED - 3 * MINUTE, whole=False)]
    assert wrong(report(), plan=plan, seen=seen) == ["fine: vyvx"]
    failing = source(sight="failing", error="503")
    assert wrong(report(sources=[failing]), plan=plan, seen=seen) == []


def test_a_source_that_was_seen_later_than_it_answered_is_found():
    later = source(last_success=ASKED.isoformat())
    assert wrong(report(sources=[later]), seen=[polled(at(0.9))]) == [
        f"untrue: vyvx seen at {ASKED.isoformat()}, asked"[: len("untrue: vyvx seen")]
    ]


def test_all_fine_while_what_is_down_is_not_shown_is_found():
    plan = replace(MORNING, end=at(2))
    trace_of = [polled(at(1) + MINUTE)]
    assert wrong(report(), plan=replace(plan, facts=plan.facts[:1]), seen=trace_of) == ["fine: all"]
    shown = write(at(1) + 2 * MINUTE, ok=True, text="Feed 3 is offline", method="chat.postMessage")
    assert wrong(report(), plan=replace(plan, facts=plan.facts[:1]), seen=[*trace_of, shown]) == []


def test_all_fine_without_a_database_is_found():
    fault = StoreFault(at=ASKED - 10 * MINUTE, until=at(2), kind="full")
    plan = replace(QUIET, faults=(fault,))
    assert wrong(report(), plan=plan, seen=[polled(at(0.9))]) == ["fine: all"]


def test_what_is_not_fine_in_quiet_times_is_found():
    seen = [polled(at(0.9))]
    assert wrong(report(receivers=[FAILING]), seen=seen) == ["not fine: noc"]
    owing = receiver("noc", owed=1, owed_since=(ASKED - 2 * MINUTE).isoformat())
    assert wrong(report(receivers=[owing]), seen=seen) == ["not fine: noc"]
    assert wrong(report(sources=[source(sight="blind")]), seen=seen) == ["not fine: vyvx"]
    assert wrong(report(leads=False), seen=seen) == ["not fine: nobody leads"]
    assert wrong(report(incidents=1), seen=seen) == ["untrue: 1 incidents are open"]


def test_a_daemon_is_asked_around_each_fault_and_in_quiet_hours():
    fault = SlackFault(at=at(1), until=at(1.2), kind="down")
    asked = operators.times(replace(MORNING, faults=(fault,)))
    assert any(fault.at + MINUTE < when < fault.until for when in asked)
    assert any(when > fault.until for when in asked)
    assert len(operators.times(QUIET)) == 2
    assert len(operators.times(replace(QUIET, end=QUIET.begin + timedelta(days=18)))) <= 50


FAULTS = {
    "slack": SlackFault(at=at(1), until=at(1.3), kind="down"),
    "broker": BrokerFault(at=at(0.5), until=at(0.8), forgets=True),
    "vendor": VendorFault(at=at(1), until=at(1.3)),
    "database": StoreFault(at=at(1), until=at(1.3), kind="full"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_status_says_what_fails_and_that_it_is_over(fault):
    plan = replace(MORNING, end=at(3), faults=(fault,))
    trace = run(plan)
    assert oracle.complaints(plan, trace) == []
    assert any(record.fields["code"] == 200 for record in trace.of("status"))


def _healthy(name, *_):
    return operations.Receiver(
        name=name,
        failing=False,
        failing_since=None,
        error="",
        permanent=False,
        owed=0,
        owed_since=None,
    )


BROKEN = {
    "slack": (operations, "_receiver", _healthy),
    "broker": (MqttReceiver, "cut_off", lambda _: None),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_status_that_hides_a_failure_is_found(name):
    plan = replace(MORNING, faults=(FAULTS[name],))
    with mock.patch.object(*BROKEN[name]):
        assert {complaint[:5] for complaint in status.complaints(plan, run(plan))} == {"fine:"}
