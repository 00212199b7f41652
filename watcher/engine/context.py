"""One step under way: the state, the time, and what has come of it so far.

Law: the state's nouns are changed here alone, and each change is told as an effect, so that the
effects of all steps rebuild the state. Each noun is told once, in its final form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from watcher import model
from watcher.engine.rules.rule import ExpressionError, Rule
from watcher.engine.rules.subject_view import SubjectView
from watcher.engine.state import State
from watcher.engine.timers import Timer, TimerKind

Note = tuple[str, bool]  # the words, and whether people must notice them
_NAMED = 3  # of the notes that become one entry
_OF_ALERTS = (TimerKind.HOLD, TimerKind.CLEAR, TimerKind.QUIET)


class StepContext:
    """A step's changes: made to the state at once, told together by `effects`."""

    def __init__(self, state: State, now: datetime) -> None:
        self.state = state
        self.now = now
        self._views: dict[str, SubjectView] = {}
        self._sources: dict[str, model.SourceHealth] = {}
        self._subjects: dict[str, model.Subject] = {}
        self._samples: list[model.Sample] = []
        self._alerts: dict[tuple[str, str], model.Alert] = {}
        self._incidents: dict[str, model.Incident] = {}
        self._members: dict[tuple[str, str, str], model.IncidentAlert] = {}
        self._entries: list[model.Entry] = []
        self._forgotten: dict[str, model.Forgotten] = {}
        self._wanted: dict[model.Need, None] = {}
        self._misfired: list[model.ExpressionFailed] = []
        self._silences: dict[str, model.Silence] = {}
        self._notes: dict[str, dict[model.EntryKind, list[Note]]] = {}
        self.touched: dict[str, None] = {}  # incidents to bring up to date at the end of the step
        self.retitled: set[str] = set()  # those of them that say something else now
        self.opened: dict[str, list[str]] = {}  # by source: incidents that this step opened
        self.storms: dict[str, int] = {}  # begun or fed in this step, with their alerts before
        self.audience_changed = False
        self.details_asked = 0  # by the alerts of this step
        self.awaiting: list[str] = []  # subjects whose alerts began in it and wait for details
        self.inhibitors: dict[tuple[str, tuple[str, ...]], set[tuple[str, ...]]] = {}

    def effects(self) -> tuple[model.Effect, ...]:
        """Tell what has changed and what is wanted, always in the same order."""
        return (
            *self._sources.values(),
            *self._subjects.values(),
            *self._samples,
            *self._alerts.values(),
            *self._incidents.values(),
            *self._members.values(),
            *self._entries,
            *self._forgotten.values(),
            *self._silences.values(),
            *self._wanted,
            *self._misfired,
        )

    def subject_view(self, key: str) -> SubjectView:
        """See a subject, or a source, as it is in this step."""
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self.state.subject_view(key, self.now)
        return view

    def put_health(self, health: model.SourceHealth) -> None:
        """Change a source."""
        self.state.health[health.source] = self._sources[health.source] = health
        self._views.pop(health.source, None)

    def put_subject(self, subject: model.Subject) -> None:
        """Change or add a subject."""
        key = subject.key
        before = self.state.subjects.get(key)
        if before is not None and before.labels != subject.labels:
            self.state.inventory_entries.pop(key, None)
        self.state.subjects[key] = self._subjects[key] = subject
        self._views.pop(key, None)
        self._forgotten.pop(key, None)

    def add_sample(self, sample: model.Sample) -> bool:
        """Add a sample; False when it was known."""
        if not self.state.samples.put(sample):
            return False
        self._samples.append(sample)
        self._views.pop(sample.subject, None)
        return True

    def put_alert(self, alert: model.Alert) -> None:
        """Change or add an alert."""
        key = alert.key
        of_subject = self.state.alerts.setdefault(alert.subject, {})
        before = of_subject.get(alert.rule)
        was = None if before is None else before.incident
        if was != alert.incident:
            if before is not None:
                self.state.unlist_firing(before)
            self.state.list_firing(alert)
            if alert.rule in self.state.inhibiting:
                self.audience_changed = True
        of_subject[alert.rule] = alert
        self._alerts[key] = alert
        source = model.source_of(alert.subject)
        if alert.state is model.AlertState.PENDING:
            self.state.pending.setdefault(source, {})[key] = None
        elif source in self.state.pending:
            self.state.pending[source].pop(key, None)

    def remove_alert(self, alert: model.Alert) -> None:
        """Take an alert back to inactive, with nothing left to remember."""
        self.put_alert(
            model.Alert(rule=alert.rule, subject=alert.subject, since=self.now, value=alert.value)
        )
        of_subject = self.state.alerts[alert.subject]
        del of_subject[alert.rule]
        if not of_subject:
            del self.state.alerts[alert.subject]
        for purpose in _OF_ALERTS:
            self.state.timers.cancel(Timer(purpose, alert.subject, alert.rule))

    def put_incident(self, incident: model.Incident, **changes: Any) -> model.Incident:
        """Change an incident, its version growing once in a step; or add it."""
        known = self.state.incidents.get(incident.id)
        if known is not None and incident.id not in self._incidents:
            changes["version"] = known.version + 1
        if changes:
            incident = replace(incident, **changes)
        self.state.incidents[incident.id] = self._incidents[incident.id] = incident
        self.state.note_fallback(incident)
        self.touched[incident.id] = None
        return incident

    def discard_incident(self, identity: str) -> None:
        """Undo an incident that this very step has opened: another one stands for it."""
        incident = self.state.incidents.pop(identity)
        del self._incidents[identity]
        for key in self.state.members.pop(identity):
            del self._members[identity, *key]
        self.state.firing.pop(identity, None)
        self.state.latest.pop((incident.rule, incident.group), None)
        self.touched.pop(identity, None)
        self._notes.pop(identity, None)

    def discard_entries(self, of: Collection[str]) -> None:
        """Undo the entries of merged incidents, and what was wanted for them."""
        self._entries = [entry for entry in self._entries if entry.incident not in of]
        self._wanted = {
            need: None
            for need in self._wanted
            if not (
                isinstance(need, model.DiagnosisNeeded | model.AlternativesNeeded)
                and need.incident in of
            )
        }

    def touch(self, identity: str) -> None:
        """Have an incident brought up to date at the end of the step."""
        self.touched[identity] = None

    def retitle(self, identity: str) -> None:
        """Have it told anew what an incident is about, as its alerts are now."""
        self.touched[identity] = None
        self.retitled.add(identity)

    def put_silence(self, silence: model.Silence) -> None:
        """Add a silence, or change its end."""
        self.state.silences[silence.id] = self._silences[silence.id] = silence

    def put_member(self, member: model.IncidentAlert) -> None:
        """Change or add an incident's alert as readers see it."""
        key = (member.rule, member.subject)
        self.state.members.setdefault(member.incident, {})[key] = member
        self._members[member.incident, *key] = member

    def add_entry(
        self,
        identity: str,
        kind: model.EntryKind,
        text: str,
        *,
        by: str = "",
        notify: bool = False,
        **data: model.Scalar,
    ) -> None:
        """Put an entry on an incident's timeline."""
        self.flush_notes(identity)
        incident = self.state.incidents[identity]
        incident = self.put_incident(incident, entries=incident.entries + 1)
        self._entries.append(
            model.Entry(
                incident=identity,
                number=incident.entries,
                kind=kind,
                at=self.now,
                text=text,
                by=by,
                notify=notify,
                data=data,
            )
        )

    def add_note(
        self, identity: str, kind: model.EntryKind, text: str, *, notify: bool, once: bool = False
    ) -> None:
        """Put words on a timeline that become one entry with others of this step and kind.

        `once` leaves out what this step has noted there already.
        """
        notes = self._notes.setdefault(identity, {}).setdefault(kind, [])
        if not once or (text, notify) not in notes:
            notes.append((text, notify))
        self.touch(identity)

    def flush_notes(self, identity: str) -> None:
        """Write the entries of what was noted."""
        for kind, notes in self._notes.pop(identity, {}).items():
            texts = [text for text, _ in notes]
            notify = any(loud for _, loud in notes)
            more = len(texts) - _NAMED
            told = "; ".join(texts[:_NAMED]) + (f"; and {more:,} more" if more > 0 else "")
            what = "late facts" if kind is model.EntryKind.LATE else "alerts"
            text = texts[0] if len(texts) == 1 else f"{len(texts):,} {what}: {told}"
            self.add_entry(identity, kind, text, notify=notify)

    def forget_subject(self, key: str) -> None:
        """Drop a subject, its samples and its alerts."""
        state = self.state
        subject = state.subjects.pop(key)
        for rule, alert in state.alerts.pop(key, {}).items():
            state.unlist_firing(alert)
            self._alerts.pop((rule, key), None)
            state.pending.get(subject.source, {}).pop((rule, key), None)
            for purpose in _OF_ALERTS:
                state.timers.cancel(Timer(purpose, key, rule))
        for purpose in (TimerKind.DETAILS, TimerKind.PHASE):
            state.timers.cancel(Timer(purpose, key))
        state.passed.get(subject.source, {}).pop(key, None)
        state.missing.get(subject.source, {}).pop(key, None)
        state.samples.forget(key)
        state.inventory_entries.pop(key, None)
        if backfill := state.backfills.get(subject.source):
            backfill.forget(key)
        self._subjects.pop(key, None)
        self._views.pop(key, None)
        self._samples = [sample for sample in self._samples if sample.subject != key]
        self._forgotten[key] = model.Forgotten(key=key)

    def request(self, need: model.Need) -> None:
        """Ask for work, once."""
        self._wanted[need] = None

    def withdraw_request(self, need: model.DetailsNeeded) -> None:
        """Take back what this step has asked for."""
        self._wanted.pop(need, None)

    def request_diagnosis(self, identity: str, service_ids: tuple[str, ...]) -> None:
        """Ask for the next run of Service Diagnostics for each of these services."""
        incident = self.state.incidents[identity]
        for service_id in service_ids:
            number = sum(run.service_id == service_id for run in incident.diagnostics)
            self.request(
                model.DiagnosisNeeded(
                    run=short_id("r", identity, service_id, str(number)),
                    incident=identity,
                    service_id=service_id,
                )
            )
        examined = tuple(dict.fromkeys((*incident.examined, *service_ids)))
        if examined != incident.examined:
            self.put_incident(incident, examined=examined)

    def flag_expression_error(self, rule: Rule, key: str, error: ExpressionError) -> None:
        """Flag an expression that failed, once until it works again."""
        if (rule.name, key) not in self.state.expression_errors:
            self.state.expression_errors.add((rule.name, key))
            self._misfired.append(
                model.ExpressionFailed(rule=rule.name, subject=key, error=str(error))
            )


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: nobody reads l for 1 or o for 0


def short_id(prefix: str, *content: str) -> str:
    """Derive an id of eight letters (40 bits) from content."""
    number = int.from_bytes(hashlib.sha256("\0".join(content).encode()).digest()[:5])
    return f"{prefix}-" + "".join(_ALPHABET[number >> shift & 31] for shift in range(0, 40, 5))
