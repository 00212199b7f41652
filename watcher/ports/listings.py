"""What pages and programs list of the store beside one incident or one subject."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from watcher import model


class IncidentFilter(Struct, frozen=True, kw_only=True):
    """What incidents must be; empty: anything. Those that announce planned works are never listed.

    They lasted at some time from `begin` until `end`. `subject` had an alert in it, and one of its
    alerts had each of the `labels`. `text` is in what is kept of it. `drills`: none but drills, or
    no drill; None: both.
    """

    statuses: tuple[model.IncidentStatus, ...] = ()
    severities: tuple[model.Severity, ...] = ()
    rule: str = ""
    source: str = ""
    subject: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    text: str = ""
    begin: datetime | None = None
    end: datetime | None = None
    drills: bool | None = None


class IncidentCursor(Struct, frozen=True, kw_only=True):
    """The place in the list after an incident: the list goes on with older ones."""

    opened_at: datetime
    id: str


class ListingReader(Protocol):
    """Lists for the board and the API. Every verb raises TemporaryError when the database fails."""

    async def firing(self) -> Sequence[tuple[str, str]]:
        """Return each subject with a firing alert, and the unresolved incidents that it is in."""

    async def mark(self) -> str:
        """Return a text that differs after each change of what is not resolved."""

    async def incidents(
        self, wanted: IncidentFilter, *, after: IncidentCursor | None = None, limit: int
    ) -> list[model.Incident]:
        """Return incidents, newest first, that come after a place in the list."""

    async def notifications(self, incident: str, *, limit: int) -> list[model.Notification]:
        """Return the last ones that were delivered of an incident, in the order of delivery."""
