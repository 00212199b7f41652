"""What `watcher why` says is checked: answers by hand, and those of a Watcher that is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.draw import draw
from tests.year.faults import Freeze, SlackFault, StoreFault, VendorFault, WrongClock
from tests.year.laws import whys
from tests.year.peers import askers
from tests.year.plan import Silence
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.operations import explain

pytestmark = pytest.mark.timeout(300)

MINUTE = timedelta(minutes=1)
DOWN_AT, UP_AT = (fact.at for fact in MORNING.facts)
SEEN_AT = DOWN_AT + MINUTE
ASKED = DOWN_AT + 10 * MINUTE
LATER = UP_AT + 15 * MINUTE
TS = "1824932170.000004"


def _time(when):
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def subject(state="offline", since=SEEN_AT, rule="firing", incident="w-1"):
    lines = [f"vyvx/103 (Feed 3): state {state}, ingress_state online"]
    lines.append(f"in this state since {_time(since)}")
    named = f", incident {incident}" if incident else ""
    lines.append(f"rule down-vyvx: {rule} since {_time(since)}{named}" if rule else "no alert")
    return lines


UP = subject("online", UP_AT + MINUTE, rule="")
NOTIFIED = (
    f"receiver noc: notified of everything (channel C00000NOC1, ts {TS}, shows open/critical)"
)


def incident(status="open since", since=SEEN_AT, by="down-vyvx", notified=(NOTIFIED,)):
    return [
        "w-1: Feed 3 is offline",
        f"critical, by rule {by}: {status} {_time(since)}, 9 min so far",
        *notified,
    ]


def wrong(
    lines, of_incident=(), *, plan=MORNING, asked=ASKED, code=200, incident_code=200, polls=()
):
    """Return the complaints about one question and the answers to it; `polls`: when, and whole."""
    trace = Trace()
    for when, is_whole in sorted([(SEEN_AT, True), (UP_AT + MINUTE, True), *polls]):
        trace.add(when, "polled", asked=when, source="vyvx", whole=is_whole)
    trace.add(SEEN_AT + MINUTE, "slack", ts=TS, done=True)
    trace.add(
        asked,
        "why",
        daemon=0,
        circuit="103",
        asked=asked,
        code=code,
        answer={"why": list(lines)} if code == 200 else {"error": "no"},
        incident="w-1" if of_incident or incident_code != 200 else "",
        incident_code=incident_code if of_incident or incident_code != 200 else 0,
        incident_answer={"why": list(of_incident)},
    )
    return [complaint.partition(":")[0] for complaint in whys.complaints(plan, trace)]


def test_what_the_vendor_did_is_explained():
    assert wrong(subject(), incident()) == []
    assert wrong(UP, incident("resolved (recovered), from"), asked=LATER) == []


def test_for_may_run_still():
    soon = DOWN_AT + 1.5 * MINUTE
    assert wrong(subject(rule="pending", incident=""), asked=soon) == []


def test_for_may_begin_again_where_nobody_could_look():
    frozen = Freeze(at=DOWN_AT + 4 * MINUTE, until=DOWN_AT + 8 * MINUTE, daemon=0)
    rules = tuple(replace(rule, hold=5 * MINUTE) for rule in MORNING.rules)
    plan = replace(MORNING, rules=rules, faults=(frozen,))
    again = incident(since=frozen.until)
    assert wrong(subject(), again, plan=plan) == []
    assert wrong(subject(), again) == ["untrue"]


def test_an_internal_error_and_no_answer_in_quiet_times_are_found():
    assert wrong((), code=500) == ["broken"]
    assert wrong((), code=0) == ["unanswered"]
    broken = replace(MORNING, faults=(StoreFault(at=DOWN_AT, until=UP_AT, kind="broken"),))
    assert wrong((), code=503, plan=broken) == []
    assert wrong(subject(), incident(), incident_code=404) == ["unexplained"]


@pytest.mark.parametrize(
    "lines",
    [
        subject("online"),
        subject(since=DOWN_AT - MINUTE),
        subject(since=SEEN_AT + 5 * MINUTE),
    ],
)
def test_another_state_or_another_time_is_found(lines):
    assert wrong(lines, incident()) == ["untrue"]


def test_what_was_not_seen_meanwhile_need_not_be_said():
    down, up = MORNING.facts
    moment = (replace(down, at=ASKED - 3 * MINUTE, state="online"),)
    again = (*moment, replace(down, at=ASKED - 2 * MINUTE))
    plan = replace(MORNING, facts=(down, *again, up))
    assert wrong(subject(), incident(), plan=plan) == []


def test_a_circuit_that_was_not_listed_twice_is_new_when_it_is_listed_again():
    partial = VendorFault(at=UP_AT + 20 * MINUTE, until=UP_AT + 26 * MINUTE, kind="partial")
    once, twice, again = (UP_AT + n * MINUTE for n in (21, 23, 27))
    answer = {
        "lines": subject("online", again, rule=""),
        "plan": replace(MORNING, faults=(partial,)),
        "asked": UP_AT + 180 * MINUTE,
    }
    assert wrong(**answer, polls=((once, False), (twice, False), (again, True))) == []
    within = again + timedelta(seconds=0.9)  # the answer has no fraction
    assert wrong(**answer, polls=((once, False), (twice, False), (within, True))) == []
    assert wrong(**answer, polls=((twice, False), (again, True))) == ["untrue"]
    assert wrong(**answer, polls=((once, True), (twice, True), (again, True))) == ["untrue"]


def test_a_clock_was_wrong_when_the_state_began_that_was_seen_last():
    down, up = MORNING.facts
    moment = replace(down, at=ASKED - 3 * MINUTE, state="online")
    facts = (down, moment, replace(down, at=ASKED - 2 * MINUTE), up)
    clock = WrongClock(
        at=DOWN_AT - 6 * MINUTE, until=DOWN_AT - 3 * MINUTE, by=120 * MINUTE, daemon=0
    )
    answer = {
        "lines": subject(since=SEEN_AT - 120 * MINUTE),
        "asked": ASKED + 8 * MINUTE,
        "polls": ((ASKED - MINUTE, True),),
    }
    assert wrong(**answer, plan=replace(MORNING, facts=facts, faults=(clock,))) == []
    assert wrong(**answer, plan=replace(MORNING, facts=facts)) == ["untrue"]


def test_an_outage_that_no_rule_explains_is_found():
    assert wrong(subject(rule="", incident="")) == ["unexplained", "unexplained"]
    assert wrong(subject(rule="pending", incident="")) == ["unexplained"]


def test_what_is_live_although_it_is_up_is_found():
    still = subject("online", UP_AT + MINUTE)
    assert wrong(still, asked=LATER) == ["untrue"]
    assert wrong(UP, incident(), asked=LATER) == ["untrue"]


def test_an_incident_by_another_rule_or_of_another_time_is_found():
    assert wrong(subject(), incident(by="other")) == ["unexplained"]
    assert wrong(subject(), incident(since=DOWN_AT - MINUTE)) == ["untrue"]


def test_an_incident_that_is_neither_notified_nor_held_back_is_found():
    assert wrong(subject(), incident(notified=())) == ["unexplained"]
    other = NOTIFIED.replace(TS, "1.2")
    assert wrong(subject(), incident(notified=(other,))) == ["untrue"]


def test_a_reason_has_to_be_there():
    silenced = incident(notified=("it is silenced",))
    silence = Silence(at=at(0.5), begin=at(0.5), until=UP_AT, circuit="103")
    assert wrong(subject(), silenced) == ["untrue"]
    assert wrong(subject(), silenced, plan=replace(MORNING, facts=(silence, *MORNING.facts))) == []
    planned = incident(notified=("it belongs to planned works CHG of Lumen",))
    assert wrong(subject(), planned) == ["untrue"]


def test_they_ask_around_each_outage_and_not_too_often():
    asked = [when for when, _ in askers.questions(MORNING)]
    assert any(DOWN_AT < when < DOWN_AT + 5 * MINUTE for when in asked)
    assert any(when > UP_AT for when in asked)
    assert len(askers.questions(draw(1, 18))) <= 40


@pytest.mark.parametrize("kind", ["quiet", "slack", "database"])
def test_why_says_what_is_true(kind):
    faults = {
        "quiet": (),
        "slack": (SlackFault(at=DOWN_AT, until=at(1.3), kind="down"),),
        "database": (StoreFault(at=DOWN_AT, until=at(1.3), kind="broken"),),
    }
    plan = replace(MORNING, faults=faults[kind])
    trace = run(plan)
    assert oracle.complaints(plan, trace) == []
    assert any(r.fields["code"] == 200 and r.fields["incident"] for r in trace.of("why"))


def _alert_of_another_time(alert):
    return f"rule {alert.rule}: inactive since {_time(alert.since)}"


BROKEN = {
    "alerts": ("describe_alert", _alert_of_another_time, "unexplained"),
    "deliveries": ("describe_delivery", lambda *_: "receiver noc: nothing", "unexplained"),
    "status": ("_status", lambda *_: "resolved", "untrue"),
    "subject": ("_details", lambda _: iter([1 / 0]), "broken"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_why_that_is_wrong_is_found(name):
    function, substitute, complaint = BROKEN[name]
    with mock.patch.object(explain, function, substitute):
        wrongs = {line.partition(":")[0] for line in whys.complaints(MORNING, run(MORNING))}
    assert wrongs == {complaint}
