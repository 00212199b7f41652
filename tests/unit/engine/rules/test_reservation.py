"""Reservations: the phase of a schedule, and what people are notified of in it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.engine_world import START, FakeInventory, minutes, of_kind, rule, seconds, world
from watcher import engine, model
from watcher.engine.rules import reservation


def at(minute):
    return None if minute is None else START + minutes(minute)


def window(start=None, end=None):
    return model.Window(start=at(start), end=at(end))


def booking(scheduled=(60, 120), *, actual=(None, None), activated=(), terminal=False):
    return model.Booking(
        id="1",
        scheduled=window(*scheduled),
        actual=window(*actual),
        activated=tuple(window(*interval) for interval in activated),
        terminal=terminal,
    )


@pytest.mark.covers("vyvx/phases")
@pytest.mark.parametrize(
    ("bookings", "minute", "phase"),
    [
        ([], 0, "unknown"),
        ([booking()], 0, "booked"),
        ([booking()], 45, "pre_roll"),
        ([booking()], 60, "on_air"),
        ([booking()], 119, "on_air"),
        ([booking()], 120, "ended"),
        ([booking(activated=[(50, None)])], 55, "on_air"),
        ([booking(activated=[(50, None)])], 121, "overrun"),
        ([booking(actual=(60, None))], 121, "overrun"),
        ([booking(actual=(60, None), activated=[(60, 118)])], 121, "ended"),
        ([booking(actual=(60, 100))], 101, "ended"),
        ([booking(actual=(60, 100), activated=[(60, None)])], 101, "ended"),
        ([booking(terminal=True)], 80, "ended"),
        ([booking((60, None))], 5000, "on_air"),
        ([booking((None, None))], 0, "unknown"),
        ([booking((None, 10))], 11, "ended"),
        ([booking((0, 10)), booking()], 30, "booked"),
        ([booking((0, 10)), booking((20, 40))], 30, "on_air"),
        ([booking((20, 40), terminal=True), booking((25, 45))], 41, "on_air"),
    ],
)
def test_the_phase_of_a_schedule(bookings, minute, phase):
    assert reservation.phase(bookings, at(minute)) == phase


MINUTES = st.none() | st.integers(0, 100)
WINDOWS = st.builds(window, MINUTES, MINUTES)
BOOKINGS = st.lists(
    st.builds(
        model.Booking,
        id=st.just("1"),
        scheduled=WINDOWS,
        actual=WINDOWS,
        activated=st.lists(WINDOWS, max_size=2).map(tuple),
        terminal=st.booleans(),
    ),
    max_size=3,
)


@given(BOOKINGS, st.integers(-20, 120))
def test_a_phase_changes_at_an_edge_alone(bookings, minute):
    now = at(minute)
    edge = reservation.next_edge(bookings, now)
    until = edge - timedelta(microseconds=1) if edge else now + timedelta(days=30)
    assert reservation.phase(bookings, until) == reservation.phase(bookings, now)
    last = reservation.last_edge(bookings, now)
    assert last is None or reservation.phase(bookings, last) == reservation.phase(bookings, now)


def read(*bookings, subject="vyvx/a"):
    details = model.Details(labels={"name": "Cup"}, bookings=bookings)
    return model.DetailsRead(subject=subject, details=details)


def booked(*bookings, **keys):
    w = world(rule(**keys), detailed=True, inventory=FakeInventory(vyvx_a=engine.InventoryEntry()))
    w.poll(a="online")
    w.step(read(*bookings), seconds(1))
    return w


@pytest.mark.covers("vyvx/details-when")
def test_the_details_of_a_subject_in_the_inventory_are_read_when_it_is_first_seen():
    w = world(rule(), detailed=True, inventory=FakeInventory(vyvx_a=engine.InventoryEntry()))
    effects = w.poll(a="online", b="online")
    assert of_kind(effects, model.DetailsNeeded) == [model.DetailsNeeded(subject="vyvx/a")]


@pytest.mark.covers("vyvx/phases")
def test_an_outage_before_the_booked_time_notifies_nobody():
    w = booked(booking())
    w.poll(minutes(1), a="offline")
    w.poll(minutes(44))
    assert w.incidents == ()


@pytest.mark.covers("vyvx/phases", "vyvx/details-when")
def test_an_outage_that_is_ongoing_in_the_pre_roll_notifies():
    w = booked(booking())
    w.poll(minutes(1), a="offline")
    effects = w.wait_until(START + minutes(45))
    assert model.PollNeeded(source="vyvx") in effects
    assert model.DetailsNeeded(subject="vyvx/a") in effects
    w.poll(minutes(46))
    assert w.incident.status == "open"


@pytest.mark.covers("vyvx/ends-offline")
def test_the_end_of_a_reservation_is_not_a_recovery():
    w = booked(booking())
    w.poll(minutes(70), a="offline")
    w.step(read(booking()), minutes(71))
    w.wait_until(START + minutes(120))
    assert w.incident.status == "open"  # it may have been extended: the details are read again
    w.step(read(booking(activated=[(60, 119)])), minutes(120) + seconds(1))
    assert w.incident.resolution == "ended"
    assert w.last_text == "ended with its booked window at 05:00:01 UTC, after 50 min"


@pytest.mark.covers("vyvx/extension")
def test_an_extension_keeps_the_incident_open():
    w = booked(booking())
    w.poll(minutes(70), a="offline")
    w.wait_until(START + minutes(120))
    w.step(read(booking((60, 180))), minutes(120) + seconds(1))
    w.poll(minutes(130))
    assert w.incident.status == "open"
    w.wait_until(START + minutes(180))
    w.step(read(booking((60, 180))), minutes(180) + seconds(1))
    assert w.incident.resolution == "ended"


@pytest.mark.covers("vyvx/ends-offline")
def test_without_an_answer_the_known_schedule_stands_after_five_seconds():
    w = booked(booking())
    w.poll(minutes(70), a="offline")
    w.step(read(booking()), minutes(71))
    w.wait_until(START + minutes(120) + seconds(4))
    assert w.incident.status == "open"
    w.wait_until(START + minutes(120) + seconds(5))
    assert w.incident.resolution == "ended"


@pytest.mark.covers("vyvx/overrun")
def test_an_overrun_pages_and_is_checked_again():
    w = booked(booking(activated=[(60, None)]))
    w.poll(minutes(121), a="offline")
    assert w.incident.status == "open"
    effects = w.wait_until(START + minutes(140))
    assert model.DetailsNeeded(subject="vyvx/a") in effects
    w.step(read(booking(activated=[(60, 139)])), minutes(140))
    assert w.incident.resolution == "ended"


@pytest.mark.covers("vyvx/several-reservations", "vyvx/details-when")
def test_an_old_schedule_is_read_again_before_it_holds_anything_back():
    w = booked(booking((0, 10)))
    w.wait_until(START + minutes(300))
    w.step(read(booking((0, 10))), minutes(300))
    effects = w.poll(minutes(400), a="offline")
    assert model.DetailsNeeded(subject="vyvx/a") in effects
    assert w.incidents == ()
    w.step(read(booking((0, 10)), booking((390, 450))), minutes(400) + seconds(1))
    w.poll(minutes(401))
    assert w.incident.status == "open"


def test_a_phase_does_not_resolve_while_nobody_can_see():
    w = booked(booking())
    w.poll(minutes(70), a="offline")
    w.fail(minutes(110))
    w.wait_until(START + minutes(130))
    assert w.incident.resolved_at is None
    w.step(read(booking(terminal=True)), minutes(131))
    assert w.incident.resolved_at is None
    w.poll(minutes(132))
    assert w.incident.resolution == "ended"


def test_the_phase_is_read_by_expressions():
    w = booked(
        booking(),
        condition=engine.Expression(
            holds=lambda it: it["phase"] == "pre_roll" and it["state"] == "offline"
        ),
    )
    w.poll(minutes(1), a="offline")
    w.poll(minutes(45))
    assert w.incident.status == "open"
    w.step(read(booking()), minutes(45) + seconds(1))
    w.wait_until(START + minutes(60))
    assert w.incident.resolution == "lapsed"  # it is on air now, and still offline


GONE = engine.Expression(holds=lambda it: it["vanished"], of_vanishing=True)


@pytest.mark.covers("vyvx/disappears")
def test_a_reservation_that_disappears_on_air_notifies():
    w = booked(booking(), condition=GONE, during=frozenset({model.Phase.ON_AIR}))
    effects = w.poll(minutes(70), gone=["a"])
    assert model.DetailsNeeded(subject="vyvx/a") in effects
    w.step(read(booking()), minutes(70) + seconds(1))
    w.poll(minutes(71))
    assert w.incident.status == "open"
    w.poll(minutes(75), a="online")
    assert w.incident.resolution == "recovered"


@pytest.mark.covers("vyvx/disappears")
def test_a_reservation_that_ended_has_not_disappeared():
    w = booked(booking(), condition=GONE)
    w.poll(minutes(70), gone=["a"])
    w.step(read(booking(terminal=True)), minutes(70) + seconds(1))
    w.poll(minutes(71))
    assert w.incidents == ()
    assert w.state.subjects == {}


@pytest.mark.covers("vyvx/ends-offline")
def test_an_outage_whose_reservation_ends_and_vanishes_has_ended():
    w = booked(booking())
    w.poll(minutes(70), a="offline")
    w.poll(minutes(71), gone=["a"])
    w.step(read(booking(actual=(60, 70))), minutes(71) + seconds(1))
    w.poll(minutes(72))
    assert w.incident.resolution == "ended"
    assert w.state.subjects == {}


@pytest.mark.parametrize(
    ("booked_until", "resolution"), [(120, model.Resolution.ENDED), (180, None)]
)
def test_an_end_that_nobody_watched_is_believed_once_the_details_confirm_it(
    booked_until, resolution
):
    w = booked(booking(), condition=GONE)
    w.poll(minutes(110), gone=["a"])
    w.step(read(booking()), minutes(110) + seconds(1))
    w.poll(minutes(111))
    w.now = START + minutes(125)  # past the end, while no daemon runs
    w.restart()
    w.poll(minutes(125))
    assert w.incident.status == "open", "the booking may have been extended meanwhile"
    w.step(read(booking((60, booked_until))), minutes(125) + seconds(1))
    assert w.incident.resolution == resolution


def test_what_vanished_shortly_before_its_booked_end_ends_with_it():
    w = booked(booking(), condition=GONE)
    w.poll(minutes(118), gone=["a"])
    w.step(read(booking()), minutes(119) + seconds(30))  # too fresh to be read at the edge
    w.poll(minutes(119) + seconds(40))
    effects = w.wait_until(START + minutes(120))
    assert model.DetailsNeeded(subject="vyvx/a") in effects, "it may have been extended"
    w.step(read(booking()), minutes(120) + seconds(1))
    assert w.incident.resolution == model.Resolution.ENDED


def test_a_vanished_subject_whose_booking_ended_while_nobody_watched_ends_without_an_answer():
    w = booked(booking(), condition=GONE)
    w.poll(minutes(110), gone=["a"])
    w.step(read(booking()), minutes(110) + seconds(1))
    w.poll(minutes(111))
    w.now = START + minutes(125)
    w.restart()
    w.poll(minutes(125))
    assert w.incident.status == "open"
    w.wait_until(START + minutes(125) + seconds(5))
    assert w.incident.resolution == model.Resolution.ENDED


def test_the_next_start_is_the_first_that_lies_ahead():
    def booking(name, start, **keys):
        return model.Booking(id=name, scheduled=model.Window(start=START + minutes(start)), **keys)

    bookings = (
        booking("1", 90),
        booking("2", 30),
        booking("3", 10),
        booking("4", 20, terminal=True),
    )
    assert reservation.next_start(bookings, START + minutes(10)) == START + minutes(30)
    assert reservation.next_start(bookings, START + minutes(90)) is None
