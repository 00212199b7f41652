"""Laws of spans: they cover their period, in order, without a gap and without an overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from watcher.ledger import spans

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=31)
moments = st.integers(-5_000, 50_000).map(lambda minutes: START + timedelta(minutes=minutes))
changes = st.lists(st.tuples(moments, st.sampled_from("abc"))).map(
    lambda drawn: sorted(drawn, key=lambda change: change[0])
)
windows = st.lists(st.tuples(moments, moments))


def covers(series):
    assert series[0].start == START
    assert series[-1].end == END
    assert all(
        first.end == second.start and first.value != second.value
        for first, second in pairwise(series)
    )
    assert all(span.start < span.end for span in series)
    return sum(spans.totals(series).values(), timedelta(0)) == END - START


def value_at(series, at):
    (value,) = [span.value for span in series if span.start <= at < span.end]
    return value


@given(changes)
def test_changes_cover_the_period_and_the_last_one_before_a_moment_holds(drawn):
    series = spans.of_changes(drawn, START, END, first="-")
    assert covers(series)
    for at in (START, *(at for at, _ in drawn if START <= at < END)):
        before = [value for then, value in drawn if then <= at]
        assert value_at(series, at) == (before[-1] if before else "-")


@given(windows, moments)
def test_a_moment_is_in_windows_exactly_where_one_of_them_is_open(drawn, at):
    series = spans.of_windows(drawn, START, END)
    assert covers(series)
    if START <= at < END:
        assert value_at(series, at) is any(opens <= at < closes for opens, closes in drawn)


@given(changes, windows, moments)
def test_what_two_coverings_give_covers_the_period_and_is_made_moment_by_moment(drawn, open_in, at):
    letters = spans.of_changes(drawn, START, END, first="-")
    opened = spans.of_windows(open_in, START, END)
    both = spans.combined(letters, opened, lambda letter, is_open: (letter, is_open))
    assert covers(both)
    if START <= at < END:
        assert value_at(both, at) == (value_at(letters, at), value_at(opened, at))
