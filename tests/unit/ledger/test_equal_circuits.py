"""What the same is known of is worked out once, however many circuits there are."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given

from tests.fakes.sample_data import incident
from tests.unit.ledger.test_laws import journals, windows
from tests.unit.ledger.test_ledger import DAY, END, HOUR, START, announced, built, polled, ruleset
from watcher import engine, model
from watcher.ledger import course, document, history, ledger
from watcher.ledger.period import parse_month

MONTH = parse_month("2026-11")


def names(count):
    return [f"c{number}" for number in range(count)]


def night(count):
    """Return records of circuits of which one in a hundred failed for an hour, all at once."""
    every, failed = names(count), names(count)[::100]
    return (
        polled(timedelta(0), **dict.fromkeys(every, "online")),
        polled(DAY, **dict.fromkeys(failed, "offline")),
        polled(DAY + HOUR, **dict.fromkeys(failed, "online")),
    )


@pytest.fixture
def worked_out(monkeypatch):
    """Count what is worked out of a circuit's past, and of what is said of it."""
    counted = []

    def count(module, name):
        work = getattr(module, name)

        def counting(*args, **kwargs):
            counted.append(name)
            return work(*args, **kwargs)

        monkeypatch.setattr(module, name, counting)

    count(course, "states_of")
    count(document, "_course")
    return counted


@pytest.mark.parametrize("count", [3, 300])
def test_a_month_is_worked_out_once_for_all_of_which_the_same_is_known(worked_out, count):
    month = document.document(built(*night(count)), MONTH)
    assert len(month.circuits) == count
    assert [circuit.minutes["down"] for circuit in month.circuits[:2]] == [60, 0]
    assert worked_out == ["states_of", "states_of", "_course", "_course"]


def test_what_was_before_the_month_makes_no_difference(worked_out):
    earlier = polled(-2 * DAY, a="offline"), polled(-DAY, a="online", b="online")
    first, second = built(*earlier, polled(DAY, a="offline", b="offline")).circuits
    assert first.course is second.course
    assert worked_out == ["states_of"]


def test_each_circuit_keeps_its_name_its_target_its_tickets_and_its_claim():
    named = {
        "vyvx_c0": engine.InventoryEntry(labels={"name": "USA East"}, sla_percent=99.9),
        "vyvx_c1": engine.InventoryEntry(labels={"name": "USA West"}, sla_percent=90.0),
    }
    records = (
        polled(timedelta(0), c0="online", c1="online", c2="online"),
        polled(DAY, c0="offline", c1="offline", c2="offline"),
        polled(DAY + HOUR, c0="online", c1="online", c2="online"),
    )
    opened = incident(
        began_at=START + DAY, ticket=model.Ticket(number="4711", by="ann", at=START + DAY)
    )
    month = document.document(built(*records, **named), MONTH, ticketed=[("vyvx/c2", opened)])
    assert [circuit.name for circuit in month.circuits] == ["USA East", "USA West", "vyvx/c2"]
    assert [circuit.sla_percent for circuit in month.circuits] == [99.9, 90.0, None]
    assert [bool(circuit.claim) for circuit in month.circuits] == [True, False, False]
    tickets = [circuit.outages[0].tickets for circuit in month.circuits]
    assert tickets == [(), (), ("4711",)]


@given(journals(), windows)
def test_a_circuit_among_others_is_as_it_is_alone(records, planned):
    works = announced(*planned)
    folded = history.fold(records)
    for circuit in ledger.build(folded, ruleset(), START, END, planned=works).circuits:
        alone = history.History(
            circuits={circuit.key: folded.circuits[circuit.key]}, sight=folded.sight
        )
        assert ledger.build(alone, ruleset(), START, END, planned=works).circuits == (circuit,)
