"""The ledger of a period: for each circuit, how long it was up, down or unknown, and each outage.

Law: the time of all conditions sums to the period. What was not seen and is not on the vendor's own
record is blind: it counts neither as up nor as down. Planned works make down time planned, never
blind time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field

from watcher import engine, model
from watcher.engine.rules import reservation
from watcher.ledger import spans
from watcher.ledger.course import Course, course_of
from watcher.ledger.history import CircuitHistory, History
from watcher.ledger.spans import Span
from watcher.ledger.states import IN_SERVICE, Announced, Condition, Evidence, evidence_of


class BookedTime(Struct, frozen=True, kw_only=True):
    """The part of one booking that lies within the period, and how long each condition held."""

    id: str
    start: datetime
    end: datetime
    lengths: Mapping[Condition, timedelta]


class CircuitLedger(Struct, frozen=True, kw_only=True):
    """One circuit's ledger; circuits that saw the same share one `course`."""

    key: str
    name: str
    labels: Mapping[str, str]
    course: Course
    bookings: tuple[BookedTime, ...] = ()
    target: float | None = None  # percent that were promised


class Ledger(Struct, frozen=True, kw_only=True):
    """The circuits of a period, in the order of their keys."""

    start: datetime
    end: datetime
    circuits: tuple[CircuitLedger, ...] = field(default_factory=tuple)


PlannedWindows = Callable[[engine.InventoryEntry, engine.SourceTraits], Sequence[Announced]]


def no_works(_: engine.InventoryEntry, __: engine.SourceTraits) -> Sequence[Announced]:
    """Return no planned works."""
    return ()


def build(
    history: History,
    ruleset: engine.Ruleset,
    start: datetime,
    end: datetime,
    *,
    planned: PlannedWindows = no_works,
) -> Ledger:
    """Return the ledger of a period that is over, or of the part of it that `end` closes.

    `planned` returns the windows of works that were announced for a circuit.
    """
    circuits = []
    courses: dict[tuple[str, Evidence], Course] = {}
    for key in sorted(history.circuits):
        source = model.source_of(key)
        traits = ruleset.sources.get(source)
        if traits is None or not model.id_of(key):
            continue
        circuit = history.circuits[key]
        entry = ruleset.inventory.entry(key, circuit.labels)
        evidence = evidence_of(
            circuit, traits, entry.expected_mbps, (start, end), planned(entry, traits)
        )
        course = courses.get((source, evidence))
        if course is None:
            sight = history.sight.get(source, [])
            course = course_of(evidence, sight, traits, (start, end))
            courses[source, evidence] = course
        labels = {**circuit.labels, **entry.labels}
        circuits.append(
            CircuitLedger(
                key=key,
                name=labels.get("name") or key,
                labels=labels,
                course=course,
                bookings=tuple(
                    sorted(_booked(circuit, course, traits, (start, end)), key=_by_time)
                ),
                target=entry.sla_percent,
            )
        )
    return Ledger(start=start, end=end, circuits=tuple(circuits))


def _booked(
    circuit: CircuitHistory,
    course: Course,
    traits: engine.SourceTraits,
    period: tuple[datetime, datetime],
) -> Iterator[BookedTime]:
    """Yield what became of each booking, which may overlap."""
    for booking in circuit.bookings.values():
        windows = list(reservation.within((booking,), IN_SERVICE, *period, traits.pre_roll))
        parts = [
            Span(max(opens, span.start), min(closes, span.end), span.value.condition)
            for opens, closes in windows
            for span in course.spans
            if span.start < closes and span.end > opens
        ]
        if parts:
            yield BookedTime(
                id=booking.id,
                start=windows[0][0],
                end=windows[-1][1],
                lengths=spans.totals(parts),
            )


def _by_time(booked: BookedTime) -> tuple[datetime, str]:
    return booked.start, booked.id
