"""The ledger of a period: what counts as up, down, planned and unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.engine_world import FakeInventory, traits
from watcher import engine, model, ports
from watcher.ledger import history, ledger
from watcher.ledger.states import Announced, Condition

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def ruleset(**entries):
    sources = {
        "vyvx": traits("vyvx"),
        "evpl": traits("evpl"),
        "iod": traits("internet_on_demand", "iod"),
    }
    return engine.Ruleset(
        rules=(), sources=sources, inventory=FakeInventory(**entries), context=dict
    )


def polled(after, /, *, source="vyvx", absent=(), samples=(), **states):
    seen = tuple(
        model.Observed(
            key=f"{source}/{name}",
            fields=fields
            if isinstance(fields, dict)
            else {"state": fields, "ingress_state": "online"},
        )
        for name, fields in states.items()
    )
    event = model.Polled(
        source=source,
        seen=seen,
        total=len(states),
        absent=tuple(f"{source}/{name}" for name in absent),
        samples=tuple(
            model.Sample(subject=f"{source}/{name}", metric="utilization", at=at, value=1.0)
            for name, at in samples
        ),
    )
    return ports.Recorded(at=START + after, what=event)


def failed(after, source="vyvx"):
    what = model.PollFailed(source=source, error="timed out")
    return ports.Recorded(at=START + after, what=what)


def started(after, last):
    what = ports.RulesRead(version="1", started=True, last_success=START + last)
    return ports.Recorded(at=START + after, what=what)


def record(after, subject, start, end, *alarms):
    what = model.HistoryRead(
        subject=subject,
        start=START + start,
        end=START + end,
        alarms=tuple(
            model.AlarmRecord(
                state=state, start=START + begin, end=None if over is None else START + over
            )
            for state, begin, over in alarms
        ),
    )
    return ports.Recorded(at=START + after, what=what)


def announced(*windows, at=START - DAY, **fields):
    """Return works that announced these windows for every circuit."""
    planned = [
        Announced(begin=begin, end=end, at=at, **fields) for begin, end in windows if begin < end
    ]
    return lambda *_: planned


def built(*records, end=END, planned=ledger.no_works, **entries):
    return ledger.build(history.fold(records), ruleset(**entries), START, end, planned=planned)


def ledger_of(*records, **more):
    (only,) = built(*records, **more).circuits
    return only.course


def test_an_outage_is_down_from_the_poll_that_showed_it_to_the_one_that_showed_its_end():
    circuit = ledger_of(
        polled(timedelta(0), a="online"), polled(DAY, a="offline"), polled(DAY + HOUR, a="online")
    )
    assert circuit.lengths == {Condition.UP: 30 * DAY - HOUR, Condition.DOWN: HOUR}
    (outage,) = circuit.outages
    assert (outage.start, outage.end) == (START + DAY, START + DAY + HOUR)
    assert (outage.worst, outage.domain, outage.states) == (
        Condition.DOWN,
        model.FaultDomain.LUMEN,
        ("offline",),
    )
    assert circuit.by_domain == {model.FaultDomain.LUMEN: HOUR}


def test_degraded_is_bad_and_available_and_impaired_is_up():
    circuit = ledger_of(
        polled(timedelta(0), a="impaired"), polled(DAY, a="degraded"), polled(2 * DAY, a="online")
    )
    assert circuit.lengths == {Condition.UP: 29 * DAY, Condition.DEGRADED: DAY}
    assert circuit.availability(count_planned=True) == 100.0


def test_one_outage_that_gets_worse_and_better_is_one_line():
    circuit = ledger_of(
        polled(timedelta(0), a="degraded"),
        polled(HOUR, a="offline"),
        polled(2 * HOUR, a="degraded"),
        polled(3 * HOUR, a="online"),
    )
    (outage,) = circuit.outages
    assert outage.worst is Condition.DOWN
    assert outage.states == ("degraded", "offline")
    assert outage.length == 3 * HOUR


def test_what_the_vendor_does_not_know_is_neither_up_nor_down():
    circuit = ledger_of(
        polled(timedelta(0), a="online"), polled(DAY, a="unknown"), polled(2 * DAY, a="online")
    )
    assert circuit.lengths == {Condition.UP: 29 * DAY, Condition.BLIND: DAY}
    assert circuit.availability(count_planned=True) == 100.0


def test_before_the_first_poll_and_while_polls_fail_nothing_is_known():
    circuit = ledger_of(polled(DAY, a="online"), failed(2 * DAY), polled(3 * DAY, a="offline"))
    assert circuit.of(Condition.BLIND) == 2 * DAY
    assert circuit.of(Condition.UP) == DAY


def test_a_failure_shorter_than_blind_after_leaves_the_last_known_state():
    circuit = ledger_of(
        polled(timedelta(0), a="online"), failed(DAY), polled(DAY + MINUTE, a="online")
    )
    assert circuit.lengths == {Condition.UP: 30 * DAY}


def test_while_no_daemon_ran_nothing_is_known():
    circuit = ledger_of(
        polled(timedelta(0), a="online"),
        started(2 * DAY, last=DAY),
        polled(2 * DAY + MINUTE, a="online"),
    )
    assert circuit.of(Condition.BLIND) == DAY + MINUTE


def test_the_vendors_record_fills_what_nobody_saw():
    circuit = ledger_of(
        polled(timedelta(0), a="online"),
        started(2 * DAY, last=DAY),
        polled(2 * DAY, a="online"),
        record(2 * DAY + HOUR, "vyvx/a", DAY, 2 * DAY, ("offline", DAY + HOUR, DAY + 3 * HOUR)),
    )
    assert circuit.lengths == {Condition.UP: 30 * DAY - 2 * HOUR, Condition.DOWN: 2 * HOUR}
    (outage,) = circuit.outages
    assert [alarm.state for alarm in outage.recorded] == ["offline"]
    assert circuit.corrected_at is None


def test_the_vendors_record_does_not_contradict_what_was_seen():
    circuit = ledger_of(
        polled(timedelta(0), a="online"),
        record(2 * DAY, "vyvx/a", timedelta(0), 2 * DAY, ("offline", HOUR, 2 * HOUR)),
    )
    assert circuit.lengths == {Condition.UP: 30 * DAY}


def test_a_reading_after_the_period_corrects_it_and_is_marked():
    records = (
        polled(timedelta(0), a="online"),
        started(40 * DAY, last=29 * DAY),
        record(40 * DAY, "vyvx/a", 29 * DAY, 30 * DAY, ("offline", 29 * DAY, 29 * DAY + HOUR)),
    )
    circuit = ledger_of(*records)
    assert circuit.of(Condition.DOWN) == HOUR
    assert circuit.corrected_at == START + 40 * DAY


def test_a_later_reading_replaces_an_earlier_one():
    circuit = ledger_of(
        polled(timedelta(0), a="online"),
        started(2 * DAY, last=DAY),
        polled(2 * DAY, a="online"),
        record(2 * DAY, "vyvx/a", DAY, 2 * DAY, ("offline", DAY, DAY + HOUR)),
        record(3 * DAY, "vyvx/a", DAY, 2 * DAY, ("offline", DAY, DAY + 2 * HOUR)),
    )
    assert circuit.of(Condition.DOWN) == 2 * HOUR


def test_planned_works_make_down_time_planned_and_leave_the_rest():
    window = (START + DAY, START + DAY + HOUR)
    circuit = ledger_of(
        polled(timedelta(0), a="online"),
        polled(DAY + 30 * MINUTE, a="offline"),
        polled(DAY + 90 * MINUTE, a="online"),
        planned=announced(window),
    )
    assert circuit.of(Condition.PLANNED) == 30 * MINUTE
    assert circuit.of(Condition.DOWN) == 30 * MINUTE
    (outage,) = circuit.outages
    assert (outage.length, outage.planned) == (HOUR, 30 * MINUTE)
    folded = 30 * DAY
    assert circuit.availability(count_planned=True) == pytest.approx(100 * (1 - HOUR / folded))
    assert circuit.availability(count_planned=False) == pytest.approx(
        100 * (1 - 30 * MINUTE / (folded - 30 * MINUTE))
    )


def test_works_announced_after_it_broke_do_not_count():
    circuit = ledger_of(
        polled(timedelta(0), a="online"),
        polled(DAY, a="offline"),
        polled(DAY + 4 * HOUR, a="online"),
        planned=announced((START + DAY + HOUR, START + 2 * DAY), at=START + DAY + MINUTE),
    )
    assert circuit.of(Condition.DOWN) == 4 * HOUR
    assert circuit.of(Condition.PLANNED) == timedelta(0)


def test_works_that_announced_degraded_service_leave_what_was_down():
    circuit = ledger_of(
        polled(timedelta(0), a="online"),
        polled(DAY, a="degraded"),
        polled(DAY + HOUR, a="offline"),
        polled(DAY + 3 * HOUR, a="online"),
        planned=announced((START + DAY, START + 2 * DAY), is_outage=False),
    )
    assert circuit.of(Condition.PLANNED) == HOUR
    assert circuit.of(Condition.DOWN) == 2 * HOUR


def test_planned_works_that_nobody_could_watch_stay_unknown():
    window = (START, START + DAY)
    circuit = ledger_of(polled(DAY, a="online"), planned=announced(window))
    assert circuit.lengths == {Condition.BLIND: DAY, Condition.UP: 29 * DAY}


def test_a_reservation_is_in_service_while_it_is_booked_and_off_air_minutes_count_for_nothing():
    booking = model.Booking(
        id="1", scheduled=model.Window(start=START + DAY, end=START + DAY + 3 * HOUR)
    )
    details = model.DetailsRead(subject="vyvx/a", details=model.Details(bookings=(booking,)))
    circuit = ledger_of(
        polled(timedelta(0), a="offline"),
        ports.Recorded(at=START + HOUR, what=details),
        polled(DAY + HOUR, a="online"),
    )
    assert circuit.in_service == 3 * HOUR
    assert circuit.of(Condition.DOWN) == HOUR


def test_a_circuit_that_is_not_listed_is_out_of_service():
    circuit, _ = built(
        polled(timedelta(0), a="online", b="online"),
        polled(DAY, absent=["a"]),
        polled(DAY + MINUTE, absent=["a"]),
        polled(2 * DAY, a="online"),
    ).circuits
    assert circuit.course.of(Condition.UNUSED) == DAY - MINUTE
    assert circuit.course.in_service == 29 * DAY + MINUTE


def test_a_line_without_samples_is_unknown():
    times = [START + n * 5 * MINUTE for n in range(12)]
    circuit = ledger_of(
        polled(
            timedelta(0), source="evpl", a={"utilization": 1.0}, samples=[("a", at) for at in times]
        ),
        end=START + 3 * HOUR,
    )
    assert circuit.of(Condition.UP) == 55 * MINUTE + 15 * MINUTE
    assert circuit.of(Condition.BLIND) == 3 * HOUR - 70 * MINUTE


def test_a_connection_below_what_was_bought_is_degraded_and_an_inactive_one_is_down():
    entry = engine.InventoryEntry(expected_mbps=500.0)
    circuit = ledger_of(
        polled(timedelta(0), source="iod", a={"status": "active", "bandwidth_mbps": 500.0}),
        polled(DAY, source="iod", a={"status": "active", "bandwidth_mbps": 100.0}),
        polled(2 * DAY, source="iod", a={"status": "suspended", "bandwidth_mbps": 500.0}),
        polled(3 * DAY, source="iod", a={"status": "active", "bandwidth_mbps": 500.0}),
        iod_a=entry,
    )
    assert circuit.lengths == {
        Condition.UP: 28 * DAY,
        Condition.DEGRADED: DAY,
        Condition.DOWN: DAY,
    }


def test_an_outage_that_goes_on_says_so():
    circuit = ledger_of(polled(timedelta(0), a="online"), polled(DAY, a="offline"))
    (outage,) = circuit.outages
    assert outage.lasts
    assert outage.end == END
