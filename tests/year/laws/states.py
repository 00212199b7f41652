"""The laws of circuits, whose states Vyvx tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from tests.year.laws import messages
from tests.year.laws.timing import due
from tests.year.plan import Circuit, Plan, Rule
from tests.year.trace import Trace


@dataclass(frozen=True, slots=True)
class Outage:
    """From when to when a circuit was down, in truth."""

    begin: datetime
    end: datetime


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each circuit."""
    for rule in plan.rules:
        for circuit in plan.circuits:
            yield from _about(plan, trace, rule, circuit)


def outages(plan: Plan, rule: Rule, circuit: Circuit) -> list[Outage]:
    """Return when a rule held of a circuit, in the order of time."""
    spans: list[Outage] = []
    begin: datetime | None = None
    for fact in (fact for fact in plan.statuses if fact.circuit == circuit.id):
        if fact.state in rule.to:
            begin = begin or fact.at
        elif begin is not None:
            spans.append(Outage(begin, fact.at))
            begin = None
    return spans if begin is None else [*spans, Outage(begin, plan.end)]


def _about(plan: Plan, trace: Trace, rule: Rule, circuit: Circuit) -> Iterator[str]:
    records = messages.about(trace, circuit.name)
    spans = outages(plan, rule, circuit)
    for span, following in zip_longest(spans, spans[1:]):
        shown_by = due(plan, span.begin, rule.hold)
        if shown_by < span.end and not messages.shows(records, shown_by):
            yield f"lost: {circuit.name} was down from {span.begin} on, not shown by {shown_by}"
        over_by = due(plan, span.end, rule.keep)
        until = following.begin if following else plan.end
        if over_by < until and messages.shows(records, over_by):
            yield f"untrue: {circuit.name} was up from {span.end} on, still down at {over_by}"
        for record in records:
            if messages.is_clear(record) and shown_by < record.at < span.end:
                yield f"false all-clear: {circuit.name} at {record.at}, down from {span.begin} on"
    yield from messages.repetitions(records, circuit.name, messages.kept(trace))
    first = spans[0].begin if spans else plan.end
    if records and records[0].at < first:
        yield f"invented: {circuit.name} at {records[0].at}"
