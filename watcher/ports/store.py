"""What the loops need of the store, and the records that they exchange with it.

Every verb raises TemporaryError when the database fails. The classes of watcher/store implement
these ports; what a verb does is described here, and how there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from watcher import model
from watcher.ports.outbox import Claim, PendingDelivery


class Loaded(Struct, frozen=True, kw_only=True):
    """The state that the last commit left: everything that `step()` needs to go on."""

    subjects: tuple[model.Subject, ...] = ()
    samples: tuple[model.Sample, ...] = ()
    sources: tuple[model.SourceHealth, ...] = ()
    alerts: tuple[model.Alert, ...] = ()
    incidents: tuple[model.Incident, ...] = ()  # open, or resolved within the reopening time
    incident_alerts: tuple[model.IncidentAlert, ...] = ()  # of these incidents
    silences: tuple[model.Silence, ...] = ()  # that are not over
    calendars: tuple[model.Calendar, ...] = ()
    works: tuple[model.Work, ...] = ()


class Envelope(Struct, frozen=True, kw_only=True):
    """A row of the inbox, in the order of its number."""

    number: int
    key: str
    at: datetime
    command: model.Command


class RulesRead(Struct, frozen=True, kw_only=True):
    """Rules and inventory of this version came into force; `started`: at a start of the daemon.

    `last_success` is when a source was last polled before then. `moved`: our clock was so far ahead
    of that of the daemon that led before, and every mark was moved by it; `last_success` was not.
    """

    version: str
    started: bool = False
    last_success: datetime | None = None
    moved: timedelta = timedelta()


class Commit(Struct, frozen=True, kw_only=True):
    """One event with all of its effects: all of it is written, or nothing (law 4).

    `note` says why a command was refused. An event that `matters` goes into the journal even if it
    changed nothing, because a replay under other rules needs it.
    """

    at: datetime
    event: model.Event | RulesRead
    effects: Sequence[model.Effect]
    inbox: int | None = None  # the number of the inbox row that this event was
    note: str = ""
    matters: bool = False

    @property
    def moves(self) -> timedelta:
        """By how much every mark moves."""
        match self.event:
            case model.ClockStepped():
                return self.event.by
            case RulesRead():
                return self.event.moved
            case _:
                return timedelta()


class Recorded(Struct, frozen=True, kw_only=True):
    """A row of the journal; a checkpoint is the whole state at that time."""

    at: datetime
    what: model.Event | RulesRead | Loaded


class Daemon(Struct, frozen=True, kw_only=True):
    """A daemon that uses the database now."""

    instance: str
    since: datetime
    leads: bool


class Backlog(Struct, frozen=True, kw_only=True):
    """How many deliveries to a receiver are pending, and since when.

    `failing_since` and `error` are those of the oldest delivery that failed, on any daemon.
    """

    owed: int = 0
    oldest: datetime | None = None
    failing_since: datetime | None = None
    error: str = ""


class BandwidthChange(Struct, frozen=True, kw_only=True, gc=False):
    """A change of bandwidth and its progress: durable, so that it is ordered once (law 5).

    `sent_at` is the intent: from then on it may have been ordered. `taken`: the vendor confirmed
    it. `tries` counts postponements; `told` holds what the timeline reports already. `had` is what
    the connection had before, in the vendor's own words.
    """

    wanted: model.BandwidthNeeded
    had: str = ""
    tries: int = 0
    sent_at: datetime | None = None
    taken: bool = False
    told: tuple[model.RemedyStatus, ...] = ()


class Job(Struct, frozen=True, kw_only=True):
    """Work beside the writer that one daemon at a time may do.

    `kind` is details (`key`: the subject), history (the subject; `record` says what to fetch),
    diagnose (the run), alternatives (INCIDENT/ADDRESS), or bandwidth (the order; `change` says
    what to do).
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
    """Whether a change of bandwidth may be ordered now."""

    BEGUN = "begun"
    LOST = "lost"  # another daemon has claimed the job
    OVER = "over"  # the incident is resolved
    USED_UP = "used up"  # the vendor accepts no more changes today


class ReportFiles(Struct, frozen=True, kw_only=True):
    """What one diagnostics run brought: the PDF's bytes, a PNG of its first page, the raw JSON."""

    run: str
    pdf: bytes = b""
    preview: bytes = b""
    raw: bytes = b""


class CommitLog(Protocol):
    """The state, and the one way to change it."""

    async def load(
        self, *, now: datetime, reopen_within: timedelta, keep_samples: timedelta
    ) -> Loaded:
        """Return everything that `step()` needs to go on."""

    async def commit(
        self, token: int, commit: Commit, claim: Claim | None = None
    ) -> list[PendingDelivery]:
        """Write one event's effects in one transaction, and return what was claimed in it.

        What moves every mark moves the deadlines of deliveries and jobs as well. Raises
        PermanentError when `token` is not the leader's any more.
        """


class Inbox(Protocol):
    """The one way in for everything that the writer does not observe by itself."""

    async def read(self, limit: int = 100) -> list[Envelope]:
        """Return the oldest commands that have not been consumed."""

    async def submit(self, key: str, command: model.Command, at: datetime) -> bool:
        """Put a command in, once for each key; return False when the key was there before."""

    async def outcome(self, key: str) -> str | None:
        """Return what became of the command with this key, once it was stepped and committed.

        That is why the engine refused it, or "" if it was carried out; None until then.
        """


