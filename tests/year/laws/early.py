"""The law of spans from below: nobody is told or called before the rule's time has passed.

What was down for less than `for` is not news yet, and whom a step of escalation names is called so
long after that, not before: also where a daemon takes over from another one, whatever the clocks of
their machines say and are set to. Only when the vendor did something counts. Where it came and went
several times within half an hour, the first of them counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from tests.year.faults import StoreFault, VendorFault, WrongClock
from tests.year.laws import messages
from tests.year.laws.bookings import is_booked
from tests.year.laws.calls import Step, steps_of
from tests.year.laws.spans import Outage, faults, outages
from tests.year.laws.timing import due
from tests.year.plan import BOSS, DUTY, NOC, Circuit, Plan
from tests.year.trace import Record, Trace

_SLEWED = timedelta(seconds=5)  # what a clock may be off by, and is made up for
_TOGETHER = timedelta(minutes=30)


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what came too early."""
    for rule in faults(plan):
        hold = min(r.hold for r in plan.rules if (r.fault or r.name) == (rule.fault or rule.name))
        began = {c.id: _began(outages(plan, rule, c)) for c in plan.circuits}
        for circuit in plan.circuits:
            if not is_booked(plan, circuit):
                opened = messages.about(trace, circuit.name, NOC)
                yield from _opened_early(plan, circuit, hold, began[circuit.id], opened)
        for channel in (DUTY, BOSS):
            steps = steps_of(plan, rule, channel)
            for circuit in plan.circuits:
                called = messages.about(trace, circuit.name, channel)
                yield from _called(plan, circuit.name, hold, steps, began[circuit.id], called)
            storms = _storms(plan, trace, began)
            called = messages.of_storms(trace, "vyvx", channel)
            yield from _called(plan, "a storm", hold, steps, storms, called)


def _storms(plan: Plan, trace: Trace, began: Mapping[str, Sequence[Outage]]) -> list[Outage]:
    """Return from when to when each storm was one: the first of what had no thread of its own."""
    storms: list[Outage] = []
    records = messages.of_storms(trace, "vyvx")
    for first in _first_posts(records):
        parts = [
            _down_since(began[circuit.id], first.at)
            for circuit in plan.circuits_of("vyvx")
            if not messages.shows(messages.about(trace, circuit.name), first.at)
        ]
        since = min((begin for begin in parts if begin is not None), default=first.at)
        ends = [r.at for r in records if r.fields["ts"] == first.fields["ts"]]
        storms.append(Outage(since, max(ends)))
    return storms


def _began(spans: Sequence[Outage]) -> list[Outage]:
    """Return from when to when something was down, or may still have been thought to be."""
    merged: list[Outage] = []
    for span in spans:
        if merged and span.begin - merged[-1].end <= _TOGETHER:
            merged[-1] = Outage(merged[-1].begin, max(span.end, merged[-1].end))
        else:
            merged.append(span)
    return merged


def _first_posts(records: Sequence[Record]) -> Iterator[Record]:
    for record in records:
        if messages.opens_thread(record) and messages.is_down(record):
            yield record


def _down_since(spans: Sequence[Outage], at: datetime) -> datetime | None:
    return next((s.begin for s in spans if s.begin <= at <= s.end + _TOGETHER), None)


def _opened_early(
    plan: Plan, circuit: Circuit, hold: timedelta, spans: Sequence[Outage], records: list[Record]
) -> Iterator[str]:
    for record in _first_posts(records):
        since = _down_since(spans, record.at)
        if since is None or _is_excused(plan, since, record.at):
            continue  # laws/states.py
        if record.at < since + hold - _SLEWED:
            yield f"early: {circuit.name} at {record.at}, down since {since}"


def _called(  # noqa: PLR0917  # two callers, above
    plan: Plan,
    name: str,
    hold: timedelta,
    steps: Sequence[Step],
    spans: Sequence[Outage],
    records: list[Record],
) -> Iterator[str]:
    for record in _first_posts(records):
        since = _down_since(spans, record.at)
        in_force = [
            step.after
            for step in steps
            if step.after and step.begin <= record.at <= due(plan, step.end, timedelta())
        ]
        if since is None or not in_force or _is_excused(plan, since, record.at):
            continue  # laws/calls.py
        if record.at < since + hold + min(in_force) - _SLEWED:
            channel = record.fields["channel"]
            yield f"called early: {channel} of {name} at {record.at}, down since {since}"


def _is_excused(plan: Plan, since: datetime, at: datetime) -> bool:
    return _says_what_was(plan, since, at) or _was_unseen(plan, since, at)


def _was_unseen(plan: Plan, since: datetime, at: datetime) -> bool:
    """Return whether all daemons may have been gone while one of their clocks was wrong.

    A daemon that starts then has not seen the other one alive, and cannot know.
    """
    meanwhile = [fault for fault in plan.faults if fault.at <= at and fault.until >= since]
    return (
        plan.daemons > 1
        and any(isinstance(fault, WrongClock) for fault in meanwhile)
        and any(isinstance(fault, StoreFault) for fault in meanwhile)
    )


def _says_what_was(plan: Plan, since: datetime, at: datetime) -> bool:
    """Return whether a vendor repeated meanwhile what had been true before."""
    return any(
        isinstance(fault, VendorFault)
        and fault.kind == "old"
        and fault.at <= at
        and fault.until >= since - _TOGETHER
        for fault in plan.faults
    )
