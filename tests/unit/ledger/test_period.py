"""Months in a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.ledger import period

ZONES = ["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]


@pytest.mark.parametrize(
    ("month", "zone", "hours"),
    [
        ("2026-11", "UTC", 720),
        ("2026-03", "Europe/Paris", 743),
        ("2026-10", "Europe/Paris", 745),
        ("2026-03", "America/New_York", 743),
        ("2028-02", "UTC", 696),
    ],
)
def test_a_month_has_as_many_hours_as_its_zone_gives_it(month, zone, hours):
    read = period.parse_month(month, zone)
    assert read.end - read.start == timedelta(hours=hours)


@given(st.integers(1971, 2100), st.integers(1, 12), st.sampled_from(ZONES))
def test_months_follow_each_other_without_a_gap(year, month, zone):
    here = period.parse_month(f"{year}-{month:02}", zone)
    after = period.parse_month(f"{year + month // 12}-{month % 12 + 1:02}", zone)
    assert here.end == after.start
    assert period.month_of(here.start, zone) == here.name
    assert period.month_of(here.end - timedelta(seconds=1), zone) == here.name


@pytest.mark.parametrize("text", ["2026", "2026-13", "11-2026", "2026-1", ""])
def test_anything_but_a_month_is_refused_in_words(text):
    with pytest.raises(ValueError, match="is not a month: write YEAR-MONTH, as in 2026-11"):
        period.parse_month(text)


def test_the_month_of_a_time_is_that_of_the_zone():
    assert period.month_of(datetime(2026, 11, 30, 23, 30, tzinfo=UTC), "Europe/Paris") == "2026-12"
