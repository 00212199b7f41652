"""The law of what people do: a press counts once however often it comes, and its note is kept.

A command that nobody answers may have been carried out or not, so nothing is said of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.year.faults import BrokerFault
from tests.year.laws.timing import due
from tests.year.plan import Plan
from tests.year.trace import Trace

_ACKNOWLEDGED = ("it is yours", "it is still yours", "you have acknowledged it already")


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each press."""
    if any(trace.of("pressed")):
        yield from _about_presses(plan, trace, answers_of(trace))


def _about_presses(plan: Plan, trace: Trace, answered: dict[str, Any]) -> Iterator[str]:
    events: dict[str, dict[str, Any]] = {}
    for record in trace.of("mqtt"):
        if record.fields["topic"] == "watcher/events":
            event = json.loads(record.fields["payload"])
            events[event["event_id"]] = event
    notes = Counter(event["text"] for event in events.values() if event["kind"] == "noted")
    for record in trace.of("pressed"):
        press, answer = record.fields, answered.get(record.fields["id"], {})
        by = due(plan, record.at, timedelta())
        is_doubtful = any(
            isinstance(fault, BrokerFault) and fault.at <= by and fault.until >= record.at
            for fault in plan.faults
        )
        if press["verb"] != "note" or not answer.get("ok") or is_doubtful or by >= plan.end:
            continue
        wanted = re.compile(rf"{re.escape(press['text'])}\b")  # one press's number begins another's
        times = sum(count for text, count in notes.items() if wanted.search(text))
        if times != 1:
            yield f"press: {press['id']} at {record.at} is on the timeline {times} times"


def answers_of(trace: Trace) -> dict[str, Any]:
    """Return the answers to commands, by the command's id: the first of each that says yes."""
    by_id: dict[str, Any] = {}
    for record in trace.of("mqtt"):
        if record.fields["topic"] == "watcher/answers":
            answer = json.loads(record.fields["payload"])
            if answer["ok"] or answer.get("id") not in by_id:
                by_id[answer.get("id", "")] = answer
    for record in trace.of("answered"):  # in Slack, in words
        is_done = any(words in record.fields["text"] for words in _ACKNOWLEDGED)
        by_id.setdefault(record.fields["id"], {"ok": False})
        by_id[record.fields["id"]]["ok"] |= is_done
    return by_id
