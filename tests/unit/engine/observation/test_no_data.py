"""`no_data`: how long a subject is silent, measured or not."""

import pytest
from msgspec.structs import replace

from tests.fakes.engine_world import START, World, minutes, rule, ruleset, seconds, world
from watcher import engine, model

SILENT = rule(
    name="silent", condition=engine.NoData(after=minutes(60)), sources=("evpl",), title=lambda _: ""
)
UNKNOWN = {"utilization": None}


@pytest.fixture
def w():
    return world(SILENT)


def poll(w, at, samples=(), **lines):
    lines = lines or {"line": UNKNOWN}
    return w.poll(minutes(at), source="evpl", samples=samples, **lines)


def sample(at, line="line"):
    return model.Sample(
        subject=f"evpl/{line}", metric="utilization", at=START + minutes(at), value=40.0
    )


def state(w, line="line"):
    return w.alert(f"evpl/{line}", "silent")


@pytest.mark.covers("evpl/never-measured")
def test_a_line_that_was_never_measured_is_silent_since_it_was_first_listed(w):
    poll(w, 0)
    poll(w, 59)
    assert state(w) != "firing"
    poll(w, 60)
    assert state(w) == "firing"


@pytest.mark.covers("evpl/never-measured")
def test_so_is_one_that_is_listed_later_than_the_others(w):
    poll(w, 0)
    poll(w, 30, line=UNKNOWN, late=UNKNOWN)
    poll(w, 61, line=UNKNOWN, late=UNKNOWN)
    assert (state(w), state(w, "late")) == ("firing", None)
    poll(w, 90, line=UNKNOWN, late=UNKNOWN)
    assert state(w, "late") == "firing"


@pytest.mark.covers("evpl/never-measured")
def test_a_restart_does_not_begin_its_silence_again(w):
    poll(w, 0)
    poll(w, 40)
    w.restart()
    poll(w, 45)
    poll(w, 61)
    assert state(w) == "firing"


@pytest.mark.covers("evpl/never-measured")
def test_its_first_sample_ends_its_silence(w):
    poll(w, 0)
    poll(w, 61)
    poll(w, 65, samples=[sample(65)], line={"utilization": 40.0})
    assert state(w) != "firing"


@pytest.mark.covers("evpl/never-measured")
def test_while_the_source_is_blind_nobody_is_silent(w):
    poll(w, 0)
    w.fail(minutes(1), source="evpl", permanent=True)
    poll(w, 70)
    assert state(w) != "firing"
    poll(w, 131)
    assert state(w) == "firing"


@pytest.mark.covers("evpl/remarks")
def test_the_remarks_of_the_last_answer_are_kept_with_the_sources_health(w):
    w.step(model.Polled(source="evpl", remarks=("3 values cannot be read",)))
    w.restart()
    assert w.state.health["evpl"].remarks == ("3 values cannot be read",)
    w.fail(source="evpl")
    assert w.state.health["evpl"].remarks == ("3 values cannot be read",)
    w.step(model.Polled(source="evpl"))
    assert w.state.health["evpl"].remarks == ()


@pytest.mark.covers("evpl/never-measured")
def test_another_change_of_the_line_does_not_begin_its_silence_again(w):
    poll(w, 0, line={"utilization": None, "state": "up"})
    poll(w, 40, line={"utilization": None, "state": "down"})
    w.restart()
    poll(w, 61, line={"utilization": None, "state": "up"})
    assert state(w) == "firing"


def measured(w, at, of):
    """Poll, and get the value of another minute."""
    return poll(w, at, samples=[sample(of)], line={"utilization": 40.0})


def test_a_silence_that_people_know_of_outlasts_a_time_in_which_nobody_saw_its_source(w):
    poll(w, 0)
    poll(w, 61)
    w.fail(minutes(62), source="evpl", permanent=True)
    poll(w, 63)
    poll(w, 64)
    assert (state(w), w.incident.status) == ("firing", model.IncidentStatus.OPEN)
    measured(w, 66, of=65)
    assert w.incident.resolution is model.Resolution.RECOVERED


def test_one_that_a_person_has_closed_is_not_reported_again_after_such_a_time(w):
    poll(w, 0)
    poll(w, 61)
    w.step(model.ResolvedByHand(incident=w.incident.id, by="ana"), minutes(62))
    w.fail(minutes(63), source="evpl", permanent=True)
    for at in (64, 65, 124, 130):
        poll(w, at)
    assert (state(w), len(w.incidents)) == ("resolved", 1)


