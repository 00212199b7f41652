"""An outage on record that nobody saw is reported late; one that people know is not repeated."""

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
from tests.fakes.notices import notice
from watcher import engine, model

HISTORY, LATER = minutes(15), minutes(16)
BLIND = rule(name="blind", condition=engine.Blind(after=minutes(5)))
POOR = engine.Transition(field="state", to=frozenset({"degraded", "offline"}))


def watched(*rules, **options):
    """A reservation that was online at the first poll."""
    w = world(*(rules or (rule(notify=("noc",)),)), history=HISTORY, **options)
    w.poll(a="online")
    return w


def alarm(start, end=None, state="offline", message="TS Loss"):
    until = None if end is None else START + seconds(end)
    return model.AlarmRecord(state=state, message=message, start=START + seconds(start), end=until)


def read(w, *alarms, at=LATER, subject="vyvx/a"):
    """Read the record of a subject, from the start of the world until now."""
    event = model.HistoryRead(subject=subject, start=START, end=START + at, alarms=alarms)
    return w.step(event, at)


@pytest.mark.covers("vyvx/blip")
def test_an_outage_between_two_polls_is_a_resolved_incident_and_calls_nobody():
    w = watched()
    read(w, alarm(70, 90))
    assert (w.incident.status, w.incident.resolution) == ("resolved", "recovered")
    assert w.incident.title == "a: offline (TS Loss) (reported late)"
    assert (w.incident.opened_at, w.incident.resolved_at) == (
        START + seconds(70),
        START + seconds(90),
    )
    assert w.incident.notify == ("noc",)
    (entry,) = w.tables.entries
    assert entry.kind == "late"
    assert entry.text == "reported late: a: offline (TS Loss), 03:01:10 UTC to 03:01:30 UTC"
    assert not entry.notify
    (member,) = w.tables.of(model.IncidentAlert)
    assert (member.state, member.from_, member.to) == ("resolved", "online", "offline")
    assert w.incident.fault_domain == "undetermined"


@pytest.mark.parametrize(
    ("window", "is_planned"), [((1, 10), True), ((2, 10), False), ((-20, -9), False)]
)
def test_an_outage_that_works_had_announced_is_late_and_planned(window, is_planned):
    inventory = FakeInventory(vyvx_a=engine.InventoryEntry(circuit_ids=("C1",)))
    w = watched(inventory=inventory)
    w.step(model.NoticeRead(notice=notice(window)))
    read(w, alarm(70, 90))
    assert w.incident.notify == (() if is_planned else ("noc",))
    assert (w.incident.planned is not None) is is_planned


def test_reading_a_record_again_reports_nothing_again():
    w = watched()
    read(w, alarm(70, 90))
    w.restart()
    read(w, alarm(70, 90), at=minutes(17))
    assert w.timeline == ["late"]


def test_an_outage_that_an_alert_reported_is_not_reported_late():
    w = watched()
    w.poll(minutes(1), a="offline")
    w.poll(minutes(2), a="online")
    read(w, alarm(50, 115))
    assert w.timeline == ["opened", "resolved"]


def test_an_outage_that_lasts_or_fires_now_is_left_to_its_alert():
    w = watched()
    read(w, alarm(50), at=seconds(55))
    w.poll(minutes(1), a="offline")
    read(w, alarm(50), at=seconds(65))
    read(w, alarm(50, 70), at=seconds(75))
    w.poll(minutes(2), a="online")
    read(w, alarm(50, 70))
    assert w.timeline == ["opened", "resolved"]


def test_a_pending_alert_is_waited_for():
    held = rule(hold=seconds(20))
    w = watched(held)
    w.poll(seconds(60), a="offline")
    read(w, alarm(45, 70), at=seconds(72))
    assert w.alert() == "pending"
    w.poll(seconds(80), a="online")
    assert w.timeline == []
    read(w, alarm(45, 70))
    assert w.timeline == ["late"], "it lasted for longer than `for`, whatever the polls saw"


def test_an_outage_shorter_than_for_is_not_reported():
    w = watched(rule(hold=seconds(30)))
    read(w, alarm(70, 90))
    assert w.incidents == ()


