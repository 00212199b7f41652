"""The laws of silences and windows: nobody is disturbed, and who is down afterwards is shown.

A silence may be ended before its time, or go on as another one. A command that nobody answers may
have been carried out or not, so nothing is said of it. What is shown afterwards, states.py says.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.year.faults import WrongClock
from tests.year.laws import messages, people
from tests.year.laws.calendar import openings
from tests.year.laws.spans import faults, outages
from tests.year.laws.timing import due
from tests.year.plan import NOC, Circuit, Plan, Rule, Silence, Unsilence
from tests.year.trace import Trace

_ON_THE_WAY = timedelta(seconds=30)  # a command, and its answer


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each circuit."""
    answers = people.answers_of(trace) if any(trace.of("silenced")) else {}
    for rule in faults(plan):
        for circuit in plan.circuits:
            yield from _about(plan, trace, rule, circuit, answers)


def _about(
    plan: Plan, trace: Trace, rule: Rule, circuit: Circuit, answers: dict[str, Any]
) -> Iterator[str]:
    quiet = _joined([*_silenced(plan, circuit, answers), *_windows(plan, circuit)])
    if not quiet:
        return
    records = [
        record
        for record in messages.about(trace, circuit.name, NOC)
        if messages.opens_thread(record)
    ]
    for begin, end in quiet:
        quiet_from = begin
        for outage in outages(plan, rule, circuit):
            over_by = due(plan, outage.end, rule.keep)
            quiet_since, quiet_from = quiet_from, max(begin, over_by)
            if quiet_since > outage.begin:
                continue
            # What began under it is not shown before its end, whether it is over by then or not.
            for record in records:
                if outage.begin <= record.at <= min(over_by, end):
                    yield f"disturbed: {circuit.name} at {record.at}, silenced from {begin} on"


def _silenced(
    plan: Plan, circuit: Circuit, answers: dict[str, Any]
) -> Iterator[tuple[datetime, datetime]]:
    """Yield when a circuit was silenced for sure."""
    for number, silence in enumerate(plan.facts):
        if not isinstance(silence, Silence) or silence.circuit != circuit.id:
            continue
        if not answers.get(f"silence-{number}", {}).get("ok"):
            continue
        if not _is_doubtful(plan, silence.at, silence.until):
            ends = (fact.at for fact in plan.facts if _ends(fact, silence))
            begin = max(silence.begin, silence.at + _ON_THE_WAY)
            yield begin, min(ends, default=silence.until)


def _windows(plan: Plan, circuit: Circuit) -> Iterator[tuple[datetime, datetime]]:
    for window in plan.windows:
        if window.circuit == circuit.id:
            for begin, end in openings(plan, window):
                if not _is_doubtful(plan, begin, end):
                    yield begin, end


def _ends(fact: object, silence: Silence) -> bool:
    return isinstance(fact, Unsilence) and (fact.circuit, fact.asked) == (
        silence.circuit,
        silence.at,
    )


def _is_doubtful(plan: Plan, begin: datetime, end: datetime) -> bool:
    """Return whether a daemon had another time of day, by which it takes what it is told."""
    return any(
        isinstance(fault, WrongClock) and fault.at < end and fault.until > begin
        for fault in plan.faults
    )


def _joined(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    joined: list[tuple[datetime, datetime]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif begin < end:
            joined.append((begin, end))
    return joined
