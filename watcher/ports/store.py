"""What the one writer needs of the store: to load, to commit, and the way in for everybody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from watcher import model


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the last commit left behind: everything that `step()` needs to go on."""

    subjects: tuple[model.Subject, ...] = ()
    samples: tuple[model.Sample, ...] = ()
    sources: tuple[model.SourceHealth, ...] = ()
    alerts: tuple[model.Alert, ...] = ()
    incidents: tuple[model.Incident, ...] = ()  # open, or resolved within the reopening time
    incident_alerts: tuple[model.IncidentAlert, ...] = ()  # of these incidents
    silences: tuple[model.Silence, ...] = ()  # that are not over


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A row of the inbox, in the order of its number."""

    number: int
    key: str
    at: datetime
    command: model.Command


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesRead:
    """Rules and inventory of this version are in force; `started`: since a start of the daemon.

    `last_success` is when, before then, a source was last seen.
    """

    version: str
    started: bool = False
    last_success: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One event with all of its consequences: all of it is written, or nothing (law 4).

    `note` says why a command was refused. An event that `matters` goes into the journal even if it
    changed nothing, because a replay under other rules has to know of it.
    """

    at: datetime
    event: model.Event | RulesRead
    effects: Sequence[model.Effect]
    inbox: int | None = None  # the number of the inbox row that this event was
    note: str = ""
    matters: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A row of the journal; a checkpoint is everything that was known at that time."""

    at: datetime
    what: model.Event | RulesRead | Loaded


class CommitLog(Protocol):
    """What ingest needs of the store; every verb raises TemporaryError when the database fails."""

    async def load(
        self, *, now: datetime, reopen_within: timedelta, keep_samples: timedelta
    ) -> Loaded:
        """Read everything back that `step()` needs."""

    async def commit(self, token: int, commit: Commit) -> None:
        """Write one event's consequences in one transaction, if `token` still holds the lease."""

    async def inbox(self, limit: int = 100) -> list[Envelope]:
        """Read the oldest commands that have not been consumed."""


class Inbox(Protocol):
    """The one way in for everything that ingest does not observe by itself."""

    async def submit(self, key: str, command: model.Command, at: datetime) -> bool:
        """Put a command in, once for each key; False when the key was there before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """One that uses the database now."""

    instance: str
    since: datetime
    leads: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many incidents a receiver has not been told everything of, and since when.

    `failing_since` and `error` are those of the oldest one that could not be told, by any daemon.
    """

    owed: int = 0
    oldest: datetime | None = None
    failing_since: datetime | None = None
    error: str = ""


class IncidentReader(Protocol):
    """What those who only read need of the store."""

    async def incidents(
        self, *, statuses: Sequence[model.IncidentStatus] | None = None, limit: int = 100
    ) -> list[model.Incident]:
        """Read incidents, newest first; None: of every status."""

    async def incident_view(self, incident: str) -> model.IncidentView | None:
        """Read an incident with its alerts, timeline and subjects; None when there is no such."""

    async def receipts(self, incident: str) -> list[model.Receipt]:
        """Read what each receiver has been told of one incident, by receiver."""

    async def resolved(self, *, since: datetime, limit: int = 100) -> list[model.Incident]:
        """Read incidents that were resolved since then, the last one first."""

    async def incidents_of(self, subject: str, *, limit: int = 100) -> list[model.Incident]:
        """Read the incidents that one subject had an alert in, newest first."""

    async def subject(self, key: str) -> model.Subject | None:
        """Read one subject; None when there is no such."""

    async def subjects(
        self, *, source: str = "", after: str = "", limit: int = 100
    ) -> list[model.Subject]:
        """Read subjects by key, those that come after a key, of one source if it is named."""

    async def report_files(self, run: str) -> ReportFiles | None:
        """Read what one diagnostics run brought."""

    async def alerts(self, subject: str) -> list[model.Alert]:
        """Read every alert on one subject, by rule."""

    async def sources(self) -> list[model.SourceHealth]:
        """Read the health of every source, by name."""

    async def silences(self, now: datetime) -> list[model.Silence]:
        """Read the silences that are not over, the next to end first."""

    async def consumed(self, key: str) -> bool:
        """Tell whether the command that was put in under this key has been stepped."""


