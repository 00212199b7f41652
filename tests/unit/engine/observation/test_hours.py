"""The hours of a rule: what begins and ends with them, and what is never called a recovery."""

from datetime import timedelta

import pytest

from tests.fakes.engine_world import (
    START,
    hours,
    minutes,
    of_kind,
    rule,
    sample,
    seconds,
    world,
)
from watcher import engine, model

FULL = engine.Threshold(metric="load", limit=80.0)


def load(w, at, value, *, measured=None):
    when = START + (at if measured is None else measured)
    return w.poll(at, source="evpl", line={}, samples=[sample("evpl/line", "load", when, value)])


def entries(w, kind=None):
    return [entry for entry in w.tables.entries if kind is None or entry.kind is kind]


def test_a_fault_within_the_hours_fires():
    w = world(rule(hours=hours()))
    w.poll(minutes(1), a="online")
    w.poll(minutes(2), a="offline")
    assert w.alert() == "firing"


def test_a_fault_outside_the_hours_is_nobodys_business():
    w = world(rule(hours=hours()))
    w.poll(minutes(31), a="online")
    w.poll(minutes(32), a="offline")
    assert w.alert() in {None, "inactive"}
    assert w.incidents == ()


def test_a_fault_that_is_there_when_the_hours_begin_starts_its_for():
    w = world(rule(hours=hours(), hold=seconds(20)))
    w.poll(minutes(31), a="online")
    w.poll(minutes(40), a="offline")
    effects = w.wait_until(START + minutes(60))
    assert w.alert() == "pending"
    assert w.state.alert("vyvx/a", "down").due == START + minutes(60) + seconds(20)
    assert of_kind(effects, model.PollNeeded) == [model.PollNeeded(source="vyvx")]
    w.poll(minutes(60) + seconds(20))
    assert w.alert() == "firing"
    (opened,) = entries(w)
    assert opened.text == "offline since 04:00:00 UTC, was online"


def test_a_pending_alert_is_dropped_when_the_hours_end():
    w = world(rule(hours=hours(), hold=minutes(5)))
    w.poll(minutes(1), a="online")
    w.poll(minutes(28), a="offline")
    assert w.alert() == "pending"
    w.wait_until(START + minutes(30))
    assert w.alert() in {None, "inactive"}
    w.poll(minutes(34))
    assert w.incidents == ()


def test_a_firing_alert_lapses_when_the_hours_end_and_nothing_is_recovered():
    w = world(rule(hours=hours(), keep_firing_for=minutes(10)))
    w.poll(minutes(1), a="online")
    w.poll(minutes(20), a="offline")
    w.wait_until(START + minutes(30))
    assert w.alert() in {None, "inactive"}
    assert w.incident.resolution is model.Resolution.LAPSED
    assert w.incident.resolved_at == START + minutes(30)
    assert w.last_text == "outside the hours of down (until 04:00 here): last known offline"
    assert not any("recovered" in entry.text for entry in w.tables.entries)


def test_hours_end_for_a_source_that_cannot_be_seen():
    w = world(rule(hours=hours()))
    w.poll(minutes(1), a="online")
    w.poll(minutes(20), a="offline")
    w.fail(minutes(21))
    w.wait_until(START + minutes(30))
    assert w.incident.resolution is model.Resolution.LAPSED


def test_when_hours_begin_for_a_source_that_cannot_be_seen_the_next_poll_decides():
    w = world(rule(hours=hours()))
    w.poll(minutes(31), a="online")
    w.poll(minutes(32), a="offline")
    w.fail(minutes(55))
    w.wait_until(START + minutes(61))
    assert w.alert() in {None, "inactive"}
    w.poll(minutes(62))
    assert w.alert() == "firing"


@pytest.mark.parametrize("hold", [minutes(0), minutes(5)])
def test_a_poll_at_the_very_end_of_the_hours_fires_nothing(hold):
    w = world(rule(hours=hours(), hold=hold))
    w.poll(minutes(1), a="online")
    if hold:
        w.poll(minutes(25), a="offline")
    # As the live loop does: a deadline at the time of a poll comes after it.
    w.wait_until(START + minutes(30) - timedelta(microseconds=1))
    w.now = START + minutes(30)
    w.fields["vyvx/a"] = {"state": "offline"}
    seen = (model.Observed(key="vyvx/a", fields={"state": "offline"}),)
    effects = engine.step(w.state, model.Polled(source="vyvx", seen=seen, total=1), w.now)
    assert of_kind(effects, model.Incident) == []
    w.wait_until(w.now)
    assert w.incidents == ()


def test_a_threshold_is_decided_by_the_first_sample_within_the_hours():
    w = world(rule(name="full", condition=FULL, sources=("evpl",), hours=hours()))
    load(w, minutes(35), 90)
    load(w, minutes(55), 90)
    w.wait_until(START + minutes(60))
    assert w.incidents == ()
    load(w, minutes(61), 90)
    assert w.alert("evpl/line", "full") == "firing"
    w.wait_until(START + minutes(90))
    assert w.incident.resolution is model.Resolution.LAPSED


