"""One step under way: the state, the time, and what has come of it so far.

Law: state, both nouns and indexes, is changed here alone, and each change of a noun is an effect,
so that the effects of all steps rebuild the state. Each noun is in them once, in its final form.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from watcher import model
from watcher.engine import changes as step_changes
from watcher.engine.indexes import Extent, Reasons
from watcher.engine.rules.rule import ExpressionError, Rule, Ruleset
from watcher.engine.rules.subject_view import MOST_KEPT, SubjectView
from watcher.engine.state import REOPEN_WITHIN, State, is_over
from watcher.engine.timers import Timer, TimerKind

_PENDING = model.AlertState.PENDING
_OF_PENDING = (TimerKind.HOLD,)
_OF_ALERTS = (TimerKind.HOLD, TimerKind.CLEAR, TimerKind.QUIET)


class StepContext:
    """A step's changes: made to the state at once, and returned together by `effects`."""

    def __init__(self, state: State, now: datetime) -> None:
        self.state = state
        self.now = now
        self._views: dict[str, SubjectView] = {}
        self.changes = step_changes.Changes()
        self.agenda = step_changes.Agenda()
        self._notes: dict[str, dict[model.EntryKind, list[step_changes.Note]]] = {}
        self.previous = step_changes.Previous()

    def effects(self) -> tuple[model.Effect, ...]:
        """Return what has changed and what is requested, always in the same order."""
        return self.changes.effects()

    def subject_view(self, key: str) -> SubjectView:
        """Return a subject, or a source, as it is in this step."""
        view = self._views.get(key)
        if view is None:
            if len(self._views) >= MOST_KEPT:
                self._views.clear()
            view = self._views[key] = self.state.subject_view(key, self.now)
        return view

    # Timers and rules

    def schedule(self, timer: Timer, at: datetime) -> None:
        """Set a timer, or move it."""
        self.state.timers.schedule(timer, at)

    def cancel(self, timer: Timer) -> None:
        """Drop a timer, if it is set."""
        self.state.timers.cancel(timer)

    def take_due_timers(self) -> list[Timer]:
        """Take out every timer that is due, earliest first."""
        return self.state.timers.take_due(self.now)

    def adopt_rules(self, ruleset: Ruleset) -> None:
        """Put new rules in force; a source that they add is awaited."""
        self.state.adopt_rules(ruleset)

    # Sources

    def put_health(self, health: model.SourceHealth) -> None:
        """Change a source."""
        self.state.health[health.source] = self.changes.sources[health.source] = health
        self._views.pop(health.source, None)

    def await_poll(self, source: str) -> None:
        """Have the next complete poll of a source evaluate everything."""
        self.state.source_index.awaited.add(source)

    def stop_awaiting(self, source: str) -> None:
        """Note that a source has had a complete poll."""
        self.state.source_index.awaited.discard(source)

    def note_unwatched(self, source: str, since: datetime) -> None:
        """Note at a start since when a source was not watched."""
        self.state.source_index.unwatched[source] = since

    def take_unwatched(self, source: str) -> datetime | None:
        """Return since when a source was not watched before the start, once."""
        return self.state.source_index.unwatched.pop(source, None)

    def note_gap(self, source: str, since: datetime) -> None:
        """Note that nobody saw a source from then until now."""
        self.state.source_index.gaps[source] = (since, self.now)

    # Subjects and samples

    def put_subject(self, subject: model.Subject) -> None:
        """Change or add a subject."""
        state, key = self.state, subject.key
        before = state.subjects.get(key)
        if before is None or step_changes.differ_in_more_than_fields(before, subject):
            self.agenda.note_subject(before, subject)
            state.subject_index.follow(before, subject)
        state.alert_index.note_subject(state.alerts.get(key, {}).values())
        state.subjects[key] = self.changes.subjects[key] = subject
        self._views.pop(key, None)
        self.changes.forgotten.pop(key, None)

    def forget_subject(self, key: str) -> None:
        """Drop a subject, its samples and its alerts."""
        state, index = self.state, self.state.subject_index
        subject = state.subjects.pop(key)
        self.agenda.subjects[key] = None
        for rule, alert in state.alerts.pop(key, {}).items():
            state.alert_index.remove_firing(alert)
            state.alert_index.pending.get(subject.source, {}).pop((rule, key), None)
            self.changes.alerts.pop((rule, key), None)
            self._cancel_alert_timers(alert)
        for kind in (TimerKind.DETAILS, TimerKind.PHASE):
            self.cancel(Timer(kind, key))
        index.rechecks.get(subject.source, {}).pop(key, None)
        index.missing.get(subject.source, {}).pop(key, None)
        index.inventory_entries.pop(key, None)
        state.samples.forget(key)
        if backfill := state.source_index.backfills.get(subject.source):
            backfill.forget(key)
        self._views.pop(key, None)
        self.changes.forget_subject(key)

    def follow_circuits(self) -> set[str]:
        """Take in on which circuits this step's subjects run; return the circuits that differ."""
        return self.state.follow_circuits(self.agenda.subjects)

    def add_recheck(self, source: str, *keys: str) -> None:
        """Have the next poll of a source evaluate subjects, even if it shows them unchanged."""
        self.state.subject_index.rechecks.setdefault(source, {}).update(dict.fromkeys(keys))

    def take_rechecks(self, source: str) -> set[str]:
        """Return the subjects to evaluate with this poll, once."""
        return set(self.state.subject_index.rechecks.pop(source, ()))

    def add_sample(self, sample: model.Sample) -> bool:
        """Add a sample; False when it was there already."""
        if not self.state.samples.put(sample):
            return False
        self.changes.samples.append(sample)
        self._views.pop(sample.subject, None)
        return True

    def drop_samples(self, key: str, start: datetime, end: datetime, gap: timedelta) -> None:
        """Forget the samples of a subject that no window reaches, or that are strays."""
        self.state.samples.drop_outside(key, start, end, gap)

    # Alerts

    def put_alert(self, alert: model.Alert) -> None:
        """Change or add an alert."""
        state, index = self.state, self.state.alert_index
        of_subject = state.alerts.get(alert.subject)
        if of_subject is None:
            of_subject = state.alerts[alert.subject] = {}
        before = of_subject.get(alert.rule)
        if (None if before is None else before.incident) != alert.incident:
            if before is not None:
                index.remove_firing(before)
            index.add_firing(alert)
            if alert.rule in state.inhibiting:
                self.agenda.recheck_suppression()
        elif before is not None and alert.incident is not None:
            index.note_alert(before, alert)
        of_subject[alert.rule] = self.changes.alerts[alert.rule, alert.subject] = alert
        if alert.state is _PENDING or (before is not None and before.state is _PENDING):
            index.note_pending(alert)

    def remove_alert(self, alert: model.Alert) -> None:
        """Take an alert back to inactive, with nothing left to remember."""
        self.put_alert(
            model.Alert(rule=alert.rule, subject=alert.subject, since=self.now, value=alert.value)
        )
        of_subject = self.state.alerts[alert.subject]
        del of_subject[alert.rule]
        if not of_subject:
            del self.state.alerts[alert.subject]
        self._cancel_alert_timers(alert)

    def _cancel_alert_timers(self, alert: model.Alert) -> None:
        for kind in _OF_PENDING if alert.state is _PENDING else _OF_ALERTS:
            self.state.timers.cancel(Timer(kind, alert.subject, alert.rule))

    def add_expression_error(self, rule: Rule, key: str, error: ExpressionError) -> None:
        """Report an expression that failed, once until it works again."""
        errors = self.state.alert_index.expression_errors
        if (rule.name, key) not in errors:
            errors.add((rule.name, key))
            self.changes.expression_errors.append(
                model.ExpressionFailed(rule=rule.name, subject=key, error=str(error))
            )

    def clear_expression_error(self, rule: Rule, key: str) -> None:
        """Note that an expression has worked."""
        self.state.alert_index.expression_errors.discard((rule.name, key))

    # Incidents

    def open_incident(self, incident: model.Incident) -> model.Incident:
        """Add an incident; what fires in its group joins it from now on."""
        self.state.incident_index.latest[self.state.about(incident)] = incident.id
        return self.put_incident(incident)

    def put_incident(
        self, incident: model.Incident, *, shown: bool = True, **changes: Any
    ) -> model.Incident:
        """Add an incident, or change it: of what is `shown` its version grows, once in a step."""
        if shown and incident.id in self.state.incidents and incident.id not in self.agenda.revised:
            changes["version"] = self.state.incidents[incident.id].version + 1
        if shown:
            self.agenda.revised.add(incident.id)
        incident = replace(incident, **changes) if changes else incident
        self.state.incidents[incident.id] = self.changes.incidents[incident.id] = incident
        self.state.incident_index.note_fallback(incident)
        self.agenda.touched[incident.id] = None
        return incident

    def put_remedy(self, identity: str, remedy: model.Remedy) -> None:
        """Change an incident's remedy."""
        self.put_incident(self.state.incidents[identity], remedy=remedy)
        self.state.index_bandwidths()

    def resolve_incident(
        self, incident: model.Incident, resolution: model.Resolution, **changes: Any
    ) -> model.Incident:
        """Resolve an incident; unless it was merged, it can be reopened for a while."""
        incident = self.put_incident(
            incident,
            status=model.IncidentStatus.RESOLVED,
            resolution=resolution,
            resolved_at=self.now,
            **changes,
        )
        self.release_incident(incident.id)
        if resolution is model.Resolution.MERGED:
            self.state.incident_index.latest.pop(self.state.about(incident), None)
        return incident

    def release_incident(self, identity: str) -> None:
        """Let a resolved incident be forgotten once it cannot be reopened."""
        self.state.incident_index.resolved.append((self.now, identity))

    def keep_late_incident(self, incident: model.Incident) -> None:
        """Keep an incident that was over when it was opened, for as long as it can be reopened."""
        state, index = self.state, self.state.incident_index
        if is_over(incident, self.now):  # nothing can happen to it any more
            del state.incidents[incident.id]
            del state.members[incident.id]
            return
        latest = state.latest_incident(*state.about(incident))
        if latest is None or (latest.opened_at, latest.id) < (incident.opened_at, incident.id):
            index.latest[state.about(incident)] = incident.id
        if incident.resolved_at is not None:
            index.add_resolved(incident.resolved_at, incident.id)

    def discard_incidents(self, identities: Collection[str]) -> None:
        """Undo incidents that this very step has opened: another one stands for them."""
        state = self.state
        for identity in identities:
            incident = state.incidents.pop(identity)
            del self.changes.incidents[identity]
            for key in state.members.pop(identity):
                del self.changes.members[identity, *key]
            state.alert_index.forget_incident(identity)
            state.incident_index.latest.pop(state.about(incident), None)
            self.agenda.touched.pop(identity, None)
            self._notes.pop(identity, None)
        self.changes.discard_timelines(set(identities))

    def forget_resolved(self) -> None:
        """Drop incidents that can no longer be reopened."""
        self.state.forget_resolved(self.now)

    def touch(self, identity: str) -> None:
        """Have an incident brought up to date at the end of the step."""
        self.agenda.touched[identity] = None

    def retitle(self, identity: str) -> None:
        """Have an incident's title worked out again, from its alerts as they are now."""
        self.agenda.touched[identity] = None
        self.agenda.retitled.add(identity)

    def put_member(self, member: model.IncidentAlert) -> None:
        """Change or add an incident's alert as readers see it."""
        key = (member.rule, member.subject)
        members = self.state.members.setdefault(member.incident, {})
        self.state.alert_index.note_member(members.get(key), member)
        members[key] = self.changes.members[member.incident, *key] = member

    def keep(self, identity: str, worked_out: Extent | Reasons) -> None:
        """Keep what an incident's firing alerts come to, or what suppresses them."""
        self.state.alert_index.keep(identity, worked_out)

    def count_late_fact(self, rule: str, source: str) -> int:
        """Count a fact learned late; return how many there were of its rule and source lately."""
        return self.state.incident_index.count_late_fact(rule, source, self.now, REOPEN_WITHIN)

    def count_openings(self, source: str, window: timedelta) -> int:
        """Return how many incidents of a source opened in this window before the step."""
        return self.state.incident_index.count_openings(source, since=self.now - window)

    def add_openings(self, source: str, number: int) -> None:
        """Count incidents of a source that have opened now."""
        self.state.incident_index.add_openings(source, number, self.now)

    def put_silence(self, silence: model.Silence) -> None:
        """Add a silence, or change its end."""
        self.state.silences[silence.id] = self.changes.silences[silence.id] = silence

    def put_calendar(self, calendar: model.Calendar) -> None:
        """Change the calendar of a rota."""
        self.state.calendars[calendar.rota] = self.changes.calendars[calendar.rota] = calendar

    def put_work(self, work: model.Work) -> None:
        """Add planned works, or change what is known of them."""
        self.agenda.note_work(work.key, self.state.works.get(work.key))
        self.agenda.note_windows(self.state.works_index.put(work))
        self.changes.works[work.key] = work

    def drop_ended_silences(self) -> None:
        """Forget the silences that are over, and what was kept of what suppresses alerts."""
        self.state.alert_index.forget_suppressed()
        for silence in list(self.state.silences.values()):
            if silence.is_past(self.now):
                del self.state.silences[silence.id]

    # Timelines

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
        self.changes.entries.append(
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
        """Put a text on a timeline that becomes one entry with others of this step and kind.

        `once` leaves out what this step has noted there already.
        """
        notes = self._notes.setdefault(identity, {}).setdefault(kind, [])
        if not once or (text, notify) not in notes:
            notes.append((text, notify))
        self.touch(identity)

    def flush_notes(self, identity: str) -> None:
        """Write the entries of what was noted."""
        for kind, notes in self._notes.pop(identity, {}).items():
            text, notify = step_changes.join_notes(kind, notes)
            self.add_entry(identity, kind, text, notify=notify)

    # Requests

    def request(self, need: model.Need) -> None:
        """Ask for work, once."""
        self.changes.requests[need] = None

    def withdraw_request(self, need: model.DetailsNeeded) -> None:
        """Take back what this step has asked for."""
        self.changes.requests.pop(need, None)

    def request_diagnosis(self, identity: str, service_ids: tuple[str, ...]) -> None:
        """Ask for the next run of Service Diagnostics for each of these services."""
        incident = self.state.incidents[identity]
        for run in step_changes.next_runs(incident, service_ids):
            self.request(run)
        examined = tuple(dict.fromkeys((*incident.examined, *service_ids)))
        if examined != incident.examined:
            self.put_incident(incident, examined=examined)
