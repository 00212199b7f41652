"""What goes into `step()` and what comes out of it: events and effects.

Law: an event holds facts, never objects with behaviour, so that the journal can keep it and
`watcher replay` can feed it again. Times of observation are the `now` that accompanies it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watcher.model.incidents import (
    Alert,
    Diagnosis,
    Entry,
    Fallback,
    Incident,
    IncidentAlert,
    Silence,
)
from watcher.model.remedies import RemedyStatus
from watcher.model.subjects import AlarmRecord, Details, Observed, Sample, SourceHealth, Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """A poll was answered.

    `seen` are the subjects that changed since the poll before (all of them on the first, and one
    that was absent and is back), `absent` the keys known before that it does not name, in at least
    three complete polls in a row, `total` how many it names.
    """

    source: str
    seen: tuple[Observed, ...] = ()
    absent: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    complete: bool = True
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PollFailed:
    """A poll was not answered usefully. `permanent` says that waiting will not cure it."""

    source: str
    error: str
    permanent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """One of the state's own deadlines has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsRead:
    """A subject's details were asked for; where they could not be had, `error` says why."""

    subject: str
    details: Details | None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRead:
    """The vendor was asked what it recorded of a subject between two times.

    Where that could not be had, `error` says why; `permanent`: waiting will not cure it.
    """

    subject: str
    start: datetime
    end: datetime
    alarms: tuple[AlarmRecord, ...] = ()
    error: str = ""
    permanent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosed:
    """A run of Service Diagnostics began, ended, failed or was refused by a budget."""

    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisWanted:
    """A person asks for a run for this incident; budgets and cooldown still apply."""

    incident: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativesRead:
    """What could be ordered as a backup at an address was asked for; `why` says why nothing."""

    incident: str
    address: str
    offers: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyApproved:
    """A person wants the proposed change of bandwidth to be made."""

    incident: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyRefused:
    """A person does not want it."""

    incident: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthNews:
    """How a change of bandwidth is now; `order` is BandwidthNeeded's.

    `message` says why, where that is needed; `mbps` is what the vendor shows, if that is known.
    `over`: nobody looks any more. `vendor_order` and `price` are the vendor's words.
    """

    incident: str
    order: str
    status: RemedyStatus
    message: str = ""
    mbps: float | None = None
    over: bool = False
    vendor_order: str = ""
    price: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """A person has taken the incident."""

    incident: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unacknowledged:
    """A person has given the incident back."""

    incident: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedByHand:
    """A person has declared the incident over."""

    incident: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A person has written a note on the timeline."""

    incident: str
    by: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Silenced:
    """A person does not want to be told of something for a while."""

    silence: Silence


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsilenced:
    """A person has ended a silence, named by its id."""

    silence: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverFailed:
    """A receiver cannot be told until a person mends something, or for too long.

    `others` are to say so. `fallback` is told in its place from now on; without one, who was is.
    """

    receiver: str
    error: str
    others: tuple[str, ...]
    fallback: Fallback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverRecovered:
    """A receiver was told something again."""

    receiver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillWanted:
    """A person wants to see that these receivers are told, by an incident of this id.

    `page`: as if it were critical, so that people are called, too.
    """

    incident: str
    receivers: tuple[str, ...]
    by: str
    page: bool = False


# What may be put into the inbox: everything that the one writer does not observe by itself.
Command = (
    DetailsRead
    | HistoryRead
    | Diagnosed
    | DiagnosisWanted
    | AlternativesRead
    | RemedyApproved
    | RemedyRefused
    | BandwidthNews
    | Acknowledged
    | Unacknowledged
    | ResolvedByHand
    | Noted
    | Silenced
    | Unsilenced
    | ReceiverFailed
    | ReceiverRecovered
    | DrillWanted
)
Event = Polled | PollFailed | Ticked | Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """The subject has vanished and nothing depends on it any more: drop it."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsNeeded:
    """Fetch this subject's details now."""

    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryNeeded:
    """Read what the vendor recorded of this subject between two times, when there is time."""

    subject: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisNeeded:
    """Run Service Diagnostics once: `run` is derived from content, so asking twice is one run."""

    run: str
    incident: str
    service_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativesNeeded:
    """Ask once for this incident what could be ordered as a backup at an address."""

    incident: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthNeeded:
    """Have a connection's bandwidth changed, once: `order` is derived from content.

    In Mbit/s; `connection` is a subject's key, and `from_mbps` what it must have for the change to
    be made. `reverting`: back to what it was, which is done though the incident is over.
    """

    order: str
    incident: str
    connection: str
    from_mbps: float
    to_mbps: float
    max_mbps: float
    reverting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PollNeeded:
    """A pending alert is due: this source's next poll decides about it, so poll now."""

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionFailed:
    """A rule's expression failed at run time; said once for each rule and subject."""

    rule: str
    subject: str
    error: str


# Subjects, samples, alerts, incidents and health are told as they now are; the store writes them.
Effect = (
    Subject
    | Sample
    | SourceHealth
    | Alert
    | Incident
    | IncidentAlert
    | Entry
    | Silence
    | Forgotten
    | DetailsNeeded
    | HistoryNeeded
    | DiagnosisNeeded
    | AlternativesNeeded
    | BandwidthNeeded
    | PollNeeded
    | ExpressionFailed
)

# What a step may want to have done, by jobs and pollers.
Need = (
    DetailsNeeded
    | HistoryNeeded
    | DiagnosisNeeded
    | AlternativesNeeded
    | BandwidthNeeded
    | PollNeeded
)
