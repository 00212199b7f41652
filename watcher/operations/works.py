"""Planned works as people read them: which one is meant, where it stands, in words. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec.structs import replace

from watcher import model
from watcher.model import CountedWork, Notice, Work, WorkImpact, WorkStatus, WorkWindow
from watcher.text import clean

MOST_NAMED = 5  # works that a prefix may mean, in the answer
# The subjects of ours that a circuit of the notice belongs to, by the carrier's id of the circuit.
Subjects = Mapping[str, tuple[str, ...]]
FindSubjects = Callable[[Work], Subjects]
ReadSubjects = Callable[[], Awaitable[FindSubjects]]
# What counts of works beside others about the same windows.
Count = Callable[[Iterable[Work]], Sequence[Work]]

IMPACTS: Mapping[WorkImpact, str] = {
    WorkImpact.NO_IMPACT: "no impact",
    WorkImpact.REDUCED_REDUNDANCY: "reduced redundancy",
    WorkImpact.DEGRADED: "degraded",
    WorkImpact.OUTAGE: "outage",
}


class WorkState(StrEnum):
    """Where works stand now, as people ask for it."""

    AHEAD = "ahead"
    RUNNING = "running"
    OVER = "over"
    MOVED = "moved"  # to a time that the carrier has not named yet
    CANCELLED = "cancelled"
    DISMISSED = "dismissed"  # by one of us: it excuses nothing


STATES: Mapping[WorkState, str] = {
    WorkState.AHEAD: "ahead",
    WorkState.RUNNING: "under way",
    WorkState.OVER: "over",
    WorkState.MOVED: "moved, no new time yet",
    WorkState.CANCELLED: "cancelled",
    WorkState.DISMISSED: "dismissed",
}
EXCUSING = frozenset({WorkState.AHEAD, WorkState.RUNNING})  # whose windows count


async def no_subjects() -> FindSubjects:
    """Return what finds no subject, as where no inventory is known."""
    return lambda _: {}


def state_of(work: Work, now: datetime) -> WorkState:
    """Return where works stand."""
    if work.dismissed_by:
        return WorkState.DISMISSED
    if work.notice.status is WorkStatus.CANCELLED:
        return WorkState.CANCELLED
    if work.notice.status is WorkStatus.COMPLETED:
        return WorkState.OVER
    if not work.windows:
        return WorkState.CANCELLED if _is_cancelled_elsewhere(work) else WorkState.MOVED
    if any(window.begin <= now < window.end for window in work.windows):
        return WorkState.RUNNING
    ahead = any(window.begin > now for window in work.windows)
    return WorkState.AHEAD if ahead else WorkState.OVER


def windows_of(work: Work) -> tuple[WorkWindow, ...]:
    """Return the windows that are shown, in their order: those that count, else the announced."""
    return tuple(sorted(work.windows or work.notice.windows, key=_by_time))


def is_past(work: Work, now: datetime) -> bool:
    """Whether everything that was announced lies behind."""
    return all(window.end <= now for window in windows_of(work))


def as_kept(notice: Notice, works: Iterable[Work]) -> Notice:
    """Return a notice as works have it, of the carrier that its provider stands for."""
    for work in works:
        for kept in (work.notice, *work.history):
            if kept.id == notice.id and replace(kept, provider=notice.provider).digest == (
                notice.digest
            ):
                return replace(notice, provider=kept.provider)
    return notice


def is_spoken_for(work: Work) -> bool:
    """Whether each window of works has a name of its own now, or is the whole's again."""
    return isinstance(work, CountedWork) and work.is_spoken_for


def _is_cancelled_elsewhere(work: Work) -> bool:
    """Whether works that speak for this one have nothing left that takes place."""
    if not (isinstance(work, CountedWork) and work.is_spoken_for):
        return False
    return not any(other.windows for other in work.others)


def listed(works: Iterable[Work], now: datetime, *, past: bool = False) -> list[Work]:
    """Return works in the order of their times, without those that lie behind unless asked for.

    Of a whole and its parts, one that the others speak for is left out: they are listed.
    """
    chosen = [
        work for work in works if not is_spoken_for(work) and (past or not is_past(work, now))
    ]
    return sorted(chosen, key=lambda work: place(work, now))


