"""The shapes of the answers of the API, by their paths."""

from __future__ import annotations

from typing import Any

import msgspec

from watcher.ledger.document import LedgerDocument
from watcher.operations import documents
from watcher.operations.documents.deliveries import ReceiptsDocument
from watcher.operations.documents.document import Timestamp
from watcher.operations.documents.works import WorkDocument, WorksDocument


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a list: `next` is the address of what follows, null at the end."""

    more: bool
    next_cursor: str | None
    next: str | None


class Incidents(Listed, frozen=True, kw_only=True):
    """Incidents, newest first."""

    incidents: list[documents.IncidentDocument]


class Timeline(Listed, frozen=True, kw_only=True):
    """Entries of an incident's timeline, in their order."""

    entries: list[documents.EventDocument]


class Subjects(Listed, frozen=True, kw_only=True):
    """Subjects by key."""

    subjects: list[documents.SubjectDocument]


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """The health of every source."""

    sources: list[documents.SourceDocument]


class MaintenanceWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A maintenance window: whether it is open now, and when that changes."""

    name: str
    matchers: list[str]
    action: str
    open: bool
    changes_at: Timestamp | None


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """All maintenance windows."""

    windows: list[MaintenanceWindow]


class Rota(msgspec.Struct, frozen=True, kw_only=True):
    """Who has a rota; no `person` is a gap."""

    rota: str
    person: str
    until: Timestamp | None
    next: str


class OnCall(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on call."""

    on_call: list[Rota]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong (RFC 9457); `error` is the older name of `detail`."""

    type: str
    title: str
    status: int
    detail: str
    error: str


ANSWERS: dict[str, Any] = {
    "/api/v1/incidents": Incidents,
    "/api/v1/incidents/{id}": documents.IncidentDocument,
    "/api/v1/incidents/{id}/timeline": Timeline,
    "/api/v1/incidents/{id}/receipts": ReceiptsDocument,
    "/api/v1/subjects": Subjects,
    "/api/v1/sources": Sources,
    "/api/v1/silences": documents.SilencesDocument,
    "/api/v1/windows": Windows,
    "/api/v1/oncall": OnCall,
    "/api/v1/availability": LedgerDocument,
    "/api/v1/works": WorksDocument,
    "/api/v1/works/{key}": WorkDocument,
}
