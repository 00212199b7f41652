"""Planned works as programs read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from watcher import model
from watcher.operations import works as words
from watcher.operations.documents.document import Document, Timestamp, timestamp_or_none


class WorkWindowDocument(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One window of works."""

    from_: Timestamp
    to: Timestamp


class WorkCircuitDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A circuit by the carrier's id, what it is announced to suffer, and which subjects it is."""

    id: str
    impact: model.WorkImpact
    subjects: tuple[str, ...]


class WorkDocument(Document, frozen=True, kw_only=True):
    """What is known of one maintenance; `key` is `PROVIDER/ID`.

    `status` is the carrier's word, `state` is where it stands now: only works that are `ahead` or
    `running` excuse an outage, within their `windows`. `moved_from` are windows that were announced
    before. `impact` is the worst of its circuits. `dismissed_by` and `confirmed_by` may be empty.
    """

    key: str
    provider: str
    id: str
    status: model.WorkStatus
    state: words.WorkState
    impact: model.WorkImpact
    summary: str
    windows: tuple[WorkWindowDocument, ...]
    moved_from: tuple[WorkWindowDocument, ...]
    circuits: tuple[WorkCircuitDocument, ...]
    account: str
    sequence: int | None
    stamp: Timestamp | None
    received_at: Timestamp
    origin: str
    confirmed_by: str
    dismissed_by: str


class WorksDocument(Document, frozen=True, kw_only=True):
    """Planned works in the order of their times, and where the list goes on."""

    works: tuple[WorkDocument, ...]
    more: bool = False
    next_cursor: str | None = None
    next: str | None = None


def work(work: model.Work, now: datetime, subjects: words.Subjects) -> WorkDocument:
    """Return the document of one maintenance."""
    notice = work.notice
    return WorkDocument(
        key=work.key,
        provider=notice.provider,
        id=notice.id,
        status=notice.status,
        state=words.state_of(work, now),
        impact=words.worst_impact(work),
        summary=notice.summary,
        windows=tuple(window_documents(words.windows_of(work))),
        moved_from=tuple(window_documents(work.moved_from)),
        circuits=tuple(
            WorkCircuitDocument(
                id=circuit.id, impact=circuit.impact, subjects=subjects.get(circuit.id, ())
            )
            for circuit in notice.circuits
        ),
        account=notice.account,
        sequence=notice.sequence,
        stamp=timestamp_or_none(notice.stamp),
        received_at=model.format_timestamp(notice.received_at),
        origin=notice.origin,
        confirmed_by=work.confirmed_by,
        dismissed_by=work.dismissed_by,
    )


def works(listed: Iterable[model.Work], now: datetime, find: words.FindSubjects) -> WorksDocument:
    """Return the document of several."""
    return WorksDocument(works=tuple(work(shown, now, find(shown)) for shown in listed))


def window_documents(windows: Iterable[model.WorkWindow]) -> list[WorkWindowDocument]:
    """Return the documents of windows."""
    return [
        WorkWindowDocument(
            from_=model.format_timestamp(window.begin), to=model.format_timestamp(window.end)
        )
        for window in windows
    ]
