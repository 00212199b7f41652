"""Whether an alert would have fired on a time that is over, as the state machine itself says."""

from copy import deepcopy

import pytest

from tests.fakes.engine_world import START, minutes, rule, seconds, world
from watcher import engine
from watcher.engine import dry_run
from watcher.engine.context import StepContext

HELD = rule(
    hold=seconds(20),
    keep_firing_for=minutes(5),
    flapping=engine.Flapping(flips=1),
    diagnose=True,
    alternatives=True,
    notify=("noc",),
)


def watched():
    w = world(HELD, detailed=True)
    w.poll(a="online")
    return w


@pytest.mark.parametrize(("lasted", "fires"), [(seconds(19.999999), False), (seconds(20), True)])
def test_an_alert_fires_once_its_condition_has_held_for_as_long_as_for_says(lasted, fires):
    ctx = StepContext(watched().state, START + minutes(30))
    start = START + minutes(1)
    assert dry_run.would_fire(ctx, HELD, "vyvx/a", start, start + lasted) is fires


def test_what_is_over_asks_for_nothing_and_leaves_no_trace():
    w = watched()
    before = deepcopy(engine.saved(w.state))
    ctx = StepContext(w.state, START + minutes(30))
    assert dry_run.would_fire(ctx, HELD, "vyvx/a", START, START + minutes(1))
    assert ctx.effects() == ()
    assert engine.saved(w.state) == before
    assert engine.next_deadline(w.state) == engine.next_deadline(watched().state)


def test_a_subject_that_a_poll_has_missed_since_then_does_not_keep_its_past_from_firing():
    w = watched()
    w.poll(minutes(1), gone=["a"])
    ctx = StepContext(w.state, START + minutes(30))
    assert dry_run.would_fire(ctx, HELD, "vyvx/a", START, START + minutes(1))


def test_a_threshold_is_held_in_the_time_of_its_samples():
    full = rule(
        name="full",
        condition=engine.Threshold(metric="load", limit=90.0),
        hold=minutes(10),
        sources=("evpl",),
    )
    w = world(full)
    w.poll(source="evpl", a={"load": 10})
    run = dry_run.DryRun(StepContext(w.state, START + minutes(600)), full, "evpl/a")
    fires = []
    for minute in (0, 5, 10, 15):
        run.hold(START + minutes(minute), 95.0)
        fires.append(run.fires)
    assert fires == [False, False, True, True]
