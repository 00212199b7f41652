"""Thresholds are evaluated on samples, at the samples' own times."""

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import START, minutes, of_kind, rule, world
from watcher import engine, model
from watcher.engine.rules import thresholds

LINE = {"utilization": None}


def threshold(**settings):
    settings.setdefault("limit", 80.0)
    return engine.Threshold(metric="utilization", **settings)


def line(condition, **keys):
    keys.setdefault("title", lambda words: f"{words['name']}: {words['value']}")
    w = world(rule(name="full", condition=condition, sources=("evpl",), **keys))
    w.poll(source="evpl", a=LINE)
    return w


def sample(minute, value, direction="in"):
    return model.Sample(
        subject="evpl/a",
        metric="utilization",
        direction=direction,
        at=START + minutes(minute),
        value=float(value),
    )


def measure(w, *samples):
    """Poll two minutes after the newest sample."""
    newest = max(sample.at for sample in samples) - START
    at = max(newest + minutes(2), w.now - START)
    return w.poll(at, source="evpl", samples=samples)


def feed(w, values, first=5, step=5):
    for number, value in enumerate(values):
        measure(w, sample(first + number * step, value))


def state(w):
    return w.alert("evpl/a", "full")


@pytest.mark.parametrize(
    ("count", "rank"), [(1, 1), (19, 19), (20, 19), (21, 20), (100, 95), (288, 274)]
)
def test_p95_is_the_nearest_rank(count, rank):
    values = [float(number) for number in range(count, 0, -1)]
    assert thresholds.p95(values) == rank


@pytest.mark.parametrize(
    ("aggregate", "values", "fires"),
    [
        ("last", [90, 70], False),
        ("last", [70, 80], True),
        ("max", [90, 10], True),
        ("min", [90, 79], False),
        ("min", [90, 80], True),
        ("avg", [90, 70], True),
        ("avg", [90, 69], False),
    ],
)
def test_the_aggregate_of_the_window_decides(aggregate, values, fires):
    w = line(threshold(aggregate=aggregate, over=minutes(15), min_samples=2))
    feed(w, values)
    assert (state(w) == "firing") is fires


def test_the_window_is_open_at_its_start():
    w = line(threshold(aggregate="max", over=minutes(10), min_samples=2))
    feed(w, [99, 10, 10])
    assert w.timeline == ["opened", "resolved"]


@pytest.mark.covers("evpl/gap")
def test_too_few_samples_decide_nothing():
    w = line(threshold(aggregate="avg", over=minutes(30), min_samples=3))
    feed(w, [99, 99])
    assert state(w) is None
    feed(w, [99], first=15)
    assert state(w) == "firing"


def test_an_alert_fires_until_its_value_is_back_beyond_clear():
    w = line(threshold(clear=75.0))
    feed(w, [79, 80, 76, 75, 74.9, 79])
    assert w.timeline == ["opened", "resolved"]
    assert state(w) is None


def test_below_is_the_mirror_of_above():
    w = line(threshold(above=False, limit=10.0, clear=20.0))
    feed(w, [11, 10, 19])
    assert state(w) == "firing"
    feed(w, [21], first=20)
    assert state(w) is None


@pytest.mark.parametrize(
    ("values", "fires"), [([96, 96], False), ([96, 96, 96], True), ([96, 90, 96, 96], False)]
)
def test_consecutive_demands_so_many_samples_in_a_row(values, fires):
    w = line(threshold(limit=95.0, consecutive=3))
    feed(w, values)
    assert (state(w) == "firing") is fires


@pytest.mark.covers("evpl/gap")
def test_a_gap_breaks_a_row():
    w = line(threshold(limit=95.0, consecutive=3))
    feed(w, [96, 96])
    feed(w, [96], first=60)
    assert state(w) is None


@pytest.mark.covers("evpl/direction")
def test_the_worse_direction_counts():
    w = line(threshold())
    measure(w, sample(5, 10, "in"), sample(5, 85, "out"))
    assert state(w) == "firing"
    assert w.incident.title == "a: 85.0"
    measure(w, sample(10, 70, "in"), sample(10, 20, "out"))
    assert state(w) is None


def test_a_direction_without_samples_freezes_the_alert():
    w = line(threshold())
    measure(w, sample(5, 10, "in"), sample(5, 85, "out"))
    for minute in range(10, 45, 5):
        measure(w, sample(minute, 10, "in"))
    assert state(w) == "firing"


