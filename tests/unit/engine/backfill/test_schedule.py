"""When alarm records are read: in passes, after a gap, when a reservation ends; and what fails."""

from datetime import timedelta

import pytest

from tests.fakes.engine_world import START, minutes, of_kind, rule, seconds, world
from tests.unit.engine.backfill.test_evaluate import BLIND, alarm, read, watched
from watcher import engine, model
from watcher.engine.backfill import schedule


def requested(effects):
    return [need.subject for need in of_kind(effects, model.HistoryNeeded)]


def wait(w, until):
    return requested(w.wait_until(START + until))


def book(w, start, end, *, subject="vyvx/a", **changes):
    """Read details that book a reservation from `start` to `end`."""
    scheduled = model.Window(start=START + start, end=START + end)
    booking = model.Booking(id="1", scheduled=scheduled, **changes)
    return w.step(model.DetailsRead(subject=subject, details=model.Details(bookings=(booking,))))


def fail(w, at, *, subject="vyvx/a", permanent=False):
    event = model.HistoryRead(
        subject=subject, start=START, end=START + at, error="HTTP 500", permanent=permanent
    )
    return w.step(event, at)


def test_a_reservation_on_air_is_read_once_in_each_interval():
    w = watched()
    assert wait(w, minutes(14)) == []
    assert wait(w, minutes(16)) == ["vyvx/a"]
    read(w)
    assert wait(w, minutes(29)) == []
    assert wait(w, minutes(31)) == ["vyvx/a"]


def test_the_next_read_starts_where_the_record_is_decided():
    w = watched()
    read(w, at=minutes(16))
    w.wait_until(START + minutes(20))
    (need,) = of_kind(w.wait_until(START + minutes(31)), model.HistoryNeeded)
    assert need.start == START + minutes(11), "the newest part of a record may not be complete"


def test_without_a_rule_on_its_state_nothing_is_read():
    w = watched(rule(condition=engine.Expression(holds=lambda _: False)))
    assert wait(w, minutes(60)) == []


def test_without_an_interval_nothing_is_read():
    w = world(rule())
    w.poll(a="online")
    assert wait(w, minutes(60)) == []


def test_a_reservation_that_is_not_on_air_is_not_read():
    w = watched()
    book(w, minutes(60), minutes(120))
    assert wait(w, minutes(44)) == []
    assert set(wait(w, minutes(62))) == {"vyvx/a"}


@pytest.mark.covers("vyvx/last-minute")
def test_the_record_of_a_reservation_is_read_when_it_ends():
    w = watched()
    book(w, minutes(-60), minutes(20))
    wait(w, minutes(16))
    read(w)
    assert wait(w, minutes(21)) == ["vyvx/a"]
    read(w, alarm(19 * 60, 19 * 60 + 20), at=minutes(22))
    assert w.timeline == ["late"]


def test_an_outage_that_lasts_beyond_the_end_counts_up_to_it():
    w = watched()
    book(w, minutes(-60), minutes(20), terminal=True)
    read(w, alarm(19 * 60, 25 * 60), at=minutes(26))
    assert w.last_text.endswith("03:19:00 UTC to 03:20:00 UTC")


def test_an_outage_outside_the_reservation_is_not_reported():
    w = watched(detailed=True)
    book(w, minutes(30), minutes(60))
    read(w, alarm(120, 180), at=minutes(16))
    assert w.incidents == ()


def test_a_schedule_that_was_never_read_is_requested_before_an_outage_is_reported():
    w = watched(detailed=True)
    effects = read(w, alarm(70, 90), at=minutes(16))
    assert of_kind(effects, model.DetailsNeeded)
    assert w.incidents == ()
    book(w, minutes(-60), minutes(60))
    assert wait(w, minutes(18)) == ["vyvx/a"]
    read(w, alarm(70, 90), at=minutes(18))
    assert w.timeline == ["late"]


def test_an_outage_is_reported_if_the_schedule_cannot_be_read():
    w = watched(detailed=True)
    read(w, alarm(70, 90), at=minutes(16))
    w.step(model.DetailsRead(subject="vyvx/a", details=None, error="HTTP 404"))
    wait(w, minutes(18))
    read(w, alarm(70, 90), at=minutes(18))
    assert w.timeline == ["late"]


def test_a_reservation_that_vanishes_is_kept_until_its_record_was_read():
    w = watched()
    w.poll(minutes(1), gone=["a"])
    assert requested(w.poll(minutes(2))) == ["vyvx/a"]
    assert "vyvx/a" in w.state.subjects
    read(w, alarm(30, 50), at=minutes(3))
    assert w.timeline == ["late"]
    assert w.state.subjects == {}


def test_a_reservation_that_comes_back_is_kept():
    w = watched()
    w.poll(minutes(1), gone=["a"])
    w.poll(minutes(2))
    w.poll(minutes(3), a="online")
    read(w, at=minutes(4))
    assert "vyvx/a" in w.state.subjects


