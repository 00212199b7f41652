"""The series in which a test writes what a vendor says, step by step."""

from datetime import timedelta

import pytest

from watcher import model
from watcher.rule_tests import load, schema
from watcher.rule_tests.schema import Mark


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("online*2 offline online", ["online", "online", "offline", "online"]),
        ("50+5*3 7", [50.0, 55.0, 60.0, 7.0]),
        ("90-10*2", [90.0, 80.0]),
        ("0.1+0.1*3", [0.1, 0.2, 0.3]),
        ("-1*2", [-1.0, -1.0]),
        ("change_pending _*2", ["change_pending", Mark.GAP, Mark.GAP]),
        (
            "fails refused absent unreadable stale",
            [Mark.FAILS, Mark.REFUSED, Mark.ABSENT, Mark.UNREADABLE, Mark.STALE],
        ),
        (50, [50.0]),
    ],
)
def test_a_series_is_parsed_step_by_step(text, values):
    assert list(schema.parse_series(text).values) == values


@pytest.mark.parametrize(
    "text", ["", "online*", "on-line", "5+*3", "online*0", "x*1000001", "5*-1"]
)
def test_an_invalid_series_is_rejected_with_a_sentence(text):
    with pytest.raises(ValueError, match=r"cannot read|steps|empty"):
        schema.parse_series(text)


def test_the_last_value_goes_on():
    series = schema.parse_series("online offline")
    assert [series.at(step) for step in (0, 1, 2, 99)] == ["online", *["offline"] * 3]


def test_a_mark_has_the_last_value_before_it():
    series = schema.parse_series("_ 5 stale")
    assert [series.last_known(step) for step in (0, 1, 2, 9)] == [None, 5.0, 5.0, 5.0]


def test_a_source_settles_as_the_test_says():
    source = schema.Source(kind="evpl", settle="10m")
    assert load.traits("lines", source).settle == timedelta(minutes=10)
    assert load.traits("lines", schema.Source(kind="evpl")).settle == timedelta(0)


def test_a_list_whose_only_item_is_wrong_is_not_called_empty_too(workspace):
    with pytest.raises(model.InvalidConfigError) as caught:
        workspace.run(
            """
            - name: x
              subjects: {vyvx/a: {series: {state: online}}}
              expect: [{at: "", firing: {}}]
            """
        )
    (problem,) = caught.value.problems
    assert "x.expect[0].at: '' is not a duration" in problem
