"""Findings are parsed from whatever shape a reply has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.vendors.diagnostics.report import (
    MAX_LENGTH,
    MAX_LINES,
    Findings,
    find_pdf,
    parse_findings,
)

REPORT = {
    "serviceId": "SVC1",
    "disposition": "Power failure at site",
    "nextSuggestedActions": ["Call the site", "Check the UPS"],
    "tests": [
        {"category": "IP", "testName": "Power at site", "status": "Failed", "result": "no AC"},
        {"category": "IP", "testName": "Interface", "status": "Passed"},
    ],
    "pdf": "data:application/pdf;base64,JVBERi0x",
}


@pytest.mark.covers("diag/findings", "diag/shapes")
@pytest.mark.parametrize("reply", [{"data": [REPORT]}, {"data": REPORT}, REPORT, [REPORT]])
def test_a_report_is_read_whatever_wraps_it(reply):
    result = parse_findings(reply)
    assert result.disposition == "Power failure at site"
    assert result.findings == ("Power at site: Failed, no AC", "Interface: Passed")
    assert result.actions == ("Call the site", "Check the UPS")
    assert find_pdf(reply) == REPORT["pdf"]


@pytest.mark.parametrize(
    "reply", [{}, {"data": []}, {"data": {}}, {"data": None}, {"data": "down"}, [], None, 7, "x"]
)
def test_a_reply_that_says_nothing_has_no_findings(reply):
    assert parse_findings(reply) == Findings()
    assert find_pdf(reply) is None


def test_failed_checks_come_first_and_are_kept_when_there_are_too_many_others():
    checks = [{"test": f"check {number}", "status": "Passed"} for number in range(MAX_LINES + 5)]
    checks += [{"test": "CPU", "result": "57 %"}, {"test": "Port", "status": "Failed"}]
    findings = parse_findings({"data": checks}).findings
    assert findings[:3] == ("Port: Failed", "CPU: 57 %", "check 0: Passed")
    assert len(findings) == MAX_LINES


def test_the_envelope_beside_the_data_is_not_a_finding():
    reply = {"status": "success", "data": {"summary": "No trouble found"}}
    assert parse_findings(reply).findings == ("No trouble found",)


def test_the_name_of_a_test_is_shown_with_results_that_lie_deeper():
    reply = {"data": {"test": "Transport", "result": {"status": "Failed", "code": 4}}}
    assert parse_findings(reply).findings == ("Transport: Failed",)


def test_an_action_that_has_only_a_name_is_its_name():
    actions = [{"title": "Reboot"}, {"title": "Swap", "description": "the CPE"}]
    assert parse_findings({"recommendations": actions}).actions == ("Reboot", "Swap: the CPE")


def test_further_dispositions_are_findings_and_repetitions_are_dropped():
    reply = {
        "data": [
            {"Disposition": "Interface down", "Summary": "Interface down"},
            {"disposition": "Power failure", "resultText": ["port 1", "port 1", "Power failure"]},
        ]
    }
    result = parse_findings(reply)
    assert result.disposition == "Interface down"
    assert result.findings == ("Power failure", "port 1")


@pytest.mark.covers("diag/findings")
def test_the_pdf_is_never_shown_as_a_finding():
    reply = {"data": [{"result": {"pdf": "JVBERi0x", "statusImage": "data:image/png;base64,AA"}}]}
    assert parse_findings(reply) == Findings()


def test_control_and_invisible_characters_do_not_reach_people():
    reply = {"summary": "a\x00b\x1b[31m\u202ec\r\n  d\u200b"}
    (line,) = parse_findings(reply).findings
    assert line.isprintable()
    assert "\u202e" not in line
    assert "\n" not in line


def test_a_huge_text_is_cut_and_its_cut_shows():
    (line,) = parse_findings({"result": "x" * 10_000_000}).findings
    assert len(line) == MAX_LENGTH
    assert line.endswith("…")


def test_a_flood_of_lines_is_bounded():
    many = [f"line {number}" for number in range(100_000)]
    result = parse_findings({"results": many, "actions": many})
    assert len(result.findings) == len(result.actions) == MAX_LINES


def test_a_reply_nested_beyond_reason_is_read_as_far_as_the_bounds_allow():
    reply: object = "deep"
    for _ in range(100_000):
        reply = {"result": [reply]}
    try:
        assert parse_findings({"result": "first", "then": reply}).findings == ("first",)
    finally:
        while isinstance(reply, dict):  # freed by hand: Python's own teardown would recurse
            reply = reply["result"].pop()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(["data", "result", "name", "test", "pdf", "action", "disposition"])
            | st.text(),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@pytest.mark.covers("diag/findings")
@given(JSON)
def test_any_json_gives_bounded_printable_distinct_lines(reply):
    result = parse_findings(reply)
    lines = [*result.findings, *result.actions]
    assert len(result.findings) <= MAX_LINES
    assert len(result.actions) <= MAX_LINES
    assert len(set(result.findings)) == len(result.findings)
    for line in (*lines, result.disposition):
        assert line.isprintable()
        assert len(line) <= MAX_LENGTH
    assert all(lines)