def test_for_is_counted_in_sample_time():
    w = line(threshold(), hold=minutes(10))
    feed(w, [90, 90])
    w.wait_until(w.now + minutes(60))
    assert state(w) == "pending"
    assert engine.next_deadline(w.state) is None
    w = line(threshold(), hold=minutes(10))
    feed(w, [90, 90, 90])
    assert state(w) == "firing"


def test_samples_of_one_poll_are_evaluated_one_after_another():
    w = line(threshold(), hold=minutes(10))
    measure(w, *(sample(minute, value) for minute, value in [(5, 90), (10, 90), (15, 20)]))
    assert w.incidents == ()
    measure(w, *(sample(minute, 90) for minute in (20, 25, 30)))
    assert state(w) == "firing"


def test_for_starts_again_after_a_gap():
    w = line(threshold(), hold=minutes(10))
    feed(w, [90, 90])
    feed(w, [90], first=30)
    assert state(w) == "pending"


def test_keep_firing_for_is_counted_in_sample_time():
    w = line(threshold(), keep_firing_for=minutes(10))
    feed(w, [90, 10])
    w.wait_until(w.now + minutes(40))
    assert state(w) == "firing"
    w = line(threshold(), keep_firing_for=minutes(10))
    feed(w, [90, 10, 10, 10])
    assert state(w) is None


@pytest.mark.covers("evpl/late")
def test_a_late_sample_changes_no_earlier_decision():
    w = line(threshold())
    feed(w, [10, 10])
    effects = measure(w, sample(7, 99), sample(10, 10))
    assert len(of_kind(effects, model.Sample)) == 1
    assert w.incidents == ()


@pytest.mark.covers("evpl/late")
def test_a_late_sample_counts_in_later_windows():
    w = line(threshold(aggregate="max", over=minutes(15)))
    feed(w, [10, 10])
    measure(w, sample(7, 99))
    assert w.incidents == ()
    measure(w, sample(15, 10))
    assert state(w) == "firing"


@pytest.mark.covers("evpl/late")
def test_samples_that_are_old_on_arrival_do_not_fire_an_alert():
    w = line(threshold())
    w.poll(minutes(120), source="evpl", samples=[sample(5, 99)])
    assert w.state.incidents == {}
    assert w.timeline == ["late"]  # they show it only now, when it is over


def test_samples_that_no_window_reaches_are_dropped():
    w = line(threshold(aggregate="max", over=minutes(15)))
    feed(w, [10] * 50)
    (series,) = w.state.samples.directions("evpl/a", "utilization")
    assert len(series.times) < 12


def test_a_restart_continues_a_window():
    def timeline(restarts):
        w = line(threshold(aggregate="avg", over=minutes(20), min_samples=4, clear=60.0))
        for number, value in enumerate([90, 85, 80, 99, 70, 50, 40, 30, 20]):
            measure(w, sample(5 + 5 * number, value))
            if number in restarts:
                w.restart()
        return w.timeline, w.incident

    assert timeline(set(range(9))) == timeline(set())


def test_an_expression_reads_the_worse_newest_sample():
    def holds(context):
        return context["utilization"] > 90 if "utilization" in context else None

    w = world(rule(name="full", condition=engine.Expression(holds=holds), sources=("evpl",)))
    w.poll(source="evpl", a={})
    measure(w, sample(5, 10, "in"), sample(5, 95, "out"))
    assert state(w) == "firing"


def both(w, *pairs, first=5, step=5):
    """Measure both directions at once."""
    for number, (inbound, outbound) in enumerate(pairs):
        minute = first + number * step
        measure(w, sample(minute, inbound, "in"), sample(minute, outbound, "out"))


def test_clear_does_not_count_while_the_alert_is_pending():
    w = line(threshold(limit=90.0, clear=75.0), hold=minutes(30))
    feed(w, [50, 91, 76, 76, 76, 76, 76, 76, 76, 76])
    assert w.incidents == ()
    assert state(w) is None


def test_clear_does_not_hold_the_direction_that_never_passed_the_limit():
    w = line(threshold(limit=90.0, clear=75.0))
    both(w, (50, 95), (80, 95), (80, 40))
    assert w.timeline == ["opened", "resolved"]


def test_clear_holds_the_direction_that_passed_the_limit():
    w = line(threshold(limit=90.0, clear=75.0))
    both(w, (50, 95), (50, 80), (80, 80), (80, 76))
    assert state(w) == "firing"


