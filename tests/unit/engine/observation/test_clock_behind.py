"""A clock that is behind makes old samples look like new ones: what was seen is not seen again."""

import pytest

from tests.fakes.engine_world import START, World, minutes, rule, world
from watcher import engine, model

HOUR = minutes(60)
FULL = engine.Threshold(metric="load", limit=80.0, clear=70.0)
LINE = {"load": None}


def sample(minute, value):
    at = START + minutes(minute)
    return model.Sample(subject="evpl/a", metric="load", at=at, value=float(value))


def measure(w, *samples):
    return w.poll(w.now - START, source="evpl", a=LINE, samples=samples)


def day_of(values):
    """A line that was measured every five minutes, with the value of each hour."""
    w = world(
        rule("full", FULL, sources=("evpl",)),
        rule("silent", engine.NoData(after=minutes(60)), sources=("evpl",)),
    )
    for hour, value in enumerate(values):
        for minute in range(hour * 60, hour * 60 + 60, 5):
            w.now = START + minutes(minute + 2)
            measure(w, sample(minute, value))
    return w


BOTH = pytest.mark.parametrize("change", [World.set_clock, World.start_again])


@BOTH
@pytest.mark.parametrize("behind", [HOUR, 3 * HOUR])
def test_samples_of_before_a_breach_do_not_end_it(change, behind):
    w = day_of([10, 10, 10, 10, 95])
    assert w.alert("evpl/a", "full") == "firing"
    change(w, -behind)
    minute = (w.now - START) // minutes(5) * 5
    for again in range(minute - 10, minute + 5, 5):
        measure(w, sample(again, 10))
        assert w.alert("evpl/a", "full") == "firing"
    change(w, behind)
    w.now = START + 5 * HOUR
    measure(w, sample(300, 10))
    assert w.alert("evpl/a", "full") is None


@BOTH
def test_a_breach_that_is_over_does_not_fire_again(change):
    w = day_of([95, 95, 10, 10, 10])
    change(w, -3 * HOUR)
    measure(w, *(sample(minute, 95) for minute in range(90, 120, 5)))
    assert w.alert("evpl/a", "full") is None


@BOTH
def test_that_nothing_new_is_measured_is_noticed(change):
    w = day_of([10, 10, 10, 10])
    change(w, -3 * HOUR)
    measure(w)
    w.wait_until(w.now + minutes(61))
    measure(w)
    assert w.alert("evpl/a", "silent") == "firing"


def test_one_sample_from_the_future_that_a_clock_ahead_let_in_blinds_nothing():
    w = day_of([10, 10])
    w.set_clock(24 * HOUR)
    measure(w, sample(115, 10), sample(14 * 60, 10))
    w.set_clock(-24 * HOUR)
    for minute in (120, 125):
        w.now = START + minutes(minute + 2)
        measure(w, sample(minute, 95))
    assert w.alert("evpl/a", "full") == "firing"
