"""Subjects that a vendor no longer lists."""

from datetime import timedelta

import pytest

from tests.fakes.engine_world import minutes, of_kind, rule, sample, world
from watcher import engine, model


@pytest.mark.covers("vyvx/vanishes")
def test_a_quiet_subject_is_forgotten_after_two_complete_polls_without_it():
    w = world(rule())
    w.poll(a="online", b="online")
    w.poll(minutes(1), gone=["a"])
    assert "vyvx/a" in w.state.subjects
    effects = w.poll(minutes(2))
    assert of_kind(effects, model.Forgotten) == [model.Forgotten(key="vyvx/a")]
    assert "vyvx/a" not in w.state.subjects


def test_an_incomplete_poll_makes_nothing_vanish():
    w = world(rule())
    w.poll(a="online", b="online")
    w.poll(minutes(1), gone=["a"])
    w.poll(minutes(2), complete=False)
    w.poll(minutes(3), complete=False)
    assert "vyvx/a" in w.state.subjects


@pytest.mark.covers("vyvx/vanishes")
def test_a_firing_subject_that_vanishes_is_kept_for_a_day():
    w = world(rule())
    w.poll(a="offline", b="online")
    for minute in range(1, 4):
        w.poll(minutes(minute), gone=["a"])
    assert w.alert() == "firing"
    assert w.timeline == ["opened", "vanished"]
    effects = w.wait_until(w.now + timedelta(days=1))
    assert w.incident.resolution is model.Resolution.VANISHED
    assert of_kind(effects, model.Forgotten) == [model.Forgotten(key="vyvx/a")]


def test_one_that_comes_back_goes_on_where_it_was():
    w = world(rule())
    w.poll(a="offline", b="online")
    w.poll(minutes(1), gone=["a"])
    w.poll(minutes(2))
    w.poll(minutes(3), a="offline")
    assert w.timeline == ["opened", "vanished", "sighted"]
    w.wait_until(w.now + timedelta(days=2))
    assert w.alert() == "firing"
    w.poll(w.now - w.now + timedelta(days=3), a="online")
    assert w.alert() is None


def test_one_that_comes_back_well_has_recovered():
    w = world(rule())
    w.poll(a="offline", b="online")
    w.poll(minutes(1), gone=["a"])
    w.poll(minutes(2))
    w.poll(minutes(3), a="online")
    assert w.incident.resolution is model.Resolution.RECOVERED


def test_a_missing_subject_confirms_no_pending_alert():
    w = world(rule(hold=minutes(1)))
    w.poll(a="online", b="online")
    w.poll(minutes(1), a="offline")
    w.poll(minutes(2), gone=["a"])
    assert w.alert() == "pending"
    w.poll(minutes(3))
    assert w.incidents == ()


@pytest.mark.covers("vyvx/vanishes")
def test_losing_most_subjects_at_once_needs_one_more_poll():
    w = world(rule())
    names = [f"s{number}" for number in range(20)]
    w.poll(**dict.fromkeys(names, "online"))
    w.poll(minutes(1), gone=names[:15])
    w.poll(minutes(2))
    assert len(w.state.subjects) == 20
    w.poll(minutes(3))
    assert len(w.state.subjects) == 5


def test_a_vanished_incident_can_be_resolved_by_hand():
    w = world(rule())
    w.poll(a="offline", b="online")
    w.poll(minutes(1), gone=["a"])
    w.poll(minutes(2))
    w.step(model.ResolvedByHand(incident=w.incident.id, by="ana"))
    assert w.incident.resolution is model.Resolution.MANUAL
    assert "vyvx/a" not in w.state.subjects


def test_one_that_vanishes_while_it_is_to_be_evaluated_again_is_forgotten_for_good():
    w = world(rule(hold=minutes(2)))
    w.poll(a="offline", b="online")
    w.fail(minutes(1))
    for minute in range(2, 6):  # the first poll after a failure evaluates what is pending again
        w.poll(minutes(minute), gone=["a"])
    w.poll(minutes(6), b="offline")
    assert "vyvx/a" not in w.state.subjects


def test_samples_of_one_that_is_gone_may_end_its_last_alert():
    impaired = engine.Expression(holds=lambda context: context["state"] == "impaired")
    full = engine.Threshold(metric="load", limit=80.0)
    w = world(rule(condition=impaired), rule(name="full", condition=full))
    w.poll(a="impaired", b="online")
    for minute in (1, 2):
        w.poll(minutes(minute), gone=["a"])
    w.fail(minutes(3))
    later = timedelta(hours=26)
    w.fail(later)
    w.poll(later, gone=["a"], samples=[sample("vyvx/a", "load", w.now, 10)])
    assert "vyvx/a" not in w.state.subjects
