"""What holds back notifications, as programs read it."""

from __future__ import annotations

from collections.abc import Iterable

from watcher import model
from watcher.operations.documents.document import Document, Timestamp, timestamp_or_none


class SilenceDocument(Document, frozen=True, kw_only=True):
    """A silence that is not over; it is in force once `begin` has come.

    `matchers` are sets, of which one has to match with all that is in it. `until` is `resolved` or
    `ended` where that may end it before `end`; `incident` is what it was made for.
    """

    id: str
    matchers: tuple[tuple[str, ...], ...]
    begin: Timestamp
    end: Timestamp | None
    until: model.SilenceUntil | None
    incident: str
    by: str
    comment: str
    ticket: str


class SilencesDocument(Document, frozen=True, kw_only=True):
    """The silences that are not over."""

    silences: tuple[SilenceDocument, ...]


def silence(silence: model.Silence) -> SilenceDocument:
    """Return the document of a silence."""
    return SilenceDocument(
        id=silence.id,
        matchers=tuple(tuple(map(str, matchers)) for matchers in silence.sets),
        begin=model.format_timestamp(silence.begin),
        end=timestamp_or_none(silence.end),
        until=silence.until,
        incident=silence.incident,
        by=silence.by,
        comment=silence.comment,
        ticket=silence.ticket,
    )


def silences(active: Iterable[model.Silence]) -> SilencesDocument:
    """Return the document of all of them."""
    return SilencesDocument(silences=tuple(map(silence, active)))
