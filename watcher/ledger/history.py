"""What was known of each circuit, folded from the journal. Pure.

How it works
------------
The journal holds each poll that changed something, each failed poll, each start of a daemon and
each reading of a vendor's own record, in the order of their commits. One pass over it writes down
changes: how a circuit was seen, and whether its source could be seen. Nothing is judged here, so a
replay's journal gives the same history (ledger.py judges).

A poll that changed nothing is not in the journal: between two records a source could be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import Struct, field

from watcher import model, ports

V = TypeVar("V")
Fields = Mapping[str, model.Scalar]
_VANISHED = 2  # complete polls in a row without it


class Reading(Struct, frozen=True, kw_only=True):
    """One reading of the vendor's own record: what it held of a time, and when it was read."""

    at: datetime
    start: datetime
    end: datetime
    alarms: tuple[model.AlarmRecord, ...]


class CircuitHistory(Struct, kw_only=True):
    """What was known of one subject; None in `seen` says that it was not listed."""

    key: str
    seen: list[tuple[datetime, Fields | None]] = field(default_factory=list)
    sampled: list[datetime] = field(default_factory=list)  # times of its samples, in order
    labels: dict[str, str] = field(default_factory=dict)
    bookings: dict[str, model.Booking] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    missed: int = 0


class History(Struct, kw_only=True):
    """Every circuit, and for each source when it could be seen and when polls failed."""

    circuits: dict[str, CircuitHistory] = field(default_factory=dict)
    sight: dict[str, list[tuple[datetime, bool]]] = field(default_factory=dict)

    def add(self, record: ports.Recorded) -> None:
        """Write down what one record of the journal says."""
        at, what = record.at, record.what
        match what:
            case ports.Loaded():
                self._load(what, at)
            case ports.RulesRead(started=True):
                now = at - what.moved  # on the clock of the daemon that led before
                self._leave(min(what.last_success or now, now))
                if what.moved:
                    self._set_clock(what.moved, at)
            case model.Stalled():
                self._leave(what.since)
            case model.ClockStepped():
                self._set_clock(what.by, at)
            case model.Polled():
                self._poll(what, at)
            case model.PollFailed():
                self._see(what.source, at, seen=False)
            case model.DetailsRead(details=model.Details() as details):
                circuit = self._circuit(what.subject)
                circuit.labels |= details.labels
                circuit.bookings |= {booking.id: booking for booking in details.bookings}
            case model.HistoryRead(error=""):
                reading = Reading(at=at, start=what.start, end=what.end, alarms=what.alarms)
                self._circuit(what.subject).readings.append(reading)
            case _:
                pass

    def close(self, sources: Iterable[model.SourceHealth]) -> None:
        """Say when each source was seen last: the journal leaves out polls that changed nothing."""
        for health in sources:
            if health.last_success is not None and health.failing_since is None:
                self._see(health.source, health.last_success, seen=False)

    def _load(self, loaded: ports.Loaded, at: datetime) -> None:
        """Begin with a checkpoint: nothing was interrupted there."""
        for health in loaded.sources:
            self._see(health.source, at, seen=health.failing_since is None)
        for subject in loaded.subjects:
            circuit = self._circuit(subject.key)
            circuit.labels |= subject.labels
            circuit.bookings |= {booking.id: booking for booking in subject.bookings}
            circuit.missed = subject.missed
            gone = subject.missed >= _VANISHED
            circuit.seen.append((at, None if gone else subject.fields))
        for sample in loaded.samples:
            self._circuit(sample.subject).sampled.append(sample.at)

    def _leave(self, since: datetime) -> None:
        """Nobody has looked since then, nor will until the next poll."""
        for source in self.sight:
            self._see(source, since, seen=False)

    def _set_clock(self, by: timedelta, now: datetime) -> None:
        """Move what a clock that was ahead wrote of times to come; what it skipped is unknown."""
        if by > timedelta(0):
            seen = [source for source, changes in self.sight.items() if changes[-1][1]]
            self._leave(now - by)
            for source in seen:
                self._see(source, now, seen=True)
            return
        self.sight = {source: _moved(changes, by, now) for source, changes in self.sight.items()}
        for circuit in self.circuits.values():
            circuit.seen = _moved(circuit.seen, by, now)

    def _poll(self, event: model.Polled, at: datetime) -> None:
        self._see(event.source, at, seen=True)
        for seen in event.seen:
            circuit = self._circuit(seen.key)
            circuit.labels |= seen.labels
            circuit.missed = 0
            circuit.seen.append((at, seen.fields))
        for key in event.absent if event.complete else ():
            circuit = self._circuit(key)
            circuit.missed += 1
            if circuit.missed == _VANISHED:
                circuit.seen.append((at, None))
        for sample in event.samples:
            self._circuit(sample.subject).sampled.append(sample.at)

    def _circuit(self, key: str) -> CircuitHistory:
        circuit = self.circuits.get(key)
        if circuit is None:
            circuit = self.circuits[key] = CircuitHistory(key=key)
        return circuit

    def _see(self, source: str, at: datetime, *, seen: bool) -> None:
        changes = self.sight.setdefault(source, [])
        if not changes or changes[-1][1] is not seen:
            changes.append((max(at, changes[-1][0]) if changes else at, seen))


def _moved(
    changes: list[tuple[datetime, V]], by: timedelta, now: datetime
) -> list[tuple[datetime, V]]:
    """Return changes of which none lies ahead of now, in their order."""
    moved: list[tuple[datetime, V]] = []
    for at, value in changes:
        then = at + by if at > now else at
        moved.append((max(then, moved[-1][0]) if moved else then, value))
    return moved


def fold(records: Iterable[ports.Recorded]) -> History:
    """Return the history that some records tell, in the order of the journal."""
    history = History()
    for record in records:
        history.add(record)
    return history
