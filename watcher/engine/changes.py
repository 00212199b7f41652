"""What a step has changed and asked for, and what is left to do before it ends."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field

from watcher import model
from watcher.engine.indexes import Firing

Note = tuple[str, bool]  # the text, and whether people must notice it
_Fields = Mapping[str, model.Scalar]
_MOST_KEPT = 1_024
_QUOTED = 3  # of the notes that become one entry
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: nobody reads l for 1 or o for 0


class Changes(Struct, eq=False):
    """The changes of a step, to become its effects: each noun once, in its final form."""

    sources: dict[str, model.SourceHealth] = field(default_factory=dict)
    subjects: dict[str, model.Subject] = field(default_factory=dict)
    samples: list[model.Sample] = field(default_factory=list)
    alerts: dict[tuple[str, str], model.Alert] = field(default_factory=dict)
    incidents: dict[str, model.Incident] = field(default_factory=dict)
    members: dict[tuple[str, str, str], model.IncidentAlert] = field(default_factory=dict)
    entries: list[model.Entry] = field(default_factory=list)
    forgotten: dict[str, model.Forgotten] = field(default_factory=dict)
    silences: dict[str, model.Silence] = field(default_factory=dict)
    calendars: dict[str, model.Calendar] = field(default_factory=dict)
    works: dict[str, model.Work] = field(default_factory=dict)
    requests: dict[model.Need, None] = field(default_factory=dict)
    expression_errors: list[model.ExpressionFailed] = field(default_factory=list)

    def effects(self) -> tuple[model.Effect, ...]:
        """Return what has changed and what is requested, always in the same order."""
        return (
            *self.sources.values(),
            *self.subjects.values(),
            *self.samples,
            *self.alerts.values(),
            *self.incidents.values(),
            *self.members.values(),
            *self.entries,
            *self.forgotten.values(),
            *self.silences.values(),
            *self.calendars.values(),
            *self.works.values(),
            *self.requests,
            *self.expression_errors,
        )

    def forget_subject(self, key: str) -> None:
        """Report nothing of a subject but that it is forgotten."""
        self.subjects.pop(key, None)
        self.samples = [sample for sample in self.samples if sample.subject != key]
        self.forgotten[key] = model.Forgotten(key=key)

    def discard_timelines(self, incidents: Collection[str]) -> None:
        """Undo the entries of merged incidents, and what was requested for them."""
        self.entries = [entry for entry in self.entries if entry.incident not in incidents]
        self.requests = {
            need: None
            for need in self.requests
            if not (
                isinstance(need, model.DiagnosisNeeded | model.AlternativesNeeded)
                and need.incident in incidents
            )
        }


class Agenda(Struct, eq=False):
    """What the rest of a step has to see to; it ends with the step."""

    touched: dict[str, None] = field(default_factory=dict)  # incidents to bring up to date
    revised: set[str] = field(default_factory=set)  # incidents whose version has grown
    retitled: set[str] = field(default_factory=set)  # those whose title may have changed
    opened: dict[str, list[str]] = field(default_factory=dict)  # by source: incidents of this step
    storms: dict[str, int] = field(default_factory=dict)  # begun or fed, with their alerts before
    suppression_changed: bool = False  # so that any open incident may be notified otherwise
    details_asked: int = 0  # by the alerts of this step
    awaiting: list[str] = field(default_factory=list)  # subjects whose new alerts wait for details
    broken: dict[tuple[str, str], datetime] = field(default_factory=dict)  # by fault and subject:
    # since when the subject was not well, of pending alerts that this step has broken
    works: dict[str, model.Work | None] = field(default_factory=dict)  # as they were before
    # By works: their windows before others of the carrier came to speak for some of them
    windows: dict[str, tuple[model.WorkWindow, ...]] = field(default_factory=dict)
    all_works: bool = False  # more than these may have something to say
    subjects: dict[str, None] = field(default_factory=dict)  # new, gone, booked, labelled otherwise
    inhibitors: dict[tuple[str, tuple[str, ...]], set[tuple[str, ...]]] = field(
        default_factory=dict
    )  # by rule and labels: their values on what fires

    def note_opened(self, source: str, identity: str) -> None:
        """Note that this step has opened an incident of a source."""
        self.opened.setdefault(source, []).append(identity)

    def take_opened(self, source: str) -> list[str]:
        """Return the incidents of a source that this step has opened, once."""
        return self.opened.pop(source)

    def note_storm(self, identity: str, firing: Collection[Firing]) -> None:
        """Note that this step begins or feeds a storm, which reports itself at the end."""
        self.storms[identity] = len(firing)

    def note_work(self, key: str, before: model.Work | None) -> None:
        """Note planned works that have changed, or that are due to be looked at."""
        self.works.setdefault(key, before)

    def note_windows(self, before: Mapping[str, tuple[model.WorkWindow, ...]]) -> None:
        """Note the windows that works had before this step has changed a whole or a part."""
        self.windows = {**before, **self.windows}

    def review_all_works(self) -> None:
        """Have all planned works looked at: the rules, the inventory or the clock has changed."""
        self.all_works = True

    def note_subject(self, before: model.Subject | None, subject: model.Subject) -> None:
        """Note a subject if planned works may mean something else for it now."""
        if (
            before is None
            or before.bookings != subject.bookings
            or (before.labels is not subject.labels and before.labels != subject.labels)
        ):
            self.subjects[subject.key] = None

    def recheck_suppression(self) -> None:
        """Have all open incidents brought up to date: who is notified may have changed."""
        self.suppression_changed = True

    def count_details_request(self, *, waiting: str = "") -> None:
        """Count details that were asked for; the new alerts of a `waiting` subject need them."""
        self.details_asked += 1
        if waiting:
            self.awaiting.append(waiting)

    def note_broken(self, fault: str, key: str, since: datetime) -> None:
        """Note that a pending alert of a subject that is not well has broken."""
        before = self.broken.get((fault, key), since)
        self.broken[fault, key] = min(before, since)

    def keep_inhibitors(
        self, rule: str, equal: tuple[str, ...], values: set[tuple[str, ...]]
    ) -> None:
        """Remember what the firing alerts of an inhibiting rule are equal in."""
        self.inhibitors[rule, equal] = values


class Previous(Struct, eq=False):
    """What fields were before they changed: one mapping for all that change in the same way."""

    _kept: dict[tuple[int, int, int], tuple[_Fields, tuple[_Fields, ...]]] = field(
        default_factory=dict
    )

    def before(self, old: model.Subject, fields: _Fields) -> _Fields:
        """Return what each field was, as last known, before `fields`.

        Equal mappings are the same objects, as a rule; what is kept here keeps them alive.
        """
        identity = (id(old.previous), id(old.fields), id(fields))
        kept = self._kept.get(identity)
        if kept is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            changed = {
                name: value
                for name, value in old.fields.items()
                if value is not None and value != model.UNKNOWN and fields.get(name) != value
            }
            kept = {**old.previous, **changed}, (old.previous, old.fields, fields)
            self._kept[identity] = kept
        return kept[0]


def differ_in_more_than_fields(before: model.Subject, subject: model.Subject) -> bool:
    """Return whether two views of a subject may differ in what other things are found by."""
    return (
        before.labels is not subject.labels
        or before.bookings is not subject.bookings
        or before.missed != subject.missed
    )


def next_runs(
    incident: model.Incident, service_ids: Iterable[str]
) -> Iterator[model.DiagnosisNeeded]:
    """Yield the next run of Service Diagnostics for each of these services."""
    for service_id in service_ids:
        number = sum(run.service_id == service_id for run in incident.diagnostics)
        run = short_id("r", incident.id, service_id, str(number))
        yield model.DiagnosisNeeded(run=run, incident=incident.id, service_id=service_id)


def short_id(prefix: str, *content: str) -> str:
    """Derive an id of eight letters (40 bits) from content."""
    number = int.from_bytes(hashlib.sha256("\0".join(content).encode()).digest()[:5])
    return f"{prefix}-" + "".join(_ALPHABET[number >> shift & 31] for shift in range(0, 40, 5))


def join_notes(kind: model.EntryKind, notes: Sequence[Note]) -> Note:
    """Return the one text of an entry that several notes become, and whether it is noticed."""
    texts = [text for text, _ in notes]
    more = len(texts) - _QUOTED
    quoted = "; ".join(texts[:_QUOTED]) + (f"; and {more:,} more" if more > 0 else "")
    what = "late facts" if kind is model.EntryKind.LATE else "alerts"
    text = texts[0] if len(texts) == 1 else f"{len(texts):,} {what}: {quoted}"
    return text, any(notify for _, notify in notes)
