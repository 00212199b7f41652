"""How well a source can be seen, as programs read it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

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


class PublishedSource(Document, frozen=True, kw_only=True):
    """A source's health as its daemon published it; don't trust it after `valid_until`.

    `sight` is `seen`, `failing` or `blind`, or `unknown` once no daemon polls the source any more.
    """

    source: str
    sight: Literal["seen", "failing", "blind", "unknown"]
    last_success: Timestamp | None
    failing_since: Timestamp | None
    error: str
    permanent: bool
    subjects: int
    remarks: tuple[str, ...]
    instance: str
    at: Timestamp
    valid_until: Timestamp


def published_source(
    health: model.SourceHealth, *, instance: str, at: datetime, valid: timedelta
) -> PublishedSource:
    """Return a source's health as `instance` publishes it at this time."""
    document = source(health)
    return PublishedSource(
        source=document.source,
        sight=health.sight.value,
        last_success=document.last_success,
        failing_since=document.failing_since,
        error=document.error,
        permanent=document.permanent,
        subjects=document.subjects,
        remarks=document.remarks,
        instance=instance,
        at=model.format_timestamp(at),
        valid_until=model.format_timestamp(at + valid),
    )


def unwatched_source(health: model.SourceHealth, *, instance: str, at: datetime) -> PublishedSource:
    """Return the document of a source that `instance` no longer polls."""
    last = published_source(health, instance=instance, at=at, valid=timedelta(0))
    return msgspec.structs.replace(last, sight="unknown", error="", remarks=())
