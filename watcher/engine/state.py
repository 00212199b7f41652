"""Everything that the engine remembers between two steps, and how it is built again.

Law: whatever must survive a restart is in a model noun that an effect has told; the rest (timers,
indexes, caches) is worked out again from those.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from watcher import model, ports
from watcher.engine.rules import thresholds
from watcher.engine.rules.index import RuleIndex, index_rules
from watcher.engine.rules.rule import InventoryEntry, Rule, Ruleset
from watcher.engine.rules.subject_view import SubjectView
from watcher.engine.timers import Timers

REOPEN_WITHIN = timedelta(minutes=10)


class IllegalCommand(Exception):  # noqa: N818 -- it names what the caller did, as h11's errors do
    """A command that cannot be obeyed; the message tells a person why. Nothing has changed."""


Firing = tuple[datetime, str, str]  # since when, subject, rule


@dataclass(slots=True, kw_only=True, eq=False)
class BackfillState:
    """The reading of one source's own records, subject by subject.

    Nothing of it outlives a restart: what was asked for is asked for again.
    """

    origin: datetime | None = None  # from when the record of a subject counts that was never read
    began: datetime | None = None  # the lap under way, or the last one
    thorough: bool = False  # it passes over nothing that was read lately
    waiting: deque[str] = field(default_factory=deque)  # the rest of the lap
    urgent: dict[str, None] = field(default_factory=dict)  # to be read before that
    later: dict[str, datetime] = field(default_factory=dict)  # to be read again, and when
    asked: dict[str, datetime] = field(default_factory=dict)  # not answered yet, up to when
    leaving: dict[str, datetime | None] = field(default_factory=dict)  # gone since; None: let it go
    stalled: bool = False  # until the source is seen
    failures: int = 0  # in a row
    paused_until: datetime | None = None
    fresh: datetime | None = None  # what a subject is judged from that this poll shows first

    def forget(self, key: str) -> None:
        """Drop a subject."""
        for part in (self.urgent, self.later, self.asked, self.leaving):
            part.pop(key, None)


@dataclass(slots=True, kw_only=True, eq=False)
class State:
    """The whole memory of the engine; `step` changes it in place."""

    ruleset: Ruleset
    indexes: Mapping[str, RuleIndex]
    rules: Mapping[str, Rule]
    health: dict[str, model.SourceHealth] = field(default_factory=dict)
    subjects: dict[str, model.Subject] = field(default_factory=dict)
    samples: thresholds.Samples = field(default_factory=thresholds.Samples)
    alerts: dict[str, dict[str, model.Alert]] = field(default_factory=dict)  # by subject, by rule
    incidents: dict[str, model.Incident] = field(default_factory=dict)
    firing: dict[str, list[Firing]] = field(default_factory=dict)  # by incident, the first first
    firing_of: dict[str, dict[str, None]] = field(default_factory=dict)  # by rule: subjects
    inhibiting: frozenset[str] = frozenset()  # rules whose alerts hold back others
    silences: dict[str, model.Silence] = field(default_factory=dict)
    recent: dict[str, deque[datetime]] = field(default_factory=dict)  # by source: openings
    members: dict[str, dict[tuple[str, str], model.IncidentAlert]] = field(default_factory=dict)
    latest: dict[tuple[str, str], str] = field(default_factory=dict)  # (rule, group) -> incident
    resolved: deque[tuple[datetime, str]] = field(default_factory=deque)
    pending: dict[str, dict[tuple[str, str], None]] = field(default_factory=dict)  # by source
    missing: dict[str, dict[str, None]] = field(default_factory=dict)  # by source: absent subjects
    passed: dict[str, dict[str, None]] = field(default_factory=dict)  # by source: unseen edges
    awaited: set[str] = field(default_factory=set)  # sources without a complete poll since start
    backfills: dict[str, BackfillState] = field(default_factory=dict)  # by source that has a record
    unwatched: dict[str, datetime] = field(default_factory=dict)  # since before a start
    gaps: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)  # the last of a source
    late: dict[tuple[str, str], deque[datetime]] = field(default_factory=dict)  # (rule, source)
    expression_errors: set[tuple[str, str]] = field(default_factory=set)
    inventory_entries: dict[str, InventoryEntry] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)  # receivers with a fallback: incidents
    changing: dict[str, tuple[float, float]] = field(default_factory=dict)  # by connection: Mbit/s
    timers: Timers = field(default_factory=Timers)
    nothing: Mapping[str, str] = field(default_factory=dict)  # one for 100,000 unlabelled subjects

    def subject_view(self, key: str, now: datetime) -> SubjectView:
        """See one subject, or a source itself."""
        subject = self.subjects.get(key)
        if subject is None:
            return SubjectView.of_source(self.ruleset, self.health[key], self.inventory_entries)
        return SubjectView(
            self.ruleset,
            key,
            fields=subject.fields,
            previous=subject.previous,
            labels=subject.labels,
            metrics=self.samples.newest(key),
            inventory_entries=self.inventory_entries,
            bookings=subject.bookings,
            now=now,
            vanished=subject.missed >= 2,
            changing=self.changing.get(key, ()),
        )

    def sight(self, source: str) -> model.Visibility:
        """Tell how well a source can be seen; one that was never polled counts as failing."""
        health = self.health.get(source)
        return model.Visibility.FAILING if health is None else health.sight

    def alerts_of(self, source: str) -> Iterator[model.Alert]:
        """Give the alerts of a source's subjects, in a fixed order."""
        for key in sorted(self.alerts):
            if key.startswith(source + "/"):
                yield from self.alerts_on(key)

    def alerts_on(self, key: str, state: model.AlertState | None = None) -> list[model.Alert]:
        """Give a subject's alerts, or those in one state, in a fixed order."""
        found = self.alerts.get(key, {})
        return [
            found[rule] for rule in sorted(found) if state is None or found[rule].state is state
        ]

    def incident(self, identity: str, now: datetime) -> model.Incident:
        """Find an incident that can still be acted on. Raises IllegalCommand."""
        incident = self.incidents.get(identity)
        if incident is None or is_over(incident, now):
            raise IllegalCommand(
                f"there is no incident {identity!r} that is open or was resolved in the last "
                f"{model.format_duration(REOPEN_WITHIN)}"
            )
        return incident

    def list_firing(self, alert: model.Alert) -> None:
        """Note an alert that fires."""
        if alert.state is model.AlertState.FIRING and alert.incident is not None:
            firing = self.firing.setdefault(alert.incident, [])
            insort(firing, (alert.since, alert.subject, alert.rule))
            self.firing_of.setdefault(alert.rule, {})[alert.subject] = None

    def unlist_firing(self, alert: model.Alert) -> None:
        """Drop one that fires no longer, or elsewhere."""
        firing = self.firing.get(alert.incident or "")
        if alert.state is not model.AlertState.FIRING or not firing:
            return
        place = bisect_left(firing, (alert.since, alert.subject, alert.rule))
        if place < len(firing) and firing[place] == (alert.since, alert.subject, alert.rule):
            del firing[place]
        self.firing_of.get(alert.rule, {}).pop(alert.subject, None)

    def forget_resolved(self, now: datetime) -> None:
        """Drop incidents that are over for good."""
        while self.resolved and self.resolved[0][0] < now - REOPEN_WITHIN:
            _, identity = self.resolved.popleft()
            incident = self.incidents.get(identity)
            if incident is None or not is_over(incident, now):
                continue  # it was reopened, and perhaps resolved again
            if incident.remedy is not None and incident.remedy.is_under_way:
                continue  # there will be news of it
            del self.incidents[identity]
            self.members.pop(identity, None)
            self.firing.pop(identity, None)
            key = (incident.rule, incident.group)
            if self.latest.get(key) == identity:
                del self.latest[key]

    def note_remedies(self) -> None:
        """Work out which connections a remedy is changing, or has changed for the time being."""
        live = [
            each.remedy
            for each in self.incidents.values()
            if each.remedy is not None and each.remedy.is_in_force
        ]
        changing = {each.connection: (each.from_mbps or 0.0, each.to_mbps) for each in live}
        for connection in self.changing.keys() - changing.keys():
            # Its next poll judges it again, by what was bought.
            self.passed.setdefault(model.source_of(connection), {})[connection] = None
        self.changing = changing

    def note_fallback(self, incident: model.Incident) -> None:
        """Note, of an incident about a receiver, whether another is told in its place."""
        if incident.fallback is None:
            return
        if incident.status is not model.IncidentStatus.RESOLVED:
            self.failing[incident.group] = incident.id
        elif self.failing.get(incident.group) == incident.id:
            del self.failing[incident.group]

    def obey(self, ruleset: Ruleset) -> None:
        """Take on new rules."""
        self.ruleset = ruleset
        self.indexes = index_rules(ruleset)
        self.rules = {rule.name: rule for rule in ruleset.rules}
        self.inhibiting = _inhibiting(ruleset)
        self.backfills = _sweeps(ruleset, self.backfills)
        self.inventory_entries.clear()
        self.expression_errors.clear()