def test_a_sample_that_was_taken_before_the_hours_decides_nothing_within_them():
    w = world(rule(name="full", condition=FULL, sources=("evpl",), hours=hours()))
    load(w, minutes(35), 10)
    load(w, minutes(61), 90, measured=minutes(58))
    assert w.incidents == ()
    load(w, minutes(62), 90, measured=minutes(61))
    assert w.incident.began_at == START + minutes(61)
    load(w, minutes(64), 10, measured=minutes(63))
    assert w.incident.resolution is model.Resolution.RECOVERED


def test_silence_that_began_outside_the_hours_is_reported_when_they_begin():
    silent = rule(
        name="silent",
        condition=engine.NoData(after=minutes(20)),
        sources=("evpl",),
        hours=hours(),
    )
    w = world(silent)
    load(w, minutes(31), 10)
    w.poll(minutes(55), source="evpl")
    assert w.incidents == ()
    w.wait_until(START + minutes(60))
    w.poll(minutes(60), source="evpl")
    assert w.alert("evpl/line", "silent") == "firing"


def test_a_rule_about_blindness_may_have_hours():
    w = world(rule(name="blind", condition=engine.Blind(after=minutes(2)), hours=hours()))
    w.poll(minutes(31), a="online")
    w.fail(minutes(40))
    w.wait_until(START + minutes(59))
    assert w.incidents == ()
    w.wait_until(START + minutes(60))
    assert w.alert("vyvx", "blind") == "firing"
    (member,) = w.tables.of(model.IncidentAlert)
    assert member.since == START + minutes(40)
    w.wait_until(START + minutes(90))
    assert w.incident.resolution is model.Resolution.LAPSED


def test_what_was_resolved_by_hand_is_reported_again_when_the_hours_begin_again():
    w = world(rule(hours=hours()))
    w.poll(minutes(1), a="online")
    w.poll(minutes(2), a="offline")
    w.step(model.ResolvedByHand(incident=w.incident.id, by="ana"), minutes(3))
    w.wait_until(START + minutes(59))
    assert len(w.incidents) == 1
    w.poll(minutes(60))
    assert w.alert() == "firing"


def test_a_subject_that_vanished_is_forgotten_when_the_hours_of_its_last_alert_end():
    vanished = engine.Expression(holds=lambda context: context["vanished"], of_vanishing=True)
    w = world(rule(name="gone", condition=vanished, hours=hours()))
    w.poll(minutes(1), a="online")
    w.poll(minutes(2), gone=["a"])
    w.poll(minutes(3))
    assert w.alert("vyvx/a", "gone") == "firing"
    w.wait_until(START + minutes(30))
    assert w.incident.resolution is model.Resolution.LAPSED
    assert w.state.subjects == {}


def test_one_rule_of_a_group_lapses_while_another_subject_fires_on():
    w = world(rule(hours=hours()), rule(name="always"))
    w.poll(minutes(1), a="online", b="online")
    w.poll(minutes(2), a="offline", b="offline")
    w.wait_until(START + minutes(30))
    assert w.alert("vyvx/a", "always") == "firing"
    resolutions = {incident.rule: incident.resolution for incident in w.incidents}
    assert resolutions == {"down": model.Resolution.LAPSED, "always": None}


def test_a_reload_puts_new_hours_in_force_at_once():
    w = world(rule())
    w.poll(minutes(31), a="online")
    w.poll(minutes(32), a="offline")
    assert w.alert() == "firing"
    w.ruleset = world(rule(hours=hours())).ruleset
    w.step(engine.Reloaded(ruleset=w.ruleset))
    assert w.incident.resolution is model.Resolution.LAPSED
    w.poll(minutes(60))
    assert w.alert() == "firing"


def test_hours_that_ended_while_the_daemon_was_down_have_ended():
    w = world(rule(hours=hours()))
    w.poll(minutes(1), a="online")
    w.poll(minutes(2), a="offline")
    w.now = START + minutes(45)
    w.restart()
    assert w.incident.resolution is model.Resolution.LAPSED
    w.poll(minutes(46))
    w.poll(minutes(60))
    assert w.alert() == "firing"


def test_samples_of_a_gap_count_only_within_the_hours():
    w = world(rule(name="full", condition=FULL, sources=("evpl",), hours=hours()))
    load(w, minutes(1), 10)
    w.fail(minutes(2), source="evpl")
    late = START + timedelta(hours=12)
    breach = [
        sample("evpl/line", "load", START + minutes(n), value)
        for n, value in ((35, 90), (40, 95), (45, 10), (65, 90), (70, 95), (75, 10), (700, 10))
    ]
    w.step(
        model.Polled(
            source="evpl",
            seen=(model.Observed(key="evpl/line", fields={}),),
            samples=tuple(breach),
            total=1,
        ),
        late - START,
    )
    (text,) = [entry.text for entry in w.tables.entries]
    assert text.startswith("reported late: line: inbound load was at or above 80, up to 95, ")
    assert text.endswith(" 04:05:00 UTC to 04:15:00 UTC")
