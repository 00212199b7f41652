"""Each broken safeguard is found: here by a short plan, by seeds with unsafe.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.year.faults import Crash, Freeze, SlackFault, WrongClock
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


@pytest.mark.parametrize("name", PLANS)
def test_a_broken_safeguard_is_found(name):
    daemons = 2 if name == "fencing" else 1
    assert found_by(replace(HOUR, daemons=daemons, faults=(PLANS[name],)), name)
