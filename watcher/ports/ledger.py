"""What the one writer needs of the store: to load, to commit, and the way in for everybody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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

    `note` says why a command was refused. An event that `weighs` goes into the journal even if it
    changed nothing, because a replay under other rules has to know of it.
    """

    at: datetime
    event: model.Event | RulesRead
    effects: Sequence[model.Effect]
    inbox: int | None = None  # the number of the inbox row that this event was
    note: str = ""
    weighs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A row of the journal; a checkpoint is everything that was known at that time."""

    at: datetime
    what: model.Event | RulesRead | Loaded


class Ledger(Protocol):
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
