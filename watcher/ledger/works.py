"""The windows of planned works as they were announced before they began. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from watcher import engine, model
from watcher.ledger.states import Announced


class AnnouncedWorks:
    """Answers which windows were announced for a circuit; `ledger.build` asks it."""

    def __init__(self, works: Iterable[model.Work], policy: engine.WorksPolicy) -> None:
        self._policy = policy
        self._naming: dict[str, dict[str, model.Work]] = {}
        self._works = {work.key: work for work in works}
        self._parts: dict[str, list[model.Work]] = {}
        for work in self._works.values():
            for whole in engine.wholes_of(work.key):
                self._parts.setdefault(whole, []).append(work)
            for notice in work.notices:
                for circuit in notice.circuits:
                    self._naming.setdefault(engine.circuit_key(circuit.id), {})[work.key] = work

    def __call__(
        self, entry: engine.InventoryEntry, traits: engine.SourceTraits
    ) -> Sequence[Announced]:
        """Return the windows of the carrier's works about a circuit, in no order."""
        circuits = engine.circuits_of(entry)
        works = {
            key: work
            for circuit in circuits
            for key, work in self._naming.get(circuit, {}).items()
            if engine.is_by_carrier(work, entry, traits, self._policy)
        }
        return [
            window
            for work in works.values()
            for window in _announced(work, self._others(work), frozenset(circuits))
        ]

    def _others(self, work: model.Work) -> list[model.Work]:
        """Return the parts of works, and the wholes that were written of later."""
        wholes = (self._works.get(key) for key in engine.wholes_of(work.key))
        return [
            *self._parts.get(work.key, ()),
            *(whole for whole in wholes if whole is not None and engine.is_newer(whole, work)),
        ]


def _announced(
    work: model.Work, others: Iterable[model.Work], circuits: frozenset[str]
) -> Iterator[Announced]:
    """Yield the windows of a work, each as it was announced when it began.

    Later notices may shorten it, also those of `others`, its parts or its wholes: cancelled, moved
    or completed, from when that was read. What they add to it was not announced before.
    """
    if work.dismissed_by:
        return
    course = _course(work)
    for begin in sorted({window.begin for _, work_then in course for window in work_then.windows}):
        before = [
            (at, _ends(work_then, begin), work_then) for at, work_then in course if at < begin
        ]
        if not before or (end := before[-1][1]) is None:
            continue
        if not engine.is_credible(work, model.WorkWindow(begin=begin, end=end)):
            continue
        since = begin
        for at, end_then, _ in reversed(before):
            if end_then is None:
                break
            since = at
        for spoken_for in (work, *(other for other in others if _speaks(other, work, begin))):
            end = _shortened(spoken_for, begin, end)
        if end <= begin:
            continue
        impact = _impact_on(before[-1][2], circuits)
        if impact in {model.WorkImpact.OUTAGE, model.WorkImpact.DEGRADED}:
            is_outage = impact is model.WorkImpact.OUTAGE
            yield Announced(begin=begin, end=end, at=since, is_outage=is_outage)


def _shortened(work: model.Work, begin: datetime, end: datetime) -> datetime:
    """Return when a window ended by what was read of it until then; its begin: it did not take."""
    if work.dismissed_by:
        return begin
    for at, work_then in _course(work):
        if begin <= at < end:
            end = min(end, _ends(work_then, begin) or at)
    before = [_ends(work_then, begin) for at, work_then in _course(work) if at < begin]
    return min(end, before[-1] or begin) if before else end


def _impact_on(work: model.Work, circuits: frozenset[str]) -> model.WorkImpact | None:
    impacts = [
        circuit.impact
        for circuit in work.notice.circuits
        if engine.circuit_key(circuit.id) in circuits
    ]
    return max(impacts, key=lambda impact: impact.rank, default=None)


def _course(work: model.Work) -> list[tuple[datetime, model.Work]]:
    """Return what was known of a work from each of its notices on, in the order of reading."""
    course: list[tuple[datetime, model.Work]] = []
    work_then = None
    for notice in sorted(work.notices, key=lambda notice: notice.received_at):
        work_then = engine.with_notice(work_then, notice)
        course.append((notice.received_at, work_then))
    return course


def _ends(work: model.Work, begin: datetime) -> datetime | None:
    """Return when the window that begins then ends, by what was known; None: there is none."""
    return next((window.end for window in work.windows if window.begin == begin), None)


def _speaks(other: model.Work, work: model.Work, begin: datetime) -> bool:
    """Return whether other works speak for the window of works that begins then.

    Fractions speak for all of their whole, and a whole that is not to be for all of its parts.
    """
    if engine.is_fraction(other.key, work.key):
        return engine.is_newer(other, work)
    is_whole = other.key in engine.wholes_of(work.key)
    if is_whole and (engine.is_fraction(work.key, other.key) or not other.windows):
        return True
    return _names(other, begin)


def _names(work: model.Work, begin: datetime) -> bool:
    """Return whether any notice of a work named the window that begins then."""
    return any(window.begin == begin for notice in work.notices for window in notice.windows)
