"""The laws of the ledger: what it says of a circuit is what the vendor did, as far as polls saw.

- what it calls down was down, from the begin until a poll could see that it was over;
- what was down is nowhere up, once a poll could see it;
- what nobody could ask about is unknown, unless the vendor's own record was read later;
- what was asked about is not unknown; off air a circuit is out of service, where its bookings have
  been read, as they are before a message about it;
- a line, of which nobody says that it is down, never is.

A plan with a wrong clock is left out: the records have its times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.year.faults import VendorFault, WrongClock
from tests.year.laws import messages
from tests.year.laws.bookings import is_booked, windows
from tests.year.laws.spans import Outage, faults, outages
from tests.year.laws.timing import due
from tests.year.plan import Circuit, Plan
from tests.year.trace import Record, Trace

_CHECKPOINTS = timedelta(days=1)  # from one to the next: what is kept begins with one
_ROUNDING = timedelta(seconds=3)  # an answer is on its way
_BLIND_AFTER = timedelta(minutes=3)
_BAD = {"down", "degraded", "planned"}
_REFUSES = {"down", "limited", "cut"}


@dataclass(frozen=True, slots=True)
class Part:
    """What the ledger says of a circuit, and from when to when."""

    begin: datetime
    end: datetime
    condition: str
    is_recorded: bool = False  # from the vendor's own record

    def overlaps(self, begin: datetime, end: datetime) -> bool:
        """Return whether it has more than a moment of a time."""
        return min(self.end, end) - max(self.begin, begin) > _ROUNDING


def complaints(plan: Plan, trace: Trace) -> Iterator[str]:
    """Yield what was wrong about each circuit."""
    if any(isinstance(fault, WrongClock) for fault in plan.faults):
        return
    for record in trace.of("ledger"):
        if record.fields["error"]:
            yield f"broken: the ledger: {record.fields['error']}"
            continue
        for circuit in plan.circuits:
            is_read = bool(messages.about(trace, circuit.name))  # its bookings, before that
            yield from _about(plan, record, circuit, is_read=is_read)
        for line in plan.lines:
            if any(part.condition in _BAD for part in _parts(record, f"evpl/{line.id}")):
                yield f"ledger: {line.id} is down, and lines never are"


def _parts(record: Record, subject: str) -> list[Part]:
    parts = record.fields["circuits"].get(subject, ())
    return [
        Part(datetime.fromisoformat(begin), datetime.fromisoformat(end), condition, recorded)
        for begin, end, condition, recorded in parts
    ]


def _about(plan: Plan, record: Record, circuit: Circuit, *, is_read: bool) -> Iterator[str]:
    parts, name = _parts(record, circuit.subject), circuit.name
    if not parts:
        yield f"ledger: {name} is not in it"
        return
    kept_from = plan.end - plan.retention + _CHECKPOINTS
    known_from = max(due(plan, plan.begin, timedelta()), kept_from)
    known_until = plan.end - 2 * plan.interval - timedelta(minutes=1)  # after the last poll
    down = [outage for rule in faults(plan) for outage in outages(plan, rule, circuit)]
    in_service = _in_service(plan, circuit)
    for part in parts:
        if part.condition in _BAD and not _is_covered(plan, part, down):
            yield f"ledger: {name} is {part.condition} from {part.begin} to {part.end}, and was up"
        is_blind = part.condition == "blind" and known_from < part.begin < known_until
        if is_blind and not _could_be_blind(plan, part):
            yield f"ledger: {name} is unknown from {part.begin} to {part.end}, and was seen"
    for outage in down:
        seen_by = due(plan, outage.begin, timedelta())
        for begin, end in in_service:
            start, over = max(seen_by, begin), min(outage.end, end)
            yield from (
                f"ledger: {name} is {part.condition} at {start}, down from {outage.begin} on"
                for part in parts
                if part.condition == "up" and part.overlaps(start, over)
            )
    yield from _about_blind(plan, parts, name)
    if is_read and is_booked(plan, circuit):
        yield from _about_off_air(plan, parts, name, in_service)


def _in_service(plan: Plan, circuit: Circuit) -> list[tuple[datetime, datetime]]:
    """Return when a circuit counts."""
    if not is_booked(plan, circuit):
        return [(plan.begin, plan.end)]
    return [(window.begin, window.end) for window in windows(plan, circuit)]


def _is_covered(plan: Plan, part: Part, down: Sequence[Outage]) -> bool:
    """Return whether something was down all the time, or could not be seen to be over."""
    at = part.begin + _ROUNDING
    for outage in down:
        if outage.begin <= at:
            at = max(at, due(plan, outage.end, timedelta()))
    return at >= part.end


def _could_be_blind(plan: Plan, part: Part) -> bool:
    """Return whether something broke that explains why nobody knows."""
    at = part.begin
    for fault in plan.faults:
        if fault.at - 2 * plan.interval <= at:
            at = max(at, due(plan, fault.until, timedelta()))
    return at >= part.end


def _about_off_air(
    plan: Plan, parts: Sequence[Part], name: str, in_service: Sequence[tuple[datetime, datetime]]
) -> Iterator[str]:
    """Yield what counts although it was booked by nobody."""
    at = due(plan, plan.begin, timedelta())
    for begin, end in (*in_service, (plan.end, plan.end)):
        for part in parts:
            if part.condition in {"up", *_BAD} and part.overlaps(at, begin):
                yield f"ledger: {name} is {part.condition} from {part.begin} on, off air at {at}"
        at = max(at, due(plan, end, timedelta()))


def _about_blind(plan: Plan, parts: Sequence[Part], name: str) -> Iterator[str]:
    """Yield what is known although the vendor did not answer."""
    for fault in plan.faults:
        if not isinstance(fault, VendorFault) or fault.kind not in _REFUSES:
            continue
        begin = fault.at + 2 * plan.interval + timedelta(minutes=1)
        if fault.until - begin < _BLIND_AFTER:
            continue
        for part in parts:
            is_known = part.condition in {"up", *_BAD} and not part.is_recorded
            if is_known and part.overlaps(begin, fault.until):
                yield f"ledger: {name} is {part.condition} at {begin}, and nobody could ask"
