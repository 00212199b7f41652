"""The ledger of a period: for each circuit, how long it was up, down or unknown, and each outage.

Law: the time of all conditions sums to the period. What was not seen and is not on the vendor's own
record is blind: it counts neither as up nor as down. Planned works make down time planned, never
blind time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct, field

from watcher import engine, model
from watcher.engine.rules import reservation
from watcher.ledger import spans
from watcher.ledger.history import CircuitHistory, History, Reading
from watcher.ledger.spans import Span
from watcher.ledger.states import (
    BAD,
    IN_SERVICE,
    Announced,
    CircuitState,
    Condition,
    Windows,
    states_of,
)
from watcher.model import FaultDomain

_WORST_FIRST = (
    *(Condition.DOWN, Condition.DEGRADED, Condition.PLANNED),
    *(Condition.BLIND, Condition.UP, Condition.UNUSED),
)


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a circuit was bad without a gap, with what the vendor recorded of it.

    `planned` is how much of it works had announced. `states` are the vendor's words as they came.
    """

    start: datetime
    end: datetime
    worst: Condition
    domain: FaultDomain
    states: tuple[str, ...]
    planned: timedelta = timedelta(0)
    lasts: bool = False  # it goes on after the period
    unseen_end: bool = False  # it lasted longer, perhaps: from its end on nothing is known
    recorded: tuple[model.AlarmRecord, ...] = ()

    @property
    def length(self) -> timedelta:
        """How long it lasted within the period."""
        return self.end - self.start


class BookedTime(Struct, frozen=True, kw_only=True):
    """The part of one booking that lies within the period, and how long each condition held."""

    id: str
    start: datetime
    end: datetime
    lengths: Mapping[Condition, timedelta]


class CircuitLedger(Struct, frozen=True, kw_only=True):
    """One circuit's ledger: `spans` cover the period, `lengths` say how long each condition held.

    `corrected_at` is when a reading of the vendor's record last changed it after its end.
    """

    key: str
    name: str
    labels: Mapping[str, str]
    spans: tuple[Span[CircuitState], ...]
    lengths: Mapping[Condition, timedelta]
    by_domain: Mapping[FaultDomain, timedelta]
    outages: tuple[Outage, ...]
    bookings: tuple[BookedTime, ...] = ()
    target: float | None = None  # percent that were promised
    corrected_at: datetime | None = None

    @property
    def in_service(self) -> timedelta:
        """How long the circuit was in service, known or not."""
        return sum(
            (length for what, length in self.lengths.items() if what is not Condition.UNUSED),
            timedelta(0),
        )

    def of(self, *conditions: Condition) -> timedelta:
        """Return how long any of these conditions held."""
        return sum((self.lengths.get(what, timedelta(0)) for what in conditions), timedelta(0))

    def availability(self, *, count_planned: bool) -> float | None:
        """Return the share of known time in service that the circuit was not down, in percent.

        A degraded circuit is available. Planned time counts as down, or is left out. None where
        nothing is known.
        """
        bad = self.of(Condition.DOWN)
        good = self.of(Condition.UP, Condition.DEGRADED)
        if count_planned:
            bad += self.of(Condition.PLANNED)
        observed = good + bad
        return 100 * (good / observed) if observed else None

    def worst_of(self, parts: Windows) -> Iterator[Condition]:
        """Yield the worst condition within each part of the period, in order, as far as it goes."""
        ahead = deque(self.spans)
        for _, end in parts:
            held = []
            while ahead and ahead[0].start < end:
                held.append(ahead[0].value.condition)
                if ahead[0].end > end:
                    break
                ahead.popleft()
            if held:
                yield min(held, key=_WORST_FIRST.index)

    @property
    def carrier_down(self) -> timedelta:
        """How long it was down, unannounced, and not by a fault on the source's side."""
        return sum(
            (
                span.length
                for span in self.spans
                if span.value.condition is Condition.DOWN
                and span.value.domain is not FaultDomain.SOURCE
            ),
            timedelta(0),
        )

    @property
    def carrier_availability(self) -> float | None:
        """The availability without planned works, and without what is the source's own fault."""
        observed = self.of(Condition.UP, Condition.DEGRADED, Condition.DOWN)
        return 100 * (1 - self.carrier_down / observed) if observed else None


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
    for key in sorted(history.circuits):
        source = model.source_of(key)
        traits = ruleset.sources.get(source)
        if traits is None or not model.id_of(key):
            continue
        circuit = history.circuits[key]
        sight = history.sight.get(source, [])
        circuits.append(_circuit_ledger(circuit, sight, traits, ruleset, (start, end), planned))
    return Ledger(start=start, end=end, circuits=tuple(circuits))