def is_over(incident: model.Incident, now: datetime) -> bool:
    """Whether an incident was resolved too long ago to be reopened."""
    return incident.resolved_at is not None and incident.resolved_at < now - REOPEN_WITHIN


def _sweeps(ruleset: Ruleset, known: Mapping[str, BackfillState]) -> dict[str, BackfillState]:
    return {
        name: known.get(name) or BackfillState()
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
        indexes=index_rules(ruleset),
        rules={rule.name: rule for rule in ruleset.rules},
        awaited=set(ruleset.sources),
        inhibiting=_inhibiting(ruleset),
        backfills=_sweeps(ruleset, {}),
        silences={
            silence.id: silence for silence in sorted(loaded.silences, key=lambda each: each.id)
        },
    )
    state.health.update((health.source, health) for health in loaded.sources)
    for subject in loaded.subjects:
        state.subjects[subject.key] = subject
        if subject.missed:
            state.missing.setdefault(subject.source, {})[subject.key] = None
    for sample in loaded.samples:
        state.samples.put(sample)
    for alert in loaded.alerts:
        state.alerts.setdefault(alert.subject, {})[alert.rule] = alert
        if alert.state is model.AlertState.PENDING:
            source = model.source_of(alert.subject)
            state.pending.setdefault(source, {})[alert.key] = None
        state.list_firing(alert)
    _restore_incidents(state, loaded)
    for member in loaded.incident_alerts:
        of_incident = state.members.setdefault(member.incident, {})
        of_incident[member.rule, member.subject] = member
    return state


