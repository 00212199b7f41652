"""What people are notified of: incidents, their timelines, and what each receiver has of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field

from watcher.model.alerts import IncidentAlert, Severity
from watcher.model.diagnoses import Diagnosis
from watcher.model.errors import FailureReason
from watcher.model.remedies import Remedy
from watcher.model.silences import Suppression
from watcher.model.subjects import FaultDomain, Scalar, Subject
from watcher.model.tickets import Ticket
from watcher.model.works import Planned


class IncidentStatus(StrEnum):
    """Whether somebody has acknowledged an incident, or it is over."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """Why an incident is over."""

    RECOVERED = "recovered"  # its subject is well, by its own fields
    LAPSED = "lapsed"  # what its rule watches for is over, but its subject is not known to be well
    ENDED = "ended"
    VANISHED = "vanished"
    MANUAL = "manual"
    RULE_REMOVED = "rule_removed"
    MERGED = "merged"  # into a storm, before anybody was notified of it


DRILL = "drill"  # the flag of an incident about nothing
WORKS = "works"  # the flag of an incident that announces planned works, and its source
ANNOUNCEMENT = "planned-works"  # its rule


class EntryKind(StrEnum):
    """What happened, according to a timeline entry."""

    OPENED = "opened"
    REOPENED = "reopened"
    JOINED = "joined"
    CHANGED = "changed"  # a firing alert's value moved: degraded -> offline
    WORSE = "worse"  # another alert of the same fault fires, and is more severe
    BETTER = "better"  # what is left of the fault is less severe, and still a fault
    VERDICT = "verdict"  # the likely side of the fault is another one
    DETAILED = "detailed"
    DIAGNOSING = "diagnosing"
    DIAGNOSED = "diagnosed"
    ALTERNATIVES = "alternatives"  # what could be ordered as a backup, or why nothing
    REMEDY_PROPOSED = "remedy_proposed"  # these say how a change of bandwidth is now
    REMEDY_APPROVED = "remedy_approved"
    REMEDY_WAITING = "remedy_waiting"
    REMEDY_REQUESTED = "remedy_requested"
    REMEDY_PENDING = "remedy_pending"
    REMEDY_UNKNOWN = "remedy_unknown"
    REMEDY_STUCK = "remedy_stuck"
    REMEDY_APPLIED = "remedy_applied"
    REMEDY_REVERTED = "remedy_reverted"
    REMEDY_REFUSED = "remedy_refused"
    REMEDY_WITHDRAWN = "remedy_withdrawn"
    REMEDY_UNTOUCHED = "remedy_untouched"
    REMEDY_FAILED = "remedy_failed"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    ACK_EXPIRING = "ack_expiring"  # an acknowledgement is about to end by itself
    ACK_EXPIRED = "ack_expired"
    NOTED = "noted"
    TICKET = "ticket"  # the carrier's ticket: its number, or where it stands
    BLIND = "blind"  # its source cannot be seen: what follows is last known
    SIGHTED = "sighted"
    VANISHED = "vanished"
    FLAPPING = "flapping"  # reported once; the incident stays open until it is steady
    STEADY = "steady"  # no longer flapping
    REMINDED = "reminded"
    ESCALATED = "escalated"
    FALLBACK = "fallback"  # a receiver is notified in the place of one that is failing
    SUPPRESSED = "suppressed"  # by a silence, maintenance or inhibition
    RELEASED = "released"  # people are notified again
    LATE = "late"  # a fact that was learned after it was over
    ANNOUNCED = "announced"  # planned works: what is ahead, or a question about them
    RESCHEDULED = "rescheduled"  # planned works: the plan is another one than was announced
    CLEARED = "cleared"  # one of several alerts is over
    RESOLVED = "resolved"


class Contact(Struct, frozen=True, kw_only=True, gc=False):
    """Whom to call when the fault is on one side, as the inventory says."""

    domain: str
    text: str


class Fallback(Struct, frozen=True, kw_only=True, gc=False):
    """The receiver that is notified in the place of one that has been failing `since` then."""

    receiver: str
    since: datetime


class Turn(Struct, frozen=True, kw_only=True, gc=False):
    """Another side that is likely at fault since `at`, before people are notified of it."""

    to: FaultDomain
    at: datetime


class Incident(Struct, frozen=True, kw_only=True, gc=False):
    """The alerts that people are notified of together: one Slack thread, one MQTT document.

    It is about one `fault` of a group; `rule` is the one that opened it. The fault began at
    `began_at` and was over at `ended_at`, both by the condition of its alerts: every reader counts
    its duration from these, never from `opened_at`, which is when it was reported. `turn` is a
    change of the verdict that is not steady yet.

    `version` grows with each change of what its readers see; `entries` is the number of its last
    timeline entry. `receivers` is whom it is for, `notify` who is notified of it now: nobody before
    `tell_at`, and only the quiet receivers while it is `suppressed_by` something. `told_at` is when
    people were first notified. `suppressions` says by whom and until when. `accepts_until`
    makes it a storm that alerts join until then. `fallbacks` are, or were, notified in the
    place of one of the `receivers`; `fallback` belongs to an incident about a receiver. An
    escalation counts `unattended_for`, the time in which somebody could and had to act.
    """

    id: str
    version: int
    entries: int
    rule: str
    source: str
    group: str
    status: IncidentStatus
    resolution: Resolution | None = None
    severity: Severity
    title: str
    summary: str = ""
    opened_at: datetime
    resolved_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    fault_domain: FaultDomain
    contacts: tuple[Contact, ...] = ()
    flags: tuple[str, ...] = ()  # blind drill flapping inhibited planned silenced
    notify: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    fallback: Fallback | None = None
    tell_at: datetime | None = None
    told_at: datetime | None = None
    reminded_at: datetime | None = None
    escalated: int = 0  # how many steps were taken: all that an earlier version has of them
    suppressed_by: tuple[str, ...] = ()
    examined: tuple[str, ...] = ()  # services that diagnostics were asked for
    accepts_until: datetime | None = None
    diagnostics: tuple[Diagnosis, ...] = ()
    remedy: Remedy | None = None
    runbook: str = ""
    fault: str = ""  # empty in incidents of earlier versions, which are about their rule
    began_at: datetime | None = None
    ended_at: datetime | None = None
    turn: Turn | None = None
    services: tuple[str, ...] = ()  # that diagnostics can run on, as the inventory says
    suppressions: tuple[Suppression, ...] = ()
    unattended_since: datetime | None = None  # as if nobody had acknowledged without a break
    unattended: timedelta | None = None  # how long that was when the clock stopped
    steps: tuple[str, ...] = ()  # of the escalation, that were taken, each by its key
    acks: tuple[str, ...] = ()  # who has acknowledged it
    acks_needed: int = 1  # of different people, by the steps that were taken
    reminders: int = 0  # since people were last told that somebody is needed
    expiry_said: bool = False  # that the acknowledgement is about to expire
    ticket: Ticket | None = None  # the carrier's own
    planned: Planned | None = None  # the works that it belongs to

    @property
    def begin(self) -> datetime:
        """When the fault began; an incident of an earlier version knows when it was opened."""
        return self.began_at or self.opened_at

    @property
    def end(self) -> datetime | None:
        """When the fault was over; None while the incident is not resolved."""
        return None if self.resolved_at is None else (self.ended_at or self.resolved_at)

    def lasted(self, now: datetime) -> timedelta:
        """Return how long the fault has lasted by `now`, or did last."""
        return (self.end or now) - self.begin

    def unattended_for(self, now: datetime) -> timedelta:
        """Return for how long nobody has acknowledged it although somebody could."""
        since = self.unattended_since
        return (self.unattended or timedelta(0)) if since is None else now - since

    @property
    def acks_short(self) -> int:
        """How many more people have to acknowledge it."""
        return max(0, self.acks_needed - len(self.acks))

    def notifies(self, receiver: str) -> bool:
        """Whether a receiver is notified now; each one that knows of it learns of its end."""
        return receiver in self.notify or self.status is IncidentStatus.RESOLVED

    @property
    def is_drill(self) -> bool:
        """Whether nothing is wrong: somebody wanted to see who is notified."""
        return DRILL in self.flags

    @property
    def is_announcement(self) -> bool:
        """Whether it announces planned works: nothing is wrong, and it is counted nowhere."""
        return WORKS in self.flags


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """One numbered entry of an incident's timeline, append-only.

    `at` is when it happened. `notify` says that people must notice it, so a mere edit of the
    parent is not enough. `data` holds JSON scalars only.
    """

    incident: str
    number: int
    kind: EntryKind
    at: datetime
    text: str
    by: str = ""
    notify: bool = False
    data: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def event_id(self) -> str:
        """Unique and the same in every repetition."""
        return f"{self.incident}-{self.number}"


class FailedAttempts(Struct, frozen=True, kw_only=True, gc=False):
    """Attempts at one notification that failed for one reason; `error` is of the last one."""

    reason: FailureReason
    count: int
    first_at: datetime
    last_at: datetime
    error: str


class Notification(Struct, frozen=True, kw_only=True, gc=False):
    """One delivery to a receiver: the entries that it was about, and how long each step took.

    `first_entry` is the first one that the receiver had not been notified of; while attempts fail
    there is no `last_entry` yet, because a delivery says everything that is true by then.
    """

    incident: str
    receiver: str
    first_entry: int
    pending_since: datetime
    first_attempt_at: datetime
    last_entry: int = 0
    delivered_at: datetime | None = None
    failures: tuple[FailedAttempts, ...] = ()


class Receipt(Struct, frozen=True, kw_only=True, gc=False):
    """What one receiver has been notified of about one incident.

    `handle` finds the message again (Slack: channel, ts). `files` maps RUN/PART to how far its
    upload is. `intent` names an act that may have happened: it is written before the act and
    cleared with its result (law 5). `due` asks for another delivery at that time although nothing
    new happened, as for the removal of a retained document. `notification` is the one under way.
    """

    incident: str
    receiver: str
    parent_version: int = 0
    told_through: int = 0
    handle: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    intent: str = ""
    due: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    error: str = ""
    notification: Notification | None = None


class IncidentView(Struct, frozen=True, kw_only=True, gc=False):
    """An incident with everything that a receiver may show of it; at most 100 `alerts`."""

    incident: Incident
    alerts: tuple[IncidentAlert, ...]
    alert_counts: Mapping[str, int]  # of all alerts, by state
    timeline: tuple[Entry, ...]
    subjects: Mapping[str, Subject] = field(default_factory=dict)
    all_subjects: Mapping[str, int] = field(default_factory=dict)  # where `alerts` is not whole

    @property
    def by_subject(self) -> tuple[IncidentAlert, ...]:
        """One alert of each subject: of several about one fault, the newest that still fires."""
        shown: dict[str, IncidentAlert] = {}
        for alert in self.alerts:
            before = shown.get(alert.subject)
            if before is None or alert.supersedes(before):
                shown[alert.subject] = alert
        return tuple(shown.values())

    @property
    def subject_counts(self) -> Mapping[str, int]:
        """How many subjects there are by state; one that has several alerts counts once."""
        return self.all_subjects or Counter(alert.state.value for alert in self.by_subject)
