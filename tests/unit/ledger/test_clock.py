"""The ledger of a month in which the clock was set, or in which the machine slept."""

from __future__ import annotations

from datetime import timedelta

import pytest

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


@pytest.mark.parametrize(
    ("by", "down", "blind"),
    [(2 * HOUR, 9 * MINUTE, 2 * HOUR + MINUTE), (-2 * HOUR, 10 * MINUTE, timedelta(0))],
)
def test_one_that_takes_over_goes_on_with_what_was_written_on_another_clock(by, down, blind):
    """Down for ten minutes, of which nobody looked for one; what its clock never had is unknown."""
    last = START + DAY + 5 * MINUTE
    moved = ports.RulesRead(version="1", started=True, last_success=last, moved=by)
    circuit = ledger_of(
        polled(timedelta(0), a="online"),
        polled(DAY, a="offline"),
        polled(DAY + 5 * MINUTE),
        ports.Recorded(at=START + DAY + 6 * MINUTE + by, what=moved),
        polled(DAY + 6 * MINUTE + by, a="offline"),
        polled(DAY + 10 * MINUTE + by, a="online"),
    )
    assert (circuit.of(Condition.DOWN), circuit.of(Condition.BLIND)) == (down, blind)
