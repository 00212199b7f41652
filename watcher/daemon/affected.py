"""Which subjects of ours a carrier's planned works are about, for those who read of works.

The engine looks works up from an alert, so it has no such list. This one is made from all subjects
and the inventory, at most once a minute: it is for display alone.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta

from watcher import engine, model, ports
from watcher.clock import Clock
from watcher.engine.rules.works import circuit_key, circuits_of, is_by_carrier
from watcher.operations import works
from watcher.operations.status import NamedWork

MOST_SUBJECTS = 20_000
KEPT_FOR = timedelta(minutes=1)
AHEAD = timedelta(days=7)  # works that the status shows
_PAGE = 1_000

_Circuits = dict[str, list[tuple[str, engine.InventoryEntry]]]


class AffectedSubjects:
    """Looks up the subjects that works name."""

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        rules: Callable[[], engine.Ruleset],
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._rules = rules
        self._clock = clock
        self._circuits: _Circuits = {}
        self._read_for: engine.Ruleset | None = None
        self._read_at = clock.now() - KEPT_FOR
        self._reading = asyncio.Lock()

    async def find(self) -> works.FindSubjects:
        """Return what looks works up. Raises TemporaryError when the database fails."""
        rules = self._rules()
        async with self._reading:
            age = self._clock.now() - self._read_at
            if rules is not self._read_for or not timedelta(0) <= age < KEPT_FOR:
                subjects = await self._subjects()
                self._circuits = await asyncio.to_thread(_by_circuit, subjects, rules)
                self._read_at, self._read_for = self._clock.now(), rules
        circuits = self._circuits
        return lambda work: _named(work, circuits, rules)

    async def coming(self) -> tuple[NamedWork, ...]:
        """Return the works of ours that are under way or begin soon, in their order."""
        now, kept = self._clock.now(), await self._reader.works()
        if not kept:
            return ()
        find, coming = await self.find(), []
        for work in works.listed(engine.counted(kept), now):
            if works.state_of(work, now) not in works.EXCUSING or not (named := find(work)):
                continue
            window = works.next_window(work, now)
            if window is not None and window.begin < now + AHEAD:
                keys = {key for subjects in named.values() for key in subjects}
                coming.append(
                    NamedWork(
                        key=work.key,
                        title=works.title(work),
                        begin=window.begin,
                        end=window.end,
                        impact=works.impact_on(work, named),
                        subjects=len(keys),
                    )
                )
        return tuple(coming)

    async def _subjects(self) -> list[model.Subject]:
        subjects: list[model.Subject] = []
        while len(subjects) < MOST_SUBJECTS:
            after = subjects[-1].key if subjects else ""
            page = await self._reader.subjects(after=after, limit=_PAGE)
            subjects += page
            if len(page) < _PAGE:
                break
        return subjects


def _by_circuit(subjects: Iterable[model.Subject], rules: engine.Ruleset) -> _Circuits:
    circuits: defaultdict[str, list[tuple[str, engine.InventoryEntry]]] = defaultdict(list)
    for subject in subjects:
        entry = rules.inventory.entry(subject.key, subject.labels)
        for circuit in circuits_of(entry):
            circuits[circuit].append((subject.key, entry))
    return circuits


def _named(work: model.Work, circuits: _Circuits, rules: engine.Ruleset) -> works.Subjects:
    subjects: dict[str, tuple[str, ...]] = {}
    for circuit in work.notice.circuits:
        keys = tuple(
            key
            for key, entry in circuits.get(circuit_key(circuit.id), ())
            if (traits := rules.sources.get(model.source_of(key)))
            and is_by_carrier(work, entry, traits, rules.works)
        )
        if keys:
            subjects[circuit.id] = keys
    return subjects
