"""Compares what the vendor did with what a Slack reader and an MQTT subscriber saw.

Law: pure. It knows the promises (docs/discussions/reliability.md) and nothing of how they are kept.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.chaos import fault_checks, slack_checks, vendor_checks
from tests.chaos.evidence import DiagnosticsCall, Evidence
from tests.chaos.processes import FAULT

PREFIX = "watcher/"
COMMIT_SECONDS = 1.0  # from a message to the receipt that it was sent, on a busy machine
DONE = {"done", "no_report", "failed", "skipped"}
INTERRUPTING = {"kill", "stop", "start", "freeze"}

Json = Mapping[str, Any]


def check(evidence: Evidence) -> list[str]:
    """Say everything that is wrong, in words; nothing when every promise was kept."""
    documents = _documents(evidence)
    events = _events(evidence)
    threads = slack_checks.threads_of(evidence.threads)
    complaints = list(evidence.faults)
    complaints += _presence(evidence)
    complaints += _alarms(evidence, threads.pop("", []))
    for identity in sorted({*documents, *events, *threads}):
        document = documents.get(identity)
        if document is None:
            complaints.append(f"{identity} has no document")
            continue
        own = events.get(identity, {})
        kinds = {number: (event["kind"], event["notify"]) for number, event in own.items()}
        complaints += (
            f"{identity} ({document['rule']}) {fault}"
            for fault in (
                *slack_checks.check(document, kinds, threads.get(identity, []), evidence.files),
                *_reports(evidence, document),
                *_runs(document),
            )
        )
    complaints += _copies(evidence)
    complaints += _versions(evidence)
    complaints += _gaps(evidence, events, threads)
    complaints += _transitions(evidence, documents, events, threads)
    complaints += _final(evidence, documents)
    complaints += fault_checks.check(evidence, documents, events)
    complaints += _check_diagnostics_calls(evidence)
    return complaints


def _documents(evidence: Evidence) -> dict[str, Json]:
    documents = {}
    for topic, payload in evidence.retained.items():
        if topic.startswith(f"{PREFIX}incidents/") and topic.count("/") == 2:
            document = json.loads(payload)
            documents[document["id"]] = document
    return documents


def _events(evidence: Evidence) -> dict[str, dict[int, Json]]:
    """Every timeline entry that came, by incident and number."""
    events: dict[str, dict[int, Json]] = {}
    for message in evidence.messages:
        if message.topic == f"{PREFIX}events":
            event = json.loads(message.payload)
            events.setdefault(event["incident"], {}).setdefault(
                event["number"], {**event, "heard": message.at}
            )
    return events


def _presence(evidence: Evidence) -> Iterator[str]:
    """At the end everybody is there, and the source is seen."""
    for topic, payload in evidence.retained.items():
        if topic.startswith(f"{PREFIX}status") and payload != b"online":
            yield f"{topic} says {payload.decode()}"
    if f"{PREFIX}status" not in evidence.retained:
        yield "nobody says that it leads"
    sight = json.loads(evidence.retained.get(f"{PREFIX}sources/vyvx", b'{"sight": null}'))["sight"]
    if sight != "seen":
        yield f"the source is said to be {sight}"


def _alarms(evidence: Evidence, threads: Sequence[Sequence[Json]]) -> Iterator[str]:
    """A message of no incident says that the database is gone, and it was."""
    gone = [disruption for disruption in evidence.disruptions if disruption.kind == "database"]
    for parent, *_ in threads:
        at = float(parent["ts"])
        if not any(disruption.started_at <= at for disruption in gone):
            yield f"a message belongs to no incident: {parent['text']}"


def _reports(evidence: Evidence, document: Json) -> Iterator[str]:
    for run in document["diagnostics"]:
        report = run["report"]
        if report is None:
            continue
        content = evidence.retained.get(report["topic"] or "", b"")
        if hashlib.sha256(content).hexdigest() != report["sha256"]:
            yield f"names a PDF on {report['topic']} that is not there, or another one"


def _runs(document: Json) -> Iterator[str]:
    if document["rule"] == "down" and not document["diagnostics"]:
        yield "has no diagnostics"
    for run in document["diagnostics"]:
        if run["status"] not in DONE:
            yield f"has a run for {run['service_id']} that is {run['status']} forever"


def _copies(evidence: Evidence) -> Iterator[str]:
    """QoS 1 may repeat a message, but only where something went wrong in between."""
    newest: dict[str, int] = {}
    received: dict[str, tuple[float, Json]] = {}
    for message in evidence.messages:
        if message.topic != f"{PREFIX}events":
            continue
        event = json.loads(message.payload)
        identity, number = event["event_id"], event["number"]
        if identity in received:
            before, first = received[identity]
            if not evidence.disturbed(before - COMMIT_SECONDS, message.at):
                yield f"event {identity} came twice, and nothing had happened in between"
            if (first["kind"], first["at"], first["text"]) != (
                event["kind"],
                event["at"],
                event["text"],
            ):
                yield f"event {identity} came with two contents"
        elif number <= newest.get(event["incident"], 0):
            yield f"event {identity} came after number {newest[event['incident']]}"
        else:
            newest[event["incident"]] = number
        received[identity] = (message.at, event)


def _versions(evidence: Evidence) -> Iterator[str]:
    """A document never goes back to an older version."""
    newest: dict[str, int] = {}
    for message in evidence.messages:
        topic = message.topic
        if topic.startswith(f"{PREFIX}incidents/") and topic.count("/") == 2 and message.payload:
            version = json.loads(message.payload)["version"]
            if version < newest.get(topic, 0):
                yield f"{topic} went back from version {newest[topic]} to {version}"
            newest[topic] = version
    for topic, version in newest.items():
        last = json.loads(evidence.retained.get(topic, b'{"version": 0}'))["version"]
        if last < version:
            yield f"{topic} is retained with version {last}, and {version} had been published"


def _seen_numbers(events: Mapping[int, Json], threads: Any) -> dict[int, Json | None]:
    """Every entry that anybody saw: from MQTT as it is, from Slack by its number."""
    numbers = {
        number for thread in threads for message in thread for number in slack_checks.span(message)
    }
    last = max({*numbers, *events}, default=0)
    return {number: events.get(number) for number in range(1, last + 1)}


def _gaps(evidence: Evidence, events: Any, threads: Any) -> Iterator[str]:
    """No event is missing, but where the broker forgot it or our subscription."""
    for identity in events.keys() | threads.keys():
        own = events.get(identity, {})
        seen = _seen_numbers(own, threads.get(identity, []))
        for number, event in seen.items():
            if event is not None:
                continue
            before = max((own[n]["heard"] for n in own if n < number), default=0.0)
            after = min((own[n]["heard"] for n in own if n > number), default=float("inf"))
            if not any(
                started_at <= after and ended_at >= before for started_at, ended_at in evidence.gaps
            ):
                yield f"event {identity}-{number} never came"


def _transitions(
    evidence: Evidence, documents: Mapping[str, Json], events: Any, threads: Any
) -> Iterator[str]:
    for subject, rule in itertools.product(evidence.final, vendor_checks.RULES):
        own = sorted(
            (
                document
                for document in documents.values()
                if document["rule"] == rule.name
                and document["alerts"][0]["subject"] == f"vyvx/{subject}"
            ),
            key=lambda document: document["opened_at"],
        )
        tokens = []
        for document in own:
            identity = document["id"]
            seen = _seen_numbers(events.get(identity, {}), threads.get(identity, []))
            for event in seen.values():
                if event is None:
                    tokens.append(vendor_checks.UNKNOWN)
                elif event["kind"] in vendor_checks.TOKENS:
                    tokens.append(vendor_checks.TOKENS[event["kind"]])
        why = vendor_checks.check(rule, vendor_checks.observations(evidence, subject), tokens)
        if why:
            yield f"{rule.name} of {subject} ({', '.join(d['id'] for d in own)}): {why}"


def _final(evidence: Evidence, documents: Mapping[str, Json]) -> Iterator[str]:
    live = {
        (document["rule"], document["alerts"][0]["subject"]): document
        for document in documents.values()
        if document["status"] != "resolved" and document.get("fault") != FAULT
    }
    for subject, rule in itertools.product(evidence.final, vendor_checks.RULES):
        state = evidence.final[subject]
        document = live.pop((rule.name, f"vyvx/{subject}"), None)
        if (document is not None) != (state in rule.to):
            status = "open" if document else "not open"
            yield f"{subject} is {state}, and {rule.name} is {status}"
        if document is not None and document["alerts"][0]["to"] != state:
            yield f"{subject} is {state}, and its document says {document['alerts'][0]['to']}"
    for rule, subject in live:
        yield f"{rule} of {subject} is still open"


def _check_diagnostics_calls(evidence: Evidence) -> Iterator[str]:
    """One run for each service (the cooldown forbids more), and another only if it was cut off.

    Once readers were notified of what a run found, it was not cut off.
    """
    reported: dict[str, float] = {}
    for events in _events(evidence).values():
        for event in events.values():
            if event["kind"] == "diagnosed" and " was not run" not in event["text"]:
                rest = event["text"].removeprefix("Service Diagnostics for ")
                service = rest.split(maxsplit=1)[0].rstrip(":;")
                reported[service] = min(event["heard"], reported.get(service, float("inf")))
    by_service: dict[str, list[DiagnosticsCall]] = {}
    for call in evidence.diagnostics_calls:
        by_service.setdefault(call.service, []).append(call)
    for service, runs in by_service.items():
        for run, after in itertools.pairwise(runs):
            cut_off = any(
                disruption.kind in INTERRUPTING
                and disruption.started_at <= after.started_at
                and disruption.ended_at >= run.started_at
                for disruption in evidence.disruptions
            )
            if not cut_off or reported.get(service, float("inf")) < after.started_at:
                yield (
                    f"{service} was examined at {run.started_at:.3f}"
                    f" and again at {after.started_at:.3f}"
                )
            if after.started_at < run.ended_at:
                yield f"{service} was examined twice at the same time, at {after.started_at:.3f}"
