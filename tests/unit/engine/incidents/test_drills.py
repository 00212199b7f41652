"""A drill: an incident about nothing, notified like any other, that ends by itself."""

from datetime import timedelta

import pytest

from tests.fakes.engine_world import minutes, rule, seconds, world
from watcher import engine, model
from watcher.model import IncidentStatus

WANTED = model.DrillWanted(incident="w-drill", receivers=("noc", "mqtt"), by="ada")


def test_a_drill_notifies_at_once_whom_it_names_and_says_what_it_is():
    w = world(rule())
    w.step(WANTED, seconds(10))
    assert w.incident.notify == w.incident.receivers == ("noc", "mqtt")
    assert w.incident.title == "DRILL: nothing is wrong"
    assert w.incident.is_drill
    assert w.last_text == "a drill for ada: nothing is wrong"
    (entry,) = w.tables.entries
    assert (entry.notify, entry.by, entry.data) == (True, "ada", {"drill": True})


@pytest.mark.parametrize(("page", "severity"), [(False, "info"), (True, "critical")])
def test_a_drill_calls_people_only_where_that_is_wanted(page, severity):
    w = world(rule())
    w.step(
        model.DrillWanted(incident="w-drill", receivers=("noc",), by="ada", page=page), seconds(10)
    )
    assert w.incident.severity == severity


def test_a_drill_is_over_after_a_minute_and_not_before():
    w = world(rule())
    w.step(WANTED, seconds(10))
    w.wait_until(w.now + seconds(59))
    assert w.incident.status is IncidentStatus.OPEN
    w.wait_until(w.now + seconds(1))
    assert w.incident.resolution is model.Resolution.ENDED
    assert w.timeline == ["opened", "resolved"]
    assert w.tables.entries[-1].data == {"drill": True}
    w.wait_until(w.now + minutes(30))
    assert w.timeline == ["opened", "resolved"]


def test_a_drill_ends_though_the_daemon_was_started_again_meanwhile():
    w = world(rule())
    w.step(WANTED, seconds(10))
    before = w.state
    w.restart()
    assert w.state.incidents == before.incidents
    assert w.state.incident_index.latest == before.incident_index.latest
    w.wait_until(w.now + minutes(2))
    assert w.incident.resolution is model.Resolution.ENDED
    assert w.timeline == ["opened", "resolved"]


def test_a_person_may_acknowledge_note_and_resolve_a_drill():
    w = world(rule())
    w.step(WANTED, seconds(10))
    w.step(model.Acknowledged(incident="w-drill", by="bob"), seconds(20))
    w.step(model.Noted(incident="w-drill", by="bob", text="seen"), seconds(30))
    w.step(model.ResolvedByHand(incident="w-drill", by="bob"), seconds(40))
    w.wait_until(w.now + minutes(5))
    assert w.timeline == ["opened", "acknowledged", "noted", "resolved"]
    assert w.tables.entries[-1].by == "bob"


def test_a_drill_that_was_acknowledged_ends_by_itself_too():
    w = world(rule())
    w.step(WANTED, seconds(10))
    w.step(model.Acknowledged(incident="w-drill", by="bob"), seconds(20))
    w.wait_until(w.now + minutes(1))
    assert w.timeline == ["opened", "acknowledged", "resolved"]


def test_nothing_is_examined_for_a_drill_and_nothing_can_be():
    w = world(rule(diagnose=True))
    effects = w.step(WANTED, seconds(10))
    assert not [effect for effect in effects if isinstance(effect, model.DiagnosisNeeded)]
    with pytest.raises(engine.IllegalCommand, match="no subject to diagnose"):
        w.step(model.DiagnosisWanted(incident="w-drill", by="ada"), seconds(20))


@pytest.mark.parametrize(
    "again",
    [WANTED, model.DrillWanted(incident="w-other", receivers=(), by="ada")],
    ids=["the same once more", "for nobody"],
)
def test_a_drill_that_cannot_be_is_refused_and_changes_nothing(again):
    w = world(rule())
    w.step(WANTED, seconds(10))
    with pytest.raises(engine.IllegalCommand):
        w.step(again, seconds(20))
    assert list(w.state.incidents) == ["w-drill"]


def test_two_drills_at_once_stand_beside_each_other():
    w = world(rule())
    w.step(WANTED, seconds(10))
    w.step(model.DrillWanted(incident="w-other", receivers=("noc",), by="ada"), seconds(10))
    w.wait_until(w.now + timedelta(minutes=2))
    assert {incident.resolution for incident in w.incidents} == {model.Resolution.ENDED}
    assert len(w.incidents) == 2
