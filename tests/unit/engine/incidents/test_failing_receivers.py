"""A receiver that cannot be notified is an incident for all the others."""

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import START, minutes, rule, seconds, world
from watcher import engine, model

FAILED = model.ReceiverFailed(receiver="noc", error="channel_not_found", others=("mqtt", "duty"))


def test_the_others_are_notified_of_a_failing_receiver():
    w = world(rule())
    w.step(FAILED, seconds(10))
    assert w.incident.title == "noc is failing"
    assert w.incident.notify == ("mqtt", "duty")
    assert w.last_text == "channel_not_found"


def test_what_might_have_passed_by_itself_is_reported_with_since_when_it_fails():
    w = world(rule())
    w.step(replace(FAILED, error="Slack answered 500", since=START), minutes(5))
    assert w.last_text == "failing since 03:00:00 UTC: Slack answered 500"
    assert w.incident.summary == "Slack answered 500"


def test_the_same_error_notifies_once_and_another_one_again():
    w = world(rule())
    w.step(FAILED, seconds(10))
    assert w.step(FAILED, seconds(20)) == ()
    w.step(
        model.ReceiverFailed(receiver="noc", error="invalid_auth", others=("mqtt",)), seconds(30)
    )
    assert w.timeline == ["opened", "changed"]


def test_the_incident_ends_with_the_receivers_next_delivery():
    w = world(rule())
    w.step(FAILED, seconds(10))
    w.step(model.ReceiverRecovered(receiver="noc"), seconds(20))
    assert w.incident.resolution is model.Resolution.RECOVERED
    assert w.last_text == "noc has recovered"
    w.step(FAILED, seconds(30))
    assert len(w.state.incidents) == 2


def test_without_another_receiver_there_is_no_incident():
    w = world(rule())
    w.step(model.ReceiverFailed(receiver="noc", error="invalid_auth", others=()), seconds(10))
    assert not w.state.incidents


def test_a_person_may_acknowledge_and_resolve_it():
    w = world(rule())
    w.step(FAILED, seconds(10))
    identity = w.incident.id
    w.step(model.Acknowledged(incident=identity, by="ada"), seconds(20))
    w.step(model.ResolvedByHand(incident=identity, by="ada"), seconds(30))
    assert w.incident.resolution is model.Resolution.MANUAL


def test_there_is_nothing_to_diagnose_about_it():
    w = world(rule())
    w.step(FAILED, seconds(10))
    with pytest.raises(engine.IllegalCommand, match="no subject to diagnose"):
        w.step(model.DiagnosisWanted(incident=w.incident.id, by="ada"), seconds(20))
