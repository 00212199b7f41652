"""What one message says, event by event, and how that becomes one notice for each maintenance.

A message may have an event for each window, or for each circuit, of one maintenance. Events of the
same window are one window with all their circuits; windows of the same circuits are one notice.
Where windows have circuits of their own, a notice of them all would plan more than was announced:
each set of circuits is then a notice by itself, and the carrier's own name of the window, or the
event's, makes its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from watcher import model
from watcher.text import clean

UNKNOWN_MAIL = 4  # exit code of one that knows no form that a mail could be in
NO_NOTICE = 3  # exit code of a worker that says in a sentence why there is no notice
LONGEST_ID = 200  # characters of an id, or of a provider's name
LONGEST_TEXT = 1_000
MOST_CIRCUITS, MOST_WINDOWS, MOST_NOTICES = 5_000, 500, 500
_Circuits = dict[str, model.WorkImpact]
ENDED = (model.WorkStatus.CANCELLED, model.WorkStatus.COMPLETED)
OVER = (*ENDED, model.WorkStatus.RESCHEDULED)
# Of several statuses in one message, the one that counts for the windows that go on.
_LIVE = (
    model.WorkStatus.IN_PROCESS,
    model.WorkStatus.CONFIRMED,
    model.WorkStatus.TENTATIVE,
)


class NoticeError(model.PermanentError):
    """What was read is not a notice of planned works; the sentence says why."""


class UnreadError(model.TemporaryError):
    """A message could not be read now; what it says is not known."""


class UnknownMailError(NoticeError):
    """A mail is in no form that we read."""


class Announcement(Struct, frozen=True, kw_only=True):
    """One event of a message. `label` is what tells it from others of the same maintenance."""

    provider: str
    id: str
    status: model.WorkStatus
    window: model.WorkWindow | None
    circuits: Sequence[tuple[str, model.WorkImpact]]
    sequence: int | None = None
    stamp: datetime | None = None
    summary: str = ""
    account: str = ""
    label: str = ""


def window(begin: datetime, end: datetime, what: str) -> model.WorkWindow:
    """Return a window in UTC. Raises NoticeError where it does not end after it began."""
    try:
        begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise NoticeError(f"{what}: its window is out of range") from error
    if end <= begin:
        raise NoticeError(
            f"{what}: its window ends at {_at(end)}, which is not after its begin, {_at(begin)}"
        )
    return model.WorkWindow(begin=begin, end=end)


def merge(
    entries: Iterable[Announcement], *, origin: str, now: datetime, most: int = MOST_NOTICES
) -> list[model.Notice]:
    """Return the notices of one message. Raises NoticeError for what plans nothing."""
    groups: dict[tuple[str, str], list[Announcement]] = {}
    for entry in entries:
        key = (clean(entry.provider, LONGEST_ID).casefold(), clean(entry.id, LONGEST_ID))
        groups.setdefault(key, []).append(entry)
    if not groups:
        raise NoticeError("it contains no maintenance id")
    notices = [
        notice
        for (provider, identity), group in groups.items()
        for notice in _notices(provider, identity, group, origin, now)
    ]
    if len(notices) > most:
        raise NoticeError(f"it has {len(notices):,} maintenances, more than {most:,}")
    return notices


def _notices(
    provider: str, identity: str, group: Sequence[Announcement], origin: str, now: datetime
) -> Iterable[model.Notice]:
    entries = _newest(group)
    live = [entry for entry in entries if entry.status not in OVER]
    entries = live or entries
    status = next(
        (status for status in (*_LIVE, *OVER) if any(e.status is status for e in entries)),
    )
    by_window: dict[model.WorkWindow | None, tuple[_Circuits, str]] = {}
    for entry in entries:
        circuits, label = by_window.setdefault(entry.window, ({}, entry.label))
        _add(circuits, entry.circuits)
    by_circuits: dict[tuple[tuple[str, model.WorkImpact], ...], list[tuple[str, _Window]]] = {}
    for when, (circuits, label) in by_window.items():
        by_circuits.setdefault(tuple(sorted(circuits.items())), []).append((label, when))
    for circuits_now, windows in by_circuits.items():
        name = identity if len(by_circuits) == 1 else _name(identity, windows[0])
        notice = model.Notice(
            provider=provider,
            id=name,
            status=status,
            windows=tuple(
                sorted((w for _, w in windows if w), key=lambda span: (span.begin, span.end))
            ),
            circuits=tuple(
                model.AffectedCircuit(id=circuit, impact=impact) for circuit, impact in circuits_now
            ),
            sequence=max((e.sequence for e in entries if e.sequence is not None), default=None),
            stamp=max((e.stamp.astimezone(UTC) for e in entries if e.stamp), default=None),
            summary=next((s for e in entries if (s := clean(e.summary, LONGEST_TEXT))), ""),
            account=next((a for e in entries if (a := clean(e.account, LONGEST_ID))), ""),
            origin=origin,
            received_at=now,
        )
        _check(notice, now)
        yield notice


_Window = model.WorkWindow | None


def _newest(group: Sequence[Announcement]) -> list[Announcement]:
    """Return each event as it was said last: a calendar may hold its history."""
    newest: dict[object, Announcement] = {}
    for place, entry in enumerate(group):
        key = entry.label or place
        before = newest.get(key)
        if before is None or before.sequence is None or entry.sequence is None:
            newest[key if before is None else (key, place)] = entry
        elif entry.sequence > before.sequence:
            newest[key] = entry
        elif entry.sequence == before.sequence:
            newest[key, place] = entry
    return list(newest.values())


def _add(circuits: _Circuits, more: Iterable[tuple[str, model.WorkImpact]]) -> None:
    """Add circuits; of one that comes twice, the worst impact counts."""
    for written, impact in more:
        circuit = clean(written, LONGEST_ID)
        if not circuit:
            continue
        before = circuits.get(circuit)
        circuits[circuit] = impact if before is None or impact.rank > before.rank else before
        if len(circuits) > MOST_CIRCUITS:
            raise NoticeError(f"it names more than {MOST_CIRCUITS:,} circuits")


def _name(identity: str, labelled: tuple[str, _Window]) -> str:
    label, when = labelled
    label = clean(label, LONGEST_ID).replace("/", "_")  # the last stroke is ours
    if label.startswith(identity) and label != identity:
        return label
    return f"{identity}/{label or (f'{when.begin:%Y%m%dT%H%MZ}' if when else 'rest')}"


def _check(notice: model.Notice, now: datetime) -> None:
    """Raise NoticeError for a notice that says that work will be done, and not when or where."""
    if not notice.provider:
        raise NoticeError("it names no provider")
    if not notice.id:
        raise NoticeError("it contains no maintenance id")
    if len(notice.windows) > MOST_WINDOWS:
        raise NoticeError(f"{notice.id} has more than {MOST_WINDOWS:,} windows")
    if notice.status in OVER:
        return
    if not notice.windows:
        raise NoticeError(f"{notice.id} names no window")
    if not notice.circuits:
        raise NoticeError(f"{notice.id} names no circuit")
    last = max(span.end for span in notice.windows)
    if last <= now:
        raise NoticeError(
            f"{notice.id} is in the past: its last window ended at {_at(last)},"
            f" and it was read at {_at(now)}"
        )


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
