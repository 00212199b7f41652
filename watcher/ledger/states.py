"""What a circuit was at each moment, from polls, the vendor's record, bookings and works. Pure.

How it works
------------
Five coverings of the period are laid over each other. What the polls showed comes first. Where the
source could not be seen, or a line sent no samples, it becomes unknown. What is unknown is filled
from the vendor's own record, where that was read; what was seen stands. Outside its bookings a
circuit is out of service. What is still bad inside announced works is planned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby, zip_longest

import msgspec
from msgspec import Struct

from watcher import engine
from watcher.engine.rules import intervals, reservation
from watcher.ledger import spans
from watcher.ledger.history import CircuitHistory, Fields, Reading
from watcher.ledger.spans import Span
from watcher.model import FaultDomain, Phase

Windows = Sequence[tuple[datetime, datetime]]
IN_SERVICE = frozenset({Phase.ON_AIR, Phase.OVERRUN, Phase.UNKNOWN})
_MISSED_SAMPLES = 3  # buckets in a row without a sample: nothing is known from then on


class Condition(StrEnum):
    """What a circuit was, of which one holds at each moment."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    PLANNED = "planned"  # down or degraded, as works had announced
    BLIND = "blind"  # nobody knows
    UNUSED = "unused"  # not listed, or not booked: out of service


BAD = (Condition.DEGRADED, Condition.DOWN)


class CircuitState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What holds at one moment, whose side that is likely to be, and how it is known."""

    condition: Condition
    domain: FaultDomain = FaultDomain.NONE
    word: str = ""  # in the vendor's word
    recorded: bool = False  # by the vendor's own record, not by a poll


class Announced(Struct, frozen=True, kw_only=True):
    """A window of works that was announced for a circuit `at` a time before it began.

    Where no outage was announced, only degraded service is.
    """

    begin: datetime
    end: datetime
    at: datetime
    is_outage: bool = True


class Evidence(Struct, frozen=True, kw_only=True):
    """What is known of a circuit over a period: equal evidence makes an equal course.

    `changes` are how the polls saw it, from when each held; `used` is when it was in service, and
    `planned` are the windows of announced works about it.
    """

    changes: tuple[tuple[datetime, CircuitState], ...]
    sampled: tuple[datetime, ...]
    readings: tuple[Reading, ...]
    used: tuple[tuple[datetime, datetime], ...]
    planned: tuple[Announced, ...]


def evidence_of(
    circuit: CircuitHistory,
    traits: engine.SourceTraits,
    bought: float | None,
    period: tuple[datetime, datetime],
    planned: Sequence[Announced],
) -> Evidence:
    """Return what is known of a circuit; `bought` is in Mbit/s."""
    start, _ = period
    changes: list[tuple[datetime, CircuitState]] = []
    for at, fields in circuit.seen:
        circuit_state = evaluate(traits, fields, bought)
        if at <= start:
            changes = [(start, circuit_state)]  # whatever it was before
        elif not changes or changes[-1][1] != circuit_state:
            changes.append((at, circuit_state))
    return Evidence(
        changes=tuple(changes),
        sampled=tuple(circuit.sampled) if traits.units else (),  # else nothing is measured
        readings=tuple(sorted(circuit.readings, key=lambda reading: reading.at)),
        used=tuple(_used(circuit, traits, *period)),
        planned=tuple(planned),
    )


def states_of(
    evidence: Evidence,
    sight: Sequence[tuple[datetime, bool]],
    traits: engine.SourceTraits,
    period: tuple[datetime, datetime],
) -> list[Span[CircuitState]]:
    """Return what a circuit was over a period.

    `sight` are the changes of whether its source could be seen.
    """
    start, end = period
    states = _seen(evidence, traits, start, end)
    states = spans.combined(states, _sight(sight, traits, start, end), _blinded)
    for reading in evidence.readings:
        states = spans.combined(states, _recorded(reading, traits, start, end), _filled)
    states = spans.combined(states, spans.of_windows(evidence.used, start, end), _in_service)
    return _without_announced(states, evidence.planned, start, end)


def evaluate(
    traits: engine.SourceTraits, fields: Fields | None, bought: float | None
) -> CircuitState:
    """Return what a circuit with these fields is; None: it is not listed."""
    if fields is None:
        return CircuitState(condition=Condition.UNUSED)
    state = str(fields.get("state") or fields.get("status") or "")
    if state in traits.unused:
        return CircuitState(condition=Condition.UNUSED, word=state)
    well = traits.well(fields, bought)
    if well is None:
        return CircuitState(condition=Condition.BLIND, word=state)
    if well:
        return CircuitState(condition=Condition.UP, word=state)
    return CircuitState(
        condition=Condition.DOWN if state in traits.down else Condition.DEGRADED,
        domain=traits.likely_domain(fields),
        word=state,
    )


_UNKNOWN = CircuitState(condition=Condition.BLIND)


def _seen(
    evidence: Evidence, traits: engine.SourceTraits, start: datetime, end: datetime
) -> list[Span[CircuitState]]:
    """Return what the polls showed; before the first one nothing is known."""
    seen = spans.of_changes(evidence.changes, start, end, first=_UNKNOWN)
    if not traits.units:
        return seen
    bucket = traits.granularity
    windows = [(at, at + bucket * _MISSED_SAMPLES + traits.settle) for at in evidence.sampled]
    return spans.combined(seen, spans.of_windows(windows, start, end), _blinded)


def _sight(
    changes: Sequence[tuple[datetime, bool]],
    traits: engine.SourceTraits,
    start: datetime,
    end: datetime,
) -> list[Span[bool]]:
    """Return when a source could be seen; failures shorter than `blind_after` do not count."""
    seen: list[tuple[datetime, bool]] = []
    for (at, is_seen), after in zip_longest(changes, changes[1:]):
        if is_seen or after is None or after[0] - at >= traits.blind_after:
            seen.append((at, is_seen))
    return spans.of_changes(seen, start, end, first=False)


def _recorded(
    reading: Reading, traits: engine.SourceTraits, start: datetime, end: datetime
) -> list[Span[CircuitState | None]]:
    """Return what the vendor recorded of a time; None outside it. No alarm means that it was up."""
    good = CircuitState(condition=Condition.UP, word=traits.good_state, recorded=True)
    changes: list[tuple[datetime, CircuitState | None]] = [(reading.start, good)]
    for interval in intervals.state_intervals(reading.alarms, traits):
        begin = max(interval.start or reading.start, reading.start)
        over = min(interval.end or reading.end, reading.end)
        if begin < over:
            circuit_state = evaluate(traits, {"state": interval.state}, None)
            bad = CircuitState(
                condition=circuit_state.condition,
                domain=FaultDomain.UNDETERMINED
                if circuit_state.condition in BAD
                else circuit_state.domain,
                word=interval.state,
                recorded=True,
            )
            changes += [(begin, bad), (over, good)]
    changes.append((reading.end, None))
    return spans.of_changes(changes, start, end, first=None)


def _used(
    circuit: CircuitHistory, traits: engine.SourceTraits, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield when a circuit was booked; one without a schedule is in service while it is listed."""
    bookings = tuple(circuit.bookings.values())
    if not bookings:
        yield start, end
        return
    yield from reservation.within(bookings, IN_SERVICE, start, end, traits.pre_roll)


