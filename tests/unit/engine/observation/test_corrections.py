"""A vendor corrects a sample that it has published, or publishes a bucket while it fills."""

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import START, minutes, of_kind, rule, world
from watcher import engine, model
from watcher.model import AlertState

LINE = {"utilization": None}


def line(condition, **keys):
    w = world(rule(name="full", condition=condition, sources=("evpl",), **keys))
    w.poll(source="evpl", a=LINE)
    return w


def threshold(**settings):
    settings.setdefault("limit", 95.0)
    return engine.Threshold(metric="utilization", **settings)


def sample(minute, value, direction="in"):
    return model.Sample(
        subject="evpl/a",
        metric="utilization",
        direction=direction,
        at=START + minutes(minute),
        value=float(value),
    )


def measure(w, minute, *samples):
    return w.poll(minutes(minute), source="evpl", samples=samples)


def state(w):
    return w.alert("evpl/a", "full")


def test_a_line_that_is_full_all_the_time_fires_although_its_newest_bucket_still_fills():
    w = line(threshold(consecutive=3))
    measure(w, 6, sample(5, 30))
    for minute in (10, 15, 20):
        measure(w, minute + 1, sample(minute - 5, 97), sample(minute, 30))
    assert "opened" in w.timeline


@pytest.mark.covers("evpl/corrected")
@pytest.mark.parametrize(
    ("first", "corrected", "timeline"),
    [(30, 97, ["opened"]), (97, 30, ["opened", "resolved"]), (96, 97, ["opened"])],
)
def test_a_correction_of_the_newest_sample_decides(first, corrected, timeline):
    w = line(threshold())
    measure(w, 6, sample(5, first))
    measure(w, 7, sample(5, corrected))
    assert w.timeline == timeline


def test_a_correction_of_the_last_of_three_in_a_row_decides():
    w = line(threshold(consecutive=3))
    measure(w, 16, sample(5, 97), sample(10, 97), sample(15, 40))
    assert state(w) is None
    measure(w, 17, sample(15, 96))
    assert state(w) == AlertState.FIRING


def test_a_correction_changes_the_aggregate_at_the_newest_sample():
    w = line(threshold(aggregate="avg", over=minutes(10), limit=80.0))
    measure(w, 11, sample(5, 90), sample(10, 50))
    assert state(w) is None
    measure(w, 12, sample(10, 75))
    assert state(w) == AlertState.FIRING


@pytest.mark.covers("evpl/corrected")
def test_a_correction_of_an_older_sample_decides_nothing_by_itself():
    w = line(threshold())
    measure(w, 11, sample(5, 30), sample(10, 30))
    measure(w, 12, sample(5, 99))
    assert w.timeline == []


@pytest.mark.covers("evpl/corrected")
def test_the_other_direction_of_the_newest_bucket_decides_when_it_comes_later():
    w = line(threshold())
    measure(w, 6, sample(5, 30, "in"))
    measure(w, 7, sample(5, 97, "out"))
    assert state(w) == AlertState.FIRING


def test_a_direction_that_is_a_bucket_behind_is_corrected_at_the_newest_sample():
    w = line(threshold())
    measure(w, 11, sample(5, 30, "out"), sample(10, 30, "in"))
    measure(w, 12, sample(5, 97, "out"))
    assert state(w) == AlertState.FIRING
    assert w.incident.began_at == START + minutes(10)  # time does not run backwards


def test_for_goes_on_when_the_newest_sample_is_corrected_within_the_limit():
    w = line(threshold(), hold=minutes(10))
    measure(w, 6, sample(5, 97))
    measure(w, 11, sample(10, 97))
    measure(w, 12, sample(10, 99))
    measure(w, 16, sample(15, 97))
    assert state(w) == AlertState.FIRING


def test_a_correction_takes_back_that_the_alert_began_to_clear():
    w = line(threshold(clear=75.0), keep_firing_for=minutes(10))
    measure(w, 6, sample(5, 97))
    measure(w, 11, sample(10, 10))
    measure(w, 12, sample(10, 80))  # between `clear` and the limit: the direction is held still
    for minute in (15, 20, 25):
        measure(w, minute + 1, sample(minute, 80))
    assert state(w) == AlertState.FIRING
    assert w.timeline == ["opened"]


def test_a_correction_after_a_gap_does_not_start_for_again():
    w = line(threshold(), hold=minutes(5))
    measure(w, 6, sample(5, 97))
    measure(w, 41, sample(40, 97))
    measure(w, 42, sample(40, 98))
    measure(w, 46, sample(45, 97))
    assert state(w) == AlertState.FIRING


def test_a_correction_that_comes_too_late_to_say_anything_of_now_decides_nothing():
    w = line(threshold())
    measure(w, 6, sample(5, 30))
    effects = measure(w, 300, sample(5, 99))
    assert len(of_kind(effects, model.Sample)) == 1
    assert w.timeline == []


def test_a_rule_that_reads_the_newest_value_reads_the_corrected_one():
    def holds(context):
        return context["utilization"] > 90 if "utilization" in context else None

    w = world(rule(name="full", condition=engine.Expression(holds=holds), sources=("evpl",)))
    w.poll(source="evpl", a={})
    measure(w, 6, sample(5, 30))
    measure(w, 7, sample(5, 97))
    assert state(w) == AlertState.FIRING


def test_a_restart_between_a_sample_and_its_correction_changes_nothing():
    def timeline(restarts):
        w = line(threshold(clear=75.0, consecutive=2), keep_firing_for=minutes(5))
        for number, value in enumerate([97, 98, 20, 97, 10, 12, 96, 97]):
            minute = 5 + 5 * number
            measure(w, minute + 1, sample(minute, value / 2))
            if number in restarts:
                w.restart()
            measure(w, minute + 2, sample(minute, value))
        return w.timeline, w.incidents

    assert timeline(set(range(8))) == timeline(set())


def settling(w, span):
    traits = replace(w.ruleset.sources["evpl"], settle=span)
    w.ruleset = replace(w.ruleset, sources={**w.ruleset.sources, "evpl": traits})
    w.step(engine.Reloaded(ruleset=w.ruleset))


def test_samples_that_had_to_settle_are_not_late():
    w = line(threshold())
    settling(w, minutes(120))
    measure(w, 130, sample(10, 97))
    assert state(w) == AlertState.FIRING


def test_silence_counts_from_when_the_next_sample_would_have_settled():
    w = line(engine.NoData(after=minutes(15)))
    settling(w, minutes(10))
    measure(w, 15, sample(5, 30))
    measure(w, 29)
    assert state(w) is None
    measure(w, 31)
    assert state(w) == AlertState.FIRING
