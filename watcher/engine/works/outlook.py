"""What lies ahead because of planned works: our circuits in them, and what makes them worse.

Reads a state and changes nothing. Two circuits are different ones if neither their id nor any of
their subjects is the same: a circuit that two works name loses nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo

from msgspec import Struct, field
from msgspec.structs import replace

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.rules import reservation, works
from watcher.model import Work, WorkImpact, WorkWindow


class Circuit(Struct, frozen=True, kw_only=True, gc=False):
    """A circuit of ours that works are announced for. `subjects` are what runs on it.

    `groups` are what should not lose two circuits at once: `site NYC`, `redundancy group uplinks`.
    """

    id: str
    impact: WorkImpact
    subjects: tuple[str, ...]
    names: tuple[str, ...]
    groups: tuple[str, ...]

    def is_same(self, other: Circuit) -> bool:
        """Whether it is the same circuit, named by another notice or by another id."""
        return works.circuit_key(self.id) == works.circuit_key(other.id) or bool(
            set(self.subjects) & set(other.subjects)
        )


class Clash(Struct, frozen=True, kw_only=True, gc=False):
    """Circuits of one group that are in works at once: in one work, or in an `other` as well."""

    group: str
    circuits: tuple[Circuit, ...]
    other: Work
    windows: tuple[WorkWindow, ...]  # what the two have in common, the first one first


class Booked(Struct, frozen=True, kw_only=True, gc=False):
    """A reservation that is booked for a time in which its circuit is in works."""

    subject: str
    name: str
    booking: str
    begin: datetime | None
    end: datetime | None
    window: WorkWindow
    circuit: Circuit


class Outlook(Struct, frozen=True, kw_only=True, gc=False):
    """What works mean from now on; `windows` are those that are not over, the first one first."""

    work: Work
    windows: tuple[WorkWindow, ...]
    circuits: tuple[Circuit, ...]
    unknown: tuple[str, ...] = ()  # ids of none of this carrier's circuits that we have
    carriers: Mapping[str, str] = field(default_factory=dict)  # by the unknown ids of others
    clashes: tuple[Clash, ...] = ()
    bookings: tuple[Booked, ...] = ()
    zone: tzinfo | None = None  # of the team


def look_ahead(ctx: StepContext, keys: Collection[str]) -> dict[str, Outlook]:
    """Return the outlook of these works, of those that are not over, by key."""
    windows = [window for key in keys for window in ctx.state.works_index.windows[key]]
    pool = {key: basic(ctx, ctx.state.works[key]) for key in sorted(near(ctx, windows, keys))}
    pool = {key: outlook for key, outlook in pool.items() if outlook.windows}
    by_group: dict[str, dict[str, list[Circuit]]] = {}
    for key, outlook in pool.items():
        for circuit in outlook.circuits:
            if circuit.impact is not WorkImpact.NO_IMPACT:
                for group in circuit.groups:
                    by_group.setdefault(group, {}).setdefault(key, []).append(circuit)
    return {
        key: replace(
            outlook,
            clashes=tuple(_clashes(outlook, pool, by_group)),
            bookings=tuple(_bookings(ctx, outlook)),
        )
        for key, outlook in pool.items()
        if key in keys
    }


def near(ctx: StepContext, windows: Collection[WorkWindow], keys: Collection[str]) -> set[str]:
    """Return these works, and those with a window that coincides with one of these windows."""
    ahead = [window for window in windows if window.end > ctx.now]
    return {
        key
        for key, others in ctx.state.works_index.windows.items()
        if key in keys
        or any(
            a.begin < b.end and b.begin < a.end for b in others if b.end > ctx.now for a in ahead
        )
    }


def basic(ctx: StepContext, work: Work) -> Outlook:
    """Return our circuits in a work, over or not, without what makes it worse."""
    circuits, unknown, carriers = [], [], {}
    for named in _named_once(work.notice.circuits):
        on_it = ctx.state.circuits.on(named.id)
        subjects = [key for key in on_it if _is_by_its_carrier(ctx, work, key)]
        if subjects:
            circuits.append(_circuit(ctx, named, subjects))
        elif on_it or not ctx.state.ruleset.inventory.knows_circuit(named.id):
            unknown.append(named.id)
            if on_it:
                carriers[named.id] = _carrier(ctx, min(on_it))
    return Outlook(
        work=work,
        windows=tuple(
            sorted(
                (window for window in _counting(ctx, work) if window.end > ctx.now),
                key=lambda window: (window.begin, window.end),
            )
        ),
        circuits=tuple(sorted(circuits, key=_order)),
        unknown=tuple(sorted(unknown)),
        carriers=carriers,
        zone=ctx.state.ruleset.works.zone,
    )


def gone(ctx: StepContext, key: str) -> list[tuple[WorkWindow, Work]]:
    """Return the windows ahead of works that, by others' word, this step has taken away."""
    had = ctx.agenda.windows.get(key, ())
    return [
        (window, speaker)
        for window, speaker in ctx.state.works_index.gone(key, had)
        if window.end > ctx.now and speaker.key != key
    ]