def test_a_rule_that_waits_longer_does_not_end_a_silence_that_people_know_of(w):
    poll(w, 0)
    poll(w, 61)
    w.ruleset = ruleset(replace(SILENT, condition=engine.NoData(after=minutes(240))))
    w.step(engine.Reloaded(ruleset=w.ruleset), minutes(62))
    poll(w, 65)
    w.restart()
    poll(w, 70)
    assert state(w) == "firing"
    measured(w, 75, of=72)
    assert state(w) is None


def test_nor_does_a_clock_that_is_set_after_such_a_time(w):
    poll(w, 0)
    poll(w, 61)
    w.fail(minutes(62), source="evpl", permanent=True)
    poll(w, 63)
    w.now += minutes(10)
    w._step(model.ClockStepped(by=minutes(10)))
    poll(w, 75)
    poll(w, 76)
    assert state(w) == "firing"


def test_what_a_clock_did_before_does_not_shorten_a_time_in_which_nobody_saw_a_source(w):
    poll(w, 0)
    w.now += minutes(10)
    w._step(model.ClockStepped(by=minutes(10)))
    w.fail(minutes(21), source="evpl", permanent=True)
    poll(w, 75)
    poll(w, 76)
    assert state(w) is None
    poll(w, 135)
    poll(w, 136)
    assert state(w) == "firing"


def test_a_rule_that_a_reload_adds_finds_what_is_silent_already(w):
    w = World(ruleset(rule(sources=("evpl",))))
    poll(w, 0)
    poll(w, 100)
    w.ruleset = ruleset(SILENT)
    w.step(engine.Reloaded(ruleset=w.ruleset), minutes(100.5))
    assert state(w) == "pending"  # the next poll confirms it
    poll(w, 101)
    assert state(w) == "firing"


def test_a_silence_that_began_in_a_skipped_time_is_found_by_the_next_poll_after_it():
    w = skipping(SILENT, begin=10, end=90)
    for at in range(0, 90, 10):
        poll(w, at)
    assert state(w) is None
    poll(w, 91)
    assert state(w) == "firing"


def test_a_silence_that_ended_in_a_skipped_time_is_over_with_the_next_poll_after_it():
    w = skipping(SILENT, begin=70, end=90)
    poll(w, 0)
    poll(w, 61)
    measured(w, 75, of=73)
    assert state(w) == "firing"
    poll(w, 91, line={"utilization": 40.0})
    assert w.incident.resolution is model.Resolution.RECOVERED


def test_a_schedule_that_nobody_reads_again_ends_a_silence_with_its_booking():
    w = world(replace(SILENT, sources=frozenset({"vyvx"})), detailed=True)
    booking = model.Booking(id="1", scheduled=model.Window(start=START, end=START + minutes(90)))
    w.poll(minutes(0), a="online")
    details = model.Details(labels={}, bookings=(booking,))
    for at in (1, 61):
        w.poll(minutes(at), a="online")
        w.step(model.DetailsRead(subject="vyvx/a", details=details), minutes(at))
    assert w.alert("vyvx/a", "silent") == "firing"
    w.wait_until(START + minutes(90) + seconds(4))
    assert w.alert("vyvx/a", "silent") == "firing"
    w.wait_until(START + minutes(90) + seconds(6))
    assert w.incident.resolution is model.Resolution.ENDED


def skipping(*rules, begin, end):
    """A world in which maintenance skips every line from `begin` to `end`."""
    opens, closes = START + minutes(begin), START + minutes(end)
    window = engine.Maintenance(
        name="works",
        matchers=(model.Matcher(name="source", value="evpl"),),
        is_open=lambda at: opens <= at < closes,
        next_edge=lambda at: min((edge for edge in (opens, closes) if edge > at), default=None),
        action=engine.WindowAction.SKIP,
    )
    return World(replace(ruleset(*rules), maintenance=(window,)))


def test_after_a_failed_poll_one_that_leaves_the_line_out_confirms_no_silence(w):
    poll(w, 0)
    w.wait_until(START + minutes(60))
    assert state(w) == "pending"
    w.fail(minutes(61), source="evpl")
    w.poll(minutes(62), source="evpl", gone=["line"], complete=False)
    assert state(w) == "pending"
    measured(w, 63, of=62)
    assert (state(w), w.incidents) == (None, ())
