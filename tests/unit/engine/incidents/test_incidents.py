"""Alerts that are notified together: groups, joins, waiting for more, reminders."""

import pytest

from tests.fakes.engine_world import START, FakeInventory, minutes, of_kind, rule, seconds, world
from watcher import engine, model

NOC = ("noc", "mqtt")


def at(site):
    return engine.InventoryEntry(labels={"site": site})


def sites(*rules, **keys):
    book = FakeInventory(vyvx_a=at("NYC"), vyvx_b=at("NYC"), vyvx_c=at("LON"))
    keys.setdefault("group_by", ("site",))
    return world(*(rules or [rule(notify=NOC, **keys)]), inventory=book)


def test_alerts_with_equal_labels_are_one_incident():
    w = sites()
    w.poll(a="offline", b="offline", c="offline", d="offline")
    groups = sorted(incident.group for incident in w.incidents)
    assert groups == ["vyvx/d", "vyvx{site=LON}", "vyvx{site=NYC}"]


def test_who_joins_later_is_posted():
    w = sites()
    w.poll(a="offline", b="online")
    w.poll(minutes(1), b="offline")
    assert w.incident.title == "a is offline and 1 more"
    assert w.timeline == ["opened", "joined"]
    assert w.tables.entries[-1].notify


def test_one_that_clears_leaves_the_others():
    w = sites()
    w.poll(a="offline", b="offline")
    w.poll(minutes(1), a="online")
    assert w.incident.status == "open"
    assert w.incident.title == "b is offline"
    assert w.timeline == ["opened", "joined", "cleared"]
    w.poll(minutes(2), b="online")
    assert w.incident.resolution == "recovered"


def test_a_group_is_frozen_at_firing():
    w = sites()
    w.poll(a="offline", b="offline")
    w.state.ruleset.inventory.inventory_entries["vyvx/a"] = at("LON")
    w.state.subject_index.inventory_entries.clear()
    w.poll(minutes(1), a="degraded")
    assert w.incident.group == "vyvx{site=NYC}"


def test_joining_keeps_an_acknowledgement():
    w = sites()
    w.poll(a="offline", b="online")
    w.step(model.Acknowledged(incident=w.incident.id, by="ana"), minutes(1))
    w.poll(minutes(2), b="offline")
    assert w.incident.acknowledged_by == "ana"


def test_an_incident_is_durable_at_once_and_notified_after_its_wait():
    w = sites(group_wait=seconds(30))
    w.poll(a="offline", b="online")
    assert w.incident.notify == ()
    w.poll(seconds(10), b="offline")
    assert w.incident.notify == ()
    w.wait_until(START + seconds(30))
    assert w.incident.notify == NOC
    assert w.incident.told_at == START + seconds(30)


def test_what_is_over_before_its_wait_notifies_nobody():
    w = sites(group_wait=seconds(30))
    w.poll(a="offline")
    w.poll(seconds(10), a="online")
    w.wait_until(START + minutes(5))
    assert w.incident.resolution == "recovered"
    assert w.incident.notify == ()


def test_a_wait_goes_on_after_a_restart():
    w = sites(group_wait=seconds(30))
    w.poll(a="offline")
    w.restart()
    w.wait_until(START + seconds(30))
    assert w.incident.notify == NOC


def test_people_are_reminded_until_somebody_acknowledges():
    w = world(rule(repeat=(minutes(30),), notify=NOC))
    w.poll(a="offline")
    w.wait_until(START + minutes(65))
    assert w.timeline == ["opened", "reminded", "reminded"]
    assert w.last_text == "still open after 1 h and not acknowledged"
    w.step(model.Acknowledged(incident=w.incident.id, by="ana"), minutes(70))
    w.wait_until(START + minutes(300))
    assert w.timeline[-1] == "acknowledged"
    w.step(model.Unacknowledged(incident=w.incident.id, by="ana"), minutes(300))
    w.wait_until(START + minutes(330))
    assert w.timeline[-1] == "reminded"


def test_reminders_end_with_the_incident():
    w = world(rule(repeat=(minutes(30),)))
    w.poll(a="offline")
    w.poll(minutes(1), a="online")
    w.wait_until(START + minutes(300))
    assert w.timeline == ["opened", "resolved"]


LADDER = (
    engine.Escalation(after=minutes(15), notify=("duty",)),
    engine.Escalation(after=minutes(30), notify=("boss",)),
)


