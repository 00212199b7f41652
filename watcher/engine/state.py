"""What the engine remembers between two steps, grouped; and how a restart builds it again.

Law: whatever must survive a restart is in a model noun that an effect has carried out; everything
else here (indexes, timers, caches) is worked out again from those nouns. Only `StepContext` changes
a state that is in use, by the verbs below and its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from watcher import model, ports
from watcher.engine.indexes import (
    AlertIndex,
    BackfillState,
    Firing,
    IncidentIndex,
    SourceIndex,
    SubjectIndex,
)
from watcher.engine.rules import thresholds
from watcher.engine.rules.circuits import CircuitIndex
from watcher.engine.rules.index import RuleIndex, index_rules
from watcher.engine.rules.rule import Rule, Ruleset
from watcher.engine.rules.subject_view import SubjectView
from watcher.engine.rules.works import WorksIndex
from watcher.engine.timers import Timers

REOPEN_WITHIN = timedelta(minutes=10)


class IllegalCommand(Exception):  # noqa: N818  # it names what the caller did, as h11's errors do
    """A command that cannot be obeyed; the message tells a person why. Nothing has changed."""


class State(Struct, kw_only=True, eq=False):
    """The whole memory of the engine; `step` changes it in place."""

    # The rules in force
    ruleset: Ruleset
    rule_index: Mapping[str, RuleIndex]  # by source
    rules: Mapping[str, Rule]  # by name
    inhibiting: frozenset[str] = frozenset()  # rules whose alerts inhibit others
    # Nouns, as effects have carried them out
    health: dict[str, model.SourceHealth] = field(default_factory=dict)
    subjects: dict[str, model.Subject] = field(default_factory=dict)
    samples: thresholds.Samples = field(default_factory=thresholds.Samples)
    alerts: dict[str, dict[str, model.Alert]] = field(default_factory=dict)  # by subject, by rule
    incidents: dict[str, model.Incident] = field(default_factory=dict)
    members: dict[str, dict[tuple[str, str], model.IncidentAlert]] = field(default_factory=dict)
    silences: dict[str, model.Silence] = field(default_factory=dict)
    calendars: dict[str, model.Calendar] = field(default_factory=dict)  # by rota
    # Worked out from them
    timers: Timers = field(default_factory=Timers)
    source_index: SourceIndex = field(default_factory=SourceIndex)
    subject_index: SubjectIndex = field(default_factory=SubjectIndex)
    alert_index: AlertIndex = field(default_factory=AlertIndex)
    incident_index: IncidentIndex = field(default_factory=IncidentIndex)
    works_index: WorksIndex = field(default_factory=WorksIndex)
    circuits: CircuitIndex = field(default_factory=CircuitIndex)

    @property
    def works(self) -> Mapping[str, model.Work]:
        """The planned works, by their key."""
        return self.works_index.works

    def subject_view(self, key: str, now: datetime) -> SubjectView:
        """Return the view of one subject, or of a source itself."""
        subject, index = self.subjects.get(key), self.subject_index
        if subject is None:
            return SubjectView.of_source(self.ruleset, self.health[key], index.inventory_entries)
        return SubjectView(
            self.ruleset,
            key,
            fields=subject.fields,
            previous=subject.previous,
            labels=subject.labels,
            metrics=self.samples.newest(key),
            inventory_entries=index.inventory_entries,
            bookings=subject.bookings,
            now=now,
            vanished=subject.missed >= 2,
            changing=index.bandwidths.get(key, ()),
        )

    def visibility(self, source: str) -> model.Visibility:
        """Return how well a source can be seen; one that was never polled counts as failing."""
        health = self.health.get(source)
        return model.Visibility.FAILING if health is None else health.sight

    def is_awaited(self, source: str) -> bool:
        """Whether a source has had no complete poll since the start."""
        return source in self.source_index.awaited

    def backfill(self, source: str) -> BackfillState | None:
        """Return how far the reading of a source's own records has come, if it has any."""
        return self.source_index.backfills.get(source)

    def alerts_of(self, source: str) -> Iterator[model.Alert]:
        """Yield the alerts of a source's subjects, in a fixed order."""
        for key in sorted(self.alerts):
            if key.startswith(source + "/"):
                yield from self.alerts_on(key)

    def alerts_on(self, key: str, state: model.AlertState | None = None) -> list[model.Alert]:
        """Return a subject's alerts, or those in one state, in a fixed order."""
        alerts = self.alerts.get(key)
        if not alerts:
            return []
        rules = sorted(alerts) if len(alerts) > 1 else alerts
        return [alerts[rule] for rule in rules if state is None or alerts[rule].state is state]

    def alert(self, key: str, rule: str) -> model.Alert | None:
        """Return the alert of a rule on a subject, if there is anything to remember of it."""
        alerts = self.alerts.get(key)
        return None if alerts is None else alerts.get(rule)

    def siblings(
        self, rule: Rule, key: str, state: model.AlertState | None = None
    ) -> list[model.Alert]:
        """Return the other alerts of a rule's fault on a subject, in a fixed order."""
        if not rule.fault:
            return []
        return [
            alert
            for alert in self.alerts_on(key, state)
            if alert.rule != rule.name
            and alert.rule in self.rules
            and self.rules[alert.rule].fault == rule.fault
        ]

    def held_though_closed(self, rule: Rule, key: str) -> list[str]:
        """Return the rules of a fault whose alert a person has closed, and which still hold.

        A source calls a subject well whatever is measured on it, so that nothing else tells.
        """
        return [
            alert.rule
            for alert in self.siblings(rule, key, model.AlertState.RESOLVED)
            if alert.measured is None or None in alert.measured.held.values()
        ]

    def incident(self, identity: str, now: datetime) -> model.Incident:
        """Return an incident that can still be acted on. Raises IllegalCommand."""
        incident = self.incidents.get(identity)
        if incident is None or is_over(incident, now):
            raise IllegalCommand(
                f"there is no incident {identity!r} that is open or was resolved in the last "
                f"{model.format_duration(REOPEN_WITHIN)}"
            )
        return incident

    def latest_incident(self, fault: str, group: str) -> model.Incident | None:
        """Return the newest incident of a fault and group that is still remembered."""
        return self.incidents.get(self.incident_index.latest.get((fault, group), ""))

    def about(self, incident: model.Incident) -> tuple[str, str]:
        """Return the fault and the group of an incident, by the rules in force.

        Its own word counts where its rule is gone, as that of a storm is from the start.
        """
        rule = self.rules.get(incident.rule)
        return (rule.about if rule else incident.fault or incident.rule), incident.group

    def index_latest(self) -> None:
        """Work out the newest incident of each fault and group."""
        latest = self.incident_index.latest = {}
        for incident in sorted(self.incidents.values(), key=_recency):
            if incident.resolution is not model.Resolution.MERGED:
                latest[self.about(incident)] = incident.id

    def firing(self, identity: str) -> list[Firing]:
        """Return what fires in an incident, the oldest first."""
        return self.alert_index.firing_in(identity)

    def member_of(self, alert: model.Alert) -> model.IncidentAlert | None:
        """Return a firing alert as the readers of its incident see it."""
        return None if alert.incident is None else self.members[alert.incident].get(alert.key)

    def adopt_rules(self, ruleset: Ruleset) -> None:
        """Put new rules in force; a source that they add is awaited."""
        added = set(ruleset.sources) - set(self.ruleset.sources)
        self.ruleset = ruleset
        self.rule_index = index_rules(ruleset)
        self.rules = {rule.name: rule for rule in ruleset.rules}
        self.inhibiting = _inhibiting(ruleset)
        self.index_latest()
        sources = self.source_index
        sources.awaited = (sources.awaited | added) & set(ruleset.sources)
        sources.backfills = _backfills(ruleset, sources.backfills)
        self.subject_index.inventory_entries.clear()
        self.circuits.clear()
        self.alert_index.forget_rules()

    def follow_circuits(self, changed: Collection[str]) -> set[str]:
        """Take in on which circuits subjects run; return the circuits that differ by now."""
        if not self.works:
            if self.circuits.built:
                self.circuits.clear()
            return set()
        if self.circuits.built and not changed:
            return set()
        entries = self.subject_index.inventory_entries
        return self.circuits.follow(self.subjects, changed, self.ruleset.inventory, entries)

    def index_bandwidths(self) -> None:
        """Work out which connections a remedy is changing, or has changed for the time being."""
        remedies = [
            incident.remedy
            for incident in self.incidents.values()
            if incident.remedy is not None and incident.remedy.is_in_force
        ]
        index = self.subject_index
        bandwidths = {
            remedy.connection: (remedy.from_mbps or 0.0, remedy.to_mbps) for remedy in remedies
        }
        for connection in index.bandwidths.keys() - bandwidths.keys():
            # Its next poll evaluates it again, by what was bought.
            index.rechecks.setdefault(model.source_of(connection), {})[connection] = None
        index.bandwidths = bandwidths

    def forget_resolved(self, now: datetime) -> None:
        """Drop incidents that can no longer be reopened."""
        index = self.incident_index
        if not index.resolved:
            return
        while identity := index.take_resolved(now - REOPEN_WITHIN, now + REOPEN_WITHIN):
            incident = self.incidents.get(identity)
            if incident is None or not is_over(incident, now):
                continue  # it was reopened, and perhaps resolved again
            if incident.remedy is not None and incident.remedy.is_under_way:
                continue  # there will be news of it
            del self.incidents[identity]
            self.members.pop(identity, None)
            self.alert_index.forget_incident(identity)
            key = self.about(incident)
            if index.latest.get(key) == identity:
                del index.latest[key]


