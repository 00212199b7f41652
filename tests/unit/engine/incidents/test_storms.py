"""The storm guard: very many at once become one incident, and everything else stays as it was."""

import random
import time

import pytest

from tests.fakes.engine_world import (
    START,
    FakeInventory,
    hours,
    minutes,
    of_kind,
    rule,
    seconds,
    world,
)
from watcher import engine, model
from watcher.engine.context import StepContext
from watcher.engine.incidents import titles

NOC = ("noc", "mqtt")


def names(count, first=0):
    return [f"s{number:05}" for number in range(first, first + count)]


def poll(w, at=None, *, down=0, first=0, of=30, state="offline"):
    states = dict.fromkeys(names(of), "online") | dict.fromkeys(names(down, first), state)
    return w.poll(at, **states)


def opened(w):
    return [incident for incident in w.incidents if incident.resolution != "merged"]


def test_twenty_at_once_are_twenty():
    w = world(rule(notify=NOC))
    poll(w, down=20)
    assert len(w.incidents) == 20
    assert all(incident.notify == NOC for incident in w.incidents)


def test_twenty_one_at_once_are_one():
    w = world(rule(notify=NOC))
    poll(w, down=21)
    assert w.incident.title == "Storm on vyvx: 21 alerts (21 down)"
    assert w.incident.summary == "s00000, s00001, s00002, s00003, s00004 and 16 more"
    assert w.incident.rule == "storm"
    assert w.incident.notify == NOC
    assert w.timeline == ["opened"]
    assert w.last_text == "21 alerts of vyvx at once: 21 down"


def test_notified_incidents_stay_and_the_rest_is_a_storm():
    w = world(rule(notify=NOC))
    poll(w, down=15)
    poll(w, seconds(10), down=30)
    assert len(opened(w)) == 16
    storm = next(incident for incident in w.incidents if incident.rule == "storm")
    assert "15 alerts" in storm.title
    w.restart()
    poll(w, minutes(3), down=0)
    assert all(incident.resolution == "recovered" for incident in w.incidents)


def test_incidents_that_wait_for_their_notification_are_merged():
    w = world(rule(notify=NOC, group_wait=seconds(30)))
    poll(w, down=15)
    assert not any(incident.notify for incident in w.incidents)
    poll(w, seconds(10), down=30)
    (storm,) = opened(w)
    assert "30 alerts" in storm.title
    w.wait_until(START + minutes(5))
    assert [incident for incident in w.incidents if incident.notify] == [storm]


def test_a_storm_takes_in_what_breaks_within_half_a_minute():
    w = world(rule(notify=NOC))
    poll(w, down=21)
    poll(w, seconds(30), down=22)
    poll(w, seconds(60), down=23)
    assert w.incident.title == "Storm on vyvx: 23 alerts (23 down)"
    poll(w, seconds(91), down=24)
    assert len(w.incidents) == 2


def test_who_was_in_a_storm_belongs_to_it():
    w = world(rule(notify=NOC))
    poll(w, down=21)
    poll(w, minutes(5), down=20)
    poll(w, minutes(6), down=21)
    assert w.incident.rule == "storm"
    assert w.timeline == ["opened", "cleared", "joined"]


def test_a_storm_is_over_when_all_is():
    w = world(rule(notify=NOC))
    poll(w, down=25)
    w.restart()
    poll(w, minutes(5), down=0)
    assert w.incident.resolution == "recovered"
    assert w.timeline == ["opened", "cleared", "resolved"]
    assert w.tables.entries[1].text.startswith("24 alerts: s00000: recovered")


def test_a_storm_is_as_bad_as_its_worst():
    worse = engine.Transition(field="state", to=frozenset({"offline"}))
    w = world(
        rule(notify=("mqtt",), severity=model.Severity.WARNING),
        rule(name="off", condition=worse, notify=NOC, severity=model.Severity.CRITICAL),
    )
    poll(w, down=21, state="degraded")
    assert w.incident.severity == "warning"
    w.step(model.Acknowledged(incident=w.incident.id, by="ana"), seconds(5))
    poll(w, seconds(20), down=21, state="offline")
    assert w.incident.severity == "critical"
    assert w.incident.status == "open"
    assert set(w.incident.notify) == set(NOC)


def test_each_source_has_its_own():
    w = world(rule(notify=NOC, sources=("vyvx", "evpl")))
    poll(w, down=21)
    w.poll(seconds(1), source="evpl", **dict.fromkeys(names(5), "offline"))
    assert len(w.incidents) == 6


