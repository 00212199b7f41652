"""What decides about a row of the benchmarks: its ratios, and whether the gate lets it pass."""

import json

import pytest
import rows
from builds import Build
from rows import Bench, Row

ROW = Row(name="a poll", figure="poll", unit="s", to_before=0.4)
LIMITED = Row(name="a poll", figure="poll", unit="s", limit="least", to_limit=2.0)


def build(tmp_path, name: str) -> Build:
    return Build(name=name, python=tmp_path / "python")


@pytest.mark.parametrize(("now", "within"), [(0.4, True), (0.41, False)])
def test_a_row_is_within_up_to_its_budget(now, within):
    line = rows.evaluate(ROW, {"poll": now}, {"poll": 1.0})
    assert line["ratio_to_before"] == pytest.approx(now)
    assert line["within"] is within


def test_a_row_with_a_limit_is_compared_with_it_in_the_same_measurement():
    line = rows.evaluate(LIMITED, {"poll": 3.0, "least": 2.0}, {"poll": 1.0, "least": 9.0})
    assert (line["ratio_to_limit"], line["limit"], line["within"]) == (1.5, 2.0, True)
    assert rows.evaluate(LIMITED, {"poll": 5.0, "least": 2.0}, {})["within"] is False


def test_of_two_budgets_both_have_to_be_met():
    both = Row(name="a", figure="poll", unit="s", to_before=0.5, limit="least", to_limit=2.0)
    figures = {"poll": 1.0, "least": 1.0}
    assert rows.evaluate(both, figures, {"poll": 2.0})["within"] is True
    assert rows.evaluate(both, figures, {"poll": 1.5})["within"] is False
    assert rows.evaluate(both, figures | {"least": 0.4}, {"poll": 2.0})["within"] is False


def test_without_the_build_before_a_row_says_why_and_claims_nothing():
    line = rows.evaluate(ROW, {"poll": 1.0}, {}, why_no_before="no history")
    assert (line["ratio_to_before"], line["within"], line["note"]) == (None, None, "no history")
    other = rows.evaluate(ROW, {"poll": 1.0}, {"another": 1.0})
    assert other["note"] == "the build before cannot do this"


def test_a_row_without_budgets_is_neither_within_nor_over():
    line = rows.evaluate(Row(name="a", figure="poll", unit="s"), {"poll": 1.0}, {"poll": 0.1})
    assert line["within"] is None
    assert "note" not in line
    assert rows.passes_gate(Row(name="a", figure="poll", unit="s"), line)


@pytest.mark.parametrize(("now", "passes"), [(0.6, True), (0.61, False)])
def test_the_gate_allows_half_more_than_the_budget(now, passes):
    line = rows.evaluate(ROW, {"poll": now}, {"poll": 1.0})
    assert rows.passes_gate(ROW, line) is passes


@pytest.mark.parametrize(("now", "passes"), [(1.2, True), (1.21, False)])
def test_where_a_budget_is_not_met_the_gate_holds_what_was_reached(now, passes):
    row = Row(name="a poll", figure="poll", unit="s", to_before=0.4, reached_before=0.8)
    line = rows.evaluate(row, {"poll": now}, {"poll": 1.0})
    assert line["within"] is False
    assert rows.passes_gate(row, line) is passes


@pytest.mark.parametrize(("reached", "passes"), [(0.0, False), (3.0, True)])
def test_the_gate_looks_at_the_limit_as_well(reached, passes):
    row = Row(name="a", figure="poll", unit="s", limit="least", to_limit=2.0, reached_limit=reached)
    line = rows.evaluate(row, {"poll": 4.0, "least": 1.0}, {})
    assert rows.passes_gate(row, line) is passes


def test_a_row_that_is_not_for_the_gate_passes_it():
    row = Row(name="a", figure="poll", unit="s", to_before=0.4, gate=False)
    assert rows.passes_gate(row, rows.evaluate(row, {"poll": 9.0}, {"poll": 1.0}))


def test_both_builds_are_measured_in_turn_and_the_least_of_each_figure_counts(tmp_path):
    now, before = build(tmp_path, "now"), build(tmp_path, "before")
    measured = []
    figures = {"now": [(3.0, 1.0), (2.0, 5.0)], "before": [(7.0, 7.0), (8.0, 6.0)]}

    def measure(build, *, small):
        measured.append((build.name, small))
        poll, step = figures[build.name].pop(0)
        return {"poll": poll, "step": step}

    bench = Bench(measure=measure, rows=(ROW,), repeats=9, small_repeats=2)
    least = {"poll": 2.0, "step": 1.0}, {"poll": 7.0, "step": 6.0}
    assert rows.run(bench, now, before, small=True) == least
    assert measured == [("before", True), ("now", True)] * 2


def test_without_the_build_before_only_this_one_is_measured(tmp_path):
    def measure(build, *, small):
        return {"poll": 1.0 if build.name == "now" and not small else 9.0}

    bench = Bench(measure=measure, rows=(ROW,), repeats=1)
    assert rows.run(bench, build(tmp_path, "now"), None, small=False) == ({"poll": 1.0}, {})


def test_each_row_is_printed_as_one_line_of_json(capsys):
    rows.show(rows.evaluate(ROW, {"poll": 0.123456}, {"poll": 1.0}))
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "row": "a poll",
        "unit": "s",
        "now": 0.1235,
        "before": 1.0,
        "limit": None,
        "ratio_to_before": 0.123,
        "budget_to_before": 0.4,
        "ratio_to_limit": None,
        "budget_to_limit": None,
        "within": True,
    }
