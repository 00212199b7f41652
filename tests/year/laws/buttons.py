"""The laws of buttons in Slack: who presses one is answered, and a press counts once.

- each press that reaches a daemon is answered within seconds, unless something breaks;
- what an answer says has been done is on the timeline once, however often the press came;
- what was refused, because the incident is over, has changed nothing;
- who has acknowledged is named in the thread.

Whom an acknowledgement keeps from being called is a law of people: laws/people.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.year.faults import BrokerFault
from tests.year.laws import messages
from tests.year.laws.timing import due
from tests.year.plan import NOC, Plan
from tests.year.trace import Record, Trace

_SOON = timedelta(seconds=10)  # Slack's 3, and the way there and back
_AROUND = timedelta(minutes=6)  # a fault, for which its press may fare otherwise
_KINDS = {"ack": "acknowledged", "unack": "unacknowledged", "packet": "noted"}
_DONE = {"ack": "it is yours", "unack": "withdrawn", "packet": "carrier packet"}
_REFUSED = "is already resolved"


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each person's press."""
    people: dict[str, list[Record]] = {}
    for record in trace.of("pressed"):
        if "arrived" in record.fields:
            people.setdefault(record.fields["by"], []).append(record)
    answers: dict[str, list[str]] = {}
    for record in trace.of("answered"):
        answers.setdefault(record.fields["id"], []).append(record.fields["text"])
    entries = _entries(trace) if people else Counter()
    for person, presses in people.items():
        yield from _about_answers(plan, trace, presses)
        replies = [text for press in presses for text in answers.get(press.fields["id"], [])]
        count = entries[person, _KINDS[presses[0].fields["verb"]]]
        yield from _about_count(presses, replies, count, is_taken=_is_taken(trace, presses))
        yield from _about_what_is_done(plan, trace, presses[0], replies, count)


def _is_taken(trace: Trace, presses: list[Record]) -> bool:
    """Return whether somebody else did the same in between, after which it counts again."""
    verb, incident = (presses[0].fields[name] for name in ("verb", "incident"))
    return any(
        (record.fields.get("verb"), record.fields.get("incident")) == (verb, incident)
        and record.fields["by"] != presses[0].fields["by"]
        and presses[0].at <= record.at <= presses[-1].at + _SOON
        for record in trace.of("pressed")
    )


def _about_count(
    presses: list[Record], replies: list[str], count: int, *, is_taken: bool
) -> Iterator[str]:
    """Yield where a press counts more often than it may."""
    verb, person, at = presses[0].fields["verb"], presses[0].fields["by"], presses[0].at
    if count > (len(presses) if verb == "packet" or is_taken else 1):
        yield f"press: {verb} by {person} at {at} counted {count} times"
    is_refused = len(replies) >= len(presses) and all(_REFUSED in text for text in replies)
    if is_refused and count:
        yield f"press: {verb} by {person} at {at} was refused, and counted"


def _about_what_is_done(
    plan: Plan, trace: Trace, press: Record, replies: list[str], count: int
) -> Iterator[str]:
    """Yield where an answer says that something is done, and nobody else sees it."""
    verb, person, at = press.fields["verb"], press.fields["by"], press.at
    by = due(plan, at, timedelta())
    if not any(_DONE[verb] in text for text in replies) or by >= plan.end:
        return
    if not count and not _is_broker_gone(plan, at, by):
        yield f"press: {verb} by {person} at {at} was answered, and did not count"
    if verb == "ack" and _is_calm(plan, at, by) and not _is_named(trace, person, by):
        yield f"press: {person} acknowledged at {at}, the thread does not say so"


def _about_answers(plan: Plan, trace: Trace, presses: list[Record]) -> Iterator[str]:
    for press in presses:
        by = press.at + _SOON
        if not press.fields["arrived"] or by >= plan.end or not _is_calm(plan, press.at, by):
            continue
        identity = press.fields["id"]
        if not any(r.fields["id"] == identity and r.at <= by for r in trace.of("answered")):
            yield f"unanswered: {press.fields['verb']} by {press.fields['by']} at {press.at}"


def _entries(trace: Trace) -> Counter[tuple[str, str]]:
    """Return how many entries there are of each person and kind, each counted once."""
    events = {}
    for record in trace.of("mqtt"):
        if record.fields["topic"] == "watcher/events":
            event = json.loads(record.fields["payload"])
            events[event["event_id"]] = event["by"], event["kind"]
    return Counter(events.values())


def _is_named(trace: Trace, person: str, by: datetime) -> bool:
    records = messages.about(trace, f"acknowledged by {person}", NOC)
    return any(record.at <= by for record in records)


def _is_calm(plan: Plan, begin: datetime, end: datetime) -> bool:
    """Return whether nothing breaks about a time."""
    return not any(fault.at <= end and fault.until + _AROUND >= begin for fault in plan.faults)


def _is_broker_gone(plan: Plan, begin: datetime, end: datetime) -> bool:
    return any(
        isinstance(fault, BrokerFault) and fault.at <= end and fault.until >= begin
        for fault in plan.faults
    )