def test_only_what_of_an_outage_falls_into_the_hours_of_its_rule_is_reported():
    w = watched(rule(hold=seconds(30), hours=hours(opens=5, closes=7)))
    read(w, alarm(60, 90), alarm(240, 480), alarm(600, 700))
    assert [entry.text for entry in w.tables.entries] == [
        "reported late: a: offline (TS Loss), 03:05:00 UTC to 03:07:00 UTC"
    ]
    assert w.incident.resolution is model.Resolution.LAPSED


@pytest.mark.covers("vyvx/history-overlaps")
@pytest.mark.parametrize("order", [1, -1])
def test_overlapping_unordered_and_touching_alarms_are_one_outage(order):
    w = watched(rule(hold=seconds(60)))
    alarms = [
        alarm(70, 100, state="degraded"),
        alarm(95, 120),
        alarm(110, 115, state="impaired"),
        alarm(120, 150, state="degraded"),
        alarm(300, 290),
    ]
    read(w, *alarms[::order])
    assert w.last_text == "reported late: a: offline (TS Loss), 03:01:10 UTC to 03:02:30 UTC"
    assert len(w.incidents) == 1


def test_from_is_looked_up_in_the_record():
    from_impaired = engine.Transition(
        field="state", from_=frozenset({"impaired"}), to=frozenset({"offline"})
    )
    w = watched(rule(condition=from_impaired))
    read(
        w,
        alarm(70, 90),
        alarm(170, 180, state="impaired"),
        alarm(180, 185, state="unknown"),
        alarm(185, 190),
    )
    assert w.incident.opened_at == START + seconds(185)


@pytest.mark.covers("vyvx/history-skew")
def test_clocks_that_differ_by_a_little_do_not_make_two_outages_of_one():
    w = watched()
    w.poll(minutes(1), a="offline")
    w.poll(minutes(2), a="online")
    read(w, alarm(140, 190))
    assert w.timeline == ["opened", "resolved"]


def test_of_two_outages_the_nearer_one_is_the_reported_one():
    w = watched()
    w.poll(minutes(1), a="offline")
    w.poll(minutes(2), a="online")
    read(w, alarm(130, 140), alarm(200, 210))
    assert w.incidents[-1].opened_at == START + seconds(200)
    assert w.timeline == ["opened", "resolved", "late"]


def test_many_outages_of_one_reservation_are_one_late_fact():
    w = watched()
    read(w, *(alarm(60 * n, 60 * n + 20) for n in range(1, 8)))
    assert w.last_text == (
        "reported late: a: offline (TS Loss), 7 times, 2 min 20 s in total, 03:01:00 UTC to"
        " 03:07:20 UTC"
    )
    assert len(w.incidents) == 1
    read(w, *(alarm(60 * n, 60 * n + 20) for n in range(1, 8)), at=minutes(17))
    assert len(w.incidents) == 1


def test_a_fault_that_changed_its_face_is_one_late_fact():
    faces = [
        rule(state, engine.Transition(field="state", to=frozenset({state})), fault="service")
        for state in ("degraded", "offline")
    ]
    w = watched(*faces)
    read(w, alarm(70, 90), alarm(90, 150, state="degraded", message=""))
    (entry,) = w.tables.entries
    assert entry.text == (
        "reported late: a: offline (TS Loss), degraded from 03:01:30 UTC,"
        " 03:01:10 UTC to 03:02:30 UTC"
    )
    assert w.incident.lasted(w.now) == seconds(80)
    assert w.incident.resolution is model.Resolution.RECOVERED


def test_an_outage_on_record_that_became_another_one_has_not_recovered():
    w = watched(rule(condition=engine.Transition(field="state", to=frozenset({"offline"}))))
    read(w, alarm(70, 90), alarm(90, 150, state="degraded", message=""))
    assert w.incident.resolution is model.Resolution.LAPSED


def test_a_where_that_could_not_have_held_keeps_it_back():
    w = watched(rule(where=lambda facts: facts["state"] != "offline"))
    read(w, alarm(70, 90))
    assert w.incidents == ()