def _recency(incident: model.Incident) -> tuple[bool, datetime, str]:
    is_open = incident.status is not model.IncidentStatus.RESOLVED
    return is_open, incident.opened_at, incident.id


def is_over(incident: model.Incident, now: datetime) -> bool:
    """Whether an incident was resolved too long ago to be reopened.

    Resolved well ahead of now is long ago as well: by a clock that was set back since.
    """
    resolved_at = incident.resolved_at
    return resolved_at is not None and abs(now - resolved_at) > REOPEN_WITHIN


def _backfills(ruleset: Ruleset, existing: Mapping[str, BackfillState]) -> dict[str, BackfillState]:
    return {
        name: existing.get(name) or BackfillState()
        for name, traits in ruleset.sources.items()
        if traits.history
    }


def _inhibiting(ruleset: Ruleset) -> frozenset[str]:
    return frozenset(name for rule in ruleset.rules for name in rule.inhibited_by)


def restore(ruleset: Ruleset, loaded: ports.Loaded | None = None) -> State:
    """Build the state that the last commit left behind, or an empty one.

    No alert timer of a source runs before its first complete poll. Step `Reloaded(ruleset)` once
    afterwards: the rules may have changed while the daemon was down.
    """
    loaded = loaded or ports.Loaded()
    state = State(
        ruleset=ruleset,
        rule_index=index_rules(ruleset),
        rules={rule.name: rule for rule in ruleset.rules},
        inhibiting=_inhibiting(ruleset),
        silences={
            silence.id: silence
            for silence in sorted(loaded.silences, key=lambda silence: silence.id)
        },
        source_index=SourceIndex(awaited=set(ruleset.sources), backfills=_backfills(ruleset, {})),
    )
    state.calendars.update((calendar.rota, calendar) for calendar in loaded.calendars)
    for work in sorted(loaded.works, key=lambda work: work.key):
        state.works_index.put(work)
    state.health.update((health.source, health) for health in loaded.sources)
    for subject in loaded.subjects:
        state.subjects[subject.key] = subject
        if subject.missed:
            state.subject_index.missing.setdefault(subject.source, {})[subject.key] = None
    for sample in loaded.samples:
        state.samples.put(sample)
    for alert in loaded.alerts:
        state.alerts.setdefault(alert.subject, {})[alert.rule] = alert
        state.alert_index.note_pending(alert)
        state.alert_index.add_firing(alert)
    _restore_incidents(state, loaded)
    for member in loaded.incident_alerts:
        members = state.members.setdefault(member.incident, {})
        members[member.rule, member.subject] = member
    _date_faults(state)
    _start_clocks(state)
    return state


