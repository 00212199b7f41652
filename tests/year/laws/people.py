"""The laws of what people do: silences, acknowledgements, and whom nobody's answer calls.

- who is silenced is not disturbed, and what is still down afterwards is shown then;
- nobody else is called about what somebody has acknowledged in time;
- somebody else is called about what nobody has acknowledged;
- a press counts once however often it comes, and an acknowledged incident says so.

A command that nobody answers may have been carried out or not, so nothing is said of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.year.faults import BrokerFault, WrongClock
from tests.year.laws import messages
from tests.year.laws.bookings import is_booked
from tests.year.laws.spans import Outage, outages
from tests.year.laws.timing import due
from tests.year.laws.works import is_planned
from tests.year.plan import DUTY, NOC, Circuit, Plan, Rule, Silence
from tests.year.trace import Record, Trace

_REOPENS = timedelta(minutes=15)  # after the last outage, which may have been acknowledged
_ACKNOWLEDGED = ("it is yours", "it is still yours", "you have acknowledged it already")
_ON_THE_WAY = timedelta(seconds=30)  # a command, and its answer


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each circuit, and each press."""
    if not any(record.what in {"pressed", "silenced"} for record in trace.records):
        answers: dict[str, Any] = {}
    else:
        answers = answers_of(trace)
    for rule in plan.rules:
        for circuit in plan.circuits:
            yield from _about_silences(plan, trace, rule, circuit, answers)
            is_plain = not is_booked(plan, circuit) and not is_planned(plan, circuit)
            if rule.escalate and is_plain:
                yield from _about_escalation(plan, trace, rule, circuit, answers)
    yield from _about_presses(plan, trace, answers)


def _about_silences(
    plan: Plan, trace: Trace, rule: Rule, circuit: Circuit, answers: dict[str, Any]
) -> Iterator[str]:
    records = [
        record
        for record in messages.about(trace, circuit.name, NOC)
        if record.fields["method"] == "chat.postMessage" and not record.fields["thread_ts"]
    ]
    for number, silence in enumerate(plan.facts):
        if not isinstance(silence, Silence) or silence.circuit != circuit.id:
            continue
        if not answers.get(f"silence-{number}", {}).get("ok") or _is_doubtful(plan, silence):
            continue
        begin = max(silence.begin, silence.at + _ON_THE_WAY)
        quiet_from = begin
        for outage in outages(plan, rule, circuit):
            over_by = due(plan, outage.end, rule.keep)
            quiet_since, quiet_from = quiet_from, max(begin, over_by)
            if not quiet_since <= outage.begin or not over_by < silence.until:
                continue
            for record in records:
                if outage.begin <= record.at <= over_by:
                    yield f"disturbed: {circuit.name} at {record.at}, silenced from {begin} on"


def _is_doubtful(plan: Plan, silence: Silence) -> bool:
    """Return whether a daemon had another time of day, by which it takes what it is told."""
    return any(
        isinstance(fault, WrongClock) and fault.at < silence.until and fault.until > silence.at
        for fault in plan.faults
    )


def _about_escalation(
    plan: Plan, trace: Trace, rule: Rule, circuit: Circuit, answers: dict[str, Any]
) -> Iterator[str]:
    called = [r for r in messages.about(trace, circuit.name, DUTY) if not r.fields["thread_ts"]]
    pressed = [r for r in trace.of("pressed") if r.fields["circuit"] == circuit.id]
    of_storms = messages.of_storms(trace, circuit.vendor)
    before = plan.begin - _REOPENS
    for outage in outages(plan, rule, circuit):
        since, before = outage.begin - before, outage.end
        if since < _REOPENS + rule.keep or _is_silenced(plan, circuit, outage):
            continue
        called_by = due(plan, outage.begin, rule.hold + rule.escalate)
        if _may_be_of_a_storm(of_storms, outage):
            continue  # laws/storms.py
        of_it = [r for r in pressed if outage.begin <= r.at <= max(outage.end, called_by)]
        was_called = any(outage.begin <= record.at <= called_by for record in called)
        if not of_it and called_by < outage.end and not was_called:
            yield f"not called: {circuit.name} was down from {outage.begin} on, none by {called_by}"
        acked_at = _acknowledged_at(plan, outage, of_it, answers)
        if acked_at is None or acked_at >= outage.begin + rule.hold + rule.escalate:
            continue
        for record in called:
            if outage.begin <= record.at <= outage.end:
                yield f"called: {circuit.name} at {record.at}, acknowledged at {acked_at}"


def _may_be_of_a_storm(of_storms: list[Record], outage: Outage) -> bool:
    """Return whether an outage may be one of the many that a storm is about."""
    return messages.shows(of_storms, outage.begin) or any(
        outage.begin - _REOPENS <= record.at <= outage.end for record in of_storms
    )


def _acknowledged_at(
    plan: Plan, outage: Outage, pressed: list[Record], answers: dict[str, Any]
) -> datetime | None:
    """Return when somebody acknowledged what was down, and nobody took it back."""
    if any(record.fields["verb"] == "unack" for record in pressed):
        return None
    for record in pressed:
        answer = answers.get(record.fields["id"], {})
        opened = datetime.fromisoformat(record.fields["opened"])
        if record.fields["verb"] != "ack" or not outage.begin <= opened <= outage.end:
            continue
        if answer.get("ok"):
            return max(record.at + _ON_THE_WAY, due(plan, record.at, timedelta()))
    return None


def _is_silenced(plan: Plan, circuit: Circuit, outage: Outage) -> bool:
    return any(
        isinstance(fact, Silence)
        and fact.circuit == circuit.id
        and fact.at < outage.end
        and fact.until > outage.begin
        for fact in plan.facts
    )


def _about_presses(plan: Plan, trace: Trace, answers: dict[str, Any]) -> Iterator[str]:
    events: dict[str, dict[str, Any]] = {}
    for record in trace.of("mqtt"):
        if record.fields["topic"] == "watcher/events":
            event = json.loads(record.fields["payload"])
            events[event["event_id"]] = event
    notes = Counter(event["text"] for event in events.values() if event["kind"] == "noted")
    for record in trace.of("pressed"):
        press, answer = record.fields, answers.get(record.fields["id"], {})
        by = due(plan, record.at, timedelta())
        is_doubtful = any(
            isinstance(fault, BrokerFault) and fault.at <= by and fault.until >= record.at
            for fault in plan.faults
        )
        if press["verb"] != "note" or not answer.get("ok") or is_doubtful or by >= plan.end:
            continue
        times = sum(count for text, count in notes.items() if press["text"] in text)
        if times != 1:
            yield f"press: {press['id']} at {record.at} is on the timeline {times} times"


def answers_of(trace: Trace) -> dict[str, Any]:
    """Return the answers to commands, by the command's id: the first of each that says yes."""
    answers: dict[str, Any] = {}
    for record in trace.of("mqtt"):
        if record.fields["topic"] == "watcher/answers":
            answer = json.loads(record.fields["payload"])
            if answer["ok"] or answer.get("id") not in answers:
                answers[answer.get("id", "")] = answer
    for record in trace.of("answered"):  # in Slack, in words
        is_done = any(words in record.fields["text"] for words in _ACKNOWLEDGED)
        answers.setdefault(record.fields["id"], {"ok": False})
        answers[record.fields["id"]]["ok"] |= is_done
    return answers