class StatusReader(Protocol):
    """What is written down of how all daemons do; every verb raises TemporaryError."""

    async def daemons(self) -> list[Daemon]:
        """Read who is there, the one that leads first."""

    async def sources(self) -> list[model.SourceHealth]:
        """Read the health of every source, by name."""

    async def counts(self) -> Mapping[model.IncidentStatus, int]:
        """Count the incidents that are not over, by status; one of no incident is left out."""

    async def backlog(self) -> Mapping[str, Backlog]:
        """Count what is owed, by receiver; one that is owed nothing is left out."""


class CallCounter(Protocol):
    """Counts the calls that an account has made, across restarts."""

    async def spend(self, account: str, month: str, budget: int) -> bool:
        """Count one call in `month` (YYYY-MM, UTC); False when the budget (0: none) is used up."""


class ChangeCounter(Protocol):
    """Counts the changes that a customer of Internet On-Demand has asked for."""

    async def spend_change(self, customer: str, day: date, per_day: int) -> bool:
        """Count one change on `day` (UTC); False when the day's are used up."""


class UsageReader(Protocol):
    """Tells what a Meter has counted."""

    async def calls(self, account: str, month: str) -> int:
        """Tell how many calls were counted in `month` (YYYY-MM, UTC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BandwidthChange:
    """A change of bandwidth and how far it is: durable, so that it is ordered once (law 5).

    `sent_at` is the intent: from then on it may have been ordered. `taken`: the vendor said so.
    `tries` counts the times that it was put off, `told` is what people know of it.
    """

    wanted: model.BandwidthNeeded
    tries: int = 0
    sent_at: datetime | None = None
    taken: bool = False
    told: tuple[model.RemedyStatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work beside the writer that one daemon at a time may do.

    `kind` is details (`key`: the subject), history (the subject; `record` is what is to be read),
    diagnose (the run), alternatives (INCIDENT/ADDRESS), or bandwidth (the order; `change` is what
    is to be done).
    """

    kind: str
    key: str
    incident: str = ""
    service_id: str = ""
    record: model.HistoryNeeded | None = None
    attempts: int = 0
    token: int = 0
    due: datetime
    change: BandwidthChange | None = None


class ChangeStart(StrEnum):
    """Whether a change of bandwidth may leave now."""

    BEGUN = "begun"
    LOST = "lost"  # somebody else has taken the job over
    OVER = "over"  # the incident is
    USED_UP = "used up"  # the vendor takes no more changes today


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFiles:
    """What one diagnostics run brought: the PDF's bytes, a PNG of its first page, the raw JSON."""

    run: str
    pdf: bytes = b""
    preview: bytes = b""
    raw: bytes = b""


class JobQueue(Protocol):
    """What jobs need of the store."""

    async def claim_jobs(
        self, *, kind: str, now: datetime, lease: timedelta, limit: int
    ) -> list[Job]:
        """Take jobs of one kind that are due and that nobody holds, oldest first.

        The kinds are claimed apart so that details never wait behind others. `attempts` of what
        comes back counts this claim.
        """

    async def finish_job(
        self,
        job: Job,
        *,
        at: datetime,
        command: model.Command,
        report_files: ReportFiles | None = None,
    ) -> bool:
        """Put the result into the inbox, keep the paper and drop the job, in one transaction.

        False when the job's lease was lost to somebody else: nothing was written.
        """

    async def postpone_job(self, job: Job, *, due: datetime) -> None:
        """Give a job back, to be done later."""

    async def start_run(
        self, job: Job, *, now: datetime, cooldown: timedelta, per_incident: int, per_hour: int
    ) -> str:
        """Reserve one diagnostics run; empty when it may start.

        Otherwise say in words which budget, cooldown or run in flight forbids it (law 7).
        """

    async def start_change(
        self, job: Job, change: BandwidthChange, *, now: datetime, customer: str, per_day: int
    ) -> ChangeStart:
        """Write the intent of a change down, and count it, if it may leave now."""

    async def keep_change(
        self,
        job: Job,
        change: BandwidthChange,
        *,
        now: datetime,
        due: datetime,
        news: model.Command | None,
    ) -> bool:
        """Keep how far a change is, hand in its news, and give the job back until `due`.

        False when the job's lease was lost to somebody else: nothing was written.
        """
