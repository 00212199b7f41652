"""The laws of circuits, whose states Vyvx tells."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from tests.year.laws import messages
from tests.year.laws.plain import is_plain
from tests.year.laws.spans import faults, outages
from tests.year.laws.timing import due, unsilenced
from tests.year.plan import NOC, Circuit, Plan, Rule
from tests.year.trace import Trace


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each circuit that is watched all the time."""
    for rule in faults(plan):
        for circuit in plan.circuits:
            if is_plain(plan, circuit):
                yield from _about(plan, trace, rule, circuit)


def _about(plan: Plan, trace: Trace, rule: Rule, circuit: Circuit) -> Iterator[str]:
    records = messages.about(trace, circuit.name, NOC)
    of_storms = messages.of_storms(trace, circuit.vendor)
    spans = outages(plan, rule, circuit)
    for span, following in zip_longest(spans, spans[1:]):
        shown_by = unsilenced(plan, circuit, span.begin, due(plan, span.begin, rule.hold))
        is_shown = messages.shows(records, shown_by) or messages.shows(of_storms, shown_by)
        if shown_by < span.end and not is_shown:
            yield f"lost: {circuit.name} was down from {span.begin} on, not shown by {shown_by}"
        over_by = due(plan, span.end, rule.keep)
        until = following.begin if following else plan.end
        if over_by < until and messages.shows(records, over_by):
            yield f"untrue: {circuit.name} was up from {span.end} on, still down at {over_by}"
        clears = messages.all_clears(records)
        for record in records:
            if not shown_by < record.at < span.end:
                continue
            if record in clears:
                yield f"false all-clear: {circuit.name} at {record.at}, down from {span.begin} on"
            elif not messages.shows([*records, *of_storms], record.at):
                yield f"lost: {circuit.name} was down from {span.begin} on, closed at {record.at}"
    yield from messages.repetitions(records, circuit.name, messages.kept(trace))
    first = spans[0].begin if spans else plan.end
    if records and records[0].at < first:
        yield f"invented: {circuit.name} at {records[0].at}"