def _date_faults(state: State) -> None:
    """Work out when the fault of an incident began that an earlier version opened."""
    for incident in state.incidents.values():
        if incident.began_at is None and incident.id in state.members:
            begin = min(member.since for member in state.members[incident.id].values())
            state.incidents[incident.id] = replace(incident, began_at=begin)


def _start_clocks(state: State) -> None:
    """Work out how long nobody has acknowledged what an earlier version has notified people of."""
    for incident in state.incidents.values():
        begin, since = incident.told_at, incident.unattended_since
        if begin is None or since or incident.unattended is not None or incident.suppressed_by:
            continue
        if incident.id not in state.members:
            continue  # about a receiver, or a drill: nobody else is ever notified
        if incident.status is model.IncidentStatus.OPEN:
            state.incidents[incident.id] = replace(incident, unattended_since=begin)
        elif incident.status is model.IncidentStatus.ACKNOWLEDGED and incident.acknowledged_by:
            state.incidents[incident.id] = replace(
                incident,
                unattended=max(timedelta(0), (incident.acknowledged_at or begin) - begin),
                acks=incident.acks or (incident.acknowledged_by,),
            )


def _restore_incidents(state: State, loaded: ports.Loaded) -> None:
    index = state.incident_index
    for incident in sorted(
        loaded.incidents, key=lambda incident: (incident.opened_at, incident.id)
    ):
        state.incidents[incident.id] = incident
        index.note_fallback(incident)
        if incident.resolution is model.Resolution.MERGED:
            continue
        if incident.accepts_until is None and incident.group != incident.source:
            index.openings.setdefault(incident.source, deque()).append(incident.opened_at)
    index.resolved.extend(
        sorted(
            (incident.resolved_at, incident.id)
            for incident in loaded.incidents
            if incident.resolved_at
        )
    )
    state.index_latest()
    state.index_bandwidths()