def place(work: Work, now: datetime) -> tuple[float, str]:
    """Return what works are sorted by: the begin of the window that comes, or is open; the key."""
    windows = windows_of(work)
    ahead = [window.begin for window in windows if window.end > now]
    first = min(ahead, default=None) or max((window.begin for window in windows), default=None)
    return float(first.timestamp() // 1) if first else 0.0, work.key


def find(works: Sequence[Work], text: str) -> Work:
    """Return the works that are meant: by PROVIDER/ID, by the id alone, or by how one begins.

    Raises ValueError for what is none of them, or more than one.
    """
    wanted = text.strip().casefold()
    exact = [work for work in works if wanted in {work.key.casefold(), _id(work)}]
    similar = [
        work
        for work in works
        if wanted and (work.key.casefold().startswith(wanted) or _id(work).startswith(wanted))
    ]
    matches = exact or similar
    if len(matches) == 1:
        return matches[0]
    shown = clean(text, 80)
    if not matches:
        raise ValueError(f"there are no planned works {shown}: `watcher works list` lists them")
    keys = sorted(work.key for work in matches)
    more = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    listed = f"{', '.join(keys[:MOST_NAMED])}{more}"
    raise ValueError(f"{shown} matches several: {listed}; type more of the id")


def worst_impact(work: Work) -> WorkImpact:
    """Return the worst that any of its circuits is announced to suffer."""
    impacts = [circuit.impact for circuit in work.notice.circuits]
    return max(impacts, key=lambda impact: impact.rank, default=WorkImpact.NO_IMPACT)


def impact_on(work: Work, subjects: Subjects) -> WorkImpact:
    """Return the worst that a circuit of ours is announced to suffer."""
    impacts = [circuit.impact for circuit in work.notice.circuits if circuit.id in subjects]
    return max(impacts, key=lambda impact: impact.rank, default=WorkImpact.NO_IMPACT)


def next_window(work: Work, now: datetime) -> WorkWindow | None:
    """Return the window that is open, or comes next; None where none counts any more."""
    ahead = [window for window in work.windows if window.end > now]
    return min(ahead, key=_by_time, default=None)


def title(work: Work) -> str:
    """Return what works are called: `123456 of Lumen`."""
    return f"{clean(work.notice.id, 80)} of {clean(model.format_carrier(work.notice.provider), 60)}"


def describe_window(window: WorkWindow) -> str:
    """Return a window: `2026-12-01 02:00 to 04:00 UTC`."""
    begin = model.format_date_time(window.begin, seconds=False)
    end = model.format_date_time(window.end, seconds=False)
    return f"{begin} to {end.removeprefix(begin[:11])} UTC"


def describe_when(work: Work, now: datetime) -> str:
    """Return the window that is open or comes next, and how many there are."""
    windows = windows_of(work)
    later = [window for window in windows if window.end > now] or list(windows)
    more = f" (and {len(windows) - 1} more)" if len(windows) > 1 else ""
    return f"{describe_window(later[0])}{more}" if later else "no time"


def describe_wait(work: Work, now: datetime) -> str:
    """Return how long it is until the next window, or until the open one ends."""
    window = next_window(work, now)
    if window is None:
        return ""
    if window.begin <= now:
        return f"{model.format_duration(window.end - now)} left"
    return model.format_duration(window.begin - now)


def describe_impact(work: Work) -> str:
    """Return the worst that is announced, and for how many circuits."""
    count = len(work.notice.circuits)
    return f"{IMPACTS[worst_impact(work)]} of {model.format_count(count, 'circuit')}"


def describe_people(work: Work) -> str:
    """Return who has confirmed or dismissed works; empty where nobody has."""
    if work.dismissed_by:
        return f"dismissed by {clean(work.dismissed_by, 80)}: outages call people"
    return f"confirmed by {clean(work.confirmed_by, 80)}" if work.confirmed_by else ""


def lines(work: Work, now: datetime, subjects: Subjects) -> Iterator[str]:
    """Yield everything that is known of works, line by line."""
    notice = work.notice
    yield f"{title(work)}: {STATES[state_of(work, now)]}"
    if notice.summary:
        yield f"  {clean(notice.summary, 300)}"
    for older in work.history:
        yield f"  the carrier said: {_describe_notice(older)}"
    yield f"  the carrier says: {_describe_notice(notice)}"
    for window in windows_of(work):
        yield f"  {describe_window(window)}"
    for window in sorted(work.moved_from, key=_by_time):
        yield f"  before: {describe_window(window)}"
    for circuit in notice.circuits:
        keys = clean(", ".join(subjects.get(circuit.id, ())), 500)
        yield f"  {clean(circuit.id, 80)}: {IMPACTS[circuit.impact]}{f' ({keys})' if keys else ''}"
    if people := describe_people(work):
        yield f"  {people}"


def _describe_notice(notice: model.Notice) -> str:
    """Return what a notice says of the works, and where it was read."""
    sequence = "" if notice.sequence is None else f", sequence {notice.sequence}"
    received = model.format_date_time(notice.received_at, seconds=False)
    origin = f" from {clean(notice.origin, 120)}" if notice.origin else ""
    return f"{notice.status.words}{sequence}; read {received} UTC{origin}"


def _id(work: Work) -> str:
    return work.notice.id.casefold()


def _by_time(window: WorkWindow) -> tuple[datetime, datetime]:
    return window.begin, window.end
