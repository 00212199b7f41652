"""One step under way: the state, the time, and what has come of it so far.

Law: the state's nouns are changed here alone, and each change is told as an effect, so that the
effects of all steps rebuild the state. Each noun is told once, in its final form.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from watcher import model
from watcher.engine.rule import ExpressionError, Rule
from watcher.engine.scene import Scene
from watcher.engine.state import State
from watcher.engine.timers import Purpose, Timer


class Turn:
    """A step's changes: made to the state at once, told together by `effects`."""

    def __init__(self, state: State, now: datetime) -> None:
        self.state = state
        self.now = now
        self._scenes: dict[str, Scene] = {}
        self._sources: dict[str, model.SourceHealth] = {}
        self._subjects: dict[str, model.Subject] = {}
        self._samples: list[model.Sample] = []
        self._alerts: dict[tuple[str, str], model.Alert] = {}
        self._incidents: dict[str, model.Incident] = {}
        self._members: dict[tuple[str, str, str], model.IncidentAlert] = {}
        self._entries: list[model.Entry] = []
        self._forgotten: dict[str, model.Forgotten] = {}
        self._wanted: dict[
            model.DetailsNeeded | model.DiagnosisNeeded | model.PollNeeded, None
        ] = {}
        self._misfired: list[model.Misfired] = []

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
            *self._wanted,
            *self._misfired,
        )

    def scene(self, key: str) -> Scene:
        """See a subject, or a source, as it is in this step."""
        scene = self._scenes.get(key)
        if scene is None:
            scene = self._scenes[key] = self.state.scene(key, self.now)
        return scene

    def keep_health(self, health: model.SourceHealth) -> None:
        """Change a source."""
        self.state.health[health.source] = self._sources[health.source] = health
        self._scenes.pop(health.source, None)

    def keep_subject(self, subject: model.Subject) -> None:
        """Change or add a subject."""
        key = subject.key
        before = self.state.subjects.get(key)
        if before is not None and before.labels != subject.labels:
            self.state.extras.pop(key, None)
        self.state.subjects[key] = self._subjects[key] = subject
        self._scenes.pop(key, None)
        self._forgotten.pop(key, None)

    def keep_sample(self, sample: model.Sample) -> bool:
        """Add a sample; False when it was known."""
        if not self.state.samples.put(sample):
            return False
        self._samples.append(sample)
        self._scenes.pop(sample.subject, None)
        return True

    def keep_alert(self, alert: model.Alert) -> None:
        """Change or add an alert."""
        key = alert.key
        self.state.alerts.setdefault(alert.subject, {})[alert.rule] = alert
        self._alerts[key] = alert
        source = alert.subject.partition("/")[0]
        if alert.state is model.AlertState.PENDING:
            self.state.pending.setdefault(source, {})[key] = None
        elif source in self.state.pending:
            self.state.pending[source].pop(key, None)

    def drop_alert(self, alert: model.Alert) -> None:
        """Take an alert back to inactive, with nothing left to remember."""
        self.keep_alert(
            model.Alert(rule=alert.rule, subject=alert.subject, since=self.now, value=alert.value)
        )
        of_subject = self.state.alerts[alert.subject]
        del of_subject[alert.rule]
        if not of_subject:
            del self.state.alerts[alert.subject]
        for purpose in (Purpose.HOLD, Purpose.CLEAR):
            self.state.timers.disarm(Timer(purpose, alert.subject, alert.rule))

    def keep_incident(self, incident: model.Incident, **changes: Any) -> model.Incident:
        """Change an incident, its version growing once in a step; or add it."""
        known = self.state.incidents.get(incident.id)
        if known is not None and incident.id not in self._incidents:
            changes["version"] = known.version + 1
        if changes:
            incident = replace(incident, **changes)
        self.state.incidents[incident.id] = self._incidents[incident.id] = incident
        return incident

    def keep_member(self, member: model.IncidentAlert) -> None:
        """Change or add an incident's alert as readers see it."""
        key = (member.rule, member.subject)
        self.state.members.setdefault(member.incident, {})[key] = member
        self._members[member.incident, *key] = member

    def write(
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
        incident = self.state.incidents[identity]
        incident = self.keep_incident(incident, entries=incident.entries + 1)
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

    def forget(self, key: str) -> None:
        """Drop a subject, its samples and its alerts."""
        state = self.state
        subject = state.subjects.pop(key)
        for rule in state.alerts.pop(key, {}):
            self._alerts.pop((rule, key), None)
            state.pending.get(subject.source, {}).pop((rule, key), None)
            for purpose in (Purpose.HOLD, Purpose.CLEAR):
                state.timers.disarm(Timer(purpose, key, rule))
        for purpose in (Purpose.DETAILS, Purpose.PHASE):
            state.timers.disarm(Timer(purpose, key))
        state.passed.get(subject.source, {}).pop(key, None)
        state.missing.get(subject.source, {}).pop(key, None)
        state.samples.forget(key)
        state.extras.pop(key, None)
        self._subjects.pop(key, None)
        self._scenes.pop(key, None)
        self._samples = [sample for sample in self._samples if sample.subject != key]
        self._forgotten[key] = model.Forgotten(key=key)

    def want(self, need: model.DetailsNeeded | model.DiagnosisNeeded | model.PollNeeded) -> None:
        """Ask for work, once."""
        self._wanted[need] = None

    def misfire(self, rule: Rule, key: str, error: ExpressionError) -> None:
        """Flag an expression that failed, once until it works again."""
        if (rule.name, key) not in self.state.misfiring:
            self.state.misfiring.add((rule.name, key))
            self._misfired.append(model.Misfired(rule=rule.name, subject=key, error=str(error)))
