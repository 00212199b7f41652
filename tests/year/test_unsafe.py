"""Each broken safeguard is found: here by a short plan, by seeds with unsafe.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.year.faults import Crash, Freeze, SlackFault, WrongClock
from tests.year.plan import Reload, Silence, Unsilence, Window
from tests.year.test_run import MORNING, at
from tests.year.unsafe import found_by

pytestmark = pytest.mark.timeout(300)

SEEN = at(1) + timedelta(minutes=2, seconds=15)
HOUR = replace(MORNING, begin=at(0.9), end=at(1.9))
PLANS = {
    "receipts": Crash(at=at(1), until=at(1.1), steps=1, after_post=True),
    "lookup": SlackFault(at=at(1), until=at(1.1), kind="answer_lost"),
    "fencing": Freeze(at=at(1) + timedelta(minutes=2), until=at(1.1)),
    "monotonic for": WrongClock(at=SEEN, until=at(1.2), by=timedelta(hours=-5)),
}
NIGHT = datetime(2027, 10, 31, 0, 15, tzinfo=UTC)  # the clocks of Paris are put back at 01:00 UTC
SILENCE = Silence(at=at(0.95), begin=at(0.95), until=at(1.9), circuit="103")
STEPS = replace(HOUR.rules[0], boss=timedelta(minutes=5), escalate=timedelta(minutes=15))
DOWN, UP = HOUR.facts
FACES = (replace(HOUR.rules[0], fault="picture", hold=timedelta(minutes=2)),)
OTHERS = {
    "fold": replace(
        HOUR,
        begin=NIGHT,
        end=NIGHT + timedelta(hours=1),
        windows=(Window(circuit="103", start=90, end=150),),  # until 01:30 UTC
        facts=(replace(DOWN, at=NIGHT + timedelta(minutes=30)),),
    ),
    "escalation by place": replace(
        HOUR,
        rules=(STEPS,),
        facts=(DOWN, Reload(at=at(1.2), escalate=timedelta(minutes=15)), UP),
    ),
    "silence edit": replace(
        HOUR, facts=(SILENCE, DOWN, Unsilence(at=at(1.1), circuit="103", asked=SILENCE.at), UP)
    ),
    "handover of a fault": replace(
        HOUR,
        rules=(*FACES, replace(FACES[0], name="bad", to=("degraded",))),
        facts=(DOWN, replace(DOWN, at=at(1.25), state="degraded"), UP),
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_broken_safeguard_is_found(name):
    daemons = 2 if name == "fencing" else 1
    assert found_by(replace(HOUR, daemons=daemons, faults=(PLANS[name],)), name)


@pytest.mark.parametrize("name", OTHERS)
def test_a_broken_safeguard_is_found_without_a_fault(name):
    assert found_by(OTHERS[name], name)