def _circuit_ledger(  # noqa: PLR0917 -- one caller, which has just looked them up
    circuit: CircuitHistory,
    sight: Sequence[tuple[datetime, bool]],
    traits: engine.SourceTraits,
    ruleset: engine.Ruleset,
    period: tuple[datetime, datetime],
    planned: PlannedWindows,
) -> CircuitLedger:
    _, end = period
    entry = ruleset.inventory.entry(circuit.key, circuit.labels)
    states = states_of(circuit, sight, traits, entry.expected_mbps, period, planned(entry, traits))
    late = [reading.at for reading in circuit.readings if reading.at > end and reading.start < end]
    labels = {**circuit.labels, **entry.labels}
    return CircuitLedger(
        key=circuit.key,
        name=labels.get("name") or circuit.key,
        labels=labels,
        spans=tuple(states),
        lengths=spans.totals(Span(span.start, span.end, span.value.condition) for span in states),
        by_domain=spans.totals(
            Span(span.start, span.end, span.value.domain)
            for span in states
            if span.value.condition in BAD
        ),
        outages=tuple(_outages(states, circuit.readings, end)),
        bookings=tuple(sorted(_booked(circuit, states, traits, period), key=_by_time)),
        target=entry.sla_percent,
        corrected_at=max(late, default=None),
    )


def _booked(
    circuit: CircuitHistory,
    states: Sequence[Span[CircuitState]],
    traits: engine.SourceTraits,
    period: tuple[datetime, datetime],
) -> Iterator[BookedTime]:
    """Yield what became of each booking, which may overlap."""
    for booking in circuit.bookings.values():
        windows = list(reservation.within((booking,), IN_SERVICE, *period, traits.pre_roll))
        parts = [
            Span(max(opens, span.start), min(closes, span.end), span.value.condition)
            for opens, closes in windows
            for span in states
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


def _outages(
    states: Sequence[Span[CircuitState]], readings: Iterable[Reading], end: datetime
) -> Iterator[Outage]:
    run: list[Span[CircuitState]] = []
    for span in states:
        if span.value.condition in (*BAD, Condition.PLANNED):
            run.append(span)
        elif run:
            unseen_end = span.value.condition is Condition.BLIND
            yield _outage(run, readings, end, unseen_end=unseen_end)
            run = []
    if run:
        yield _outage(run, readings, end)


def _outage(
    run: Sequence[Span[CircuitState]],
    readings: Iterable[Reading],
    end: datetime,
    *,
    unseen_end: bool = False,
) -> Outage:
    start, over = run[0].start, run[-1].end
    alarms: dict[tuple[str, datetime | None], model.AlarmRecord] = {}
    for reading in sorted(readings, key=lambda reading: reading.at):
        for alarm in reading.alarms:
            if (alarm.start is None or alarm.start < over) and (
                alarm.end is None or alarm.end > start
            ):
                alarms[alarm.state, alarm.start] = alarm
    conditions = {span.value.condition for span in run}
    unplanned = conditions & {*BAD}
    worst = (
        Condition.DOWN
        if Condition.DOWN in unplanned
        else Condition.DEGRADED
        if unplanned
        else Condition.PLANNED
    )
    domains = [span.value.domain for span in run if span.value.domain is not FaultDomain.NONE]
    certain = [domain for domain in domains if domain is not FaultDomain.UNDETERMINED]
    return Outage(
        start=start,
        end=over,
        worst=worst,
        domain=(certain or domains or [FaultDomain.UNDETERMINED])[-1],
        states=tuple(dict.fromkeys(span.value.word for span in run if span.value.word)),
        planned=sum(
            (span.length for span in run if span.value.condition is Condition.PLANNED),
            timedelta(0),
        ),
        lasts=over == end,
        unseen_end=unseen_end,
        recorded=tuple(alarms.values()),
    )
