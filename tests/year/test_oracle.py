"""The oracle finds what is wrong: in traces by hand, and in a Watcher broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.faults import (
    BrokerFault,
    Crash,
    Freeze,
    SlackFault,
    Stop,
    StoreFault,
    VendorFault,
    WrongClock,
)
from tests.year.laws.timing import due
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.receivers.slack import lookup
from watcher.store import outbox

pytestmark = pytest.mark.timeout(300)

DOWN, UP = "Feed 3 is offline", "Feed 3: recovered after 30 min: online"
SOON = timedelta(minutes=2)


def seen(*messages) -> Trace:
    """Return a trace of messages: when, the thread if it is a reply or an edit, and the text."""
    trace = Trace()
    for number, (when, thread, text) in enumerate(messages):
        is_edit = thread.startswith("edit ")
        trace.add(
            when,
            "slack",
            method="chat.update" if is_edit else "chat.postMessage",
            ts=thread.removeprefix("edit ") if is_edit else str(number),
            thread_ts="" if is_edit else thread,
            text=text,
            done=True,
            answered=True,
        )
    return trace


def wrong(trace, plan=MORNING) -> list[str]:
    return [complaint.partition(":")[0] for complaint in oracle.complaints(plan, trace)]


OPENED = (at(1) + SOON, "", DOWN)
CLOSED = (at(1.5) + SOON, "edit 0", UP)


def test_an_outage_that_is_shown_and_closed_is_fine():
    assert wrong(seen(OPENED, CLOSED)) == []


def test_an_outage_that_nobody_was_notified_of_is_lost():
    assert wrong(seen()) == ["lost"]


def test_an_outage_that_is_shown_much_later_is_lost():
    assert wrong(seen((at(1.4), "", DOWN), CLOSED)) == ["lost"]


def test_a_thread_that_stays_open_is_untrue():
    assert wrong(seen(OPENED)) == ["untrue"]


def test_a_second_thread_is_found():
    assert wrong(seen(OPENED, (at(1.2), "", DOWN), CLOSED, (at(1.6), "edit 1", UP))) == ["twice"]


def test_a_reply_that_comes_again_is_found():
    reply = (at(1.52), "0", UP)
    assert wrong(seen(OPENED, CLOSED, reply, reply)) == ["twice"]


def test_a_recovery_while_it_is_down_is_a_false_all_clear():
    assert wrong(seen(OPENED, (at(1.3), "0", UP), CLOSED)) == ["false all-clear"]


def test_an_outage_that_never_was_is_invented():
    assert "invented" in wrong(seen((at(0.5), "", DOWN)))


def test_a_fault_puts_off_what_is_due():
    plan = replace(MORNING, faults=(SlackFault(at=at(1), until=at(1.2), kind="down"),))
    assert wrong(seen((at(1.3), "", DOWN), CLOSED), plan) == []


def test_a_fault_that_has_just_ended_puts_off_what_is_due():
    fault = VendorFault(at=at(1.3), until=at(1.5) - timedelta(seconds=30))
    in_time = due(MORNING, at(1.5), MORNING.rules[0].keep)
    late = (in_time + timedelta(seconds=30), "edit 0", UP)
    assert wrong(seen(OPENED, late)) == ["untrue"]
    assert wrong(seen(OPENED, late), replace(MORNING, faults=(fault,))) == []


LOST = SlackFault(at=at(1), until=at(1) + timedelta(minutes=5), kind="answer_lost")
FAULTS = {
    "crash": Crash(at=at(1) + timedelta(seconds=30), until=at(1) + SOON, steps=20),
    "crash in a transaction": Crash(at=at(1) + SOON, until=at(1) + 2 * SOON, statements=7),
    "crash after a post": Crash(at=at(1), until=at(1.1), steps=1, after_post=True),
    "store locked": StoreFault(at=at(1) + SOON, until=at(1.05), kind="locked"),
    "store full": StoreFault(at=at(1) + SOON, until=at(1.05), kind="full"),
    "store broken": StoreFault(at=at(1) + SOON, until=at(1.05), kind="broken"),
    "store unsure": StoreFault(at=at(1) + SOON, until=at(1.05), kind="unsure"),
    "stop": Stop(at=at(1) + timedelta(seconds=30), until=at(1.1)),
    "freeze": Freeze(at=at(1) + timedelta(seconds=30), until=at(1.1)),
    "clock ahead": WrongClock(at=at(0.9), until=at(1.2), by=timedelta(days=2)),
    "clock behind": WrongClock(at=at(0.9), until=at(1.2), by=timedelta(hours=-5)),
    "clock wrong at start": WrongClock(at=at(0), until=at(1.2), by=timedelta(hours=3)),
    "vendor": VendorFault(at=at(1) + timedelta(seconds=90), until=at(1.2)),
    "vendor limited": VendorFault(at=at(0.99), until=at(1.05), kind="limited"),
    "vendor cut": VendorFault(at=at(0.99), until=at(1.05), kind="cut"),
    "vendor partial": VendorFault(at=at(1) + timedelta(minutes=3), until=at(1.2), kind="partial"),
    "vendor old": VendorFault(at=at(1.4), until=at(1.6), kind="old"),
    "slack": SlackFault(at=at(1), until=at(1.2), kind="down"),
    "slack limited": SlackFault(at=at(1), until=at(1.2), kind="limited", method="chat.postMessage"),
    "slack no edits": SlackFault(at=at(1.4), until=at(1.55), kind="no_edits"),
    "broker": BrokerFault(at=at(1), until=at(1.2)),
    "broker forgets": BrokerFault(at=at(1.2), until=at(1.3), forgets=True),
    "answer": LOST,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_loses_nothing_and_nothing_comes_twice(fault):
    plan = replace(MORNING, faults=(fault,))
    trace = run(plan)
    assert wrong(trace, plan) == []
    assert trace.digest() == run(plan).digest()


def test_a_lost_answer_is_looked_up_where_the_clock_is_wrong():
    wrong_clock = WrongClock(at=at(0.9), until=at(1.9), by=timedelta(hours=3))
    plan = replace(MORNING, begin=at(0.9), end=at(1.9), faults=(wrong_clock, LOST))
    assert wrong(run(plan), plan) == []


TAKEOVERS = {
    "crash": Crash(at=at(1) + timedelta(seconds=30), until=at(1.4), steps=20),
    "freeze": Freeze(at=at(1) + timedelta(seconds=30), until=at(1.2)),
    "stop": Stop(at=at(1) + timedelta(seconds=30), until=at(1.4)),
}


@pytest.mark.parametrize("fault", TAKEOVERS.values(), ids=TAKEOVERS)
def test_another_daemon_takes_over(fault):
    plan = replace(MORNING, daemons=2, faults=(fault,))
    trace = run(plan)
    assert wrong(trace, plan) == []
    assert next(trace.of("slack")).at < at(1.1)
    assert trace.digest() == run(plan).digest()


def test_sabotage_of_delivery_is_found():
    with mock.patch.object(outbox, "_due", return_value=[]):
        assert "lost" in wrong(run(MORNING))


def test_sabotage_of_the_look_up_is_found():
    plan = replace(MORNING, faults=(LOST,))
    with mock.patch.object(lookup, "_is_ours", return_value=False):
        assert "twice" in wrong(run(plan), plan)
