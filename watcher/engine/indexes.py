"""What a state works out from its nouns, to find things fast; and how far each backfill has come.

Nothing here outlives a restart. Each class changes itself by its verbs; `StepContext` and `State`
are the only ones that change the rest.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field

from watcher import model
from watcher.engine.rules.rule import InventoryEntry

_PENDING = model.AlertState.PENDING

Firing = tuple[datetime, str, str]  # since when, subject, rule
Reasons = Mapping[tuple[str, str], model.Suppression]  # by subject and rule


class Extent(Struct, frozen=True, kw_only=True, gc=False):
    """What the firing alerts of one incident come to, of which a storm has thousands."""

    subjects: int
    alerts: Counter[str]  # by rule, in the order in which they began to fire
    first: Firing | None  # the oldest of a rule that is in force
    lead: Firing | None  # the worst that holds, of several the oldest
    sides: frozenset[model.FaultDomain]  # of a storm's alerts
    flapping: bool


class Suppressed(Struct, kw_only=True, eq=False):
    """What suppresses each firing alert of one incident, kept until it may be otherwise.

    `unclear` are the alerts to ask about, by subject and rule: those of which that is not known, or
    that may change with other alerts.
    """

    unclear: dict[tuple[str, str], None] = field(default_factory=dict)
    reasons: dict[str, dict[str, model.Suppression]] = field(default_factory=dict)  # subject, rule
    counts: Counter[model.Suppression] = field(default_factory=Counter)  # of these reasons

    def keep(self, reasons: Reasons) -> None:
        """Keep what suppresses these alerts."""
        for (subject, rule), why in reasons.items():
            self.reasons.setdefault(subject, {})[rule] = why
        self.counts.update(reasons.values())
        self.unclear = {alert: None for alert in self.unclear if alert not in reasons}

    def forget(self, subject: str) -> None:
        """Have the alerts of a subject asked about again."""
        for rule, why in self.reasons.pop(subject, {}).items():
            self.unclear[subject, rule] = None
            self.counts[why] -= 1
            if not self.counts[why]:
                del self.counts[why]


class BackfillState(Struct, kw_only=True, eq=False):
    """How far the reading of one source's own records has come, subject by subject.

    It changes itself by its verbs. Nothing of it outlives a restart: what was asked for is asked
    for again.
    """

    origin: datetime | None = None  # from when the record of a subject counts that was never read
    began: datetime | None = None  # when the current pass began, or the last one
    thorough: bool = False  # the pass skips nothing, not even what was read lately
    waiting: deque[str] = field(default_factory=deque)  # the rest of the pass
    urgent: dict[str, None] = field(default_factory=dict)  # to be read before that
    later: dict[str, datetime] = field(default_factory=dict)  # to be read again, and when
    asked: dict[str, datetime] = field(default_factory=dict)  # not answered yet, up to when
    leaving: dict[str, datetime | None] = field(default_factory=dict)  # gone since; None: drop it
    stalled: bool = False  # until the source is seen
    failures: int = 0  # in a row
    paused_until: datetime | None = None
    fresh: datetime | None = None  # from when a subject counts that this poll shows first

    def note_poll(self, last_success: datetime) -> None:
        """Note how long ago the source was last seen, from which new subjects count."""
        self.fresh = last_success
        self.origin = self.origin or last_success

    def start_pass(self, keys: Iterable[str], now: datetime, *, thorough: bool) -> None:
        """Start a pass over these subjects."""
        self.began, self.thorough = now, thorough
        self.waiting.clear()
        self.waiting.extend(keys)

    def hurry(self, key: str) -> None:
        """Have a subject read before the rest of the pass."""
        self.urgent[key] = None

    def read_again(self, key: str, at: datetime) -> None:
        """Have a subject read again at this time."""
        self.later[key] = at

    def hurry_due(self, now: datetime) -> None:
        """Hurry what was to be read again by now."""
        for key in [key for key, due in self.later.items() if due <= now]:
            del self.later[key]
            self.urgent[key] = None

    def next_key(self) -> tuple[str, bool]:
        """Take out the subject to read next; the second value says whether it was urgent."""
        urgent = bool(self.urgent)
        key = next(iter(self.urgent)) if urgent else self.waiting.popleft()
        self.urgent.pop(key, None)
        return key, urgent

    def note_request(self, key: str, now: datetime) -> None:
        """Note that a record was asked for up to now."""
        self.asked[key] = now

    def take_request(self, key: str) -> datetime | None:
        """Return up to when an answered record was asked for; None when it was not, or is lost."""
        return self.asked.pop(key, None)

    def drop_requests_before(self, at: datetime) -> None:
        """Give up on answers that were asked for at or before this time."""
        for key in [key for key, until in self.asked.items() if until <= at]:
            del self.asked[key]

    def note_success(self) -> None:
        """Note an answer: the pause after failures is over."""
        self.failures, self.paused_until = 0, None

    def note_failure(self) -> None:
        """Count a failed read."""
        self.failures += 1

    def pause(self, until: datetime) -> None:
        """Ask for nothing before this time."""
        self.paused_until = until

    def stall(self, *, stalled: bool) -> None:
        """Stop until the source is seen, or go on."""
        self.stalled = stalled

    def note_gone(self, key: str, now: datetime) -> None:
        """Keep a subject that is gone until its record has been read, which is urgent now."""
        self.leaving[key] = now
        self.urgent[key] = None

    def let_go(self, key: str) -> None:
        """Stop keeping a subject that is gone."""
        self.leaving[key] = None

    def note_back(self, key: str) -> None:
        """Note that a subject which was gone is back."""
        self.leaving.pop(key, None)

    def forget(self, key: str) -> None:
        """Drop a subject."""
        for part in (self.urgent, self.later, self.asked, self.leaving):
            part.pop(key, None)

    def move(self, by: timedelta) -> None:
        """Move its times: the clock was set. From when a record counts never moves ahead."""
        back = min(by, timedelta(0))
        self.origin, self.fresh = _moved(self.origin, back), _moved(self.fresh, back)
        self.began, self.paused_until = _moved(self.began, by), _moved(self.paused_until, by)
        self.later = {key: at + by for key, at in self.later.items()}
        self.asked = {key: at + by for key, at in self.asked.items()}
        self.leaving = {key: _moved(at, by) for key, at in self.leaving.items()}


class SourceIndex(Struct, kw_only=True, eq=False):
    """What is known of sources beside their health."""

    awaited: set[str] = field(default_factory=set)  # without a complete poll since the start
    unwatched: dict[str, datetime] = field(default_factory=dict)  # since before the start
    gaps: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)  # the last of each
    backfills: dict[str, BackfillState] = field(default_factory=dict)  # where there is a record

    def move(self, by: timedelta) -> None:
        """Move every time: the clock was set."""
        self.unwatched = {source: at + by for source, at in self.unwatched.items()}
        self.gaps = {source: (a + by, b + by) for source, (a, b) in self.gaps.items()}
        for backfill in self.backfills.values():
            backfill.move(by)


class SubjectIndex(Struct, kw_only=True, eq=False):
    """Subjects that need another look, by source; and what is looked up once."""

    missing: dict[str, dict[str, None]] = field(default_factory=dict)  # absent from a poll
    rechecks: dict[str, dict[str, None]] = field(default_factory=dict)  # for the next poll
    bandwidths: dict[str, tuple[float, float]] = field(default_factory=dict)  # a remedy's, Mbit/s
    inventory_entries: dict[str, InventoryEntry] = field(default_factory=dict)
    no_labels: Mapping[str, str] = field(default_factory=dict)  # one for 100,000 subjects

    def follow(self, before: model.Subject | None, subject: model.Subject) -> None:
        """Take in what a subject is now."""
        key = subject.key
        same = before is None or before.labels is subject.labels or before.labels == subject.labels
        if not same:
            self.inventory_entries.pop(key, None)
        if subject.missed:
            self.missing.setdefault(subject.source, {})[key] = None
        elif before is not None and before.missed:
            self.missing.get(subject.source, {}).pop(key, None)


class AlertIndex(Struct, kw_only=True, eq=False):
    """Alerts by what they wait for and where they fire."""

    pending: dict[str, dict[tuple[str, str], None]] = field(default_factory=dict)  # by source
    firing: dict[str, list[Firing]] = field(default_factory=dict)  # by incident
    unsorted: set[str] = field(default_factory=set)  # of these, those to sort before they are read
    extents: dict[str, Extent] = field(default_factory=dict)  # of these, until one of them changes
    suppressed: dict[str, Suppressed] = field(default_factory=dict)  # incidents, at least in part
    firing_of: dict[str, dict[str, None]] = field(default_factory=dict)  # by rule: subjects
    expression_errors: set[tuple[str, str]] = field(default_factory=set)  # (rule, subject)

    def add_firing(self, alert: model.Alert) -> None:
        """List an alert if it fires."""
        if alert.state is model.AlertState.FIRING and alert.incident is not None:
            firing = self.firing.setdefault(alert.incident, [])
            added = (alert.since, alert.subject, alert.rule)
            if firing and added < firing[-1]:
                self.unsorted.add(alert.incident)  # of a storm thousands: all at once
            firing.append(added)
            self.extents.pop(alert.incident, None)
            if suppressed := self.suppressed.get(alert.incident):
                suppressed.unclear[alert.subject, alert.rule] = None
            self.firing_of.setdefault(alert.rule, {})[alert.subject] = None

    def firing_in(self, incident: str) -> list[Firing]:
        """Return what fires in an incident, the oldest first."""
        firing = self.firing.get(incident)
        if firing is None:
            return []
        if incident in self.unsorted:
            self.unsorted.discard(incident)
            firing.sort()
        return firing

    def forget_incident(self, incident: str) -> None:
        """Drop an incident that nothing fires in, or whose alerts have moved to another."""
        self.firing.pop(incident, None)
        self.unsorted.discard(incident)
        self.extents.pop(incident, None)
        self.suppressed.pop(incident, None)

    def remove_firing(self, alert: model.Alert) -> None:
        """Drop an alert that stops firing, or moves to another incident."""
        if alert.state is not model.AlertState.FIRING:
            return
        firing = self.firing_in(alert.incident or "")
        if not firing:
            return
        place = bisect_left(firing, (alert.since, alert.subject, alert.rule))
        if place < len(firing) and firing[place] == (alert.since, alert.subject, alert.rule):
            del firing[place]
        self.extents.pop(alert.incident or "", None)
        if suppressed := self.suppressed.get(alert.incident or ""):
            suppressed.forget(alert.subject)
            suppressed.unclear.pop((alert.subject, alert.rule), None)
        self.firing_of.get(alert.rule, {}).pop(alert.subject, None)

    def keep(self, incident: str, worked_out: Extent | Reasons) -> None:
        """Keep what an incident's firing alerts come to, or what suppresses them."""
        if isinstance(worked_out, Extent):
            self.extents[incident] = worked_out
            return
        if incident not in self.suppressed:
            unclear = {(subject, rule): None for _, subject, rule in self.firing_in(incident)}
            self.suppressed[incident] = Suppressed(unclear=unclear)
        self.suppressed[incident].keep(worked_out)

    def forget_suppressed(self) -> None:
        """Drop what suppresses alerts: a silence, a window or works began, changed or ended."""
        self.suppressed.clear()

    def forget_rules(self) -> None:
        """Drop what follows from the rules: others are in force."""
        self.expression_errors.clear()
        self.extents.clear()
        self.suppressed.clear()

    def sort_firing(self, alerts: Iterable[model.Alert]) -> None:
        """Work out again which alerts fire where: their times have moved."""
        self.firing.clear()
        self.unsorted.clear()
        self.extents.clear()
        self.suppressed.clear()
        self.firing_of.clear()
        for alert in alerts:
            self.add_firing(alert)

    def note_alert(self, before: model.Alert, alert: model.Alert) -> None:
        """Note that an alert goes on in its incident; whether it holds is part of the extent."""
        self.note_subject((alert,))
        if (before.due is None) is not (alert.due is None):
            self.extents.pop(alert.incident or "", None)

    def note_member(self, before: model.IncidentAlert | None, member: model.IncidentAlert) -> None:
        """Note how readers see an alert; its name and labels do not belong to the extent."""
        if suppressed := self.suppressed.get(member.incident):
            suppressed.forget(member.subject)
        if (
            before is None
            or before.flapping is not member.flapping
            or (before.fields is not member.fields and before.fields != member.fields)
        ):
            self.extents.pop(member.incident, None)

    def note_subject(self, alerts: Iterable[model.Alert]) -> None:
        """Note that the subject of these alerts has changed, or since when they hold."""
        for alert in alerts if self.suppressed else ():
            if suppressed := self.suppressed.get(alert.incident or ""):
                suppressed.forget(alert.subject)

    def note_pending(self, alert: model.Alert) -> None:
        """List an alert under its source while it is pending."""
        source, _, _ = alert.subject.partition("/")
        pending = self.pending.get(source)
        if alert.state is _PENDING:
            if pending is None:
                pending = self.pending[source] = {}
            pending[alert.rule, alert.subject] = None
        elif pending:
            pending.pop((alert.rule, alert.subject), None)