def _blinded(circuit_state: CircuitState, is_seen: bool) -> CircuitState:  # noqa: FBT001  # a value over time
    return circuit_state if is_seen or circuit_state.condition is Condition.UNUSED else _UNKNOWN


def _filled(circuit_state: CircuitState, recorded: CircuitState | None) -> CircuitState:
    """Fill what nobody saw with the vendor's record; what was seen stands."""
    if recorded is None:
        return circuit_state
    is_open = circuit_state.condition is Condition.BLIND or circuit_state.recorded
    return recorded if is_open else circuit_state


def _in_service(circuit_state: CircuitState, is_used: bool) -> CircuitState:  # noqa: FBT001  # a value over time
    return circuit_state if is_used else CircuitState(condition=Condition.UNUSED)


def _without_announced(
    states: list[Span[CircuitState]], planned: Sequence[Announced], start: datetime, end: datetime
) -> list[Span[CircuitState]]:
    """Make planned what works had announced before it broke, up to what they had announced."""
    outages: list[tuple[datetime, datetime]] = []
    degraded: list[tuple[datetime, datetime]] = []
    for began, over in _bad_times(states) if planned else ():
        for window in planned:
            if window.at <= began and window.begin < over and window.end > began:
                part = max(window.begin, began), min(window.end, over)
                (outages if window.is_outage else degraded).append(part)
    if outages:
        states = spans.combined(states, spans.of_windows(outages, start, end), _announced)
    if degraded:
        states = spans.combined(states, spans.of_windows(degraded, start, end), _announced_slow)
    return states


def _bad_times(states: Sequence[Span[CircuitState]]) -> Iterator[tuple[datetime, datetime]]:
    """Yield from when to when a circuit was bad without a gap."""
    for is_bad, run in groupby(states, key=lambda span: span.value.condition in BAD):
        parts = list(run)
        if is_bad:
            yield parts[0].start, parts[-1].end


def _announced(circuit_state: CircuitState, is_planned: bool) -> CircuitState:  # noqa: FBT001  # as above
    if not is_planned or circuit_state.condition not in BAD:
        return circuit_state
    return msgspec.structs.replace(circuit_state, condition=Condition.PLANNED)


def _announced_slow(circuit_state: CircuitState, is_planned: bool) -> CircuitState:  # noqa: FBT001  # as above
    if circuit_state.condition is Condition.DOWN:
        return circuit_state
    return _announced(circuit_state, is_planned)
