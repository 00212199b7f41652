"""A subject, with its fields and reservations, as programs read it."""

from __future__ import annotations

import msgspec

from watcher import model
from watcher.operations.documents.document import Document, Timestamp, timestamp_or_none


class WindowDocument(msgspec.Struct, frozen=True, kw_only=True):
    """From `start` to `end`, each null while it is open or not given."""

    start: Timestamp | None
    end: Timestamp | None


class BookingDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One reservation's schedule within a service."""

    id: str
    scheduled: WindowDocument
    reserved: WindowDocument
    actual: WindowDocument
    activated: list[WindowDocument]
    terminal: bool


class SubjectDocument(Document, frozen=True, kw_only=True):
    """One thing watched, as it was last seen; `missed` polls in a row did not name it."""

    key: str
    source: str
    fields: dict[str, str | float | int | bool | None]
    previous: dict[str, str | float | int | bool | None]
    labels: dict[str, str]
    bookings: list[BookingDocument]
    notes: list[str]
    since: Timestamp
    vendor_time: Timestamp | None
    missed: int


def subject(subject: model.Subject) -> SubjectDocument:
    """Return a subject's document."""
    return SubjectDocument(
        key=subject.key,
        source=subject.source,
        fields=dict(subject.fields),
        previous=dict(subject.previous),
        labels=dict(subject.labels),
        bookings=[
            BookingDocument(
                id=booking.id,
                scheduled=_window(booking.scheduled),
                reserved=_window(booking.reserved),
                actual=_window(booking.actual),
                activated=[_window(window) for window in booking.activated],
                terminal=booking.terminal,
            )
            for booking in subject.bookings
        ],
        notes=list(subject.notes),
        since=model.format_timestamp(subject.since),
        vendor_time=timestamp_or_none(subject.vendor_time),
        missed=subject.missed,
    )


def _window(window: model.Window) -> WindowDocument:
    return WindowDocument(start=timestamp_or_none(window.start), end=timestamp_or_none(window.end))
