"""What those who only read need of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from watcher import model
from watcher.ports.work import Paper


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


class Library(Protocol):
    """What those who only read need of the store."""

    async def incidents(
        self, *, statuses: Sequence[model.IncidentStatus] | None = None, limit: int = 100
    ) -> list[model.Incident]:
        """Read incidents, newest first; None: of every status."""

    async def dossier(self, incident: str) -> model.Dossier | None:
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

    async def paper(self, run: str) -> Paper | None:
        """Read what one diagnostics run brought."""

    async def alerts(self, subject: str) -> list[model.Alert]:
        """Read every alert on one subject, by rule."""

    async def sources(self) -> list[model.SourceHealth]:
        """Read the health of every source, by name."""

    async def silences(self, now: datetime) -> list[model.Silence]:
        """Read the silences that are not over, the next to end first."""

    async def consumed(self, key: str) -> bool:
        """Tell whether the command that was put in under this key has been stepped."""


class Standing(Protocol):
    """What is written down of how all daemons do; every verb raises TemporaryError."""

    async def daemons(self) -> list[Daemon]:
        """Read who is there, the one that leads first."""

    async def sources(self) -> list[model.SourceHealth]:
        """Read the health of every source, by name."""

    async def counts(self) -> Mapping[model.IncidentStatus, int]:
        """Count the incidents that are not over, by status; one of no incident is left out."""

    async def backlog(self) -> Mapping[str, Backlog]:
        """Count what is owed, by receiver; one that is owed nothing is left out."""
