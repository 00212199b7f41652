"""What is concluded from the connections that a broker closes."""

import pytest

from watcher.receivers.mqtt.broker.limits import (
    FORGOTTEN_AFTER,
    STEADY_SECONDS,
    TRIES,
    BrokerLimits,
)

EVENTS = "watcher/events"


@pytest.fixture
def limits():
    limits = BrokerLimits()
    limits.connected(None)
    return limits


def lose(limits, topic, size, times=TRIES, now=0.0):
    return [limits.lost(topic, size, now) for _ in range(times)]


def test_a_broker_that_restarts_twice_during_a_publish_has_refused_nothing(limits):
    assert lose(limits, EVENTS, 500, TRIES - 1) == ["", ""]
    assert limits.set_aside(EVENTS, 0.0) == ""
    limits.accepted(EVENTS, 500)
    assert lose(limits, EVENTS, 500, TRIES - 1) == ["", ""]
    assert limits.remarks(0.0) == []


def test_a_topic_on_which_it_hangs_up_is_set_aside_for_a_while_each_time_longer(limits):
    assert EVENTS in lose(limits, EVENTS, 500)[-1]
    assert "500 bytes" in limits.set_aside(EVENTS, 29.0)
    assert limits.set_aside("watcher/status", 29.0) == ""
    assert limits.remarks(29.0) == [limits.set_aside(EVENTS, 29.0)]
    assert limits.set_aside(EVENTS, 30.0) == ""
    lose(limits, EVENTS, 500, now=30.0)
    assert limits.set_aside(EVENTS, 89.0)
    for _ in range(10):
        lose(limits, EVENTS, 500, now=1_000.0)
    assert limits.set_aside(EVENTS, 1_599.0)
    assert not limits.set_aside(EVENTS, 1_600.0)


def test_a_large_message_is_to_blame_for_its_size(limits):
    limits.accepted("watcher/status", 6)
    assert "smaller ones" in lose(limits, "watcher/incidents/w-1", 20_000)[-1]
    assert not limits.set_aside("watcher/incidents/w-1", 0.0)
    assert not limits.fits("watcher/incidents/w-2", 20_000, 1.0)
    assert limits.fits("watcher/incidents/w-2", 19_000, 1.0)
    assert limits.fits("watcher/incidents/w-2", 20_000, FORGOTTEN_AFTER)


def test_a_size_that_was_accepted_on_this_connection_is_not_to_blame(limits):
    limits.accepted("watcher/incidents/w-1", 30_000)
    lose(limits, "watcher/incidents/w-2", 20_000)
    assert limits.fits("watcher/incidents/w-3", 30_000, 0.0)
    assert limits.set_aside("watcher/incidents/w-2", 0.0)


def test_once_the_size_is_suspected_each_smaller_one_costs_a_single_connection(limits):
    topic = "watcher/incidents/w-1"
    lose(limits, topic, 40_000)
    assert lose(limits, topic, 20_000, 1) != [""]
    assert not limits.fits(topic, 20_000, 0.0)
    limits.accepted(topic, 10_000)
    assert lose(limits, topic, 15_000, 1) == [""]


def test_a_topic_that_is_refused_at_every_size_leaves_no_limit_behind(limits):
    """A broker without permission for a topic hangs up on a long event and on a short one."""
    lose(limits, EVENTS, 3_000)
    assert limits.refused
    lose(limits, EVENTS, 400)
    assert limits.refused is None
    assert limits.set_aside(EVENTS, 0.0)


def test_a_loss_that_no_message_explains_acquits_every_suspect(limits):
    """Another client has taken over the session, each time while something was published."""
    lose(limits, "watcher/clients/watcher", 83)
    lose(limits, "watcher/incidents/w-1", 20_000)
    limits.acquit()
    assert limits.set_aside("watcher/clients/watcher", 0.0) == ""
    assert limits.fits("watcher/incidents/w-1", 20_000, 0.0)
    assert limits.remarks(0.0) == []


def test_what_is_lost_and_then_accepted_acquits_all_others(limits):
    lose(limits, EVENTS, 500)
    lose(limits, "watcher/status/ops1", 6, 1)
    assert limits.set_aside(EVENTS, 0.0)
    limits.accepted("watcher/status/ops1", 6)
    assert limits.remarks(0.0) == []


def test_what_is_accepted_because_it_was_made_smaller_acquits_nobody(limits):
    lose(limits, EVENTS, 500)
    lose(limits, "watcher/incidents/w-1", 20_000, 1)
    limits.accepted("watcher/incidents/w-1", 2_000)
    assert limits.set_aside(EVENTS, 0.0)


def test_who_may_subscribe_but_not_publish_is_found_out(limits):
    """On the topic of the claim both are done, after every connect."""
    for _ in range(TRIES):
        limits.accepted(EVENTS, 0)
        limits.lost(EVENTS, 83, 0.0)
    assert limits.set_aside(EVENTS, 0.0)


def test_topics_that_are_forbidden_from_now_on_are_found_one_after_the_other(limits):
    topics = [f"watcher/incidents/w-{number}" for number in range(4)]
    for topic in topics:
        limits.accepted(topic, 500)
    losses = 0
    while open_topics := [topic for topic in topics if not limits.set_aside(topic, 0.0)]:
        limits.lost(open_topics[0], 500, 0.0)
        losses += 1
    assert losses == TRIES * len(topics)


def test_a_topic_without_which_a_connection_was_steady_stays_aside(limits):
    lose(limits, EVENTS, 500)
    limits.ended(STEADY_SECONDS)
    limits.acquit()
    assert limits.set_aside(EVENTS, 29.0)
    lose(limits, EVENTS, 500, 1, now=31.0)
    assert "whenever" in limits.set_aside(EVENTS, 32.0)


def test_a_size_without_which_a_connection_was_short_is_tried_again(limits):
    lose(limits, EVENTS, 5_000)
    limits.ended(STEADY_SECONDS - 1)
    limits.acquit()
    assert limits.fits(EVENTS, 5_000, 0.0)


def test_the_reason_that_a_broker_gives_is_believed_at_once(limits):
    assert limits.lost("watcher/a.b", 10, 0.0, certain=True)
    assert limits.set_aside("watcher/a.b", 0.0)


def test_what_the_broker_states_on_a_connect_counts(limits):
    limits.connected(20_000)
    assert limits.fits("t", 19_000, 0.0)
    assert not limits.fits("t", 19_900, 0.0)
    limits.connected(None)
    assert limits.fits("t", 19_900, 0.0)


def test_what_was_learned_before_a_restart_is_remembered_for_a_day(limits):
    limits.remember(5_000, at=-FORGOTTEN_AFTER, now=0.0)
    assert limits.fits("t", 5_000, 0.0)
    limits.remember(5_000, at=-10.0, now=0.0)
    assert not limits.fits("t", 5_000, 0.0)
    assert limits.fits("t", 5_000, FORGOTTEN_AFTER)


def test_topics_beyond_number_take_no_memory_beyond_number(limits):
    for number in range(5_000):
        limits.lost(f"desk/{number}", 10, 0.0)
    assert len(limits._suspects) <= 1_000