def _counting(ctx: StepContext, work: Work) -> tuple[WorkWindow, ...]:
    """Return the windows of works that no others speak for; all of works as they once were."""
    index = ctx.state.works_index
    return index.counting(work.key) if index.works.get(work.key) == work else work.windows


def _is_by_its_carrier(ctx: StepContext, work: Work, key: str) -> bool:
    view = ctx.subject_view(key)
    return works.is_by_carrier(work, view.inventory_entry, view.traits, ctx.state.ruleset.works)


def _carrier(ctx: StepContext, key: str) -> str:
    """Return whose circuit a subject is, as the inventory or its source says."""
    view = ctx.subject_view(key)
    return view.inventory_entry.provider or view.traits.carrier


def _order(circuit: Circuit) -> tuple[int, tuple[str, ...], str]:
    return -circuit.impact.rank, circuit.names, circuit.id


def _named_once(circuits: Iterable[model.AffectedCircuit]) -> Iterator[model.AffectedCircuit]:
    """Yield each circuit once, with the worst that is announced for it."""
    worst: dict[str, model.AffectedCircuit] = {}
    for circuit in circuits:
        key = works.circuit_key(circuit.id)
        if key not in worst or circuit.impact.rank > worst[key].impact.rank:
            worst[key] = circuit
    yield from worst.values()


def _circuit(ctx: StepContext, named: model.AffectedCircuit, subjects: Sequence[str]) -> Circuit:
    names, groups = [], []
    for key in subjects:
        view = ctx.subject_view(key)
        names.append(view.name)
        if site := view.labels.get("site"):
            groups.append(f"site {site}")
        if group := view.inventory_entry.redundancy_group:
            groups.append(f"redundancy group {group}")
    return Circuit(
        id=named.id,
        impact=named.impact,
        subjects=tuple(subjects),
        names=tuple(sorted(set(names))),
        groups=tuple(sorted(set(groups))),
    )


def _clashes(
    outlook: Outlook,
    outlooks: Mapping[str, Outlook],
    by_group: Mapping[str, Mapping[str, Sequence[Circuit]]],
) -> Iterator[Clash]:
    """Yield with what else of its groups a work coincides."""
    key = outlook.work.key
    for group in sorted({group for circuit in outlook.circuits for group in circuit.groups}):
        members = by_group.get(group, {})
        mine = members.get(key, ())
        for other, theirs in members.items() if mine else ():
            windows = tuple(_common(outlook.windows, outlooks[other].windows))
            if windows and any(not a.is_same(b) for a in mine for b in theirs):
                yield Clash(
                    group=group,
                    circuits=tuple(sorted(_distinct((*mine, *theirs)), key=_order)),
                    other=outlooks[other].work,
                    windows=windows,
                )


def _common(windows: Sequence[WorkWindow], others: Sequence[WorkWindow]) -> Iterator[WorkWindow]:
    common = {
        WorkWindow(begin=begin, end=end)
        for a in windows
        for b in others
        if (begin := max(a.begin, b.begin)) < (end := min(a.end, b.end))
    }
    yield from sorted(common, key=lambda window: (window.begin, window.end))


def _distinct(circuits: Iterable[Circuit]) -> Iterator[Circuit]:
    kept: list[Circuit] = []
    for circuit in circuits:
        if not any(circuit.is_same(other) for other in kept):
            kept.append(circuit)
    yield from kept


def _bookings(ctx: StepContext, outlook: Outlook) -> Iterator[Booked]:
    """Yield the reservations that are booked for a time in one of the windows."""
    for circuit in outlook.circuits:
        if circuit.impact is WorkImpact.NO_IMPACT:
            continue
        for key in circuit.subjects:
            for booking in ctx.state.subjects[key].bookings:
                begin, end = reservation.span(booking)
                if booking.terminal or (begin is None and end is None):
                    continue
                for window in outlook.windows:
                    starts = begin is None or begin < window.end
                    if starts and (end is None or end > max(window.begin, ctx.now)):
                        yield Booked(
                            subject=key,
                            name=ctx.subject_view(key).name,
                            booking=booking.id,
                            begin=begin,
                            end=end,
                            window=window,
                            circuit=circuit,
                        )
