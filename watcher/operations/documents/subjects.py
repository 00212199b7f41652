"""A subject, with its fields and reservations, as programs read it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from watcher import model
from watcher.operations.documents.document import Document, Timestamp, timestamp_or_none
from watcher.operations.documents.works import WorkWindowDocument, window_documents
from watcher.operations.subject_works import SubjectWork
from watcher.operations.works import WorkState, state_of, windows_of


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


class SubjectWorkDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Planned works that name a subject; `windows` are those that are open or ahead.

    `impact` is what is announced for this subject.
    """

    key: str
    state: WorkState
    impact: model.WorkImpact
    windows: list[WorkWindowDocument]


class SubjectDocument(Document, frozen=True, kw_only=True):
    """One thing watched, as it was last seen; `missed` polls in a row did not name it.

    `works` are planned works under way or ahead, the soonest first.
    """

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
    works: list[SubjectWorkDocument]


def subject(subject: model.Subject, works: Iterable[SubjectWork], now: datetime) -> SubjectDocument:
    """Return a subject's document, with the planned works that name it."""
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
        works=[_work(shown, now) for shown in works],
    )


def _work(shown: SubjectWork, now: datetime) -> SubjectWorkDocument:
    ahead = [window for window in windows_of(shown.work) if window.end > now]
    return SubjectWorkDocument(
        key=shown.work.key,
        state=state_of(shown.work, now),
        impact=shown.impact,
        windows=window_documents(ahead),
    )


def _window(window: model.Window) -> WindowDocument:
    return WindowDocument(start=timestamp_or_none(window.start), end=timestamp_or_none(window.end))