def test_a_restart_does_not_forget_what_is_still_to_be_read():
    w = watched()
    w.poll(minutes(1), gone=["a"])
    w.poll(minutes(2))
    w.restart()
    assert requested(w.poll(minutes(3))) == ["vyvx/a"]
    read(w, at=minutes(5))
    assert w.state.subjects == {}


def test_a_vanished_reservation_is_kept_for_one_hour_at_most():
    w = watched()
    w.poll(minutes(1), gone=["a"])
    w.poll(minutes(2))
    for minute in (3, 10, 25, 45):
        fail(w, minutes(minute))
    assert "vyvx/a" in w.state.subjects
    fail(w, minutes(63))
    assert w.state.subjects == {}


def test_a_vanished_reservation_without_a_record_is_forgotten_at_once():
    w = watched()
    w.poll(minutes(1), gone=["a"])
    w.poll(minutes(2))
    fail(w, minutes(3), permanent=True)
    assert w.state.subjects == {}


def test_failed_reads_are_repeated_with_backoff():
    w = watched()
    wait(w, minutes(16))
    times, at = [], minutes(16)
    for _ in range(5):
        fail(w, at)
        waited = timedelta(0)
        while not wait(w, at + waited):
            waited += seconds(30)
        times.append(waited / minutes(1))
        at += waited
    assert times == [1, 2, 4, 8, 15]
    read(w, alarm(70, 90), at=at)
    assert w.timeline == ["late"], "and nothing was lost"


def test_the_number_of_open_requests_is_limited():
    w = watched()
    names = [f"n{number}" for number in range(20)]
    w.poll(seconds(1), **dict.fromkeys(names, "online"))
    first = wait(w, minutes(17))
    assert len(first) == schedule.MOST_REQUESTS
    more = requested(read(w, at=minutes(17), subject=first[0]))
    assert len(more) == 1
    assert more[0] not in first


def test_records_are_read_at_once_after_a_long_downtime():
    w = watched()
    w.state = engine.restore(w.ruleset, w.tables.loaded())
    w.step(engine.Reloaded(ruleset=w.ruleset, unwatched_since=START), minutes(60))
    assert requested(w.poll(minutes(60), a="online")) == ["vyvx/a"]


@pytest.mark.covers("vyvx/down-history")
def test_outages_while_watcher_was_down_stand_on_one_incident_of_the_source():
    w = watched(rule(notify=("noc",)), BLIND)
    w.poll(b="online")
    w.state = engine.restore(w.ruleset, w.tables.loaded())
    w.step(engine.Reloaded(ruleset=w.ruleset, unwatched_since=START), minutes(60))
    w.poll(minutes(60), a="online", b="online")
    read(w, alarm(600, 660), at=minutes(61))
    read(w, alarm(600, 700), at=minutes(62), subject="vyvx/b")
    assert w.incident.title == "vyvx was not monitored (reported late)"
    assert (w.incident.status, w.incident.rule) == ("resolved", "blind")
    assert [entry.text for entry in w.tables.entries] == [
        "reported late: vyvx was not monitored, 03:00:00 UTC to 04:00:00 UTC",
        "meanwhile, a: offline (TS Loss), 03:10:00 UTC to 03:11:00 UTC",
        "meanwhile, b: offline (TS Loss), 03:10:00 UTC to 03:11:40 UTC",
    ]
    assert not any(entry.notify for entry in w.tables.entries)


def test_a_short_downtime_is_not_a_gap():
    w = watched()
    w.state = engine.restore(w.ruleset, w.tables.loaded())
    w.step(engine.Reloaded(ruleset=w.ruleset, unwatched_since=START), minutes(2))
    assert requested(w.poll(minutes(2), a="online")) == []


def test_for_starts_again_after_a_gap():
    w = watched(rule(hold=seconds(90)))
    w.poll(seconds(30), a="offline")
    w.state = engine.restore(w.ruleset, w.tables.loaded())
    w.step(engine.Reloaded(ruleset=w.ruleset, unwatched_since=START + seconds(30)), minutes(60))
    w.poll(minutes(60), a="offline")
    assert w.alert() == "pending"


def test_nothing_is_requested_while_the_source_fails():
    w = watched()
    for minute in (1, 2, 4, 10, 16, 20, 30):
        assert requested(w.fail(minutes(minute))) == []
    assert requested(w.poll(minutes(31), a="online")) == ["vyvx/a"]


def test_very_many_late_outages_are_not_as_many_incidents():
    w = watched()
    names = [f"n{number}" for number in range(50)]
    w.poll(seconds(1), **dict.fromkeys(names, "online"))
    for number, name in enumerate(names):
        read(w, alarm(70, 90), at=minutes(16) + seconds(number), subject=f"vyvx/{name}")
    storm = w.ruleset.storm.incidents
    assert len(w.incidents) == storm + 1
    titles = [incident.title for incident in w.incidents]
    assert titles[-1] == "vyvx: many outages (reported late)"
    rest = [entry.text for entry in w.tables.entries if entry.incident == w.incidents[-1].id]
    assert len(rest) == 1 + 50 - storm, "none is lost"
    assert rest[-1] == "n49: offline (TS Loss), 03:01:10 UTC to 03:01:30 UTC"