class IncidentIndex(Struct, kw_only=True, eq=False):
    """Incidents by group, and how many there were lately."""

    latest: dict[tuple[str, str], str] = field(default_factory=dict)  # by rule and group
    resolved: deque[tuple[datetime, str]] = field(default_factory=deque)  # the oldest first
    openings: dict[str, deque[datetime]] = field(default_factory=dict)  # by source
    late_facts: dict[tuple[str, str], deque[datetime]] = field(default_factory=dict)  # rule, source
    fallbacks: dict[str, str] = field(default_factory=dict)  # by failing receiver: its incident

    def take_resolved(self, before: datetime, after: datetime) -> str:
        """Take out an incident that was resolved before or after these times; empty: none was."""
        resolved = self.resolved
        if resolved and resolved[0][0] < before:
            return resolved.popleft()[1]
        return resolved.pop()[1] if resolved and resolved[-1][0] > after else ""

    def add_resolved(self, at: datetime, incident: str) -> None:
        """Note when an incident was resolved, wherever that is among the others."""
        insort(self.resolved, (at, incident))

    def count_late_fact(self, rule: str, source: str, now: datetime, within: timedelta) -> int:
        """Count a late fact; return how many there were of its rule and source in this time."""
        facts = self.late_facts.setdefault((rule, source), deque())
        facts.append(now)
        return _count_after(now - within, facts)

    def count_openings(self, source: str, *, since: datetime) -> int:
        """Return how many incidents of a source have opened since then."""
        return _count_after(since, self.openings.setdefault(source, deque()))

    def add_openings(self, source: str, number: int, now: datetime) -> None:
        """Count incidents of a source that have opened now."""
        self.openings.setdefault(source, deque()).extend([now] * number)

    def move(self, by: timedelta, *, late: Collection[str]) -> None:
        """Move every time: the clock was set. Those of `late` incidents are the vendor's."""
        self.resolved = deque(
            sorted((at if name in late else at + by, name) for at, name in self.resolved)
        )
        for times in (*self.openings.values(), *self.late_facts.values()):
            moved = [at + by for at in times]
            times.clear()
            times.extend(moved)

    def note_fallback(self, incident: model.Incident) -> None:
        """Note, of an incident about a receiver, whether a fallback stands in for it."""
        if incident.fallback is None:
            return
        if incident.status is not model.IncidentStatus.RESOLVED:
            self.fallbacks[incident.group] = incident.id
        elif self.fallbacks.get(incident.group) == incident.id:
            del self.fallbacks[incident.group]


def _count_after(since: datetime, times: deque[datetime]) -> int:
    """Drop the times up to `since`; return how many are left."""
    while times and times[0] <= since:
        times.popleft()
    return len(times)


def _moved(at: datetime | None, by: timedelta) -> datetime | None:
    return None if at is None else at + by
