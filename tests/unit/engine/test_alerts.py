"""The life of an alert: pending, firing, resolved, and every way back."""

import pytest

from tests.fakes.engine_world import DOWN, minutes, of_kind, rule, seconds, world
from watcher import engine, model

HOLD = seconds(20)


def test_a_transition_fires_at_once_when_nothing_asks_to_wait():
    w = world(rule())
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    assert w.alert() == "firing"
    assert w.incident.title == "a is offline"
    assert w.last_text == "offline since 03:00:10 UTC, was online"
    assert w.tables.entries[-1].notify


def test_a_change_that_matches_no_rule_does_nothing():
    w = world(rule())
    w.poll(a="online")
    effects = w.poll(seconds(10), a="impaired")
    assert of_kind(effects, model.Alert) == []
    assert w.incidents == ()


@pytest.mark.parametrize(
    ("states", "fires"),
    [
        (["online", "offline"], True),
        (["impaired", "degraded"], True),
        (["offline"], True),  # at first sight anything may have been before
        (["unknown", "offline"], True),
        (["online", "unknown", "offline"], True),  # unknown is skipped when looking back
        (["online", "degraded", "offline"], True),  # a move inside keeps it
        (["booked", "offline"], False),
        (["booked", "offline", "degraded"], False),  # also across a move inside
        (["booked", "offline", "unknown", "offline"], False),
        (["booked", "offline", "online", "offline"], True),
    ],
)
def test_from_is_the_last_known_value_before_it_came_inside(states, fires):
    w = world(rule())
    for number, state in enumerate(states):
        w.poll(seconds(10 * number), a=state)
    assert (w.alert() == "firing") is fires


def test_what_a_field_was_before_survives_a_restart():
    w = world(rule())
    w.poll(a="booked")
    w.poll(seconds(10), a="offline")
    w.restart()
    w.poll(seconds(20), a="degraded")
    assert w.alert() == "inactive"
    w.poll(seconds(30), a="booked")
    assert w.alert() is None


def test_for_is_decided_by_the_poll_at_or_after_its_end():
    w = world(rule(hold=HOLD))
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    assert w.alert() == "pending"
    assert engine.pending_sources(w.state) == {"vyvx"}
    wanted = w.wait_until(w.now + HOLD)
    assert wanted == [model.PollNeeded(source="vyvx")]
    assert w.alert() == "pending"
    assert engine.next_deadline(w.state) is None
    w.poll(seconds(31))
    assert w.alert() == "firing"
    assert w.last_text == "offline since 03:00:10 UTC, was online"


def test_a_poll_before_the_end_of_for_decides_nothing():
    w = world(rule(hold=HOLD))
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    w.poll(seconds(29))
    assert w.alert() == "pending"


def test_recovering_within_for_is_not_news():
    w = world(rule(hold=HOLD))
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    w.poll(seconds(31), a="online")
    assert w.alert() is None
    assert w.incidents == ()


@pytest.mark.covers("vyvx/unknown")
def test_unknown_in_between_does_no_more_harm_than_a_failed_poll():
    w, failing = (world(rule(hold=minutes(1))) for _ in range(2))
    for watched in (w, failing):
        watched.poll(a="online")
        watched.poll(seconds(10), a="offline")
    for at in (20, 40, 60):
        w.poll(seconds(at), a="unknown")
        failing.fail(seconds(at))
        assert w.alert() == failing.alert() == "pending"  # neither confirms it
        w.poll(seconds(at + 10), a="offline")
        failing.poll(seconds(at + 10), a="offline")
        assert w.alert() == failing.alert()
    assert w.alert() == "firing"


@pytest.mark.covers("vyvx/unknown")
def test_unknown_for_as_long_as_blindness_takes_starts_for_again():
    w = world(rule(hold=HOLD))
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    w.poll(seconds(20), a="unknown")
    w.poll(minutes(4), a="offline")  # blind_after is three minutes
    assert w.alert() == "pending"
    w.poll(minutes(4) + HOLD)
    assert w.alert() == "firing"


@pytest.mark.covers("vyvx/unknown")
def test_unknown_freezes_a_firing_alert():
    w = world(rule(keep_firing_for=minutes(1)))
    w.poll(a="offline")
    w.poll(seconds(10), a="online")
    w.poll(seconds(50), a="unknown")
    w.wait_until(w.now + minutes(60))
    assert w.alert() == "firing"
    w.poll(minutes(70), a="online")
    w.poll(minutes(70) + seconds(59))
    assert w.alert() == "firing"
    w.wait_until(w.now + seconds(1))
    assert w.alert() is None


