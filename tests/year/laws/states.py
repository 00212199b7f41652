"""The laws of circuits, whose states Vyvx tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import zip_longest

from tests.year.laws import messages
from tests.year.laws.spans import outages
from tests.year.laws.timing import due
from tests.year.plan import NOC, Circuit, Plan, Rule, Silence
from tests.year.trace import Trace


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each circuit."""
    for rule in plan.rules:
        for circuit in plan.circuits:
            yield from _about(plan, trace, rule, circuit)


def _about(plan: Plan, trace: Trace, rule: Rule, circuit: Circuit) -> Iterator[str]:
    records = messages.about(trace, circuit.name, NOC)
    spans = outages(plan, rule, circuit)
    for span, following in zip_longest(spans, spans[1:]):
        shown_by = _unsilenced(plan, circuit, span.begin, due(plan, span.begin, rule.hold))
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


def _unsilenced(plan: Plan, circuit: Circuit, at: datetime, by: datetime) -> datetime:
    """Return by when something is shown that began at `at`: a silence puts it off."""
    for fact in plan.facts:
        if not isinstance(fact, Silence) or fact.circuit != circuit.id:
            continue
        if fact.at <= by and fact.until >= at:
            by = max(by, due(plan, fact.until, timedelta()))
    return by
