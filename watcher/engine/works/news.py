"""What there is to say of planned works now, and the marks of what has been said.

Nothing is said twice: a mark names a digest and the window that it was for, an overlap, or a
booking. A digest says everything that is known, and so it marks all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.rules.works import circuit_key
from watcher.engine.works import wording
from watcher.engine.works.outlook import Booked, Clash, Outlook, basic, gone
from watcher.model import EntryKind, Work, WorkStatus, WorkWindow

DIGESTS = {"24h": timedelta(hours=24), "7d": timedelta(days=7)}  # before a window, soonest first


class News(Struct, frozen=True, kw_only=True, gc=False):
    """Something to say: an entry's kind and text, and the marks of what it says."""

    kind: EntryKind
    about: str
    text: str
    marks: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    by: str = ""
    notify: bool = True


def find_news(
    ctx: StepContext, outlook: Outlook, before: Work | None, *, is_known: bool
) -> Iterator[News]:
    """Yield what is to be said now; what leads names everything else that there is to know."""
    work = outlook.work
    was, taken = outlook, gone(ctx, work.key)
    if is_known and work.announced and before is not None:
        was = basic(ctx, before) if before is not work else _with(outlook, taken)
    cancelled = bool(taken) and all(by.notice.status is WorkStatus.CANCELLED for _, by in taken)
    lead = _lead(outlook, was, ctx.now, cancelled=cancelled)
    if lead is not None:
        yield lead
    else:
        yield from _warnings(outlook)
    for carrier, ids in wording.by_carrier(outlook, _unasked(ctx, outlook)):
        text = wording.question(outlook, ids, carrier)
        yield News(kind=EntryKind.ANNOUNCED, about="question", text=text, asked=ids)
    if before is None or before is work or not is_known:
        return
    if lead is None and work.notice.status is not before.notice.status and outlook.circuits:
        text = wording.status(work)
        yield News(kind=EntryKind.ANNOUNCED, about="status", text=text, notify=False)
    if work.confirmed_by != before.confirmed_by:
        by = work.confirmed_by
        kind = EntryKind.ACKNOWLEDGED if by else EntryKind.UNACKNOWLEDGED
        text = wording.confirmed(by) if by else wording.unconfirmed()
        yield News(kind=kind, about="confirmed", text=text, by=by, notify=False)


def _with(outlook: Outlook, taken: Sequence[tuple[WorkWindow, Work]]) -> Outlook:
    """Return an outlook with the windows that others have taken away in this step."""
    windows = {*outlook.windows, *(window for window, _ in taken)}
    return replace(
        outlook, windows=tuple(sorted(windows, key=lambda window: (window.begin, window.end)))
    )


def _lead(outlook: Outlook, was: Outlook, now: datetime, *, cancelled: bool) -> News | None:
    """Return the plan as it is now, if people know another one, or a digest is due."""
    if not outlook.circuits:
        return None
    digest = _due_digest(outlook, now)
    marks = tuple(_everything(outlook, now))
    if _plan(was) != _plan(outlook):
        text = wording.changed(outlook, was.windows, cancelled=cancelled)
        return News(kind=EntryKind.RESCHEDULED, about="moved", text=text, marks=marks)
    if digest is None:
        return None
    name, windows = digest
    soonest = outlook.windows.index(windows[0])
    text = wording.digest(replace(outlook, windows=outlook.windows[soonest:]), now)
    return News(kind=EntryKind.ANNOUNCED, about=name, text=text, marks=marks)


def _plan(outlook: Outlook) -> tuple[object, ...]:
    """Return what people would have to know of works: when, and which of our circuits."""
    circuits = {(circuit_key(circuit.id), circuit.impact) for circuit in outlook.circuits}
    return outlook.windows, circuits


def _due_digest(outlook: Outlook, now: datetime) -> tuple[str, Sequence[WorkWindow]] | None:
    """Return the digest that is due and was not given, by its name, and the windows it is for."""
    for name in DIGESTS:
        if windows := _undigested(outlook, name, now):
            return name, windows
    return None


def _undigested(outlook: Outlook, name: str, now: datetime) -> list[WorkWindow]:
    """Return the windows that a digest is due for, and was not given for."""
    return [
        window
        for window in outlook.windows
        if window.begin - DIGESTS[name] <= now
        and digest_mark(name, window) not in outlook.work.announced
    ]


def _everything(outlook: Outlook, now: datetime) -> Iterator[str]:
    """Yield the marks of all that a digest says.

    It stands for those of the windows that begin soon after: of works in five nights in a row,
    people hear seven days before the first, and the day before each.
    """
    for name, ahead in DIGESTS.items():
        if due := _undigested(outlook, name, now):
            first = due[0].begin
            covered = [window for window in outlook.windows if first <= window.begin]
            near = [window for window in covered if window.begin < first + ahead]
            yield from (digest_mark(name, window) for window in dict.fromkeys((*due, *near)))
    yield from _all_clash_marks(outlook)
    yield from _booking_marks(outlook)


def _warnings(outlook: Outlook) -> Iterator[News]:
    """Yield the warnings that were not given."""
    marked = set(outlook.work.announced)
    for clash in outlook.clashes:
        marks = clash_marks(clash)
        if not marked.issuperset(marks):
            text = wording.clashing(outlook, clash, outlook.zone)
            yield News(kind=EntryKind.ANNOUNCED, about="overlap", text=text, marks=marks)
    for booked in outlook.bookings:
        mark = _mark_of_booking(booked)
        if mark not in marked:
            marked.add(mark)
            text = wording.booking(outlook, booked)
            yield News(kind=EntryKind.ANNOUNCED, about="booking", text=text, marks=(mark,))


def digest_mark(name: str, window: WorkWindow) -> str:
    """Return the mark of a digest for one window."""
    return f"{name} {model.format_timestamp(window.begin)}"


def _all_clash_marks(outlook: Outlook) -> Iterator[str]:
    for clash in outlook.clashes:
        yield from clash_marks(clash)


def clash_marks(clash: Clash, other: str = "") -> tuple[str, ...]:
    """Return the marks of an overlap, in the work or, by the `other` key, in the other one."""
    return tuple(
        f"overlap {clash.group} {other or clash.other.key} {model.format_timestamp(window.begin)}"
        for window in clash.windows
    )


def _booking_marks(outlook: Outlook) -> Iterator[str]:
    for booked in outlook.bookings:
        yield _mark_of_booking(booked)


def _mark_of_booking(booked: Booked) -> str:
    begin = model.format_timestamp(booked.window.begin)
    return f"booking {booked.subject} {booked.booking} {begin}"


def _unasked(ctx: StepContext, outlook: Outlook) -> tuple[str, ...]:
    """Return the unknown circuits that nobody was asked about, in this work or another.

    None before each source was polled once: only then is it known which circuits there are.
    """
    if not outlook.unknown or not knows_all_circuits(ctx):
        return ()
    provider = outlook.work.notice.provider
    asked = {
        circuit_key(name)
        for work in ctx.state.works.values()
        if work.notice.provider == provider
        for name in work.asked
    }
    return tuple(name for name in outlook.unknown if circuit_key(name) not in asked)


def knows_all_circuits(ctx: StepContext) -> bool:
    """Return whether every source was polled, so that no circuit is unknown for want of that."""
    health = ctx.state.health
    return all(
        source == model.WORKS or (source in health and health[source].last_success is not None)
        for source in ctx.state.ruleset.sources
    )
