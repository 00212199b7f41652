"""The laws of escalation: whom nobody's answer calls, as the rules are that are in force then.

- nobody else is called about what somebody has acknowledged in time, or whom no rule names;
- somebody else is called about what nobody has acknowledged, also where a reload says so only then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.year.laws import messages, people
from tests.year.laws.plain import is_plain
from tests.year.laws.spans import Outage, faults, outages
from tests.year.laws.timing import due
from tests.year.plan import BOSS, DUTY, Circuit, Plan, Reload, Rule, Silence, Window
from tests.year.trace import Record, Trace

_REOPENS = timedelta(minutes=15)  # after the last outage, which may have been acknowledged
_ON_THE_WAY = timedelta(seconds=30)  # a command, and its answer


@dataclass(frozen=True, slots=True)
class Step:
    """From when to when the rules call a channel after so long."""

    begin: datetime
    end: datetime
    after: timedelta


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each circuit."""
    answers = people.answers_of(trace) if any(trace.of("pressed")) else {}
    for rule in faults(plan):
        for channel in (DUTY, BOSS):
            steps = steps_of(plan, rule, channel)
            if not any(step.after for step in steps):
                continue
            for circuit in plan.circuits:
                if is_plain(plan, circuit):
                    yield from _about(plan, trace, rule, circuit, answers, channel, steps)


def steps_of(plan: Plan, rule: Rule, channel: str) -> list[Step]:
    """Return what the rules said of a channel, one after the other."""
    versions: list[tuple[datetime, Rule | Reload]] = [(plan.begin - timedelta(days=1), rule)]
    versions += [(fact.at, fact) for fact in plan.facts if isinstance(fact, Reload)]
    ends = [*(begin for begin, _ in versions[1:]), plan.end + timedelta(days=1)]
    return [
        Step(begin, end, version.escalate if channel == DUTY else version.boss)
        for (begin, version), end in zip(versions, ends, strict=True)
    ]


def _about(  # noqa: PLR0917  # one caller, above
    plan: Plan,
    trace: Trace,
    rule: Rule,
    circuit: Circuit,
    answers: dict[str, Any],
    channel: str,
    steps: Sequence[Step],
) -> Iterator[str]:
    records = messages.about(trace, circuit.name, channel)
    called = [record for record in records if not record.fields["thread_ts"]]
    pressed = [r for r in trace.of("pressed") if r.fields["circuit"] == circuit.id]
    of_storms = messages.of_storms(trace, circuit.vendor)
    before = plan.begin - _REOPENS
    for outage in outages(plan, rule, circuit):
        since, before = outage.begin - before, outage.end
        if since < _REOPENS + rule.keep or _is_silenced(plan, circuit, outage):
            continue
        if _may_be_of_a_storm(of_storms, outage):
            continue  # laws/storms.py
        yield from _not_called(plan, rule, circuit, outage, steps, called, pressed)
        acked_at = _acknowledged_at(plan, outage, pressed, answers)
        soonest = min(step.after for step in steps if step.after)
        if acked_at is None or acked_at >= outage.begin + rule.hold + soonest:
            continue
        for record in called:
            if outage.begin <= record.at <= outage.end:
                yield f"called: {circuit.name} at {record.at}, acknowledged at {acked_at}"
    for record in called:
        if record.fields["method"] == "chat.postMessage" and not _is_named(plan, steps, record.at):
            yield f"called: {circuit.name} at {record.at}, though no rule says so"


def _not_called(  # noqa: PLR0917  # one caller, above
    plan: Plan,
    rule: Rule,
    circuit: Circuit,
    outage: Outage,
    steps: Sequence[Step],
    called: Sequence[Record],
    pressed: Sequence[Record],
) -> Iterator[str]:
    """Yield where nobody was called although a step was in force for long enough."""
    for step in (step for step in steps if step.after):
        called_by = due(plan, outage.begin, rule.hold + step.after)
        if step.begin > outage.begin:
            called_by = max(called_by, due(plan, step.begin, timedelta()))
        of_it = any(outage.begin <= r.at <= max(outage.end, called_by) for r in pressed)
        was_called = any(outage.begin <= record.at <= called_by for record in called)
        if not of_it and called_by < min(outage.end, step.end) and not was_called:
            yield f"not called: {circuit.name} was down from {outage.begin} on, none by {called_by}"


def _is_named(plan: Plan, steps: Sequence[Step], at: datetime) -> bool:
    """Return whether rules that were in force, or had been until just now, call the channel."""
    return any(
        step.after and step.begin <= at <= due(plan, step.end, timedelta()) for step in steps
    )


def _may_be_of_a_storm(of_storms: list[Record], outage: Outage) -> bool:
    """Return whether an outage may be one of the many that a storm is about."""
    return messages.shows(of_storms, outage.begin) or any(
        outage.begin - _REOPENS <= record.at <= outage.end for record in of_storms
    )


def _acknowledged_at(
    plan: Plan, outage: Outage, pressed: list[Record], answers: dict[str, Any]
) -> datetime | None:
    """Return when somebody acknowledged what was down, and nobody took it back."""
    of_it = [r for r in pressed if outage.begin <= r.at <= outage.end]
    if any(record.fields["verb"] == "unack" for record in of_it):
        return None
    for record in of_it:
        answer = answers.get(record.fields["id"], {})
        opened = datetime.fromisoformat(record.fields["opened"])
        if record.fields["verb"] != "ack" or not outage.begin <= opened <= outage.end:
            continue
        if answer.get("ok"):
            return max(record.at + _ON_THE_WAY, due(plan, record.at, timedelta()))
    return None


def _is_silenced(plan: Plan, circuit: Circuit, outage: Outage) -> bool:
    if any(isinstance(window, Window) and window.circuit == circuit.id for window in plan.windows):
        return True
    return any(
        isinstance(fact, Silence)
        and fact.circuit == circuit.id
        and fact.at < outage.end
        and fact.until > outage.begin
        for fact in plan.facts
    )
