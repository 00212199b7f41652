"""What the ledger says is checked: accounts by hand, and those of a ledger that is broken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.faults import Stop, VendorFault, WrongClock
from tests.year.laws import ledger
from tests.year.plan import Booking, Line, Status
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.ledger import states
from watcher.ledger.states import CircuitState, Condition

pytestmark = pytest.mark.timeout(300)

SEEN, OVER = at(1) + timedelta(minutes=2), at(1.5) + timedelta(minutes=2)
FEED = replace(MORNING, circuits=MORNING.circuits[3:4])
TRUE = ((at(0), "up"), (SEEN, "down"), (OVER, "up"))


def wrong(*changes, plan=FEED, subject="vyvx/103", recorded=False, error="") -> list[str]:
    """Return complaints about a ledger whose conditions hold from one time to the next."""
    ends = [*(when for when, _ in changes[1:]), plan.end]
    parts = [
        (when.isoformat(), end.isoformat(), condition, recorded)
        for (when, condition), end in zip(changes, ends, strict=True)
    ]
    trace = Trace()
    trace.add(SEEN, "slack", method="", thread_ts="", text="Feed 3 is offline", done=True)
    trace.add(plan.end, "ledger", error=error, circuits={subject: parts})
    return [
        complaint.removeprefix("ledger: Feed 3 ").partition(" at ")[0].partition(" from ")[0]
        for complaint in ledger.complaints(plan, trace)
    ]


def test_what_polls_could_see_is_right():
    assert wrong(*TRUE) == []


def test_what_is_missing_is_found():
    assert wrong((at(0), "up"), subject="vyvx/9") == ["is not in it"]
    assert wrong((at(0), "up"), error="KeyError")[0].startswith("broken")


def test_an_outage_that_is_left_out_or_cut_short_is_found():
    assert wrong((at(0), "up")) == ["is up"]
    assert wrong((at(0), "up"), (SEEN, "down"), (at(1.3), "up")) == ["is up"]


def test_an_outage_that_was_not_is_found():
    assert wrong((at(0), "up"), (at(0.5), "down"), (OVER, "up")) == ["is down"]
    assert wrong((at(0), "up"), (SEEN, "down")) == ["is down"]


REFUSES = VendorFault(at=at(0.3), until=at(0.7), kind="limited")


def test_what_is_unknown_without_a_reason_is_found():
    blind = ((at(0), "up"), (at(0.38), "blind"), (at(0.7), "up"), *TRUE[1:])
    assert wrong(*blind) == ["is unknown"]
    assert wrong(*blind, plan=replace(FEED, faults=(REFUSES,))) == []
    assert wrong(*blind, plan=replace(FEED, retention=timedelta(days=1))) == []
    stopped = Stop(at=at(0.4), until=at(0.7))
    assert wrong(*blind, plan=replace(FEED, faults=(stopped,))) == []


def test_what_is_known_although_nobody_could_ask_is_found():
    plan = replace(FEED, faults=(REFUSES,))
    assert wrong(*TRUE, plan=plan) == ["is up"]
    assert wrong(*TRUE, plan=plan, recorded=True) == []


def test_what_counts_off_air_is_found():
    booking = Booking(at=at(0), circuit="103", begin=at(1), end=at(1.2))
    plan = replace(FEED, facts=(booking, *FEED.facts))
    good = ((at(0), "unused"), (at(1), "up"), (SEEN, "down"), (at(1.2), "unused"))
    assert wrong(*good, plan=plan) == []
    assert wrong((at(0), "up"), *good[1:], plan=plan) == ["is up"]
    assert wrong(*good[:3], (OVER, "up"), plan=plan)[-1] == "is up"


def test_a_line_is_never_down():
    plan = replace(FEED, circuits=(), facts=(), lines=(Line(id="EVPL-1"),))
    assert wrong((at(0), "up"), plan=plan, subject="evpl/EVPL-1") == []
    assert wrong((at(0), "down"), plan=plan, subject="evpl/EVPL-1") != []


def test_nothing_is_said_of_a_ledger_with_wrong_times():
    wrong_clock = WrongClock(at=at(1), until=at(1.2), by=timedelta(days=2))
    assert wrong((at(0), "down"), plan=replace(FEED, faults=(wrong_clock,))) == []


BOOKED = replace(
    MORNING,
    end=at(3),
    facts=(
        Booking(at=at(0), circuit="103", begin=at(0.8), end=at(1.4)),
        *MORNING.facts,
        Status(at=at(2), circuit="101", state="offline"),
    ),
    faults=(REFUSES,),
)


def test_the_ledger_of_a_morning_is_right():
    assert oracle.complaints(BOOKED, run(BOOKED)) == []


def _all_up(*_):
    return CircuitState(condition=Condition.UP)


BROKEN = {
    "nothing is ever down": ("evaluate", _all_up),
    "what nobody could see counts as before": ("_blinded", lambda state, _: state),
    "off air counts": ("_in_service", lambda state, _: state),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_ledger_is_found(name):
    with mock.patch.object(states, *BROKEN[name]):
        complaints = list(ledger.complaints(BOOKED, run(BOOKED)))
    assert all(complaint.startswith("ledger: ") for complaint in complaints)
    assert complaints
