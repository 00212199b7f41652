"""One day of a daemon, simulated: what people see, and that it is the same each time."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.year.faults import Crash, SlackFault
from tests.year.plan import Circuit, Plan, Rule, Status
from tests.year.run import run

BEGIN = datetime(2028, 2, 29, tzinfo=UTC)


def at(hours: float) -> datetime:
    return BEGIN + timedelta(hours=hours)


pytestmark = pytest.mark.timeout(300)  # a minute of CPU where nothing else runs

DAY = Plan(
    seed=1,
    begin=BEGIN,
    end=at(24),
    rules=(
        Rule(
            name="down",
            to=("offline",),
            hold=timedelta(seconds=20),
            keep=timedelta(minutes=1),
        ),
    ),
    circuits=tuple(Circuit(id=f"10{number}", name=f"Feed {number}") for number in range(5)),
    facts=(
        Status(at=at(1), circuit="103", state="offline"),
        Status(at=at(1.5), circuit="103", state="online"),
    ),
    interval=timedelta(minutes=2),
    idle=timedelta(minutes=10),
)


@pytest.fixture(scope="module")
def trace():
    return run(DAY)


def test_an_outage_opens_a_thread_and_its_recovery_closes_it(trace):
    posted, edited, replied = trace.of("slack")
    assert (posted.fields["method"], posted.fields["thread_ts"]) == ("chat.postMessage", "")
    assert "Feed 3 is offline" in posted.fields["text"]
    assert at(1) < posted.at < at(1) + timedelta(minutes=3)
    assert (edited.fields["method"], edited.fields["ts"]) == ("chat.update", posted.fields["ts"])
    assert replied.fields["thread_ts"] == posted.fields["ts"]
    for record in (edited, replied):
        assert "recovered" in record.fields["text"]
        assert at(1.5) < record.at < at(1.5) + timedelta(minutes=4)


def test_a_subscriber_sees_the_incident_open_and_resolved(trace):
    events = [
        r.fields["payload"] for r in trace.of("mqtt") if r.fields["topic"] == "watcher/events"
    ]
    assert len(events) == 2
    status = [
        r.fields["payload"] for r in trace.of("mqtt") if r.fields["topic"] == "watcher/status"
    ]
    assert status == ["online", "offline"]


def test_the_vendor_is_asked_all_day(trace):
    assert 24 * 30 <= len(list(trace.of("polled"))) < 24 * 30 + 60


MORNING = replace(DAY, end=at(2))
SCRIPT = "from tests.year import run, test_run; print(run.run(test_run.MORNING).digest())"


def test_a_run_is_the_same_in_another_process():
    other = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert other.stdout.strip() == run(MORNING).digest()


SHOWN = ("method", "text", "done")
DOWN = SlackFault(at=at(1), until=at(1.08), kind="down")
DEAD = Crash(at=at(1) + timedelta(seconds=141), until=at(1) + timedelta(seconds=150))


@pytest.mark.parametrize("fault", [DOWN, DEAD], ids=["Slack", "crash"])
def test_an_idle_loop_that_looks_seldom_is_not_late(fault):
    plan = replace(MORNING, faults=(fault,))
    often, seldom = (run(replace(plan, idle=timedelta(seconds=span))) for span in (1, 300))
    for early, late in zip(seldom.of("slack"), often.of("slack"), strict=True):
        assert [early.fields[name] for name in SHOWN] == [late.fields[name] for name in SHOWN]
        assert early.at < late.at + timedelta(seconds=0.1)


def test_how_often_an_idle_loop_looks_makes_no_difference():
    often, seldom = (run(replace(MORNING, idle=timedelta(seconds=span))) for span in (1, 300))
    assert often.digest() == seldom.digest()
