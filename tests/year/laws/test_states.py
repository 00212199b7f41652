"""Circuits of each vendor keep the laws of states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.year import oracle
from tests.year.plan import Circuit, Status
from tests.year.run import run
from tests.year.test_run import MORNING, at

pytestmark = pytest.mark.timeout(300)

LINE = Circuit(id="IOD-1", name="IOD-1", vendor="iod")
FACTS = (
    Status(at=at(0.5), circuit="IOD-1", state="offline"),
    Status(at=at(1.5), circuit="IOD-1", state="online"),
)


@pytest.mark.parametrize("others", [(), MORNING.circuits], ids=["alone", "beside Vyvx"])
def test_a_connection_that_is_suspended_is_shown_until_it_is_active(others):
    plan = replace(MORNING, circuits=(*others, LINE), facts=FACTS)
    trace = run(plan)
    assert oracle.complaints(plan, trace) == []
    texts = [record.fields["text"] for record in trace.of("slack")]
    assert "IOD-1 is suspended" in texts[0]
    assert "recovered" in texts[-1]
