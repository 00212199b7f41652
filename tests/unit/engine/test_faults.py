"""One fault, one incident: handed over between its alerts, and over when its subject is well."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import START, FakeInventory, minutes, rule, seconds, world
from watcher import engine, model
from watcher.model import IncidentStatus, Resolution, Severity

FAULT = "service"


def face(name, *states, severity=Severity.WARNING, **keys):
    condition = engine.Transition(field="state", to=frozenset(states))
    return rule(name, condition, fault=FAULT, severity=severity, **keys)


def faces(**keys):
    """Offline is critical, degraded a warning; both are faces of one fault."""
    return face("down", "offline", severity=Severity.CRITICAL, **keys), face(
        "bad", "degraded", **keys
    )


def kinds_and_loudness(w):
    return [(entry.kind.value, entry.notify) for entry in w.tables.entries]


def test_a_fault_that_gets_better_stays_open_and_says_so_quietly():
    w = world(*faces(keep_firing_for=minutes(1)))
    w.poll(a="offline")
    w.poll(minutes(2), a="degraded")
    assert w.incident.status is IncidentStatus.OPEN
    assert w.incident.severity is Severity.WARNING
    assert w.incident.title == "a is degraded"
    assert w.last_text == "better: degraded since 03:02:00 UTC, was offline, still a fault"
    assert kinds_and_loudness(w) == [("opened", True), ("better", False)]


def test_a_face_that_may_be_over_as_well_is_not_said_to_go_on():
    down = face("down", "offline", severity=Severity.CRITICAL, keep_firing_for=minutes(1))
    unseen = face("unseen", "unknown", keep_firing_for=minutes(5))
    w = world(down, unseen)
    w.poll(a="offline")
    w.poll(minutes(2), a="unknown")
    w.poll(minutes(4), a="online")
    w.wait_until(START + minutes(6))
    assert "better" not in [entry.kind.value for entry in w.tables.entries]
    w.wait_until(START + minutes(10))
    assert w.incident.resolution is Resolution.RECOVERED


def test_a_fault_that_gets_worse_says_so_loudly_and_undoes_an_acknowledgement():
    w = world(*faces())
    w.poll(a="degraded")
    w.step(model.Acknowledged(incident=w.incident.id, by="ann"))
    w.poll(minutes(2), a="offline")
    assert w.incident.severity is Severity.CRITICAL
    assert w.incident.status is IncidentStatus.OPEN
    assert w.last_text == (
        "worse: offline since 03:02:00 UTC, was degraded (critical: acknowledgement by ann cleared)"
    )
    assert kinds_and_loudness(w)[-1] == ("worse", True)


def test_the_gap_between_two_faces_holds_the_incident_open():
    w = world(
        face("down", "offline"),
        face("bad", "degraded", hold=minutes(5)),  # pending for longer than `down` needs to end
    )
    w.poll(a="offline")
    w.poll(minutes(1), a="degraded")
    w.poll(minutes(4))
    assert (w.alert(name="down"), w.alert(name="bad")) == ("firing", "pending")
    w.poll(minutes(6))
    assert (w.alert(name="down"), w.alert(name="bad")) == (None, "firing")
    assert w.incident.status is IncidentStatus.OPEN


def test_a_bad_state_that_no_rule_names_holds_the_incident_open_until_the_subject_is_well():
    w = world(face("down", "offline", keep_firing_for=minutes(1)))
    w.poll(a="offline")
    w.poll(minutes(1), a="degraded")
    w.wait_until(w.now + timedelta(hours=2))
    assert w.incident.status is IncidentStatus.OPEN
    w.poll(minutes(130), a="impaired")
    w.wait_until(w.now + minutes(1))
    assert w.incident.resolution is Resolution.RECOVERED
    assert w.last_text == "recovered at 05:10:00 UTC after 2 h 10 min: impaired"


def test_a_rule_says_itself_what_well_is():
    w = world(face("down", "offline", well=lambda it: it["state"] == "online"))
    w.poll(a="offline")
    w.poll(minutes(1), a="impaired")
    assert w.incident.status is IncidentStatus.OPEN
    w.poll(minutes(2), a="online")
    assert w.incident.resolution is Resolution.RECOVERED


def test_a_rule_without_a_fault_lapses_where_its_subject_is_not_well():
    w = world(rule(condition=engine.Transition(field="state", to=frozenset({"offline"}))))
    w.poll(a="offline")
    w.poll(minutes(1), a="degraded")
    assert w.incident.resolution is Resolution.LAPSED
    assert w.last_text == "no longer offline since 03:01:00 UTC, but degraded: not recovered"


def test_an_incident_counts_from_when_its_fault_began_until_its_subject_was_well():
    w = world(*faces(hold=seconds(20), keep_firing_for=minutes(1)))
    w.poll(a="online")
    w.poll(seconds(10), a="degraded")
    w.poll(seconds(30))
    w.poll(minutes(3), a="offline")
    w.poll(minutes(4))
    w.poll(minutes(5) + seconds(10), a="online")
    w.wait_until(w.now + minutes(1))
    incident = w.incident
    assert incident.lasted(w.now) == minutes(5)
    assert incident.end - incident.begin == minutes(5)
    assert incident.opened_at - incident.begin == seconds(20)
    assert incident.resolved_at - incident.end == minutes(1)
    assert w.last_text.startswith("recovered at 03:05:10 UTC after 5 min")


def test_from_bad_to_bad_for_goes_on_counting():
    w = world(*faces(hold=seconds(20)))
    w.poll(a="online")
    for at in (10, 20, 30):
        w.poll(seconds(at), a="degraded" if at % 20 else "offline")
    assert w.incident.status is IncidentStatus.OPEN  # bad for 20 seconds, in two states
    assert w.incident.begin == w.now - seconds(20)


def test_worse_news_has_to_be_steady_for_as_long_as_its_own_rule_says():
    w = world(*faces(hold=seconds(20)))
    w.poll(a="degraded")
    w.poll(seconds(20))
    assert w.alert(name="bad") == "firing"
    w.poll(seconds(60), a="offline")
    w.poll(seconds(70), a="degraded")
    w.poll(seconds(90))
    assert w.timeline == ["opened"]


def test_alerts_that_flap_between_two_bad_states_are_steady_before_they_hand_over():
    w = world(*faces(flapping=engine.Flapping(flips=2, within=minutes(10))))
    for at in range(12):
        w.poll(minutes(at), a="degraded" if at % 2 else "offline")
    assert w.timeline.count("flapping") == 2  # each of the two alerts
    assert len(w.timeline) < 12
    assert w.incident.status is IncidentStatus.OPEN


def test_the_incidents_of_an_earlier_version_are_about_the_fault_of_their_rule():
    w = world(*faces())
    w.poll(a="offline")
    old = replace(w.incident, fault="", began_at=None)
    w.tables.commit([old])
    w.restart()
    w.poll(minutes(1), a="degraded")
    assert [incident.id for incident in w.incidents] == [old.id]
    assert w.incident.status is IncidentStatus.OPEN


def test_a_reload_that_gives_rules_a_fault_joins_what_fires_next():
    plain = [replace(face, fault="") for face in faces()]
    w = world(*plain)
    w.poll(a="degraded")
    w.ruleset = replace(w.ruleset, rules=faces())
    w.step(engine.Reloaded(ruleset=w.ruleset))
    w.poll(minutes(1), a="offline")
    assert w.incident.severity is Severity.CRITICAL


CONTACTS = (
    model.Contact(domain="lumen", text="NOC"),
    model.Contact(domain="source", text="truck 4"),
)


@pytest.mark.parametrize("restart", [False, True])
def test_the_likely_side_changes_once_two_polls_agree(restart):
    inventory = FakeInventory(vyvx_a=engine.InventoryEntry(contacts=CONTACTS))
    w = world(*faces(), inventory=inventory)
    w.poll(a={"state": "offline", "ingress_state": "online"})
    for at in (1, 3):  # a single poll that says so is not enough
        w.poll(minutes(at), a={"state": "offline", "ingress_state": "offline"})
        w.poll(minutes(at + 1), a={"state": "offline", "ingress_state": "online"})
    assert w.timeline == ["opened"]
    w.poll(minutes(5), a={"state": "offline", "ingress_state": "offline"})
    if restart:
        w.restart()
    w.poll(minutes(6))
    assert w.timeline == ["opened", "verdict"]
    assert w.incident.contacts == CONTACTS[1:]


def test_sight_that_is_lost_for_one_poll_is_no_news():
    w = world(*faces())
    w.poll(a="offline")
    for at in (1, 3):
        w.poll(minutes(at), a="unknown")
        w.poll(minutes(at + 1), a="offline")
    assert w.timeline == ["opened"]
    w.poll(minutes(5), a="unknown")
    w.poll(minutes(6))
    assert w.last_text == "Lumen cannot see it since 03:05:00 UTC; last known offline"
    assert w.incident.title == "a is offline"
    w.poll(minutes(7), a="offline")
    assert w.last_text == "Lumen can see it again after 2 min: offline"


def test_what_is_looked_at_again_comes_after_what_has_changed_as_after_a_restart():
    site = engine.InventoryEntry(labels={"site": "DEN"})
    orders = []
    for restart in (False, True):
        inventory = FakeInventory(vyvx_a=site, vyvx_b=site)
        w = world(*faces(group_by=("site",)), inventory=inventory)
        w.poll(a="degraded", b="online")
        w.poll(seconds(5), a="unknown")
        if restart:
            w.restart()
        w.poll(seconds(6), b="degraded")
        orders.append([(entry.kind, entry.text) for entry in w.tables.entries])
    assert orders[0] == orders[1]