def saved(state: State) -> ports.Loaded:
    """Return what a store would load again: `restore` of it is a restart."""
    return ports.Loaded(
        subjects=tuple(state.subjects.values()),
        samples=tuple(state.samples),
        sources=tuple(state.health.values()),
        alerts=tuple(alert for alerts in state.alerts.values() for alert in alerts.values()),
        incidents=tuple(state.incidents.values()),
        incident_alerts=tuple(
            member for members in state.members.values() for member in members.values()
        ),
        silences=tuple(state.silences.values()),
        calendars=tuple(state.calendars.values()),
        works=tuple(state.works.values()),
    )


def move_times(state: State, by: timedelta, *, late: Collection[str]) -> None:
    """Move what is worked out from the nouns: the clock was set. `late` are late incidents."""
    state.timers.move(by)
    state.source_index.move(by)
    state.incident_index.move(by, late=late)


def sort_by_time(state: State) -> None:
    """Work out again what is kept in order of time, once the times of nouns have moved."""
    state.alert_index.sort_firing(
        alerts[rule] for alerts in state.alerts.values() for rule in sorted(alerts)
    )
    state.index_latest()


def pending_sources(state: State) -> set[str]:
    """Return the sources with a pending alert: they are polled at their fast interval."""
    return {source for source, pending in state.alert_index.pending.items() if pending}


def next_deadline(state: State) -> datetime | None:
    """Return when the state changes by itself: step `Ticked` then. None: never."""
    return state.timers.earliest()
