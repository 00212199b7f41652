"""The inventory: what this team knows of a subject, by the subject's key or by its labels.

An entry under the subject's own key takes precedence over a match, and an earlier match over a
later one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from watcher import engine, model
from watcher.ruleset import cel, schema
from watcher.ruleset.problems import Problems, suggest
from watcher.ruleset.yaml_document import Document
from watcher.vendors.catalog import VENDORS

_READABLE = frozenset({"labels", "subject"})  # by the expressions of `match`


class MatchedEntry(Struct, frozen=True):
    """An entry for all subjects for which its predicate is true."""

    predicate: engine.Predicate
    entry: engine.InventoryEntry


class Inventory:
    """The inventory, compiled."""

    def __init__(
        self,
        subjects: Mapping[str, engine.InventoryEntry],
        matches: Sequence[MatchedEntry],
        vocabulary: cel.Vocabulary,
    ) -> None:
        self._subjects = subjects
        self._matches = matches
        self._vocabulary = vocabulary
        self._empty = engine.InventoryEntry()
        entries = (*subjects.values(), *(match.entry for match in matches))
        self._circuits = {circuit for entry in entries for circuit in engine.circuits_of(entry)}

    def entry(self, key: str, labels: Mapping[str, str]) -> engine.InventoryEntry:
        """Return the entry of a subject, by its key and its labels; empty when it has none."""
        entries = [self._subjects[key]] if key in self._subjects else []
        if self._matches:
            given = {"labels": labels, "subject": key, "previous": {}}
            context = self._vocabulary.context(given)
            entries += [match.entry for match in self._matches if _applies(match, context)]
        if not entries:
            return self._empty
        return entries[0] if len(entries) == 1 else _merge(entries)

    def knows(self, key: str) -> bool:
        """Return whether a subject has an entry under its key."""
        return key in self._subjects

    def knows_circuit(self, circuit: str) -> bool:
        """Return whether any entry has the circuit's id, whatever its case and spaces."""
        return engine.circuit_key(circuit) in self._circuits

    def shared_circuits(self) -> list[str]:
        """Return which circuits several subjects have, in words: works on one are about all."""
        keys: dict[str, list[str]] = {}
        for key, entry in self._subjects.items():
            for circuit in dict.fromkeys(map(engine.circuit_key, entry.circuit_ids)):
                keys.setdefault(circuit, []).append(key)
        return [
            f"works on circuit {circuit.upper()} are about {', '.join(sorted(of_circuit))}"
            for circuit, of_circuit in sorted(keys.items())
            if len(of_circuit) > 1
        ]


def _applies(match: MatchedEntry, context: engine.Context) -> bool:
    try:
        return match.predicate(context) is True
    except engine.ExpressionError:
        return False  # problems of the expression itself were found at load


def _merge(entries: Sequence[engine.InventoryEntry]) -> engine.InventoryEntry:
    """Merge several entries for one subject; the first that gives a value wins."""
    contacts: dict[str, model.Contact] = {}
    labels: dict[str, str] = {}
    service_ids: dict[str, None] = {}
    circuit_ids: dict[str, None] = {}
    for entry in entries:
        service_ids.update(dict.fromkeys(entry.service_ids))
        circuit_ids.update(dict.fromkeys(entry.circuit_ids))
        for name, value in entry.labels.items():
            labels.setdefault(name, value)
        for contact in entry.contacts:
            contacts.setdefault(contact.domain, contact)
    bandwidths = (entry.expected_mbps for entry in entries if entry.expected_mbps is not None)
    return engine.InventoryEntry(
        service_ids=tuple(service_ids),
        labels=labels,
        contacts=tuple(contacts.values()),
        runbook=next((entry.runbook for entry in entries if entry.runbook), ""),
        address=next((entry.address for entry in entries if entry.address), ""),
        connection=next((entry.connection for entry in entries if entry.connection), ""),
        contract=next((entry.contract for entry in entries if entry.contract), ""),
        expected_mbps=next(bandwidths, None),
        sla_percent=next(
            (entry.sla_percent for entry in entries if entry.sla_percent is not None), None
        ),
        circuit_ids=tuple(circuit_ids),
        provider=next((entry.provider for entry in entries if entry.provider), ""),
        redundancy_group=next(
            (entry.redundancy_group for entry in entries if entry.redundancy_group), ""
        ),
    )


def compile_inventory(
    entries: schema.InventoryFile | None,
    document: Document | None,
    sources: Mapping[str, engine.SourceTraits],
    problems: Problems,
) -> Inventory:
    """Check and compile the inventory; add what is wrong to `problems`."""
    vocabulary = cel.Vocabulary()
    if entries is None or document is None:
        return Inventory({}, (), vocabulary)
    valid = {*sources, *VENDORS}
    for key in entries.subjects:
        source = model.source_of(key)
        if source not in valid:
            place = document.place(("subjects", key), of_key=True)
            what = f"there is no source {source!r}; expected SOURCE/ID{suggest(source, sources)}"
            problems.add(place, f"subjects.{key}", what)
    _check_connections(entries, document, sources, problems)
    matches = []
    for number, match in enumerate(entries.match):
        wrong = list(cel.problems_in(match.where, (), _READABLE))
        for problem in wrong:
            place = document.place_inside(("match", number, "where"), problem.at)
            problems.add(place, f"match[{number}].where", problem.what)
        if not wrong:
            predicate = vocabulary.add(match.where)
            matches.append(MatchedEntry(predicate, _compile_entry(match)))
    return Inventory(
        {key: _compile_entry(entry) for key, entry in entries.subjects.items()}, matches, vocabulary
    )


def _check_connections(
    entries: schema.InventoryFile,
    document: Document,
    sources: Mapping[str, engine.SourceTraits],
    problems: Problems,
) -> None:
    places: dict[tuple[str | int, ...], schema.Entry] = {
        ("subjects", key): entry for key, entry in entries.subjects.items()
    }
    places |= {("match", number): match for number, match in enumerate(entries.match)}
    for path, entry in places.items():
        what = connection_problem(entry.connection, sources)
        if what:
            section, part = path
            key = f"match[{part}]" if section == "match" else f"subjects.{part}"
            problems.add(document.place((*path, "connection")), f"{key}.connection", what)


def connection_problem(connection: str | None, sources: Mapping[str, engine.SourceTraits]) -> str:
    """Return why a connection's key names no Internet On-Demand source; empty when it does.

    Where none is configured the kind stands in for it: rules may be kept for a source to come.
    """
    if connection is None:
        return ""
    kinds = [kind for kind, vendor in VENDORS.items() if vendor.bandwidth is not None]
    names = {name for name, traits in sources.items() if traits.kind in kinds} or {*kinds}
    source = model.source_of(connection)
    if source in names:
        return ""
    return f"there is no {' or '.join(kinds)} source {source!r}{suggest(source, names)}"


def _compile_entry(entry: schema.Entry) -> engine.InventoryEntry:
    return engine.InventoryEntry(
        service_ids=entry.service_ids,
        labels=entry.labels,
        contacts=tuple(
            model.Contact(domain=domain, text=text) for domain, text in entry.contacts.items()
        ),
        runbook=entry.runbook,
        expected_mbps=entry.bandwidth,
        address=entry.address,
        connection=entry.connection or "",
        contract=entry.contract,
        sla_percent=entry.sla,
        circuit_ids=entry.circuit_ids,
        provider=entry.provider,
        redundancy_group=entry.redundancy_group,
    )
