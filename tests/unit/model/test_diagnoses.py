"""Two diagnoses of one service, before and after."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from watcher import model
from watcher.model import diagnoses
from watcher.model.diagnoses import Outcome

BEFORE = model.Diagnosis(
    run="1",
    incident="i",
    service_id="SVC1",
    status=model.DiagnosisStatus.DONE,
    disposition="Transport fault",
    findings=("Power at site: Passed", "Transport: Failed, no light", "Alarms: LOS", "A remark"),
    started_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
)


@pytest.mark.covers("diag/compare")
def test_what_changed_appeared_and_went_is_shown():
    after = replace(
        BEFORE,
        run="2",
        disposition="No trouble found",
        findings=("Power at site: Passed", "Transport: Passed", "Interface: Up", "A remark"),
    )
    assert diagnoses.compare(BEFORE, after) == diagnoses.Comparison(
        disposition=("Transport fault", "No trouble found"),
        changed=(("Transport: Failed, no light", "Transport: Passed"),),
        appeared=("Interface: Up",),
        gone=("Alarms: LOS",),
    )


@pytest.mark.covers("diag/compare")
def test_the_same_findings_in_another_order_are_the_same():
    after = replace(BEFORE, run="2", findings=BEFORE.findings[::-1], message="no preview")
    comparison = diagnoses.compare(BEFORE, after)
    assert comparison is not None
    assert comparison.is_same


def test_a_run_without_a_pdf_is_compared_too():
    after = replace(BEFORE, status=model.DiagnosisStatus.NO_REPORT, findings=())
    comparison = diagnoses.compare(BEFORE, after)
    assert comparison is not None
    assert comparison.gone == BEFORE.findings


@pytest.mark.covers("diag/compare")
@pytest.mark.parametrize(
    "status",
    [
        model.DiagnosisStatus.FAILED,
        model.DiagnosisStatus.SKIPPED,
        model.DiagnosisStatus.RUNNING,
    ],
)
def test_a_run_that_said_nothing_is_not_compared(status):
    silent = replace(BEFORE, status=status, findings=())
    assert diagnoses.compare(BEFORE, silent) is None
    assert diagnoses.compare(silent, BEFORE) is None


def test_two_services_are_not_compared():
    assert diagnoses.compare(BEFORE, replace(BEFORE, service_id="SVC2")) is None


def test_a_name_that_stands_twice_is_not_paired():
    before = replace(BEFORE, findings=("Interface: Up", "Interface: Down"))
    after = replace(BEFORE, findings=("Interface: Up", "Interface: Flapping"))
    comparison = diagnoses.compare(before, after)
    assert comparison is not None
    assert (comparison.changed, comparison.appeared, comparison.gone) == (
        (),
        ("Interface: Flapping",),
        ("Interface: Down",),
    )


LINES = st.lists(
    st.sampled_from(["A: 1", "A: 2", "B: 1", "B: 2", "C", "D: x: y"]), unique=True
).map(tuple)


@given(LINES, LINES)
def test_what_is_shown_leads_from_one_run_to_the_other(old, new):
    comparison = diagnoses.compare(replace(BEFORE, findings=old), replace(BEFORE, findings=new))
    assert comparison is not None
    lost = set(comparison.gone) | {before for before, _ in comparison.changed}
    won = set(comparison.appeared) | {after for _, after in comparison.changed}
    assert (set(old) - lost) | won == set(new)
    assert lost <= set(old)
    assert not won & set(old)


@pytest.mark.parametrize(
    ("finding", "outcome"),
    [
        ("Power at site: Failed, no AC", Outcome.FAILED),
        ("Power at site: no AC, FAILED.", Outcome.FAILED),
        ("Port: down", Outcome.FAILED),
        ("Interface: Passed", Outcome.PASSED),
        ("Interface: Passed, both feeds present", Outcome.PASSED),
        ("Interface: Passed, Failed", Outcome.FAILED),
        ("Interface: Passed with warnings", Outcome.UNCLEAR),
        ("Interface: Status: ok", Outcome.UNCLEAR),
        ("OK", Outcome.PASSED),
        ("CRC: 0", Outcome.UNCLEAR),
        ("Loss of light at NYCMNY54", Outcome.UNCLEAR),
        ("", Outcome.UNCLEAR),
    ],
)
def test_a_check_passed_only_where_its_result_says_so(finding, outcome):
    assert diagnoses.outcome(finding) is outcome


def test_what_passed_is_split_off_and_the_worst_comes_first():
    findings = ("A: Passed", "B: 7", "C: Failed", "D: ok", "E: Failed")
    assert diagnoses.worst_first(findings) == (
        "C: Failed",
        "E: Failed",
        "B: 7",
        "A: Passed",
        "D: ok",
    )
    assert diagnoses.split_passed(findings) == (
        ["C: Failed", "E: Failed", "B: 7"],
        ["A: Passed", "D: ok"],
    )