class DetailReader(Protocol):
    """What a receiver may show beside an incident view."""

    async def report_files(self, run: str) -> ReportFiles | None:
        """Return what one diagnostics run brought."""

    async def all_alerts(self, incident: str) -> tuple[model.IncidentAlert, ...]:
        """Return all alerts of an incident, however many."""

    async def series(
        self, subject: str, metric: str, start: datetime, end: datetime
    ) -> tuple[model.Sample, ...]:
        """Return what was measured from `start` to `end`, both included."""


class SourceReader(Protocol):
    """The health of the sources."""

    async def sources(self) -> list[model.SourceHealth]:
        """Return the health of every source, by name."""


class IncidentReader(DetailReader, SourceReader, Protocol):
    """What people and receivers read of incidents and subjects."""

    async def incidents(
        self,
        *,
        statuses: Collection[model.IncidentStatus] | None = None,
        limit: int = 100,
        announcements: bool = False,
    ) -> list[model.Incident]:
        """Return incidents, newest first; None: of every status.

        Those that announce planned works are left out unless asked for: nothing is wrong there.
        """

    async def incident_view(self, incident: str) -> model.IncidentView | None:
        """Return an incident with its alerts, timeline and subjects; None if there is none."""

    async def incident_views(self, incidents: Sequence[str]) -> list[model.IncidentView]:
        """Return those that exist, in the order asked for, by as many statements as for one."""

    async def versions(self, incidents: Sequence[str]) -> Mapping[str, int]:
        """Return the version of each that exists."""

    async def incident_ids(self, prefix: str, *, limit: int = 10) -> list[str]:
        """Return the ids of incidents that begin so, in their order."""

    async def receipts(self, incident: str) -> list[model.Receipt]:
        """Return what each receiver has been notified of, by receiver."""

    async def receipts_of(self, incidents: Sequence[str]) -> list[model.Receipt]:
        """Return the receipts of several incidents, by incident and receiver."""

    async def resolved(self, *, since: datetime, limit: int = 100) -> list[model.Incident]:
        """Return incidents that were resolved since then, the last first; no announcements."""

    async def incidents_of(self, subject: str, *, limit: int = 100) -> list[model.Incident]:
        """Return the incidents that one subject had an alert in, newest first."""

    async def subject(self, key: str) -> model.Subject | None:
        """Return one subject; None if there is none."""

    async def subjects(
        self, *, source: str = "", after: str = "", limit: int = 100
    ) -> list[model.Subject]:
        """Return the subjects whose keys come after `after`, of one source if it is named."""

    async def alerts(self, subject: str) -> list[model.Alert]:
        """Return every alert on one subject, by rule."""

    async def silences(self, now: datetime) -> list[model.Silence]:
        """Return the silences that are not over at `now`."""

    async def works(self) -> list[model.Work]:
        """Return the planned works that are kept, also those that are over, by their key."""


class StatusReader(SourceReader, Protocol):
    """How all daemons, sources and receivers are."""

    async def silences(self, now: datetime) -> list[model.Silence]:
        """Return the silences that are not over at `now`."""

    async def daemons(self) -> list[Daemon]:
        """Return the daemons that use the database now, the leader first."""

    async def counts(self) -> Mapping[model.IncidentStatus, int]:
        """Return how many incidents are not over, by status; announcements are not counted."""

    async def backlog(self) -> Mapping[str, Backlog]:
        """Return the pending deliveries, by receiver."""

    async def self_checks(self) -> model.SelfChecks:
        """Return what came of the last drill, and the last backup."""


class JobQueue(Protocol):
    """Work beside the writer."""

    async def claim(self, *, kind: str, now: datetime, lease: timedelta, limit: int) -> list[Job]:
        """Claim jobs of one kind that are due; `attempts` counts this claim.

        The kinds are claimed separately, so that details never wait behind others.
        """

    async def finish(
        self,
        job: Job,
        *,
        at: datetime,
        command: model.Command,
        report_files: ReportFiles | None = None,
    ) -> bool:
        """Put the result into the inbox, keep the report files and drop the job.

        False when another daemon has claimed the job: nothing was written.
        """

    async def postpone(self, job: Job, *, due: datetime) -> None:
        """End the claim of a job, so that it is done later."""

    async def start_run(
        self, job: Job, *, now: datetime, cooldown: timedelta, per_incident: int, per_hour: int
    ) -> str:
        """Reserve one diagnostics run; empty when it may start.

        Otherwise return the budget, cooldown or run in flight that forbids it, in words (law 7).
        """

    async def start_change(
        self, job: Job, change: BandwidthChange, *, now: datetime, customer: str, per_day: int
    ) -> ChangeStart:
        """Write down the intent of a change, and count it, if it may be ordered now."""

    async def save_change(
        self,
        job: Job,
        change: BandwidthChange,
        *,
        now: datetime,
        due: datetime,
        news: model.Command | None,
    ) -> bool:
        """Save the progress of a change, submit its news, and end the claim until `due`.

        False when another daemon has claimed the job: nothing was written.
        """


class CallCounter(Protocol):
    """Counts the calls of an account by month (YYYY-MM, UTC), across restarts."""

    async def spend(self, account: str, month: str, budget: int) -> bool:
        """Count one call; return False when the budget (0: none) is used up."""


class UsageReader(Protocol):
    """What a CallCounter has counted."""

    async def used(self, account: str, month: str) -> int:
        """Return how many calls were counted."""


class UnservedAddresses(Protocol):
    """Which addresses a vendor does not serve, across restarts."""

    async def last_reported(self, address: str, *, since: datetime) -> datetime | None:
        """Return when the vendor said so, unless that was before `since`."""

    async def record(self, address: str, at: datetime, *, since: datetime) -> None:
        """Record that the vendor said so at `at`, and forget what it said before `since`."""