def test_diagnostics_of_a_storm_keep_within_their_budget():
    inventory_entries = {
        f"vyvx_{name}": engine.InventoryEntry(service_ids=(name,)) for name in names(30)
    }
    w = world(rule(diagnose=True), inventory=FakeInventory(**inventory_entries))
    effects = poll(w, down=25)
    wanted = of_kind(effects, model.DiagnosisNeeded)
    assert [run.service_id for run in wanted] == names(3)
    assert {run.incident for run in wanted} == {w.incident.id}


class CountingList(list):
    """A list that counts how many of its items were looked at in turn."""

    looked_at = 0

    def __iter__(self):
        for item in super().__iter__():
            self.looked_at += 1
            yield item


def test_what_one_subject_brings_to_a_storm_does_not_look_at_all_of_its_alerts():
    inventory = FakeInventory(**{f"vyvx_{name}": engine.InventoryEntry() for name in names(500)})
    w = world(rule(notify=NOC, diagnose=True), detailed=True, inventory=inventory)
    poll(w, of=500)
    poll(w, seconds(10), of=500, down=500)
    identity = w.incident.id
    firing = w.state.alert_index.firing[identity] = CountingList(w.state.firing(identity))
    version, entries = w.incident.version, w.incident.entries
    for name in names(100):
        details = model.Details(labels={"name": f"Cup {name}", "po_number": name})
        w.step(model.DetailsRead(subject=f"vyvx/{name}", details=details))
    assert firing.looked_at <= 500  # once for all of them
    assert w.incident.summary.startswith("Cup s00000, Cup s00001, ")
    assert w.incident.version == version + 100
    assert w.incident.entries == entries  # the thread of a storm is not about single subjects


def check_extents(w):
    for identity in (index := w.state.alert_index).firing:
        kept = titles.extent(StepContext(w.state, w.now), identity)
        index.extents.clear()
        assert kept == titles.extent(StepContext(w.state, w.now), identity)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_kept_of_a_storm_is_what_its_alerts_come_to(seed):
    dice = random.Random(seed)  # noqa: S311  # the same storm each time
    impaired = engine.Transition(field="state", to=frozenset({"impaired"}))
    flapping = engine.Flapping(flips=2, within=minutes(5))
    w = world(
        rule(keep_firing_for=seconds(20), flapping=flapping, hours=hours(opens=0, closes=20)),
        rule(name="impaired", condition=impaired, severity=model.Severity.WARNING),
        detailed=True,
    )
    poll(w)
    poll(w, seconds(10), down=30)
    for turn in range(2, 60):
        seen = [
            model.Observed(
                key=f"vyvx/{name}",
                fields={
                    "state": dice.choice(("offline", "offline", "degraded", "impaired", "online")),
                    "ingress_state": dice.choice(("online", "offline")),
                },
            )
            for name in dice.sample(names(4), dice.choice((1, 1, 2)))  # those that come first
        ]
        w.step(model.Polled(source="vyvx", seen=tuple(seen), total=30), seconds(10 * turn))
        details = model.Details(labels={"name": f"Cup {turn}"})
        w.step(model.DetailsRead(subject=f"vyvx/{dice.choice(names(30))}", details=details))
        check_extents(w)
    for minute in range(11, 23):  # until nothing flaps any more, and the hours are over
        w.wait_until(START + minutes(minute))
        check_extents(w)
        w.poll(**(dict.fromkeys(names(30), "offline") | {"s00000": "impaired"}))
    assert "storm" in {incident.rule for incident in w.incidents}


def storm_and_recovery(count):
    """CPU seconds of a storm of so many services, and of its end."""
    w = world(rule(notify=NOC, keep_firing_for=seconds(60)))
    keys = names(count)

    def event(state):
        fields = {"state": state}
        seen = tuple(model.Observed(key=f"vyvx/{key}", fields=fields) for key in keys)
        return model.Polled(source="vyvx", seen=seen, total=len(keys))

    engine.step(w.state, event("online"), START)
    began = time.process_time()
    effects = engine.step(w.state, event("offline"), START + minutes(1))
    assert len(of_kind(effects, model.Incident)) == 1
    assert len(of_kind(effects, model.Entry)) == 1
    engine.step(w.state, event("online"), START + minutes(2))
    effects = engine.step(w.state, model.Ticked(), START + minutes(3))
    spent = time.process_time() - began
    (incident,) = of_kind(effects, model.Incident)
    assert incident.resolution == "recovered"
    return spent


def test_ten_thousand_at_once_cost_no_more_for_each_than_a_thousand():
    thousand = min(storm_and_recovery(1_000) for _ in range(3))
    assert storm_and_recovery(10_000) < 3 * 10 * thousand  # by squares it would be a hundred times
