"""What `watcher why` says of lines is checked: answers by hand, and a Watcher that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.draw import draw
from tests.year.draws.lines import BUSY, FULL
from tests.year.faults import VendorFault
from tests.year.laws import line_whys
from tests.year.laws.test_lines import AFTERNOON, at, load, quirk
from tests.year.peers import askers
from tests.year.peers.series import DIRECTIONS, Series
from tests.year.plan import Plan
from tests.year.run import run
from tests.year.trace import Trace
from watcher.operations import explain

pytestmark = pytest.mark.timeout(300)

ASKED, LATER = at(3.5), at(6)
BEFORE = at(1.5)
NOTIFIED = "receiver noc: notified of everything (channel C00000NOC1, ts 1.1, shows open/critical)"


def _time(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def value(when: datetime) -> float:
    series, line = Series(AFTERNOON), AFTERNOON.lines[0]
    return max(series.load(line, way, when) for way in DIRECTIONS)


def subject(rule="firing", incident="w-1", percent: float | None = None) -> list[str]:
    percent = value(at(3.25)) if percent is None else percent
    named = f", incident {incident}" if incident else ""
    alert = f"rule quick: {rule} since {_time(at(2.25))}{named}" if rule else "no rule"
    return [
        f"evpl/EVPL-00: utilization {percent:g}",
        f"in this state since {_time(at(3.5))}",
        alert,
    ]


CALM = subject(rule="", percent=value(at(5.75)))


def incident(
    status="open since",
    since: datetime | None = None,
    *,
    by="quick",
    opened="outbound utilization at POP PARIS is 97.81 %, at or above 90 %",
    to="",
    notified: Sequence[str] = (NOTIFIED,),
) -> list[str]:
    since = since or at(2)
    return [
        "w-1: EVPL-00 is full: outbound 98 %",
        f"critical, by rule {by}: {status} {_time(since)}{to}, 1 h 30 min so far",
        f"{_time(at(2.25))}  1. opened: {opened} since 02:00:00 UTC",
        *notified,
    ]


def recovered(end: datetime) -> list[str]:
    return incident("resolved (recovered), from", to=f" to {_time(end)}")


def wrong(
    lines: Sequence[str],
    of_incident: Sequence[str] = (),
    *,
    plan: Plan = AFTERNOON,
    asked: datetime = ASKED,
    code=200,
    incident_code=200,
) -> list[str]:
    """Return the complaints about one question and the answers to it."""
    trace = Trace()
    trace.add(at(2.25), "slack", ts="1.1", done=True)
    has_incident = bool(of_incident) or incident_code != 200
    trace.add(
        asked,
        "why line",
        line="EVPL-00",
        asked=asked,
        code=code,
        answer={"why": list(lines)},
        incident="w-1" if has_incident else "",
        incident_code=incident_code if has_incident else 0,
        incident_answer={"why": list(of_incident)},
    )
    return [complaint.partition(":")[0] for complaint in line_whys.complaints(plan, trace)]


def test_what_the_loads_were_is_explained():
    assert wrong(subject(), incident()) == []
    assert wrong(CALM, recovered(at(5)), asked=LATER) == []
    assert wrong(subject(rule="", percent=value(at(1.25))), asked=BEFORE) == []


def test_an_internal_error_and_no_answer_in_quiet_times_are_found():
    assert wrong((), code=500) == ["broken"]
    assert wrong((), code=0) == ["unanswered"]
    assert wrong(subject(), incident_code=404) == ["unexplained"]


def test_a_value_of_another_time_is_found():
    assert wrong(subject(percent=value(at(2.5))), incident()) == ["untrue"]
    away = VendorFault(at=at(2.5), until=at(3.4), kind="down")
    plan = replace(AFTERNOON, faults=(away,))
    assert wrong(subject(percent=value(at(2.5))), incident(), plan=plan) == []


def test_a_full_line_without_a_rule_or_an_incident_is_found():
    assert wrong(subject(rule="")) == ["unexplained"]
    assert wrong(subject(incident="")) == ["unexplained"]


def test_a_rule_that_fires_on_a_clear_line_is_found():
    still = subject(percent=value(at(5.75)))
    assert wrong(still, recovered(at(5)), asked=LATER) == ["untrue", "untrue"]
    assert wrong(subject(percent=value(at(1.25)), incident=""), asked=BEFORE) == ["untrue"]


def test_an_incident_by_another_rule_or_over_another_limit_is_found():
    assert wrong(subject(), incident(by="other")) == ["unexplained"]
    for opened in ("is 97.81 %, at or above 80 %", "is 85 %, at or above 90 %"):
        text = f"outbound utilization at POP PARIS {opened}"
        assert wrong(subject(), incident(opened=text)) == ["untrue"]


def test_an_incident_of_another_time_is_found():
    assert wrong(subject(), incident(since=at(2.25))) == ["untrue"]
    assert wrong(subject(), incident(since=at(1.5))) == ["untrue"]


def test_what_was_full_twice_while_the_other_direction_was_between_began_twice():
    between = (load(1, 85, "in"), load(1.5, 98), load(1.75, 30))
    plan = replace(AFTERNOON, facts=(*between, *AFTERNOON.facts))
    assert wrong(subject(), incident(), plan=plan) == []


def test_where_something_broke_it_need_only_have_been_full_then():
    away = VendorFault(at=at(1.9), until=at(2.2), kind="down")
    plan = replace(AFTERNOON, faults=(away,))
    assert wrong(subject(), incident(since=at(2.25)), plan=plan) == []
    assert wrong(subject(), incident(since=at(1.5)), plan=plan) == ["untrue"]
    late = replace(AFTERNOON, facts=(*AFTERNOON.facts, quirk("late", 1.9, 2.2)))
    assert wrong(subject(), incident(since=at(2.25)), plan=late) == []


def test_a_recovery_in_the_middle_of_it_is_found():
    assert wrong(CALM, recovered(at(4)), asked=LATER) == ["untrue"]
    assert wrong(subject(), recovered(at(3))) == ["untrue", "untrue"]


def test_an_incident_of_which_nobody_was_notified_is_found():
    assert wrong(subject(), incident(notified=())) == ["unexplained"]
    other = NOTIFIED.replace("ts 1.1", "ts 1.2")
    assert wrong(subject(), incident(notified=(other,))) == ["untrue"]


def test_they_ask_while_a_line_is_full_and_not_too_often():
    asked = [when for when, _ in askers.questions_of_lines(AFTERNOON)]
    assert any(at(2) < when < at(5) for when in asked)
    assert any(when > at(5) for when in asked)
    assert len(askers.questions_of_lines(draw(1, 18))) <= 40


@pytest.mark.parametrize("rule", [AFTERNOON.thresholds[0], BUSY, FULL], ids=lambda rule: rule.name)
def test_why_says_what_is_true(rule):
    plan = replace(AFTERNOON, thresholds=(rule,))
    trace = run(plan)
    assert oracle.complaints(plan, trace) == []
    assert any(r.fields["incident_code"] == 200 for r in trace.of("why line"))


def _later(alert) -> str:
    return f"rule {alert.rule}: inactive since {_time(alert.since)}"


BROKEN = {
    "alerts": ("describe_alert", _later, {"unexplained"}),
    "values": ("_value", lambda _: "12", {"untrue"}),
    "deliveries": ("describe_delivery", lambda *_: "receiver noc: nothing", {"unexplained"}),
    "status": ("_status", lambda *_: "resolved", {"untrue"}),
    "subject": ("_details", lambda _: iter([1 / 0]), {"broken"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_why_that_is_wrong_is_found(name):
    function, substitute, complaints = BROKEN[name]
    with mock.patch.object(explain, function, substitute):
        trace = run(AFTERNOON)
    wrongs = line_whys.complaints(AFTERNOON, trace)
    assert {line.partition(":")[0] for line in wrongs} == complaints
