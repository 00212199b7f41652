"""The ledger of a month in which the clock was set, or in which the machine slept."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.ledger.test_ledger import DAY, HOUR, MINUTE, START, ledger_of, polled
from watcher import model, ports
from watcher.ledger.states import Condition


def stepped(after, by):
    return ports.Recorded(at=START + after, what=model.ClockStepped(by=by))


def stalled(after, since):
    return ports.Recorded(at=START + after, what=model.Stalled(since=START + since))


def test_what_a_clock_that_was_ahead_wrote_is_moved_back():
    """Down for ten minutes, by a clock an hour ahead that is set right in the middle of it."""
    circuit = ledger_of(
        polled(timedelta(0), a="online"),
        polled(DAY + HOUR, a="offline"),
        stepped(DAY + 5 * MINUTE, -HOUR),
        polled(DAY + 10 * MINUTE, a="online"),
    )
    (outage,) = circuit.outages
    assert (outage.start, outage.length) == (START + DAY, 10 * MINUTE)


def test_time_that_a_clock_has_skipped_is_unknown():
    circuit = ledger_of(
        polled(timedelta(0), a="online"),
        polled(DAY, a="offline"),
        stepped(DAY + HOUR + 5 * MINUTE, HOUR),
        polled(DAY + HOUR + 10 * MINUTE, a="online"),
    )
    assert circuit.of(Condition.BLIND) == HOUR
    assert circuit.of(Condition.DOWN) == 10 * MINUTE


def test_while_the_machine_slept_nothing_is_known():
    circuit = ledger_of(
        polled(timedelta(0), a="online"),
        stalled(DAY + HOUR, since=DAY),
        polled(DAY + HOUR + MINUTE, a="online"),
    )
    assert circuit.of(Condition.BLIND) == HOUR + MINUTE
