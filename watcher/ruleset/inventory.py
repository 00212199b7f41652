"""The inventory: who and where a subject is to this team, by its key or by its labels.

Law: what stands under a subject's own key comes before what a match adds, and an earlier match
before a later one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watcher import engine, model
from watcher.ruleset import cel, schema
from watcher.ruleset.compile import connection_fault
from watcher.ruleset.problems import Problems, suggest
from watcher.ruleset.yaml_document import Document
from watcher.vendors.catalog import KINDS

_READABLE = frozenset({"labels", "subject"})


@dataclass(frozen=True, slots=True)
class Matching:
    """An entry that applies where its predicate is true."""

    predicate: engine.Predicate
    extra: engine.InventoryEntry


class Inventory:
    """The inventory, compiled."""

    def __init__(
        self,
        subjects: Mapping[str, engine.InventoryEntry],
        matches: Sequence[Matching],
        vocabulary: cel.Vocabulary,
    ) -> None:
        self._subjects = subjects
        self._matches = matches
        self._vocabulary = vocabulary
        self._nothing = engine.InventoryEntry()

    def extra(self, key: str, labels: Mapping[str, str]) -> engine.InventoryEntry:
        """Look a subject up by its key, then by its labels; an unknown one gets an empty Extra."""
        found = [self._subjects[key]] if key in self._subjects else []
        if self._matches:
            given = {"labels": labels, "subject": key, "previous": {}}
            context = self._vocabulary.context(given)
            found += [each.extra for each in self._matches if _fits(each, context)]
        if not found:
            return self._nothing
        return found[0] if len(found) == 1 else _joined(found)

    def knows(self, key: str) -> bool:
        """Whether the subject is named by its key."""
        return key in self._subjects


def _fits(matching: Matching, context: engine.Context) -> bool:
    try:
        return matching.predicate(context) is True
    except engine.ExpressionError:
        return False  # faults of the expression itself were found at load


def _joined(found: Sequence[engine.InventoryEntry]) -> engine.InventoryEntry:
    contacts: dict[str, model.Contact] = {}
    labels: dict[str, str] = {}
    service_ids: dict[str, None] = {}
    for extra in found:
        service_ids.update(dict.fromkeys(extra.service_ids))
        for name, value in extra.labels.items():
            labels.setdefault(name, value)
        for contact in extra.contacts:
            contacts.setdefault(contact.domain, contact)
    return engine.InventoryEntry(
        service_ids=tuple(service_ids),
        labels=labels,
        contacts=tuple(contacts.values()),
        runbook=next((extra.runbook for extra in found if extra.runbook), ""),
        address=next((extra.address for extra in found if extra.address), ""),
        connection=next((extra.connection for extra in found if extra.connection), ""),
        expected_mbps=next((e.expected_mbps for e in found if e.expected_mbps is not None), None),
    )


def compile_inventory(
    entries: schema.InventoryFile | None,
    document: Document | None,
    sources: Mapping[str, engine.SourceTraits],
    faults: Problems,
) -> Inventory:
    """Check and compile the inventory; what is wrong goes to `faults`."""
    vocabulary = cel.Vocabulary()
    if entries is None or document is None:
        return Inventory({}, (), vocabulary)
    known = {*sources, *KINDS}
    for key in entries.subjects:
        source = model.source_of(key)
        if source not in known:
            place = document.place(("subjects", key), of_key=True)
            what = f"there is no source {source!r}; expected SOURCE/ID{suggest(source, sources)}"
            faults.add(place, f"subjects.{key}", what)
    _check_connections(entries, document, sources, faults)
    matches = []
    for number, match in enumerate(entries.match):
        wrong = list(cel.faults_of(match.where, (), _READABLE))
        for what in wrong:
            place = document.place(("match", number, "where"))
            faults.add(place, f"match[{number}].where", what)
        if not wrong:
            predicate = cel.compile_predicate(match.where, vocabulary)
            matches.append(Matching(predicate, _extra(match)))
    return Inventory(
        {key: _extra(entry) for key, entry in entries.subjects.items()}, matches, vocabulary
    )


def _check_connections(
    entries: schema.InventoryFile,
    document: Document,
    sources: Mapping[str, engine.SourceTraits],
    faults: Problems,
) -> None:
    places: dict[tuple[str | int, ...], schema.Entry] = {
        ("subjects", key): entry for key, entry in entries.subjects.items()
    }
    places |= {("match", number): match for number, match in enumerate(entries.match)}
    for path, entry in places.items():
        wrong = connection_fault(entry.connection, sources)
        if wrong:
            section, part = path
            named = f"match[{part}]" if section == "match" else f"subjects.{part}"
            faults.add(document.place((*path, "connection")), f"{named}.connection", wrong)


def _extra(entry: schema.Entry) -> engine.InventoryEntry:
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
    )