def _restore_incidents(state: State, loaded: ports.Loaded) -> None:
    for incident in sorted(loaded.incidents, key=lambda each: (each.opened_at, each.id)):
        state.incidents[incident.id] = incident
        state.note_fallback(incident)
        if incident.resolution is model.Resolution.MERGED:
            continue
        state.latest[incident.rule, incident.group] = incident.id
        if incident.accepts_until is None and incident.group != incident.source:
            state.recent.setdefault(incident.source, deque()).append(incident.opened_at)
    for resolved_at, identity in sorted(
        (each.resolved_at, each.id) for each in loaded.incidents if each.resolved_at
    ):
        state.resolved.append((resolved_at, identity))
    state.note_remedies()


def saved(state: State) -> ports.Loaded:
    """Give what a store would load again: `restore` of it is a restart."""
    return ports.Loaded(
        subjects=tuple(state.subjects.values()),
        samples=tuple(state.samples),
        sources=tuple(state.health.values()),
        alerts=tuple(alert for known in state.alerts.values() for alert in known.values()),
        incidents=tuple(state.incidents.values()),
        incident_alerts=tuple(
            member for members in state.members.values() for member in members.values()
        ),
        silences=tuple(state.silences.values()),
    )


def pending_sources(state: State) -> set[str]:
    """Tell the sources with a pending alert: they are polled at their fast interval."""
    return {source for source, pending in state.pending.items() if pending}


def next_deadline(state: State) -> datetime | None:
    """Tell when the state changes by itself: step `Ticked` then. None: never."""
    return state.timers.earliest()
