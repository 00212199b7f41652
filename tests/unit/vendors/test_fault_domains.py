"""On whose side the fault is likely to be, and what is worse than what, as vendors describe it."""

import pytest

from tests.fakes.engine_world import traits
from watcher.model import FaultDomain

LUMEN, SOURCE, NONE, OPEN = (
    FaultDomain.LUMEN,
    FaultDomain.SOURCE,
    FaultDomain.NONE,
    FaultDomain.UNDETERMINED,
)


@pytest.mark.covers("vyvx/side")
@pytest.mark.parametrize(
    ("state", "good", "bad", "unknown"),
    [
        ("offline", LUMEN, SOURCE, OPEN),
        ("degraded", LUMEN, SOURCE, OPEN),
        ("impaired", LUMEN, SOURCE, OPEN),
        ("online", NONE, SOURCE, NONE),
        ("unknown", OPEN, SOURCE, OPEN),
    ],
)
def test_state_and_ingress_together_show_the_likely_side(state, good, bad, unknown):
    def domain(ingress):
        return traits("vyvx").likely_domain({"state": state, "ingress_state": ingress})

    assert {domain("online"), domain("impaired")} == {good}
    assert {domain("offline"), domain("degraded")} == {bad}
    assert domain("unknown") is unknown


def test_a_full_line_is_nobodys_fault():
    assert traits("evpl").likely_domain({"utilization": 99.0}) is NONE


@pytest.mark.parametrize(
    ("before", "value", "worse"),
    [
        ("degraded", "offline", True),
        ("offline", "degraded", False),
        ("online", "impaired", True),
        ("active", "suspended", True),  # words without an order are reported
    ],
)
def test_only_what_got_worse_notifies(before, value, worse):
    assert traits("vyvx").is_worse(value, before) is worse
