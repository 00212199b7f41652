"""A receiver that cannot be told is an incident for all the others."""

import pytest

from tests.engine.worlds import rule, seconds, world
from watcher import engine, model

FAILED = model.ReceiverFailed(receiver="noc", error="channel_not_found", others=("mqtt", "duty"))


def test_a_failing_receiver_is_told_to_the_others():
    w = world(rule())
    w.step(FAILED, seconds(10))
    assert w.incident.title == "noc cannot be told"
    assert w.incident.notify == ("mqtt", "duty")
    assert w.last_words == "channel_not_found"


def test_the_same_fault_is_told_once_and_another_one_is_news():
    w = world(rule())
    w.step(FAILED, seconds(10))
    assert w.step(FAILED, seconds(20)) == ()
    w.step(
        model.ReceiverFailed(receiver="noc", error="invalid_auth", others=("mqtt",)), seconds(30)
    )
    assert w.story == ["opened", "changed"]


def test_it_ends_when_the_receiver_is_told_again():
    w = world(rule())
    w.step(FAILED, seconds(10))
    w.step(model.ReceiverRecovered(receiver="noc"), seconds(20))
    assert w.incident.resolution is model.Resolution.RECOVERED
    assert w.last_words == "noc is told again"
    w.step(FAILED, seconds(30))
    assert len(w.state.incidents) == 2


def test_with_nobody_else_to_tell_there_is_no_incident():
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
    with pytest.raises(engine.IllegalCommand, match="about no subject"):
        w.step(model.DiagnosisWanted(incident=w.incident.id, by="ada"), seconds(20))
