"""Which subjects run on a circuit, by the carrier's ids in their inventory entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from watcher import model
from watcher.engine.rules.rule import Inventory, InventoryEntry
from watcher.engine.rules.works import circuit_key, circuits_of


class CircuitIndex(Struct, eq=False):
    """Built when works are looked at first, because few installations have any; then kept."""

    built: bool = False
    subjects: dict[str, dict[str, None]] = field(default_factory=dict)  # by circuit
    circuits: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by subject

    def on(self, circuit: str) -> list[str]:
        """Return the subjects on a circuit, in a fixed order."""
        return sorted(self.subjects.get(circuit_key(circuit), ()))

    def clear(self) -> None:
        """Forget everything: the inventory has changed, or nobody has asked for long."""
        self.built = False
        self.subjects.clear()
        self.circuits.clear()

    def follow(
        self,
        subjects: Mapping[str, model.Subject],
        changed: Iterable[str],
        inventory: Inventory,
        entries: Mapping[str, InventoryEntry],
    ) -> set[str]:
        """Take in subjects that are new, gone or labelled otherwise; return their circuits.

        `entries` are those that were looked up before: a label may match many expressions.
        """
        touched: set[str] = set()
        for key in changed if self.built else subjects:
            for circuit in self.circuits.pop(key, ()):
                self.subjects.get(circuit, {}).pop(key, None)
                touched.add(circuit)
            subject = subjects.get(key)
            if subject is None:
                continue
            circuits = circuits_of(entries.get(key) or inventory.entry(key, subject.labels))
            if circuits:
                self.circuits[key] = circuits
            for circuit in circuits:
                self.subjects.setdefault(circuit, {})[key] = None
                touched.add(circuit)
        self.built = True
        return touched
