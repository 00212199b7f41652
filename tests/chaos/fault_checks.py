"""What must hold of a fault with several faces, by what the vendor answered: no false all-clear.

Law: no text says recovered while the subject is not well, one thread stands for a fault at a time,
and what is said last is true.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.chaos.evidence import Evidence
from tests.chaos.processes import FAULT

MOST_OFF = 3.0  # seconds that a plan sets a daemon's clock off
WELL = {"online", "impaired"}

Json = Mapping[str, Any]


def check(
    evidence: Evidence, documents: Mapping[str, Json], events: Mapping[str, Mapping[int, Json]]
) -> Iterator[str]:
    """Judge the incidents of the fault, subject by subject."""
    for subject, state in evidence.final.items():
        own = sorted(
            (
                document
                for document in documents.values()
                if document.get("fault") == FAULT
                and document["alerts"][0]["subject"] == f"vyvx/{subject}"
            ),
            key=lambda document: document["opened_at"],
        )
        yield from _one_at_a_time(evidence, subject, own)
        for document in own:
            yield from _recoveries(evidence, subject, events.get(document["id"], {}))
        live = [document for document in own if document["status"] != "resolved"]
        if bool(live) is (state in WELL):
            status = "open" if live else "not open"
            yield f"{subject} is {state} in the end, and its fault is {status}"
        elif own:
            yield from _last_text(evidence, subject, state, own[-1])


def _one_at_a_time(evidence: Evidence, subject: str, own: Sequence[Json]) -> Iterator[str]:
    if any(disruption.kind == "clock" for disruption in evidence.disruptions):
        return  # the documents' times are the daemon's
    for before, after in itertools.pairwise(own):
        if before["resolved_at"] is None or before["resolved_at"] > after["opened_at"]:
            yield f"the fault of {subject} has two threads: {before['id']} and {after['id']}"


def _recoveries(evidence: Evidence, subject: str, events: Mapping[int, Json]) -> Iterator[str]:
    """Nothing is called recovered that no poll has shown well since the entry before.

    Two entries that a slow broker passed on together were made one after the other.
    """
    is_off = any(disruption.kind == "clock" for disruption in evidence.disruptions)
    for number, event in sorted(events.items()):
        if event["kind"] != "resolved" or "recovered" not in event["text"]:
            continue
        before = events.get(number - 1)
        since = _made_at(before) - is_off * MOST_OFF if before else 0.0
        states = [
            poll.states[subject]
            for poll in evidence.polls
            if poll.states and subject in poll.states and poll.started_at <= event["heard"]
        ]
        lately = [
            poll.states[subject]
            for poll in evidence.polls
            if poll.states
            and subject in poll.states
            and since <= poll.ended_at
            and poll.started_at <= event["heard"]
        ]
        if not WELL & {*lately, *states[-1:]}:
            yield f"{event['event_id']} says {event['text']!r}, and {subject} was {states[-1:]}"


def _made_at(event: Json) -> float:
    """Return when an event was made, by the daemon's clock; it was heard then or later."""
    made = datetime.fromisoformat(event["at"]).timestamp()
    return min(made, event["heard"])


def _last_text(evidence: Evidence, subject: str, state: str, document: Json) -> Iterator[str]:
    """The parent in Slack is the last thing that a person reads of the newest incident."""
    parents = [
        thread[0]
        for thread in evidence.threads
        if document["id"] in json.dumps(thread[0].get("metadata") or {})
    ]
    for parent in parents[-1:]:
        if ("recovered" in parent["text"]) is not (state in WELL):
            yield f"{subject} is {state}, and the last text of its fault is {parent['text']!r}"
