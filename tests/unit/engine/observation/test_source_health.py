"""Blindness: what cannot be seen is neither down nor well."""

from datetime import timedelta

import pytest

from tests.fakes.engine_world import minutes, of_kind, rule, seconds, world
from watcher import engine, model

BLIND = engine.Blind(after=minutes(5))


def blind_rule(**keys):
    keys.setdefault("title", lambda words: f"{words['source']} cannot be seen")
    return rule(name="blind", condition=BLIND, **keys)


@pytest.mark.covers("http/blind")
def test_a_failing_source_becomes_blind_by_itself():
    w = world()
    w.poll(a="online")
    w.fail(minutes(1))
    assert w.state.health["vyvx"].sight is model.Visibility.FAILING
    w.wait_until(w.now + minutes(3))
    health = w.state.health["vyvx"]
    assert health.sight is model.Visibility.BLIND
    assert health.failing_since == w.now - minutes(3)


def test_a_permanent_failure_blinds_at_once_and_is_called_a_config_fault():
    w = world(blind_rule())
    w.poll(a="online")
    w.fail(minutes(1), error="401: the key was revoked", permanent=True)
    assert w.state.health["vyvx"].sight is model.Visibility.BLIND
    text = "vyvx cannot be seen since 03:01:00 UTC: config fault: 401: the key was revoked"
    assert w.last_text == text


def test_a_blind_source_has_one_incident_until_it_is_seen_again():
    w = world(rule(), blind_rule())
    w.poll(a="online", b="online")
    w.fail(minutes(1))
    w.wait_until(w.now + minutes(5))
    w.fail(minutes(7))
    assert w.incident.group == "vyvx"
    assert w.incident.opened_at == w.now - minutes(1)
    w.poll(minutes(10))
    assert w.incident.resolution is model.Resolution.RECOVERED
    assert w.timeline == ["opened", "resolved"]


def test_a_failed_poll_says_nothing_new_twice():
    w = world()
    w.poll(a="online")
    w.fail(minutes(1))
    assert w.fail(minutes(2)) == ()


@pytest.mark.covers("http/blind")
def test_blindness_neither_opens_nor_resolves_what_it_hides():
    w = world(rule(keep_firing_for=minutes(1)))
    w.poll(a="offline", b="online")
    w.poll(seconds(10), a="online")
    w.fail(seconds(20))
    w.wait_until(w.now + timedelta(days=2))
    assert w.alert() == "firing"
    assert w.incident.flags == ("blind",)
    assert w.timeline == ["opened", "blind"]
    assert w.last_text == "vyvx cannot be seen (timed out); last known offline, 3 min ago"


def test_keep_firing_for_starts_again_after_blindness():
    w = world(rule(keep_firing_for=minutes(1)))
    w.poll(a="offline")
    w.poll(seconds(10), a="online")
    w.fail(seconds(20))
    w.poll(minutes(20))
    assert w.alert() == "firing"
    assert w.incident.flags == ()
    assert w.timeline == ["opened", "blind", "sighted"]
    assert w.last_text == "vyvx can be seen again after 19 min"
    w.wait_until(w.now + minutes(1))
    assert w.alert() is None


def test_for_starts_again_after_blindness():
    w = world(rule(hold=seconds(20)))
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    w.fail(seconds(20))
    w.poll(minutes(20))
    assert w.alert() == "pending"
    w.poll(minutes(20) + seconds(20))
    assert w.alert() == "firing"


def test_a_short_failure_delays_a_resolution_and_nothing_more():
    w = world(rule(keep_firing_for=minutes(1)))
    w.poll(a="offline")
    w.poll(seconds(10), a="online")
    w.fail(seconds(60))
    w.wait_until(w.now + seconds(30))
    assert w.alert() == "firing"
    w.poll(seconds(100))
    assert w.alert() is None


def test_no_poll_is_asked_of_a_source_that_fails():
    w = world(rule(hold=seconds(20)))
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    w.fail(seconds(20))
    assert of_kind(w.wait_until(w.now + minutes(1)), model.PollNeeded) == []


@pytest.mark.parametrize("polls", ["incomplete", "none"])
def test_after_a_start_no_timer_runs_before_the_first_complete_poll(polls):
    w = world(rule(keep_firing_for=minutes(1)))
    w.poll(a="offline")
    w.poll(seconds(10), a="online")
    w.restart()
    if polls == "incomplete":
        w.poll(seconds(30), complete=False)
    w.wait_until(w.now + minutes(10))
    assert w.alert() == "firing"
    w.poll(minutes(20))
    assert w.alert() is None


def test_what_failed_before_a_start_is_counted_on_by_the_next_failure():
    w = world()
    w.poll(a="online")
    w.fail(minutes(1))
    w.restart()
    w.fail(minutes(5))
    assert w.state.health["vyvx"].sight is model.Visibility.BLIND
