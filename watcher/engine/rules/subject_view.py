"""What is known of one subject at one moment, worked out once and only when asked for.

The names that rules and titles may use are given here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Generic, TypeVar

from watcher import model
from watcher.engine.rules import reservation
from watcher.engine.rules.rule import (
    Context,
    InventoryEntry,
    Rule,
    Ruleset,
    SourceTraits,
    Threshold,
)

MOST_KEPT = 1_024  # by one step: those of a poll of 100,000 would be 270 MiB

T = TypeVar("T")


class _once(Generic[T]):  # noqa: N801  # a decorator, as property is
    """functools.cached_property as of Python 3.12: that of 3.11 takes a lock, which costs more."""

    def __init__(self, compute: Callable[[SubjectView], T]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, view: SubjectView, _: type[SubjectView]) -> T:
        value = view.__dict__[self._name] = self._compute(view)
        return value


class SubjectView:
    """One subject (or, for blindness, one source) as rules and titles see it."""

    def __init__(
        self,
        ruleset: Ruleset,
        key: str,
        *,
        fields: Mapping[str, model.Scalar],
        previous: Mapping[str, model.Scalar],
        labels: Mapping[str, str],
        metrics: Mapping[str, float],
        inventory_entries: dict[str, InventoryEntry],
        bookings: tuple[model.Booking, ...] = (),
        now: datetime | None = None,
        vanished: bool = False,
        changing: tuple[float, ...] = (),
    ) -> None:
        self._ruleset = ruleset
        self.key = key
        self.source, _, self.id = key.partition("/")
        self.fields = fields
        self.previous = previous
        self._vendor_labels = labels
        self.metrics = metrics
        self._inventory_entries = inventory_entries  # a cache that the state keeps
        self._bookings = bookings
        self.now = now
        self.vanished = vanished
        self._changing = changing  # the bandwidths that a remedy moves it between

    @classmethod
    def of_source(
        cls,
        ruleset: Ruleset,
        health: model.SourceHealth,
        inventory_entries: dict[str, InventoryEntry],
    ) -> SubjectView:
        """Return the view of a source itself, for the rules about blindness."""
        return cls(
            ruleset,
            health.source,
            fields={
                "sight": str(health.sight),
                "error": health.error,
                "permanent": health.permanent,
            },
            previous={},
            labels={},
            metrics={},
            inventory_entries=inventory_entries,
        )

    @_once
    def inventory_entry(self) -> InventoryEntry:
        """Return what the inventory adds."""
        entry = self._inventory_entries.get(self.key)
        if entry is None:
            entry = self._ruleset.inventory.entry(self.key, self._vendor_labels)
            self._inventory_entries[self.key] = entry
        return entry

    @_once
    def labels(self) -> Mapping[str, str]:
        """Return the vendor's labels and the inventory's over them."""
        added = self.inventory_entry.labels
        return {**self._vendor_labels, **added} if added else self._vendor_labels

    @_once
    def fault_domain(self) -> model.FaultDomain:
        """Return the likely side of the fault."""
        if not self.id:
            return model.FaultDomain.UNDETERMINED
        return self.traits.likely_domain(self.fields)

    @_once
    def phase(self) -> model.Phase:
        """Return where a reservation stands in its window; unknown for what has none."""
        if not self._bookings or self.now is None:
            return model.Phase.UNKNOWN
        return reservation.phase(self._bookings, self.now, self.traits.pre_roll)

    @property
    def expected_mbps(self) -> float | None:
        """What was bought; while a remedy changes that, what it has, before or after."""
        mbps = self.fields.get("bandwidth_mbps")
        if isinstance(mbps, int | float) and mbps in self._changing:
            return float(mbps)
        return self.inventory_entry.expected_mbps

    @property
    def _starts(self) -> datetime | None:
        return None if self.now is None else reservation.next_start(self._bookings, self.now)

    @property
    def traits(self) -> SourceTraits:
        """What is known of its source."""
        return self._ruleset.sources[self.source]

    @property
    def name(self) -> str:
        """What people call it."""
        return self.labels.get("name") or self.id or self.source

    @property
    def place(self) -> str:
        """Where it is measured; empty where nobody says."""
        return self.traits.place(self.labels) if self.id else ""

    def unit_of(self, rule: Rule) -> str:
        """Return the unit of what a rule's threshold is set on."""
        condition = rule.condition
        if not isinstance(condition, Threshold):
            return ""
        return self.traits.units.get(condition.metric, "")

    @_once
    def context(self) -> Context:
        """Return what the predicates of all rules read; built once."""
        return self._ruleset.context(Names(self))

    def words(
        self,
        rule: Rule,
        *,
        value: model.Scalar,
        was: str | None,
        since: datetime,
        direction: str = "",
        window: str = "",
    ) -> dict[str, object]:
        """Return the names that a rule's title and summary may use."""
        return {
            **self.metrics,
            **self.fields,
            "fields": self.fields,
            "previous": self.previous,
            "labels": self.labels,
            "name": self.name,
            "id": self.id or self.source,
            "subject": self.key,
            "source": self.source,
            "rule": rule.name,
            "severity": str(rule.severity),
            "phase": self.phase.value,
            "fault_domain": str(self.fault_domain),
            "side": model.format_side(self.fault_domain),
            "expected_mbps": self.expected_mbps,
            "starts": "" if self._starts is None else model.format_time(self._starts, self.now),
            "value": value,
            "unit": self.unit_of(rule),
            "direction": model.format_direction(direction),
            "window": window,
            "place": self.place,
            "was": was or "",
            "since": model.format_time(since),
        }


class Names(Mapping[str, object]):
    """The names that expressions may read, each worked out when it is read."""

    __slots__ = ("_view",)

    def __init__(self, view: SubjectView) -> None:
        self._view = view

    def get(self, name: str, default: object = None) -> object:
        """Return what a name stands for; `default` for a field that the vendor has left out."""
        work_out = _WORKED_OUT.get(name)
        if work_out is not None:
            return work_out(self._view)
        fields = self._view.fields
        return fields[name] if name in fields else self._view.metrics.get(name, default)

    def __getitem__(self, name: str) -> object:
        """Return what a name stands for."""
        value = self.get(name, _WORKED_OUT)
        if value is _WORKED_OUT:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        """Yield the names that stand for something."""
        return iter({**self._view.metrics, **self._view.fields, **_WORKED_OUT})

    def __len__(self) -> int:
        """Count them."""
        return sum(1 for _ in self)


_WORKED_OUT: Mapping[str, Callable[[SubjectView], object]] = {
    "previous": lambda view: view.previous,
    "labels": lambda view: view.labels,
    "subject": lambda view: view.key,
    "phase": lambda view: str(view.phase),
    "vanished": lambda view: view.vanished,
    "fault_domain": lambda view: str(view.fault_domain),
    "expected_mbps": lambda view: view.expected_mbps,
    "now": lambda view: view.now,
}
