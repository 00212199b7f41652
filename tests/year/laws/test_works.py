"""The laws of planned works find what is wrong: in traces by hand, and in simulated hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.plan import AHEAD, NOC, Notice, Remark, Status
from tests.year.run import run
from tests.year.test_run import MORNING, at
from tests.year.trace import Trace
from watcher.engine.rules import works
from watcher.engine.works import notices

pytestmark = pytest.mark.timeout(300)

DOWN, UP = "Feed 3 is offline", "Feed 3: recovered after 20 min: online"
PLANNED, OVER = "Planned: Feed 3 down", "\N{MEDIUM BLACK CIRCLE} Over: works on Feed 3"
NOTICE = Notice(at=at(0.2), works="CHG-1", begin=at(1), end=at(1.5), circuits=("103",))


def plan(down, up, *notices):
    facts = (
        Status(at=at(down), circuit="103", state="offline"),
        Status(at=at(up), circuit="103", state="online"),
        *(notices or (NOTICE,)),
    )
    ordered = tuple(sorted(facts, key=lambda fact: fact.at))
    return replace(MORNING, facts=ordered, end=at(3))


INSIDE = plan(1.1, 1.4)
OVERRUN = plan(1.1, 2)
OUTSIDE = plan(2, 2.4)
CANCELLED = plan(1.05, 1.4, NOTICE, replace(NOTICE, at=at(1.1), sequence=2, status="CANCELLED"))
MOVED = plan(1.1, 1.4, NOTICE, replace(NOTICE, at=at(0.5), begin=at(2), end=at(2.5), sequence=2))
COMPLETED = plan(1.02, 1.9, NOTICE, replace(NOTICE, at=at(1.1), sequence=2, status="COMPLETED"))
OLD = plan(1.1, 1.4, NOTICE, replace(NOTICE, at=at(0.5), begin=at(2), end=at(2.5), sequence=0))


def seen(*records) -> Trace:
    """Return a trace of messages: when, the channel, and the text; later ones edit the first."""
    trace = Trace()
    threads: dict[str, str] = {}
    for number, (hours, channel, text) in enumerate(records):
        method = "chat.update" if channel in threads else "chat.postMessage"
        ts = threads.setdefault(channel, str(number))
        fields = {"channel": channel, "ts": ts, "thread_ts": "", "text": text}
        trace.add(at(hours), "slack", method=method, done=True, answered=True, **fields)
    return trace


def wrong(trace: Trace, plan) -> list[str]:
    return [complaint.partition(":")[0] for complaint in oracle.complaints(plan, trace)]


AHEAD_OF_IT = ((0.25, AHEAD, PLANNED), (1.52, AHEAD, OVER))


def test_what_is_planned_and_over_in_time_calls_nobody():
    assert wrong(seen(*AHEAD_OF_IT), INSIDE) == []
    called = ((1.12, NOC, DOWN), (1.43, NOC, UP))
    assert wrong(seen(*AHEAD_OF_IT, *called), INSIDE) == ["disturbed"]


def test_what_is_still_down_after_the_grace_has_to_be_shown_then():
    ended = (2.03, NOC, UP)
    assert wrong(seen(*AHEAD_OF_IT, (1.68, NOC, DOWN), ended), OVERRUN) == []
    assert wrong(seen(*AHEAD_OF_IT), OVERRUN) == ["lost"]
    assert wrong(seen(*AHEAD_OF_IT, (1.55, NOC, DOWN), ended), OVERRUN) == ["disturbed"]


def test_what_is_outside_of_the_window_is_shown_as_ever():
    assert wrong(seen(*AHEAD_OF_IT, (2.03, NOC, DOWN), (2.43, NOC, UP)), OUTSIDE) == []
    assert wrong(seen(*AHEAD_OF_IT), OUTSIDE) == ["lost"]


@pytest.mark.parametrize("day", [CANCELLED, MOVED], ids=["cancelled", "moved"])
def test_what_is_not_planned_any_more_calls_people(day):
    end = 1.12 if day is CANCELLED else 2.52
    ahead = ((0.25, AHEAD, PLANNED), (end, AHEAD, OVER))
    assert wrong(seen(*ahead, (1.13, NOC, DOWN), (1.43, NOC, UP)), day) == []
    assert wrong(seen(*ahead), day) == ["lost"]


def test_an_old_notice_that_comes_late_changes_nothing():
    assert wrong(seen(*AHEAD_OF_IT), OLD) == []
    called = ((1.12, NOC, DOWN), (1.43, NOC, UP))
    assert wrong(seen(*AHEAD_OF_IT, *called), OLD) == ["disturbed"]


def test_works_of_no_impact_excuse_nothing():
    day = plan(1.1, 1.4, replace(NOTICE, impact="NO-IMPACT"))
    assert wrong(seen(*AHEAD_OF_IT), day) == ["lost"]


def test_works_that_nobody_announced_or_that_stay_announced_are_found():
    assert "not announced" in wrong(seen(), INSIDE)
    assert wrong(seen(AHEAD_OF_IT[0]), INSIDE) == ["still announced"]


def test_a_thread_that_stays_open_is_untrue():
    assert wrong(seen(*AHEAD_OF_IT, (1.68, NOC, DOWN)), OVERRUN) == ["untrue"]


DAYS = {
    "inside": INSIDE,
    "overrun": OVERRUN,
    "outside": OUTSIDE,
    "cancelled": CANCELLED,
    "moved": MOVED,
    "completed": COMPLETED,
    "old": OLD,
}


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_planned_works_are_kept_as_they_were_announced(day):
    assert wrong(run(day), day) == []


def test_sabotage_of_planned_works_is_found():
    with mock.patch.object(works, "find", return_value=None):
        assert "disturbed" in wrong(run(INSIDE), INSIDE)


def test_sabotage_of_the_grace_is_found():
    with mock.patch.object(works, "_is_open", return_value=True):
        assert "lost" in wrong(run(OVERRUN), OVERRUN)


def test_sabotage_of_the_begin_of_a_window_is_found():
    early = plan(0.5, 2)
    assert wrong(run(early), early) == []
    with (
        mock.patch.object(works, "EARLY", timedelta(days=1)),
        mock.patch.object(works, "_is_open", return_value=True),
        mock.patch.object(works, "_is_of", return_value=True),
    ):
        assert "lost" in wrong(run(early), early)


DISMISSED = plan(1.1, 1.45, NOTICE, Remark(at=at(0.6), circuit="103"))
LATE = plan(1.05, 1.45, NOTICE, Remark(at=at(1.2), circuit="103", is_sent_again=True))
CONFIRMED = plan(1.1, 1.4, NOTICE, Remark(at=at(0.6), circuit="103", what="acknowledge"))
REMARKS = {"before": DISMISSED, "inside": LATE, "confirmed": CONFIRMED}


@pytest.mark.parametrize("day", REMARKS.values(), ids=REMARKS)
def test_what_people_say_of_works_counts(day):
    trace = run(day)
    assert wrong(trace, day) == []
    assert list(trace.of("remarked"))


def test_works_that_are_dismissed_call_people():
    remark = {"id": "remark-1", "circuit": "103", "button": "dismiss", "arrived": True}
    trace = seen((0.25, AHEAD, PLANNED), (0.61, AHEAD, OVER))
    trace.add(at(0.6), "remarked", **remark)
    assert wrong(trace, DISMISSED) == ["unanswered"]
    trace.add(at(0.601), "answered", id="remark-1", text="the planned works are dismissed.")
    assert wrong(trace, DISMISSED) == ["lost"]


def test_what_another_daemon_leads_is_done_later():
    waits = seen((0.25, AHEAD, PLANNED))
    waits.add(at(0.6), "remarked", id="remark-1", circuit="103", button="dismiss", arrived=True)
    waits.add(at(0.601), "answered", id="remark-1", text="Watcher has it, and waits")
    assert "press" in wrong(waits, DISMISSED)
    assert "press" not in wrong(waits, replace(DISMISSED, daemons=2))


def test_sabotage_of_dismissals_is_found():
    with mock.patch.object(notices, "_decide"):
        assert "lost" in wrong(run(DISMISSED), DISMISSED)
