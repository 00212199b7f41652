"""The laws of MQTT: what the broker retains is what is true once all is quiet.

- a document's version never goes back, and each entry of a timeline comes at least once, in order,
  and the same each time;
- at the end each document is there as it was seen last, whatever the broker has lost meanwhile;
- what is down has a document that is not resolved, and what is up has none;
- the list of what is open is that of the documents, and the sources and daemons are as they are.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.year.laws.bookings import is_booked
from tests.year.laws.hours import has_hours
from tests.year.laws.spans import faults, outages
from tests.year.laws.timing import due
from tests.year.plan import Plan
from tests.year.trace import Trace

_INCIDENTS = "watcher/incidents/"
_DEPTH = 2  # of the topic of an incident's document
_LIVE = {"open", "acknowledged"}
_KEPT = timedelta(hours=24)  # how long a document stays after its incident is resolved
_ABOUT = timedelta(hours=2)  # before it goes a wrong clock may have a say
_QUIET = timedelta(minutes=90)  # after the last fault
_LATE = timedelta(minutes=5)  # how long after its interval a source is seen again at most


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong."""
    yield from _versions(trace)
    yield from _events(trace)
    is_quiet = all(fault.until + _QUIET < plan.end for fault in plan.faults)
    for snapshot in trace.of("retained") if is_quiet else ():
        topics: Mapping[str, str] = snapshot.fields["topics"]
        documents = _documents(topics)
        yield from _as_seen(trace, snapshot.at, documents)
        yield from _truth(plan, snapshot.at, documents)
        yield from _open_list(topics, documents)
        yield from _health(plan, snapshot.at, topics)


def unresolved(trace: Trace) -> Callable[[datetime], tuple[str, ...]]:
    """Return what says which incidents a subscriber of MQTT takes to be open at a time."""
    live: set[str] = set()
    times: list[datetime] = []
    open_then: list[tuple[str, ...]] = [()]
    for record in trace.of("mqtt"):
        topic, payload = record.fields["topic"], record.fields["payload"]
        if not topic.startswith(_INCIDENTS) or topic.count("/") != _DEPTH:
            continue
        key = topic.removeprefix(_INCIDENTS)
        if payload and json.loads(payload)["status"] in _LIVE:
            live.add(key)
        else:
            live.discard(key)
        times.append(record.at)
        open_then.append(tuple(sorted(live)))
    return lambda at: open_then[bisect_right(times, at)]


def _newest(trace: Trace, at: datetime) -> dict[str, str]:
    """Return what a subscriber has got last on each topic."""
    records = (record for record in trace.of("mqtt") if record.at <= at)
    return {record.fields["topic"]: record.fields["payload"] for record in records}


def _documents(topics: Mapping[str, str]) -> dict[str, Any]:
    """Return the documents of incidents by the incident's id."""
    return {
        topic.removeprefix(_INCIDENTS): json.loads(payload)
        for topic, payload in topics.items()
        if topic.startswith(_INCIDENTS) and topic.count("/") == _DEPTH and payload
    }


def _versions(trace: Trace) -> Iterator[str]:
    newest: dict[str, int] = {}
    for record in trace.of("mqtt"):
        for key, document in _documents({record.fields["topic"]: record.fields["payload"]}).items():
            version = document["version"]
            if version < newest.get(key, 0):
                yield f"back: {key} from version {newest[key]} to {version} at {record.at}"
            newest[key] = version


def _events(trace: Trace) -> Iterator[str]:
    seen: dict[str, dict[int, str]] = defaultdict(dict)
    for record in trace.of("mqtt"):
        if record.fields["topic"] != "watcher/events":
            continue
        event = json.loads(record.fields["payload"])
        entries, number = seen[event["incident"]], event["number"]
        if entries.setdefault(number, record.fields["payload"]) != record.fields["payload"]:
            yield f"changed: event {event['event_id']} at {record.at}"
        if number > 1 and number - 1 not in entries:
            yield f"order: event {event['event_id']} at {record.at} without the one before"


def _as_seen(trace: Trace, at: datetime, documents: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is not retained as it was seen last."""
    for key, document in _documents(_newest(trace, at)).items():
        over_at = document["resolved_at"]
        if over_at and at - datetime.fromisoformat(over_at) > _KEPT - _ABOUT:
            continue
        if documents.get(key) != document:
            yield f"forgotten: {key} is not retained as it was seen last"


def _truth(plan: Plan, at: datetime, documents: Mapping[str, Any]) -> Iterator[str]:
    shown = {
        alert["subject"]
        for document in documents.values()
        if document["status"] in _LIVE
        for alert in document["alerts"]
        if alert["state"] == "firing"
    }
    for rule in faults(plan):
        for circuit in plan.circuits:
            if is_booked(plan, circuit) or has_hours(plan, circuit):
                continue
            spans = outages(plan, rule, circuit)
            is_down = any(due(plan, span.begin, rule.hold) < at <= span.end for span in spans)
            was_down = any(
                span.begin <= at and due(plan, span.end, rule.keep) >= at for span in spans
            )
            if is_down and circuit.subject not in shown:
                yield f"lost: {circuit.name} is down, and no retained document is open"
            if not was_down and circuit.subject in shown:
                yield f"untrue: {circuit.name} is up, and its retained document is open"


def _open_list(topics: Mapping[str, str], documents: Mapping[str, Any]) -> Iterator[str]:
    listed = {row["id"]: row["version"] for row in json.loads(topics["watcher/open"])["incidents"]}
    live = {
        key: document["version"]
        for key, document in documents.items()
        if document["status"] in _LIVE
    }
    if listed != live:
        yield f"untrue: the list of what is open has {listed}, retained are {live}"


def _health(plan: Plan, at: datetime, topics: Mapping[str, str]) -> Iterator[str]:
    daemons = [f"watcher/status/ops{number + 1}" for number in range(plan.daemons)]
    for topic in ("watcher/status", *daemons):
        if topics.get(topic) != "online":
            yield f"untrue: {topic} is {topics.get(topic)} at the end"
    asked_again = max(plan.interval, plan.line_interval) + _LATE
    for name, is_used in _sources(plan).items():
        source = json.loads(topics.get(f"watcher/sources/{name}") or "{}")
        seen_at = source.get("last_success")
        if not is_used:
            continue
        is_fresh = seen_at and at - datetime.fromisoformat(seen_at) < asked_again
        if source.get("sight") != "seen" or not is_fresh:
            yield f"untrue: source {name} is {source.get('sight')} at the end, seen at {seen_at}"
    for silence in json.loads(topics["watcher/silences"])["silences"]:
        if silence["end"] and datetime.fromisoformat(silence["end"]) < at - _QUIET:
            yield f"untrue: silence {silence['id']} is over since {silence['end']}"


def _sources(plan: Plan) -> dict[str, bool]:
    return {
        "vyvx": bool(plan.circuits_of("vyvx")),
        "iod": bool(plan.circuits_of("iod")),
        "evpl": bool(plan.lines),
    }