def test_one_full_and_one_half_full_direction_do_not_make_up_a_run():
    w = line(threshold(limit=90.0, clear=75.0), hold=minutes(10))
    both(w, (80, 91), (80, 89), (80, 89), (80, 89))
    assert w.incidents == ()


def test_each_direction_is_held_by_itself():
    w = line(threshold(limit=90.0, clear=75.0))
    both(w, (95, 50), (80, 95), (80, 40))
    assert state(w) == "firing"
    both(w, (70, 80), first=20)
    assert state(w) is None  # outbound was good meanwhile, and has not passed the limit since


def test_a_direction_that_was_good_for_keep_firing_for_is_held_no_longer():
    w = line(threshold(limit=90.0, clear=75.0), keep_firing_for=minutes(10))
    both(w, (95, 95), (95, 40), (95, 40), (95, 40), (95, 40), (80, 80), (40, 80), (40, 80))
    assert state(w) == "firing"
    both(w, (40, 80), first=45)
    assert w.timeline == ["opened", "resolved"]


def test_a_direction_that_comes_back_within_keep_firing_for_is_held_still():
    w = line(threshold(limit=90.0, clear=75.0), keep_firing_for=minutes(10))
    feed(w, [95, 40, 80, 40, 80, 40, 80])
    assert state(w) == "firing"


@pytest.mark.parametrize("release", [0, 10])
def test_what_a_direction_passed_survives_a_restart(release):
    def timeline(restarts):
        w = line(threshold(limit=90.0, clear=75.0), keep_firing_for=minutes(release))
        pairs = [(50, 95), (80, 95), (80, 40), (80, 80), (50, 92), (50, 80), (40, 70), (80, 70)]
        for number, pair in enumerate(pairs):
            both(w, pair, first=5 + 5 * number)
            if number in restarts:
                w.restart()
        return w.timeline, w.state.alerts

    assert timeline(set(range(8))) == timeline(set())


def test_an_alert_of_an_earlier_version_holds_its_worst_direction():
    w = line(threshold(limit=90.0, clear=75.0))
    both(w, (50, 95))
    alert = w.state.alerts["evpl/a"]["full"]
    w.tables.nouns[model.Alert][alert.key] = replace(alert, measured=None)
    w.restart()
    both(w, (76, 80), first=10)
    assert state(w) == "firing"
    both(w, (76, 70), first=15)
    assert state(w) is None


def test_a_direction_passes_by_as_many_samples_of_its_own_as_consecutive_asks_for():
    w = line(threshold(limit=90.0, clear=75.0, consecutive=2))
    both(w, (95, 50), (95, 95), (40, 80))
    assert w.timeline == ["opened", "resolved"]


def test_a_window_that_is_not_covered_decides_nothing():
    w = line(threshold(aggregate="avg", over=minutes(60), coverage=0.8))
    feed(w, [99] * 9)
    assert state(w) is None
    feed(w, [99], first=50)
    assert state(w) == "firing"


def test_a_gap_in_the_window_leaves_the_alert_as_it_is():
    w = line(threshold(aggregate="avg", over=minutes(60), coverage=0.8))
    feed(w, [99] * 12)
    feed(w, [10] * 3, first=120)
    assert state(w) == "firing"
    feed(w, [10] * 7, first=135)
    assert state(w) is None


AHEAD = 60 * 24 * 365 * 73  # minutes: in 2099


def test_a_sample_from_the_future_blinds_no_threshold():
    w = line(threshold())
    w.poll(minutes(2), source="evpl", samples=[sample(AHEAD, 12)])
    feed(w, [95])
    assert state(w) == "firing"


def test_a_sample_from_the_future_silences_no_data_no_longer():
    w = world(rule(name="silent", condition=engine.NoData(after=minutes(60)), sources=("evpl",)))
    w.poll(source="evpl", a=LINE)
    w.poll(minutes(2), source="evpl", samples=[sample(1, 50), sample(AHEAD, 12)])
    w.poll(minutes(62), source="evpl")
    assert w.alert("evpl/a", "silent") == "firing"


def test_a_store_that_holds_a_sample_from_the_future_heals_after_a_restart():
    w = line(threshold())
    feed(w, [50])
    w.tables.commit([sample(AHEAD, 12)])  # as an earlier version stored it
    w.restart()
    feed(w, [95, 95], first=10)
    assert state(w) == "firing"
