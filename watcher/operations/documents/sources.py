"""How well a source can be seen, as programs read it."""

from __future__ import annotations

from watcher import model
from watcher.operations.documents.document import Document, Timestamp, timestamp_or_none


class SourceDocument(Document, frozen=True, kw_only=True):
    """How well a source can be seen now: `seen`, `failing` or `blind`.

    `remarks` are sentences about what looks wrong in the last answer.
    """

    source: str
    sight: model.Visibility
    last_success: Timestamp | None
    failing_since: Timestamp | None
    error: str
    permanent: bool
    subjects: int
    remarks: tuple[str, ...]


def source(health: model.SourceHealth) -> SourceDocument:
    """Return the document of a source's health."""
    return SourceDocument(
        source=health.source,
        sight=health.sight,
        last_success=timestamp_or_none(health.last_success),
        failing_since=timestamp_or_none(health.failing_since),
        error=health.error,
        permanent=health.permanent,
        subjects=health.subjects,
        remarks=health.remarks,
    )