def test_more_people_are_notified_while_nobody_acknowledges():
    w = world(rule(escalate=LADDER, notify=NOC))
    w.poll(a="offline")
    w.wait_until(START + minutes(15))
    assert w.incident.notify == (*NOC, "duty")
    assert w.last_text == "not acknowledged for 15 min: also notified duty"
    w.wait_until(START + minutes(30))
    assert w.incident.notify == (*NOC, "duty", "boss")
    assert w.timeline == ["opened", "escalated", "escalated"]


def test_an_acknowledgement_stops_the_escalation():
    w = world(rule(escalate=LADDER, notify=NOC))
    w.poll(a="offline")
    w.step(model.Acknowledged(incident=w.incident.id, by="ana"), minutes(14))
    w.wait_until(START + minutes(60))
    assert w.incident.notify == NOC


def test_after_a_start_nobody_is_called_before_the_source_was_seen():
    w = world(rule(escalate=LADDER, notify=NOC))
    w.poll(a="offline")
    w.restart()
    w.wait_until(START + minutes(20))
    assert w.incident.notify == NOC
    w.poll(minutes(20), a="online")
    assert w.timeline == ["opened", "resolved"]


def test_diagnostics_keep_within_the_budget_of_a_group():
    book = FakeInventory(
        vyvx_a=engine.InventoryEntry(labels={"site": "NYC"}, service_ids=("S1", "S2")),
        vyvx_b=engine.InventoryEntry(labels={"site": "NYC"}, service_ids=("S3", "S4")),
    )
    w = world(rule(group_by=("site",), diagnose=True), inventory=book)
    effects = w.poll(a="offline", b="offline")
    wanted = [run.service_id for run in of_kind(effects, model.DiagnosisNeeded)]
    assert wanted == ["S1", "S2", "S3"]


def test_what_reopens_an_incident_is_diagnosed_unless_it_was():
    book = FakeInventory(
        vyvx_a=engine.InventoryEntry(labels={"site": "NYC"}, service_ids=("S1",)),
        vyvx_b=engine.InventoryEntry(labels={"site": "NYC"}, service_ids=("S2",)),
    )
    w = world(rule(group_by=("site",), diagnose=True), inventory=book)
    w.poll(a="offline", b="online")
    for minute, down, wanted in ((1, "b", ["S2"]), (3, "a", [])):
        w.poll(minutes(minute), a="online", b="online")
        states = {"a": "online", "b": "online", down: "offline"}
        effects = w.poll(minutes(minute + 1), **states)
        assert w.timeline[-1] == "reopened"
        assert [run.service_id for run in of_kind(effects, model.DiagnosisNeeded)] == wanted


@pytest.mark.covers("vyvx/flapping")
def test_a_flapping_alert_notifies_once():
    w = world(rule(flapping=engine.Flapping(flips=4, within=minutes(10))))
    for minute in range(8):
        w.poll(minutes(minute), a="offline" if minute % 2 == 0 else "online")
    assert w.timeline == [
        "opened",
        "resolved",
        "reopened",
        "resolved",
        "reopened",
        "flapping",
    ]
    assert w.incident.flags == ("flapping",)
    w.restart()
    w.poll(minutes(8), a="online")
    w.wait_until(START + minutes(16))
    assert w.incident.status == "open"
    w.wait_until(START + minutes(17))
    assert w.incident.resolution == "recovered"
    assert w.incident.flags == ()


def test_flapping_that_begins_as_an_incident_reopens_notifies_people_once():
    w = world(rule(flapping=engine.Flapping(flips=4, within=minutes(10))))
    for minute in range(8):
        w.poll(minutes(minute), a="offline" if minute % 2 == 0 else "online")
    *_, again, flapping = w.tables.entries
    assert (again.kind, again.notify) == ("reopened", True)
    assert (flapping.kind, flapping.notify, flapping.at) == ("flapping", False, again.at)


def test_flapping_ends_when_it_stays_bad():
    w = world(rule(flapping=engine.Flapping(flips=2, within=minutes(10))))
    for minute in range(5):
        w.poll(minutes(minute), a="offline" if minute % 2 == 0 else "online")
    assert w.incident.flags == ("flapping",)
    w.poll(minutes(9))
    w.wait_until(START + minutes(14))
    assert w.incident.flags == ()
    assert w.timeline[-1] == "steady"
