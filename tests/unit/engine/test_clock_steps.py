"""The machine's clock is set: every span goes on, and the time of day is followed."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import (
    START,
    hours,
    minutes,
    of_kind,
    rule,
    ruleset,
    sample,
    seconds,
    world,
)
from watcher import engine, model

HOUR = timedelta(hours=1)
BOTH_WAYS = pytest.mark.parametrize("by", [HOUR, -HOUR, timedelta(days=-20_000)])
FULL = engine.Threshold(metric="load", limit=80.0)
SILENT = engine.NoData(after=HOUR)


def wait(w, span):
    return w.wait_until(w.now + span)


def poll(w, **subjects):
    return w.poll(w.now - START, **subjects)


@BOTH_WAYS
def test_for_goes_on_and_neither_fires_at_once_nor_waits_longer(by):
    w = world(rule(hold=minutes(5)))
    poll(w, a="online")
    poll(w, a="offline")
    wait(w, seconds(15))
    w.set_clock(by)
    poll(w)
    assert w.alert() == "pending"
    wait(w, minutes(5) - seconds(16))
    poll(w)
    assert w.alert() == "pending"
    asked = wait(w, seconds(1))
    assert of_kind(asked, model.PollNeeded)
    poll(w)
    assert w.alert() == "firing"


@BOTH_WAYS
def test_keep_firing_for_goes_on(by):
    w = world(rule(keep_firing_for=minutes(5)))
    poll(w, a="offline")
    poll(w, a="online")
    wait(w, minutes(1))
    w.set_clock(by)
    wait(w, minutes(3))
    assert w.alert() == "firing"
    wait(w, minutes(1))
    assert w.alert() is None
    assert w.incident.ended_at - w.incident.began_at == timedelta(0)
    assert w.incident.resolved_at == w.now


@BOTH_WAYS
def test_an_alert_waits_no_longer_for_details(by):
    w = world(rule(), detailed=True)
    poll(w, a="online")
    poll(w, a="offline")
    wait(w, seconds(2))
    w.set_clock(by)
    wait(w, seconds(2))
    assert w.alert() == "pending"
    wait(w, seconds(1))
    assert w.alert() == "firing"


@BOTH_WAYS
def test_escalations_and_reminders_come_when_they_would_have(by):
    step = engine.Escalation(after=minutes(15), notify=("boss",))
    w = world(rule(notify=("noc",), escalate=(step,), repeat=(minutes(20),)))
    poll(w, a="offline")
    wait(w, minutes(10))
    w.set_clock(by)
    wait(w, minutes(5) - seconds(1))
    assert w.timeline == ["opened"]
    wait(w, seconds(1))
    assert w.timeline == ["opened", "escalated"]
    wait(w, minutes(5))
    assert w.timeline == ["opened", "escalated", "reminded"]


@BOTH_WAYS
def test_a_source_becomes_blind_when_it_would_have(by):
    w = world(rule(), rule("blind", engine.Blind(after=minutes(4))))
    poll(w, a="online")
    w.fail(w.now - START)
    wait(w, minutes(2))
    w.set_clock(by)
    wait(w, minutes(1) - seconds(1))
    assert w.state.visibility("vyvx") is model.Visibility.FAILING
    wait(w, seconds(1))
    assert w.state.visibility("vyvx") is model.Visibility.BLIND
    wait(w, minutes(1))
    assert w.incident.rule == "blind"


@BOTH_WAYS
def test_an_incident_can_be_reopened_for_as_long_as_before(by):
    w = world(rule())
    poll(w, a="offline")
    poll(w, a="online")
    wait(w, minutes(6))
    w.set_clock(by)
    wait(w, minutes(3))
    poll(w, a="offline")
    assert w.timeline == ["opened", "resolved", "reopened"]
    poll(w, a="online")
    wait(w, minutes(6))
    w.set_clock(-by)
    wait(w, minutes(5))
    poll(w, a="offline")
    assert w.timeline[-1] == "opened"


def test_what_was_over_before_the_clock_was_set_back_is_not_reopened_after_a_restart():
    w = world(rule())
    poll(w, a="offline")
    poll(w, a="online")
    wait(w, HOUR)
    w.set_clock(-2 * HOUR)
    w.restart()
    poll(w, a="offline")
    assert w.timeline == ["opened", "resolved", "opened"]


@BOTH_WAYS
def test_durations_are_what_they_were_and_old_entries_stay(by):
    w = world(rule())
    poll(w, a="offline")
    wait(w, minutes(10))
    (opened,) = w.tables.entries
    before = w.incident
    w.set_clock(by)
    assert w.incident.lasted(w.now) == minutes(10)
    assert w.incident.told_at == before.told_at + by
    assert w.incident.version == before.version + 1
    assert w.tables.entries == [opened]


@BOTH_WAYS
def test_a_silent_line_is_reported_when_it_would_have_been(by):
    w = world(rule("silent", SILENT, sources=("evpl",)))
    w.poll(w.now - START, source="evpl", a={}, samples=[sample("evpl/a", "load", w.now, 1)])
    wait(w, minutes(50))
    w.set_clock(by)
    wait(w, minutes(9))
    assert w.alert("evpl/a", "silent") is None
    wait(w, minutes(1))
    w.poll(w.now - START, source="evpl")
    assert w.alert("evpl/a", "silent") == "firing"


def test_samples_of_before_the_clock_was_set_ahead_do_not_make_a_line_silent_at_once():
    w = world(rule("silent", SILENT, sources=("evpl",)))
    vendor = w.now
    w.poll(w.now - START, source="evpl", a={}, samples=[sample("evpl/a", "load", vendor, 1)])
    wait(w, minutes(5))
    w.set_clock(2 * HOUR)
    later = sample("evpl/a", "load", vendor + minutes(5), 1)
    w.poll(w.now - START, source="evpl", a={}, samples=[later])
    assert w.alert("evpl/a", "silent") is None
    wait(w, minutes(59))
    assert w.alert("evpl/a", "silent") is None


def test_the_silence_of_a_line_is_counted_over_a_restart_as_well():
    w = world(rule("silent", SILENT, sources=("evpl",)))
    w.poll(w.now - START, source="evpl", a={}, samples=[sample("evpl/a", "load", w.now, 1)])
    wait(w, minutes(50))
    w.set_clock(HOUR)
    w.restart()
    w.poll(w.now - START, source="evpl", a={})
    wait(w, minutes(9))
    assert w.alert("evpl/a", "silent") is None
    wait(w, minutes(1))
    w.poll(w.now - START, source="evpl")
    assert w.alert("evpl/a", "silent") == "firing"


def test_a_threshold_goes_on_in_the_vendors_time():
    w = world(rule("full", FULL, sources=("evpl",), hold=minutes(10)))
    vendor = w.now
    w.set_clock(HOUR)  # it was right when the daemon started, and is ahead now

    def measure(after):
        w.poll(
            w.now - START,
            source="evpl",
            a={},
            samples=[sample("evpl/a", "load", vendor + minutes(after), 90)],
        )

    for after in (0, 5):
        measure(after)
    w.set_clock(-HOUR)
    assert w.alert("evpl/a", "full") == "pending"
    measure(10)
    assert w.alert("evpl/a", "full") == "firing"
    assert w.incident.began_at == vendor


def test_a_sample_that_the_clock_let_through_blinds_no_line_once_it_is_right():
    w = world(rule("full", FULL, sources=("evpl",)))
    w.set_clock(HOUR)
    ahead = sample("evpl/a", "load", START + HOUR, 1)
    w.poll(w.now - START, source="evpl", a={}, samples=[ahead])
    w.set_clock(-HOUR)
    w.poll(w.now - START, source="evpl", a={}, samples=[sample("evpl/a", "load", START, 90)])
    assert w.alert("evpl/a", "full") == "firing"


def silence(w, begin, end):
    matcher = model.Matcher(name="rule", value="down")
    made = model.Silence(id="s1", matchers=(matcher,), begin=begin, end=end, by="ana")
    return w._step(model.Silenced(silence=made))


def test_a_silence_made_while_the_clock_was_ahead_moves_with_it():
    w = world(rule())
    poll(w, a="online")
    silence(w, w.now, w.now + HOUR)
    wait(w, seconds(6))
    w.set_clock(-2 * HOUR)
    poll(w, a="offline")
    assert w.incident.suppressed_by
    wait(w, HOUR - seconds(7))
    assert w.incident.suppressed_by
    wait(w, seconds(1))
    assert not w.incident.suppressed_by


def test_a_silence_whose_end_is_a_time_of_day_stays():
    w = world(rule())
    wait(w, 3 * HOUR)
    silence(w, w.now - 2 * HOUR, w.now + HOUR)
    end = w.now + HOUR
    w.set_clock(-HOUR)
    assert w.state.silences["s1"].end == end
    w.set_clock(2 * HOUR)
    assert w.state.silences == {}


def test_a_silence_that_is_planned_for_later_stays():
    w = world(rule())
    silence(w, w.now + HOUR, w.now + 2 * HOUR)
    w.set_clock(-HOUR)
    assert w.state.silences["s1"].begin == START + HOUR


@pytest.mark.parametrize(("by", "expected"), [(minutes(20), None), (minutes(-20), None)])
def test_the_hours_of_a_rule_follow_the_time_of_day(by, expected):
    w = world(rule(hours=hours(opens=10, closes=20)))
    wait(w, minutes(15))
    poll(w, a="offline")
    assert w.alert() == "firing"
    w.set_clock(by)
    assert w.alert() == expected
    w.set_clock(-by)
    poll(w, a="offline")
    assert w.alert() == "firing"


def test_the_phases_of_a_reservation_follow_the_time_of_day():
    on_air = frozenset({model.Phase.ON_AIR})
    w = world(rule(during=on_air), detailed=True)
    poll(w, a="offline")
    window = model.Window(start=START + HOUR, end=START + 2 * HOUR)
    booking = model.Booking(id="1", scheduled=window, reserved=window)
    read = model.DetailsRead(subject="vyvx/a", details=model.Details(bookings=(booking,)))
    w._step(read)
    assert w.alert() in {None, "pending"}
    w.set_clock(HOUR + minutes(5))
    w._step(read)
    poll(w, a="offline")
    assert w.alert() == "firing"


def test_after_a_restart_nothing_that_has_passed_lies_ahead():
    w = world(rule(hold=seconds(3)))
    wait(w, HOUR)  # the clock is an hour ahead
    poll(w, a="online")
    poll(w, a="offline")
    w.start_again(-HOUR)
    poll(w)
    assert w.alert() == "pending"
    wait(w, seconds(3))
    poll(w)
    assert w.alert() == "firing"
    assert w.incident.began_at == START


def test_marks_in_the_year_2099_heal_at_a_start():
    """A sample from the future set them, before a tolerance existed."""
    w = world(rule("full", FULL, sources=("evpl",), hold=minutes(5), keep_firing_for=minutes(5)))
    far = datetime(2099, 1, 1, tzinfo=START.tzinfo)
    w.poll(w.now - START, source="evpl", a={}, samples=[sample("evpl/a", "load", START, 90)])
    pending = w.state.alert("evpl/a", "full")
    w.tables.commit([replace(pending, since=far, due=far + minutes(5))])
    w.start_again(minutes(5))
    for after in (5, 10, 15, 20, 25):
        at = START + minutes(after)
        w.now = max(w.now, at)
        w.poll(w.now - START, source="evpl", a={}, samples=[sample("evpl/a", "load", at, 90)])
    assert w.alert("evpl/a", "full") == "firing"


def test_what_was_asked_for_in_the_future_is_waited_for_no_longer():
    w = world(rule(), detailed=True)
    wait(w, HOUR)
    poll(w, a="online")
    poll(w, a="offline")
    w.start_again(-HOUR)
    poll(w)
    wait(w, seconds(5))
    assert w.alert() == "firing"


def test_a_record_asked_for_while_the_clock_was_ahead_leaves_no_hole():
    w = world(rule(), history=minutes(15))
    wait(w, HOUR)
    poll(w, a="online")
    wait(w, minutes(15))
    poll(w)
    end = w.now
    w.set_clock(-HOUR)
    w._step(model.HistoryRead(subject="vyvx/a", start=end - minutes(15), end=end))
    evaluated = w.state.subjects["vyvx/a"].judged_until
    assert evaluated is None or evaluated <= w.now


def read_outage(w):
    """Read that there was an outage of 20 seconds, a minute after the start."""
    begin, end = START + minutes(1), START + minutes(1) + seconds(20)
    alarm = model.AlarmRecord(state="offline", message="TS Loss", start=begin, end=end)
    w._step(model.HistoryRead(subject="vyvx/a", start=START, end=w.now, alarms=(alarm,)))


@pytest.mark.parametrize("by", [4 * HOUR, timedelta(days=7)])
def test_a_clock_that_was_behind_for_a_while_has_no_outage_reported_again(by):
    w = world(rule(), history=minutes(15))
    poll(w, a="online")
    wait(w, minutes(30))
    read_outage(w)
    wait(w, HOUR)
    read_outage(w)
    w.set_clock(-by)
    wait(w, minutes(5))
    w.set_clock(by)
    read_outage(w)
    assert w.timeline == ["late"]


def test_what_was_reported_late_keeps_the_vendors_times_on_a_clock_that_is_behind():
    w = world(rule(), history=minutes(15))
    poll(w, a="online")
    wait(w, minutes(30))
    read_outage(w)
    wait(w, HOUR)
    read_outage(w)
    began, ended = w.incident.began_at, w.incident.ended_at
    w.start_again(-3 * HOUR)
    poll(w)
    (member,) = w.tables.of(model.IncidentAlert)
    assert (w.incident.began_at, w.incident.ended_at) == (began, ended)
    assert (member.since, member.until) == (began, ended)


def test_an_outage_that_is_reported_again_all_the_same_has_an_incident_of_its_own():
    w = world(rule(), history=minutes(15))
    poll(w, a="online")
    wait(w, minutes(30))
    read_outage(w)
    wait(w, HOUR)
    read_outage(w)
    w.set_clock(-timedelta(days=20_000))
    wait(w, minutes(5))
    w.set_clock(timedelta(days=20_000))
    read_outage(w)
    assert len({(entry.incident, entry.number) for entry in w.tables.entries}) == len(
        w.tables.entries
    )


def test_a_long_step_ahead_has_the_records_read_at_once():
    w = world(rule(), history=minutes(15))
    poll(w, a="online")
    wait(w, minutes(1))
    asked = of_kind(w.set_clock(minutes(3)), model.HistoryNeeded)
    assert [(need.subject, need.start) for need in asked] == [("vyvx/a", START)]


def test_a_suspended_machine_goes_on_as_after_a_start():
    w = world(rule(hold=minutes(2)), history=minutes(15))
    poll(w, a="online")
    poll(w, a="offline")
    slept_at, w.now = w.now, w.now + minutes(4)
    asked = w._step(model.Stalled(since=slept_at))
    assert of_kind(asked, model.PollNeeded) == [
        model.PollNeeded(source="vyvx"),
        model.PollNeeded(source="evpl"),
    ]
    assert of_kind(w.wait_until(w.now), model.Incident) == []
    effects = poll(w)
    assert w.alert() == "pending"  # nobody has seen that it was down all the time
    assert of_kind(effects, model.HistoryNeeded)


def test_rules_without_sources_do_not_hinder():
    rules = ruleset(rule())
    w = world(rule())
    poll(w, a="offline")
    w.ruleset = replace(rules, sources={"evpl": rules.sources["evpl"]})
    w._step(engine.Reloaded(ruleset=w.ruleset))
    w.set_clock(-HOUR)
    assert w.state.subjects == {}


@pytest.mark.parametrize("again", [timedelta(0), 2 * HOUR], ids=["behind", "right"])
def test_what_was_over_before_the_clock_was_set_back_is_over_after_a_start(again):
    w = world(rule())
    poll(w, a="online")
    poll(w, a="offline")
    wait(w, minutes(5))
    poll(w, a="online")
    wait(w, minutes(40))
    poll(w)
    before = w.incident
    w.set_clock(-2 * HOUR)
    poll(w)
    w.start_again(again)
    poll(w)
    assert w.incident == before
    wait(w, minutes(5))
    poll(w, a="offline")
    assert len(w.incidents) == 2