def test_a_where_about_what_the_record_does_not_hold_keeps_nothing_back():
    def good_ingress(facts):
        return facts["ingress_state"] == "online"

    w = watched(rule(where=good_ingress))
    w.poll(a={"state": "online", "ingress_state": "offline"})
    read(w, alarm(70, 90))
    assert w.timeline == ["late"]


def test_such_a_where_was_evaluated_live_if_another_rule_has_reported():
    def good_ingress(facts):
        return facts["ingress_state"] == "online"

    w = watched(rule(), rule(name="lumen", where=good_ingress))
    w.poll(a={"state": "online", "ingress_state": "offline"})
    w.poll(minutes(1), a={"state": "offline", "ingress_state": "offline"})
    w.poll(minutes(2), a={"state": "online", "ingress_state": "offline"})
    read(w, alarm(50, 115))
    assert [incident.rule for incident in w.incidents] == ["down"]


def test_a_silenced_outage_notifies_nobody():
    w = watched()
    matcher = model.Matcher(name="source", value="vyvx")
    silence = model.Silence(
        id="s-1", matchers=(matcher,), begin=START, end=START + minutes(60), by="ana"
    )
    w.step(model.Silenced(silence=silence))
    read(w, alarm(70, 90))
    assert w.incident.notify == ()


def test_an_alert_that_fires_soon_after_reopens_the_incident():
    w = watched()
    read(w, alarm(70, 90), at=minutes(2))
    w.poll(minutes(3), a="offline")
    assert w.incident.status == "open"
    assert w.timeline == ["late", "reopened"]


@pytest.mark.covers("vyvx/blind-history")
def test_outages_while_the_source_was_blind_stand_on_its_own_incident():
    w = watched(rule(), rule(name="poor", condition=POOR), BLIND)
    for minute in range(1, 60):
        w.fail(minutes(minute))
    effects = w.poll(minutes(60), a="online")
    assert of_kind(effects, model.HistoryNeeded) == [
        model.HistoryNeeded(subject="vyvx/a", start=START, end=START + minutes(60))
    ]
    read(w, alarm(600, 660), alarm(1800, 1900, message=""), at=minutes(61))
    assert [incident.rule for incident in w.incidents] == ["blind"]
    assert w.timeline == ["opened", "resolved", "late"]
    assert w.last_text == (
        "2 late facts: meanwhile, a: offline (TS Loss), 03:10:00 UTC to 03:11:00 UTC;"
        " meanwhile, a: offline, 03:30:00 UTC to 03:31:40 UTC"
    )
    assert not w.tables.entries[-1].notify


def test_an_outage_of_another_time_does_not_stand_on_that_incident():
    w = watched(rule(), BLIND)
    for minute in range(20, 40):
        w.fail(minutes(minute))
    w.poll(minutes(40), a="online")
    read(w, alarm(600, 660), at=minutes(41))
    assert {incident.rule for incident in w.incidents} == {"blind", "down"}


def test_a_firing_alert_has_reported_what_was_before_and_after_a_gap_but_not_inside_it():
    w = watched(rule())
    w.poll(minutes(1), a="offline")
    for minute in range(2, 30):
        w.fail(minutes(minute))
    w.poll(minutes(30), a="offline")
    read(w, alarm(50, 300), alarm(600, 660), alarm(1700), at=minutes(31))
    assert w.incidents[-1].opened_at == START + minutes(10)
    w.poll(minutes(32), a="online")
    read(w, alarm(50, 300), alarm(600, 660), alarm(1700, 1910), at=minutes(33))
    assert w.timeline == ["opened", "blind", "sighted", "late", "resolved"]


def test_an_outage_resolved_by_hand_is_known():
    w = watched()
    w.poll(minutes(1), a="offline")
    w.step(model.ResolvedByHand(incident=w.incident.id, by="ana"), minutes(2))
    read(w, alarm(50, 175), at=minutes(3))
    w.poll(minutes(4), a="online")
    read(w, alarm(50, 175))
    assert w.timeline == ["opened", "resolved"]
