"""Exponential backoff: it doubles, it ends, and jitter keeps it within its bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.backoff import Backoff, Jitter


def test_each_failure_doubles_the_delay_up_to_the_longest():
    backoff = Backoff(1.0, 10.0)
    assert [backoff.delay(failures) for failures in range(1, 7)] == [1, 2, 4, 8, 10, 10]


def test_an_endless_outage_stays_at_the_longest_delay():
    assert Backoff(0.1, 60.0).delay(10**9) == 60.0


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 2.0), (0.5, 3.0), (1.0, 4.0)])
def test_jitter_scales_the_delay_between_its_two_factors(chance, delay):
    assert Backoff(4.0, 4.0, Jitter(0.5, 1.0)).delay(1, chance) == delay


@given(st.integers(1, 100), st.floats(0, 1))
def test_no_delay_leaves_the_bounds_of_its_jitter(failures, chance):
    delay = Backoff(1.0, 30.0, Jitter(0.5, 1.0)).delay(failures, chance)
    assert 0.5 <= delay <= 30.0
