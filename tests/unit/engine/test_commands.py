"""What people and jobs do to an incident."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import (
    START,
    FakeInventory,
    minutes,
    of_kind,
    rule,
    ruleset,
    seconds,
    world,
)
from watcher import engine, model

S1 = FakeInventory(vyvx_a=engine.InventoryEntry(service_ids=("S1",)))


def offline(*rules, **keys):
    w = world(*(rules or (rule(),)), **keys)
    w.poll(a="offline")
    return w


def test_acknowledging_names_the_person():
    w = offline()
    w.step(model.Acknowledged(incident=w.incident.id, by="ana"), seconds(5))
    assert w.incident.status is model.IncidentStatus.ACKNOWLEDGED
    assert (w.incident.acknowledged_by, w.incident.acknowledged_at) == ("ana", w.now)
    assert w.step(model.Acknowledged(incident=w.incident.id, by="ana")) == ()
    w.step(model.Acknowledged(incident=w.incident.id, by="bob"))
    assert w.incident.acknowledged_by == "bob"
    w.step(model.Unacknowledged(incident=w.incident.id, by="bob"))
    assert w.incident.status is model.IncidentStatus.OPEN
    assert w.timeline == ["opened", "acknowledged", "acknowledged", "unacknowledged"]


def test_resolving_by_hand_waits_for_the_condition_to_clear_once():
    w = offline()
    w.step(model.ResolvedByHand(incident=w.incident.id, by="ana"), seconds(5))
    assert w.incident.resolution is model.Resolution.MANUAL
    w.poll(minutes(20), a="degraded")
    w.restart()
    w.poll(minutes(21), a="offline")
    assert w.alert() == "resolved"
    assert len(w.incidents) == 1
    w.poll(minutes(22), a="online")
    w.poll(minutes(23), a="offline")
    assert len(w.incidents) == 2


def test_one_that_fires_again_within_ten_minutes_reopens_its_incident():
    w = offline()
    w.step(model.Acknowledged(incident=w.incident.id, by="ana"), seconds(5))
    w.poll(minutes(1), a="online")
    assert w.incident.resolution is model.Resolution.RECOVERED
    w.restart()
    w.poll(minutes(2))
    w.poll(minutes(11), a="offline")
    assert w.incident.status is model.IncidentStatus.OPEN
    assert (w.incident.resolution, w.incident.acknowledged_by) == (None, None)
    assert w.timeline[-2:] == ["resolved", "reopened"]


def test_after_ten_minutes_it_is_another_incident():
    w = offline()
    w.poll(minutes(1), a="online")
    w.poll(minutes(12), a="offline")
    assert len(w.incidents) == 2


def test_a_note_lands_on_the_timeline_also_after_the_end():
    w = offline()
    w.poll(minutes(1), a="online")
    w.step(model.Noted(incident=w.incident.id, by="ana", text="truck rebooted"), minutes(2))
    assert (w.last_text, w.tables.entries[-1].by) == ("truck rebooted", "ana")


@pytest.mark.parametrize(
    "command",
    [
        model.Acknowledged(incident="w-nowhere0", by="ana"),
        model.Unacknowledged(incident="w-nowhere0", by="ana"),
        model.ResolvedByHand(incident="w-nowhere0", by="ana"),
        model.Noted(incident="w-nowhere0", by="ana", text="?"),
        model.DiagnosisWanted(incident="w-nowhere0", by="ana"),
    ],
)
def test_an_unknown_incident_is_refused(command):
    w = offline()
    with pytest.raises(engine.IllegalCommand, match="there is no incident 'w-nowhere0'"):
        w.step(command)


@pytest.mark.parametrize("kind", [model.Acknowledged, model.Unacknowledged, model.ResolvedByHand])
def test_a_resolved_incident_is_left_alone(kind):
    w = offline()
    w.poll(minutes(1), a="online")
    before = w.incident
    with pytest.raises(engine.IllegalCommand, match="already resolved"):
        w.step(kind(incident=before.id, by="ana"), minutes(2))
    assert w.state.incidents[before.id] == before


def test_an_incident_that_ended_long_ago_is_refused():
    w = offline()
    w.poll(minutes(1), a="online")
    with pytest.raises(engine.IllegalCommand, match="10 min"):
        w.step(model.Noted(incident=w.incident.id, by="ana", text="late"), minutes(12))


def run(w, status, **keys):
    number = keys.pop("run", "r-1")
    return model.Diagnosed(
        diagnosis=model.Diagnosis(
            run=number,
            incident=w.incident.id,
            service_id="S1",
            status=status,
            started_at=w.now,
            **keys,
        )
    )


def test_findings_join_the_incident_once():
    w = offline(rule(diagnose=True), inventory=S1)
    w.step(run(w, model.DiagnosisStatus.RUNNING), seconds(1))
    done = run(w, model.DiagnosisStatus.DONE, disposition="Fault isolated to customer side")
    w.step(done, seconds(30))
    assert w.step(done) == ()
    assert w.step(run(w, model.DiagnosisStatus.RUNNING)) == ()
    assert [run.status for run in w.incident.diagnostics] == [model.DiagnosisStatus.DONE]
    assert w.timeline == ["opened", "diagnosing", "diagnosed"]
    assert w.last_text == "Service Diagnostics for S1: Fault isolated to customer side"


def test_a_person_may_ask_for_another_run():
    w = offline(rule(diagnose=True), inventory=S1)
    w.step(run(w, model.DiagnosisStatus.DONE), seconds(30))
    want = model.DiagnosisWanted(incident=w.incident.id, by="ana")
    (again,) = of_kind(w.step(want), model.DiagnosisNeeded)
    assert (again.service_id, again.incident) == ("S1", w.incident.id)
    assert of_kind(w.step(want), model.DiagnosisNeeded) == [again]  # one run, asked for twice


def test_asking_for_a_run_of_nothing_says_so():
    w = offline()
    w.step(model.DiagnosisWanted(incident=w.incident.id, by="ana"))
    assert w.last_text == "no diagnostics: the inventory has no service_ids for a"


def test_a_removed_rule_resolves_what_it_fired():
    w = offline()
    w.step(engine.Reloaded(ruleset=ruleset()), seconds(5))
    assert w.incident.resolution is model.Resolution.RULE_REMOVED
    assert w.alert() is None


def test_a_reload_lets_timers_and_incidents_live_on():
    w = world(rule(keep_firing_for=minutes(1)))
    w.poll(a="offline")
    w.poll(seconds(10), a="online")
    w.step(engine.Reloaded(ruleset=ruleset(rule(keep_firing_for=minutes(1)))), seconds(30))
    assert w.timeline == ["opened"]
    w.wait_until(w.now + seconds(40))
    assert w.timeline == ["opened", "resolved"]


def test_a_new_rule_sees_what_is_wrong_already():
    w = world()
    w.poll(a="online")
    w.poll(seconds(5), a="offline")
    w.step(engine.Reloaded(ruleset=ruleset(rule())), seconds(10))
    assert w.alert() == "pending"  # until a poll has confirmed it
    w.poll(seconds(60))
    assert w.last_text == "offline since 03:00:10 UTC, was online"


def test_a_new_rule_evaluates_a_failing_source_when_it_is_seen_again():
    w = world()
    w.poll(a="offline")
    w.fail(minutes(1))
    w.step(engine.Reloaded(ruleset=ruleset(rule())), minutes(2))
    assert w.incidents == ()
    w.poll(minutes(3))
    assert w.alert() == "firing"


def test_the_same_reload_after_a_restart_changes_nothing():
    w = offline()
    w.restart()
    assert w.step(engine.Reloaded(ruleset=w.ruleset)) == ()


def test_the_side_at_fault_decides_whom_to_call():
    contacts = (
        model.Contact(domain="lumen", text="NOC"),
        model.Contact(domain="source", text="truck 4"),
    )
    w = world(rule(), inventory=FakeInventory(vyvx_a=engine.InventoryEntry(contacts=contacts)))
    w.poll(a={"state": "offline", "ingress_state": "online"})
    assert w.incident.fault_domain is model.FaultDomain.LUMEN
    assert w.incident.contacts == contacts[:1]
    w.poll(seconds(10), a={"state": "offline", "ingress_state": "offline"})
    assert w.incident.contacts == contacts[:1]  # one poll may be a slip
    w.poll(seconds(20))
    assert w.incident.fault_domain is model.FaultDomain.SOURCE
    assert w.incident.contacts == contacts[1:]
    assert w.timeline == ["opened", "verdict"]
    assert w.last_text == (
        "likely source side now, was likely Lumen side (state offline, ingress state offline);"
        " call truck 4"
    )
    assert w.tables.entries[-1].notify
    w.poll(seconds(30), a={"state": "offline", "ingress_state": "unknown"})
    w.poll(seconds(40))
    assert w.incident.contacts == contacts[1:]  # what was known last is known still


def test_old_incidents_are_forgotten():
    w = offline()
    w.poll(minutes(1), a="online")
    w.poll(timedelta(hours=1))
    assert w.state.incidents == {}
    assert w.state.members == {}


def test_a_source_that_is_configured_no_longer_leaves_nothing_behind():
    w = offline()
    bare = replace(w.ruleset, sources={}, rules=())
    w.ruleset = bare
    w.restart()
    assert w.incident.resolution is model.Resolution.RULE_REMOVED
    assert w.state.subjects == {}
    assert w.step(model.PollFailed(source="vyvx", error="late"), minutes(1)) == ()
    assert w.step(model.Polled(source="vyvx"), minutes(1)) == ()


def test_a_resolution_by_hand_says_why_in_the_persons_words():
    w = offline()
    w.step(model.ResolvedByHand(incident=w.incident.id, by="ana", text="planned works"), seconds(5))
    assert w.tables.entries[-1].text == "resolved by ana: planned works"


def test_an_incident_knows_which_services_diagnostics_can_run_on():
    w = offline(rule(diagnose=False), inventory=S1)
    assert w.incident.services == ("S1",)
    assert offline().incident.services == ()


def test_a_ticket_is_recorded_once_and_quietly():
    w = offline()
    recorded = model.TicketRecorded(incident=w.incident.id, by="ana", number="4711")
    w.step(recorded, minutes(1))
    assert w.incident.ticket == model.Ticket(number="4711", by="ana", at=START + minutes(1))
    assert (w.last_text, w.tables.entries[-1].notify) == ("carrier's ticket: 4711", False)
    entries = len(w.tables.entries)
    w.step(recorded, minutes(2))
    assert len(w.tables.entries) == entries


def test_a_ticket_that_waits_for_us_is_loud_once():
    w = offline()
    identity = w.incident.id
    w.step(model.TicketRecorded(incident=identity, by="ana", number="4711"), minutes(1))
    pending = model.TicketRecorded(incident=identity, by="ben", state=model.TicketState.PENDING)
    w.step(pending, minutes(2))
    assert w.last_text == (
        "carrier's ticket 4711 waits for us: the carrier's clock stands still until we answer"
    )
    assert w.tables.entries[-1].notify
    url = model.TicketRecorded(incident=identity, by="ben", url="https://carrier.example/4711")
    w.step(url, minutes(3))
    assert not w.tables.entries[-1].notify
    assert w.incident.ticket.url == "https://carrier.example/4711"


def test_another_number_is_another_ticket_and_a_state_needs_one():
    w = offline()
    identity = w.incident.id
    with pytest.raises(engine.IllegalCommand, match="has no ticket yet: name its number"):
        w.step(
            model.TicketRecorded(incident=identity, by="ana", state=model.TicketState.CLOSED),
            minutes(1),
        )
    for number in ("1", "2"):
        w.step(
            model.TicketRecorded(
                incident=identity, by="ana", number=number, state=model.TicketState.IN_PROGRESS
            ),
            minutes(2),
        )
        assert w.last_text == f"carrier's ticket {number} is being worked on by the carrier"


def test_a_ticket_can_be_recorded_after_the_end():
    w = offline()
    w.poll(minutes(1), a="online")
    w.step(model.TicketRecorded(incident=w.incident.id, by="ana", number="4711"), minutes(2))
    assert w.incident.ticket.number == "4711"
