"""The ledger as programs read it, and the claim that its figures support. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from watcher import model
from watcher.ledger.course import Course, Outage
from watcher.ledger.ledger import BookedTime, CircuitLedger, Ledger
from watcher.ledger.period import Period
from watcher.ledger.states import Condition, Windows
from watcher.model import FaultDomain
from watcher.operations.documents.document import Document, Timestamp, timestamp_or_none

_NONE = timedelta(0)
_CHUNK = 100  # circuits


class RecordDocument(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One alarm of the vendor's own record; `end` is null while it is ongoing."""

    state: str
    message: str
    start: Timestamp | None
    end: Timestamp | None


class OutageDocument(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A time in which a circuit was bad without a gap, within the month.

    `worst` is degraded, down or planned. `states` are the vendor's words, `recorded` is its own
    record of that time, `tickets` are the numbers of the carrier's tickets about it. `goes_on`: it
    lasted beyond the end of the month; `unseen_end`: it may have lasted longer, as nothing is known
    of the time after it.
    """

    start: Timestamp
    end: Timestamp
    minutes: float
    planned_minutes: float
    worst: str
    likely_side: str
    states: tuple[str, ...]
    recorded: tuple[RecordDocument, ...]
    tickets: tuple[str, ...]
    goes_on: bool
    unseen_end: bool


class BookedTimeDocument(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One booking of a reservation, as far as it lies within the month.

    `minutes` are by condition: those of `down` were lost on air. Bookings that overlap each count
    their own.
    """

    id: str
    start: Timestamp
    end: Timestamp
    minutes: dict[str, float]


class CircuitDocument(Document, frozen=True, kw_only=True, gc=False):
    """One circuit's month. `minutes` are by condition, and sum to those of the month.

    Availability is in percent of the known time in service; null where nothing is known.
    `carrier_availability` counts only what is likely the carrier's side, and leaves planned time
    out: it is what `sla_percent` is compared with. `claim` is empty where nothing may be claimed.
    `corrected_at` is when the vendor's record last changed the month after its end. `days` has the
    worst condition of each day, up to the end or to now.
    """

    subject: str
    name: str
    labels: dict[str, str]
    minutes: dict[str, float]
    minutes_in_service: float
    bad_minutes_by_side: dict[str, float]
    availability: float | None
    availability_without_planned: float | None
    carrier_availability: float | None
    sla_percent: float | None
    claim: str
    corrected_at: Timestamp | None
    days: tuple[str, ...]
    outages: tuple[OutageDocument, ...]
    bookings: tuple[BookedTimeDocument, ...]


class LedgerDocument(Document, frozen=True, kw_only=True):
    """The ledger of one month; `until` is earlier than `end` while the month is not over."""

    month: str
    zone: str
    start: Timestamp
    end: Timestamp
    until: Timestamp
    minutes: float
    circuits: tuple[CircuitDocument, ...]


def document(
    ledger: Ledger, period: Period, *, ticketed: Iterable[tuple[str, model.Incident]] = ()
) -> LedgerDocument:
    """Return a ledger's document. `ticketed` are subjects with incidents that have a ticket."""
    tickets: defaultdict[str, list[model.Incident]] = defaultdict(list)
    for subject, incident in ticketed:
        tickets[subject].append(incident)
    days = list(period.days())
    courses: dict[int, CircuitDocument] = {}  # by the identity of those of the ledger
    circuits = []
    for circuit in ledger.circuits:
        course = courses.get(id(circuit.course))
        if course is None:
            course = courses[id(circuit.course)] = _course(circuit.course, days)
        circuits.append(_circuit(circuit, course, period, tickets.get(circuit.key, [])))
    return LedgerDocument(
        month=period.name,
        zone=period.zone,
        start=model.format_timestamp(period.start),
        end=model.format_timestamp(period.end),
        until=model.format_timestamp(ledger.end),
        minutes=minutes(ledger.end - ledger.start),
        circuits=tuple(circuits),
    )


def encode_in_parts(ledger: LedgerDocument) -> Iterator[bytes]:
    """Yield the document as JSON, some circuits at a time."""
    head, _, tail = msgspec.structs.replace(ledger, circuits=()).encode().rpartition(b"[]")
    yield head + b"["
    for at in range(0, len(ledger.circuits), _CHUNK):
        circuits = [circuit.encode() for circuit in ledger.circuits[at : at + _CHUNK]]
        yield (b"," if at else b"") + b",".join(circuits)
    yield b"]" + tail


def minutes(span: timedelta) -> float:
    """Return a span in minutes, to the hundredth."""
    return round(span.total_seconds() / 60, 2)


def _course(course: Course, days: Windows) -> CircuitDocument:
    """Return what is the same in the documents of all circuits with this course."""
    return CircuitDocument(
        subject="",
        name="",
        labels={},
        minutes={what.value: minutes(course.of(what)) for what in Condition},
        minutes_in_service=minutes(course.in_service),
        bad_minutes_by_side={
            side.value: minutes(length) for side, length in course.by_domain.items()
        },
        availability=_percent(course.availability(count_planned=True)),
        availability_without_planned=_percent(course.availability(count_planned=False)),
        carrier_availability=_percent(course.carrier_availability),
        sla_percent=None,
        claim="",
        corrected_at=timestamp_or_none(course.corrected_at),
        days=tuple(worst.value for worst in course.worst_of(days)),
        outages=tuple(_outage(outage, ()) for outage in course.outages),
        bookings=(),
    )


def _circuit(
    circuit: CircuitLedger,
    course: CircuitDocument,
    period: Period,
    ticketed: Sequence[model.Incident],
) -> CircuitDocument:
    outages = course.outages
    if ticketed:
        outages = tuple(_outage(outage, ticketed) for outage in circuit.course.outages)
    return msgspec.structs.replace(
        course,
        subject=circuit.key,
        name=circuit.name,
        labels=dict(circuit.labels),
        sla_percent=circuit.target,
        claim=claim(circuit, period, ticketed),
        outages=outages,
        bookings=tuple(_booking(booked) for booked in circuit.bookings),
    )


def _booking(booked: BookedTime) -> BookedTimeDocument:
    return BookedTimeDocument(
        id=booked.id,
        start=model.format_timestamp(booked.start),
        end=model.format_timestamp(booked.end),
        minutes={what.value: minutes(booked.lengths.get(what, _NONE)) for what in Condition},
    )


def _tickets(outage: Outage, ticketed: Iterable[model.Incident]) -> tuple[str, ...]:
    """Return the numbers of the tickets about incidents of that time."""
    return tuple(
        incident.ticket.number
        for incident in ticketed
        if incident.ticket is not None
        and incident.begin < outage.end
        and (incident.end is None or incident.end > outage.start)
    )


def _outage(outage: Outage, ticketed: Sequence[model.Incident]) -> OutageDocument:
    return OutageDocument(
        start=model.format_timestamp(outage.start),
        end=model.format_timestamp(outage.end),
        minutes=minutes(outage.length),
        planned_minutes=minutes(outage.planned),
        worst=outage.worst.value,
        likely_side=outage.domain.value,
        states=outage.states,
        recorded=tuple(
            RecordDocument(
                state=alarm.state,
                message=alarm.message,
                start=timestamp_or_none(alarm.start),
                end=timestamp_or_none(alarm.end),
            )
            for alarm in outage.recorded
        ),
        tickets=_tickets(outage, ticketed),
        goes_on=outage.lasts,
        unseen_end=outage.unseen_end,
    )


def _percent(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def claim(circuit: CircuitLedger, period: Period, ticketed: Sequence[model.Incident] = ()) -> str:
    """Return what may be claimed of the carrier, as text to paste; empty where nothing may be."""
    course, target = circuit.course, circuit.target
    reached = None if target is None else course.carrier_availability
    if target is None or reached is None or reached >= target:
        return ""
    down = course.carrier_down
    name = f"{circuit.name} ({model.id_of(circuit.key)})"
    figures = f"{reached:.3f} % available, {target:g} % agreed"
    lines = [f"{name} was down for {_minutes(down)} in {period.name}: {figures}."]
    for outage in course.outages:
        if outage.worst is Condition.DOWN and outage.domain is not FaultDomain.SOURCE:
            lines += _claimed(outage, _tickets(outage, ticketed))
    if planned := course.of(Condition.PLANNED):
        lines.append(f"Left out as announced works: {_minutes(planned)}.")
    if blind := course.of(Condition.BLIND):
        lines.append(f"Not observed, and not counted: {_minutes(blind)}.")
    return "\n".join(lines)


def _claimed(outage: Outage, tickets: Sequence[str]) -> list[str]:
    states = ", ".join(outage.states)
    named = f"; your ticket {', '.join(tickets)}" if tickets else ""
    lines = [f"- {_time(outage.start)} to {_time(outage.end)} UTC: {states}{named}"]
    for alarm in outage.recorded:
        begin = _time(alarm.start) if alarm.start else "an unknown time"
        over = _time(alarm.end) if alarm.end else "an unknown time"
        message = f", {alarm.message}" if alarm.message else ""
        lines.append(f"  your own record: {alarm.state}{message}, {begin} to {over} UTC")
    return lines


def _minutes(span: timedelta) -> str:
    return f"{minutes(span):,.1f} min"


def _time(at: datetime) -> str:
    return model.format_date_time(at)