def test_keep_firing_for_resolves_by_itself():
    w = world(rule(keep_firing_for=minutes(1)))
    w.poll(a="offline")
    w.poll(seconds(10), a="online")
    assert w.alert() == "firing"
    w.wait_until(w.now + seconds(60))
    assert w.incident.resolution is model.Resolution.RECOVERED
    assert w.incident.resolved_at == w.now


def test_after_keep_firing_for_the_notification_has_the_latest_value():
    w = world(rule(keep_firing_for=minutes(1)))
    w.poll(a="online")
    w.poll(seconds(10), a="offline")
    w.poll(seconds(20), a="online")
    w.wait_until(w.now + minutes(1))
    assert w.last_text == "recovered at 03:00:20 UTC after 10 s: online"


def test_coming_back_within_keep_firing_for_is_not_news():
    w = world(rule(keep_firing_for=minutes(1)))
    w.poll(a="offline")
    w.poll(seconds(10), a="online")
    w.poll(seconds(40), a="offline")
    w.wait_until(w.now + minutes(10))
    assert w.alert() == "firing"
    assert w.timeline == ["opened"]


@pytest.mark.parametrize(
    ("moves", "notified"),
    [(("degraded", "offline"), True), (("offline", "degraded"), False)],
)
def test_a_move_inside_notifies_only_when_it_got_worse(moves, notified):
    before, after = moves
    w = world(rule())
    w.poll(a=before)
    w.poll(seconds(10), a=after)
    kind, more = ("worse", "") if notified else ("better", ", still a fault")
    assert w.timeline == ["opened", kind]
    assert w.last_text == f"{kind}: {after}, was {before}{more}"
    assert w.tables.entries[-1].notify is notified
    assert w.incident.title == f"a is {after}"
    assert w.incident.version == 2


def test_where_holds_an_alert_back_and_lets_it_go():
    w = world(rule(where=lambda context: context["ingress_state"] == "online"))
    w.poll(a={"state": "offline", "ingress_state": "offline"})
    assert w.alert() is None
    w.poll(seconds(10), a={"state": "offline", "ingress_state": "online"})
    assert w.alert() == "firing"
    w.poll(seconds(20), a={"state": "offline", "ingress_state": "offline"})
    assert w.incident.status is model.IncidentStatus.RESOLVED


def _fails(context):
    raise engine.ExpressionError("no such overload")


def test_a_failing_where_counts_as_true_and_is_flagged_once():
    w = world(rule(where=_fails))
    effects = w.poll(a="offline")
    flagged = model.ExpressionFailed(rule="down", subject="vyvx/a", error="no such overload")
    assert of_kind(effects, model.ExpressionFailed) == [flagged]
    assert w.alert() == "firing"
    assert of_kind(w.poll(seconds(10), a="degraded"), model.ExpressionFailed) == []


def test_a_failing_expression_counts_as_false():
    w = world(rule(condition=engine.Expression(holds=_fails)))
    effects = w.poll(a="offline")
    assert len(of_kind(effects, model.ExpressionFailed)) == 1
    assert w.alert() is None


def test_an_expression_without_an_answer_freezes_and_breaks():
    answers = {"yes": True, "no": False, "perhaps": None}
    condition = engine.Expression(holds=lambda context: answers[context["state"]])
    w = world(rule(condition=condition))
    w.poll(a="perhaps")
    assert w.alert() is None
    w.poll(seconds(10), a="yes")
    w.poll(seconds(20), a="perhaps")
    assert w.alert() == "firing"
    w.poll(seconds(30), a="no")
    assert w.alert() is None


def test_a_title_that_fails_does_not_hold_the_incident_back():
    w = world(rule(title=_fails))
    effects = w.poll(a="offline")
    assert w.incident.title == "a: down"
    assert len(of_kind(effects, model.ExpressionFailed)) == 1


def test_equal_content_gives_equal_ids():
    def ids():
        w = world(rule())
        w.poll(a="offline", b="offline")
        return [incident.id for incident in w.incidents]

    assert ids() == ids()
    assert len(set(ids())) == 2
    assert all(len(identity) == 10 and identity.startswith("w-") for identity in ids())


def test_an_unchanged_poll_says_only_that_the_source_was_seen():
    w = world(rule(), rule(name="other", condition=DOWN))
    w.poll(a="online", b="online")
    effects = w.poll(seconds(60))
    assert [type(effect) for effect in effects] == [model.SourceHealth]
