"""The laws of silent lines find what is wrong: by hand, and in simulated hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest import mock

import pytest

from tests.year import oracle
from tests.year.draw import draw
from tests.year.faults import VendorFault
from tests.year.laws.test_lines import at, plan, quirk, seen
from tests.year.plan import NoData, Plan
from tests.year.run import run
from tests.year.trace import Trace
from watcher.engine.observation import samples

pytestmark = pytest.mark.timeout(300)

SILENT, BACK = "EVPL-00 is silent", "EVPL-00: recovered after 1 h"
RULE = NoData(line="EVPL-00", after=timedelta(minutes=45))


def with_rule(*facts) -> Plan:
    return replace(plan(*facts), no_data=RULE)


GAP = with_rule(quirk("missing", 1, 4))
SHORT = with_rule(quirk("missing", 1, 1.5))
BLIND = replace(GAP, faults=(VendorFault(at=at(2.25), until=at(3.3)),))


def wrong(trace: Trace, plan: Plan) -> list[str]:
    return [complaint.partition(":")[0] for complaint in oracle.complaints(plan, trace)]


def test_what_is_silent_is_shown_until_it_is_measured():
    assert wrong(seen((1.9, "", SILENT), (4.2, "0", BACK)), GAP) == []
    assert wrong(seen(), GAP) == ["lost"]
    assert wrong(seen((1.9, "", SILENT)), GAP) == ["untrue"]


def test_it_recovers_with_a_sample_and_not_before():
    assert wrong(seen((1.9, "", SILENT), (3.5, "0", BACK)), GAP) == ["false all-clear"]


def test_a_short_gap_is_nothing():
    assert wrong(seen(), SHORT) == []
    assert wrong(seen((1.4, "", SILENT), (1.7, "0", BACK)), SHORT) == ["invented"]


@pytest.mark.parametrize("day", [GAP, SHORT, BLIND], ids=["gap", "short", "blind"])
def test_silences_are_shown(day):
    assert wrong(run(day), day) == []


def test_seeds_have_such_a_line():
    plans = [draw(seed, 0.25) for seed in range(10)]
    assert 0 < sum(plan.no_data is not None for plan in plans) < len(plans)


def test_sabotage_of_what_ends_a_silence_is_found():
    """Of a source that was blind, silences counted from then on."""
    with mock.patch.object(samples, "_is_still_silent", return_value=False):
        assert "false all-clear" in wrong(run(BLIND), BLIND)


def test_sabotage_of_silences_is_found():
    with mock.patch.object(samples, "evaluate_no_data"):
        assert wrong(run(GAP), GAP) == ["lost"]
