"""The laws of circuits that are booked for hours: who has no booking is nobody's business.

- nothing is lost: while a circuit is down on air, or shortly before, a thread shows it, to the end
  of the booking as it was extended;
- off air calls nobody, and what is off air is not shown as down;
- an end is no recovery: none says `recovered` of what is down.

What is said off air by a wrong clock is not counted, nor what the vendor could not be asked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.year.laws import messages
from tests.year.laws.spans import Outage, faults, outages
from tests.year.laws.timing import due, is_clock_wrong, unsilenced
from tests.year.plan import NOC, Booking, Circuit, Plan, Rule
from tests.year.trace import Record, Trace

PRE_ROLL = timedelta(minutes=15)
_ROUNDING = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when a circuit is watched; `edges` are the ends that its booking has had."""

    begin: datetime
    end: datetime
    edges: tuple[datetime, ...]


def is_booked(plan: Plan, circuit: Circuit) -> bool:
    """Return whether a circuit has bookings."""
    return any(isinstance(fact, Booking) and fact.circuit == circuit.id for fact in plan.facts)


def windows(plan: Plan, circuit: Circuit) -> list[Window]:
    """Return when a circuit is watched, in the order of time."""
    booked: dict[int, list[Booking]] = {}
    for fact in plan.facts:
        if isinstance(fact, Booking) and fact.circuit == circuit.id:
            booked.setdefault(fact.number, []).append(fact)
    return sorted(
        (
            Window(
                begin=versions[-1].begin - PRE_ROLL,
                end=versions[-1].end,
                edges=tuple(version.end for version in versions[:-1]),
            )
            for versions in booked.values()
        ),
        key=lambda window: window.begin,
    )


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each circuit that has bookings."""
    kept = messages.kept(trace)
    for rule in faults(plan):
        for circuit in plan.circuits:
            if is_booked(plan, circuit):
                yield from _about(plan, trace, rule, circuit, kept)


def _about(
    plan: Plan, trace: Trace, rule: Rule, circuit: Circuit, kept: dict[str, datetime]
) -> Iterator[str]:
    name, records = circuit.name, messages.about(trace, circuit.name, NOC)
    of_storms = messages.of_storms(trace, circuit.vendor)
    on_air, down = windows(plan, circuit), outages(plan, rule, circuit)
    for outage in down:
        for window in on_air:
            yield from _about_part(plan, rule, circuit, [*records, *of_storms], outage, window)
        shown_by = due(plan, outage.begin, rule.hold)
        for record in messages.all_clears(records):
            if shown_by < record.at < outage.end:
                yield f"false all-clear: {name} at {record.at}, down from {outage.begin} on"
    for begin, end in _quiet(plan, on_air, down):
        over_by = due(plan, begin, rule.keep)
        if over_by >= end or is_clock_wrong(plan, begin, over_by):
            continue
        if messages.shows(records, over_by):
            yield f"untrue: {name} is off air or up from {begin} on, still down at {over_by}"
    yield from _off_air(plan, circuit, records, on_air)
    yield from messages.repetitions(records, name, kept)


def _about_part(  # noqa: PLR0917  # one caller, above
    plan: Plan,
    rule: Rule,
    circuit: Circuit,
    records: Sequence[Record],
    outage: Outage,
    window: Window,
) -> Iterator[str]:
    """Yield where the part of an outage that is on air was not shown all the time."""
    begin, end = max(outage.begin, window.begin), min(outage.end, window.end)
    shown_by = unsilenced(plan, circuit, begin, due(plan, begin, rule.hold))
    later = (due(plan, edge, rule.hold) for edge in window.edges)
    for at in (shown_by, *later, end - _ROUNDING):
        if not shown_by <= at < end or is_clock_wrong(plan, begin, at):
            continue
        if not messages.shows(records, at):
            yield f"lost: {circuit.name} was down on air from {begin} on, not shown at {at}"
            return


def _off_air(
    plan: Plan, circuit: Circuit, records: Sequence[Record], on_air: Sequence[Window]
) -> Iterator[str]:
    """Yield what was posted off air."""
    for record in records:
        is_new = messages.opens_thread(record)
        if not is_new or not messages.is_down(record) or is_clock_wrong(plan, record.at, record.at):
            continue
        if not any(w.begin <= record.at <= due(plan, w.end, timedelta()) for w in on_air):
            yield f"off air: {circuit.name} at {record.at}"


def _quiet(
    plan: Plan, on_air: list[Window], down: list[Outage]
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the times in which a circuit is not both down and on air."""
    at = plan.begin
    parts = sorted(
        (max(outage.begin, window.begin), min(outage.end, window.end))
        for outage in down
        for window in on_air
        if outage.begin < window.end and window.begin < outage.end
    )
    for begin, end in parts:
        if begin > at:
            yield at, begin
        at = max(at, end)
    yield at, plan.end
