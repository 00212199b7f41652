"""The laws of Service Diagnostics: run when a rule asks for it, seldom, and shown once.

- an outage that people must know of has a run, if none was started for the service shortly before;
- a run is about a circuit that is down, or was until a moment ago: not about what is over;
- no service is diagnosed twice within the cooldown, unless a run died with its daemon: once more;
- what a run has found is said once in a thread, and its report is shared there once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tests.year.faults import Crash, Freeze, Stop, StoreFault, WrongClock
from tests.year.laws import messages
from tests.year.laws.forms import has_forms
from tests.year.laws.plain import is_plain
from tests.year.laws.spans import faults, outages
from tests.year.laws.timing import due, unsilenced
from tests.year.plan import COOLDOWN, NOC, Circuit, Plan, service_of
from tests.year.trace import Record, Trace

_RUN = timedelta(seconds=150)  # a run, and the picture of its report, at most
_MOST_IN_AN_HOUR = 30
_STARTS = timedelta(seconds=5)  # after it was counted, at most: it waits for its turn
_POSSIBLY = "possible duplicate"


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each circuit with a service, and what was found."""
    if not plan.diagnoses:
        return
    runs = list(trace.of("run"))
    for circuit in plan.circuits_of("vyvx"):
        own = [run for run in runs if run.fields["service"] == service_of(circuit)]
        yield from _seldom(plan, trace, own)
        if is_plain(plan, circuit):
            yield from _wanted(plan, trace, circuit, own, runs)
    for result in trace.of("found"):
        yield from _shown(plan, trace, result)


def _seldom(plan: Plan, trace: Trace, runs: Sequence[Record]) -> Iterator[str]:
    """Yield where a service was diagnosed again too soon."""
    for number, run in enumerate(runs):
        before = [r for r in runs[:number] if run.at - r.at < COOLDOWN - _STARTS]
        ends = [r for r in before if _may_have_died(plan, trace, r.at)]
        if len(before) > len(ends) or len(before) > 1:
            yield f"again: {run.fields['service']} at {run.at}, run before at {before[-1].at}"


def _may_have_died(plan: Plan, trace: Trace, at: datetime) -> bool:
    """Return whether a run may have lost its daemon, or its claim, before it was over."""
    ended = any(at <= record.at <= at + _RUN for record in trace.of("crashed", "stopped"))
    kinds = Crash | Stop | Freeze | StoreFault | WrongClock
    near = (f for f in plan.faults if isinstance(f, kinds))
    return ended or any(f.at <= at + _RUN and f.until >= at for f in near)


def _wanted(
    plan: Plan, trace: Trace, circuit: Circuit, runs: Sequence[Record], of_all: Sequence[Record]
) -> Iterator[str]:
    """Yield outages without a run, and runs without an outage."""
    spans = [(rule, outage) for rule in faults(plan) for outage in outages(plan, rule, circuit)]
    for run in runs:
        if not any(o.begin <= run.at <= due(plan, o.end, rule.keep) for rule, o in spans):
            yield f"needless: {run.fields['service']} at {run.at}, {circuit.name} is up"
    storms = messages.of_storms(trace, circuit.vendor)
    for rule, outage in spans:
        by = due(plan, outage.begin, rule.hold)
        is_busy = sum(by - timedelta(hours=1) < r.at <= by for r in of_all) >= _MOST_IN_AN_HOUR
        if by >= outage.end or is_busy or messages.shows(storms, by):
            continue
        earliest = outage.begin - COOLDOWN
        if not any(earliest <= run.at <= by for run in runs):
            yield f"not diagnosed: {circuit.name}, down from {outage.begin} on, by {by}"


def _shown(plan: Plan, trace: Trace, result: Record) -> Iterator[str]:
    """Yield where a result is not in a thread, is there twice, or its report is."""
    words: str = result.fields["result"]
    service = result.fields["service"]
    replies = [
        record
        for record in messages.about(trace, service, NOC)
        if record.fields["thread_ts"] and record.fields["method"] == "chat.postMessage"
    ]
    answers = [r for r in replies if f": {words}" in messages.text(r)]
    if len([r for r in answers if _POSSIBLY not in messages.text(r)]) > 1:
        yield f"twice: {words} of {service} at {answers[-1].at}"
    reports = [
        record
        for record in messages.about(trace, f"{service}-", NOC)
        if record.fields["method"] == "files.completeUploadExternal"
    ]
    files = [word for r in reports for word in messages.text(r).split() if word.endswith(".pdf")]
    for name in sorted({name for name in files if files.count(name) > 1}):
        yield f"twice: {name}"
    circuit = next(c for c in plan.circuits if service_of(c) == service)
    by = due(plan, result.at, timedelta())
    is_calm = not any(f.at <= by and f.until + COOLDOWN >= result.at for f in plan.faults)
    if is_calm and by < plan.end and not has_forms(plan, circuit):
        is_open = unsilenced(plan, circuit, result.at, by) == by and messages.shows(
            messages.about(trace, circuit.name, NOC), result.at
        )
        if is_open and not answers:
            yield f"not shown: {words} of {service}, found at {result.at}"
        topics = [r.fields["topic"] for r in trace.of("mqtt") if words in r.fields["payload"]]
        if result.fields["kind"] == "done" and not any("/reports/" in topic for topic in topics):
            yield f"not published: the report of {words}, found at {result.at}"
