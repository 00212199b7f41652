"""What people must have been told, from the plan and the trace alone: no code of Watcher's.

A message is about a circuit whose name it contains, and says that it is down, that it has
`recovered`, or that it was down and this is `reported late`. What a thread shows is the newest text
of its first message. Laws:

- nothing is lost: while a circuit is down for longer than it takes to say so, a thread shows it;
- the last text is true: once it is up again for that long, no thread shows it as down;
- nothing is told twice: no second thread while one shows it as down, no text twice in a thread;
- no false all-clear: none says `recovered` of what is down and was shown as such.

What breaks meanwhile only delays: the time counts from its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from tests.year.plan import Circuit, Plan, Rule
from tests.year.trace import Record, Trace

SLACK_TIME = timedelta(minutes=1)  # for Slack, and for reading the vendor's details first
AFTER_FAULT = timedelta(minutes=5)  # how long Watcher may wait before it tries again


@dataclass(frozen=True, slots=True)
class Outage:
    """From when to when a circuit was down, in truth."""

    begin: datetime
    end: datetime


def complaints(plan: Plan, trace: Trace) -> list[str]:
    """Return what was wrong, each in a sentence; empty if nothing was."""
    return [
        complaint
        for rule in plan.rules
        for circuit in plan.circuits
        for complaint in _about(plan, trace, rule, circuit)
    ]


def outages(plan: Plan, rule: Rule, circuit: Circuit) -> list[Outage]:
    """Return when a rule held of a circuit, in the order of time."""
    spans: list[Outage] = []
    begin: datetime | None = None
    for fact in (fact for fact in plan.facts if fact.circuit == circuit.id):
        if fact.state in rule.to:
            begin = begin or fact.at
        elif begin is not None:
            spans.append(Outage(begin, fact.at))
            begin = None
    return spans if begin is None else [*spans, Outage(begin, plan.end)]


def due(plan: Plan, at: datetime, wait: timedelta) -> datetime:
    """Return by when people must know of what changed at `at`; faults put it off.

    A fault that is over still does for as long as Watcher may wait before it tries again.
    """
    wait += 2 * plan.interval + SLACK_TIME
    by = at + wait
    for fault in plan.faults:
        tried_again = fault.until + AFTER_FAULT + 5 * plan.interval
        if fault.at <= by and tried_again >= at:
            by = max(by, tried_again + wait)
    return by


def _about(plan: Plan, trace: Trace, rule: Rule, circuit: Circuit) -> Iterator[str]:
    records = [r for r in trace.of("slack") if r.fields["done"] and circuit.name in _text(r)]
    spans = outages(plan, rule, circuit)
    for span, following in zip_longest(spans, spans[1:]):
        shown_by = due(plan, span.begin, rule.hold)
        if shown_by < span.end and not _shows(records, shown_by):
            yield f"lost: {circuit.name} was down from {span.begin} on, not shown by {shown_by}"
        over_by = due(plan, span.end, rule.keep)
        until = following.begin if following else plan.end
        if over_by < until and _shows(records, over_by):
            yield f"untrue: {circuit.name} was up from {span.end} on, still down at {over_by}"
        for record in records:
            if _is_clear(record) and shown_by < record.at < span.end:
                yield f"false all-clear: {circuit.name} at {record.at}, down from {span.begin} on"
    yield from _twice(records, circuit)
    first = spans[0].begin if spans else plan.end
    if records and records[0].at < first:
        yield f"invented: {circuit.name} at {records[0].at}"


def _twice(records: list[Record], circuit: Circuit) -> Iterator[str]:
    texts: set[tuple[str, str]] = set()
    for record in records:
        if record.fields["method"] != "chat.postMessage":
            continue
        thread = record.fields["thread_ts"]
        just_before = record.at - timedelta(microseconds=1)
        if not thread and _is_down(record) and _shows(records, just_before):
            yield f"twice: a second thread about {circuit.name} at {record.at}"
        if thread and (thread, _text(record)) in texts:
            yield f"twice: {_text(record)!r} at {record.at}"
        texts.add((thread, _text(record)))


def _shows(records: Sequence[Record], at: datetime) -> bool:
    """Whether a thread shows the circuit as down at a time."""
    parents: dict[str, Record] = {}
    for record in records:
        if record.at <= at and not record.fields["thread_ts"]:
            parents[record.fields["ts"]] = record
    return any(_is_down(record) for record in parents.values())


def _is_clear(record: Record) -> bool:
    return "recovered" in _text(record)


def _is_down(record: Record) -> bool:
    return not _is_clear(record) and "reported late" not in _text(record)


def _text(record: Record) -> str:
    text: str = record.fields["text"]
    return text
