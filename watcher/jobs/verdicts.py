"""What a look at the vendor's inventory means for a change of bandwidth. Pure.

Law: what may have been ordered is never put off, only watched, for as long as anybody looks.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from watcher import model, ports
from watcher.jobs.work import Again, Done, Outcome
from watcher.model import RemedyStatus

SOON_EVERY = timedelta(seconds=5)  # as long as it may still be done at once
SOON_FOR = timedelta(seconds=30)
LOOK_EVERY = timedelta(seconds=30)
LATE_AFTER = timedelta(minutes=15)
LATE_EVERY = timedelta(minutes=5)
WATCHED_FOR = timedelta(hours=24)
TRY_AGAIN = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))


def objection(wanted: model.BandwidthNeeded, mbps: float | None) -> str:
    """Say why a change is not to be ordered, by what the connection has now; empty if it is."""
    if mbps is None:
        return "the inventory does not tell its bandwidth"
    enough = mbps > wanted.to_mbps and not wanted.reverting
    if enough or _is_same(mbps, wanted.to_mbps):
        return f"it has {model.format_mbps(mbps)} already"
    return "" if _is_same(mbps, wanted.from_mbps) else _by_another(mbps)


def put_off(change: ports.Change, error: model.TemporaryError, now: datetime) -> Outcome:
    """Order it later, a few times: nothing has happened."""
    if change.tries == len(TRY_AGAIN):
        why = f"{error}; it was tried {change.tries + 1} times"
        return ended(change, RemedyStatus.FAILED, why)
    wait = max(TRY_AGAIN[change.tries], timedelta(seconds=error.delay or 0))
    later = replace(change, sent_at=None, tries=change.tries + 1)
    if RemedyStatus.WAITING in change.told:
        return Again(change=later, due=now + wait)
    message = f"{error}; it is tried again in {model.format_duration(wait)}"
    return told(later, news(change, RemedyStatus.WAITING, message), due=now + wait)


def judge(
    change: ports.Change,
    seen: ports.Provision | None,
    *,
    now: datetime,
    doubt: str,
    unseen: str = "",
) -> Outcome:
    """Say how far a change is that was sent.

    `doubt` is why nobody can tell whether it was ordered, for one that was not taken. `unseen` is
    why the inventory shows nothing.
    """
    age = now - (change.sent_at or now)
    if seen is not None and seen.mbps is not None and not seen.pending:
        if _is_same(seen.mbps, change.wanted.to_mbps):
            lasted = f"{model.format_duration(age)} after it was requested"
            return ended(change, RemedyStatus.APPLIED, lasted, seen.mbps)
        if not _is_same(seen.mbps, change.wanted.from_mbps):
            return ended(change, RemedyStatus.FAILED, _by_another(seen.mbps), seen.mbps)
    shown = f"the inventory cannot be read now ({unseen})" if seen is None else _shown(seen)
    if age >= WATCHED_FOR:
        lost = RemedyStatus.STUCK if change.taken else RemedyStatus.UNKNOWN
        day = model.format_duration(WATCHED_FOR)
        return ended(change, lost, f"after {day} {shown}, and nobody looks any more")
    due = now + _pause(age)
    if seen is not None and seen.pending:
        change = replace(change, taken=True)  # whether or not its answer was heard
    tell = _to_tell(change, seen, shown, age=age, doubt=doubt)
    return Again(change=change, due=due) if tell is None else told(change, tell, due=due)


def news(
    change: ports.Change, status: RemedyStatus, message: str = "", mbps: float | None = None
) -> model.BandwidthNews:
    """Write how a change is now."""
    return model.BandwidthNews(
        incident=change.wanted.incident,
        order=change.wanted.order,
        status=status,
        message=message,
        mbps=mbps,
    )


def told(change: ports.Change, tell: model.BandwidthNews, *, due: datetime) -> Again:
    """Go on later, with something to tell."""
    return Again(change=replace(change, told=(*change.told, tell.status)), due=due, news=tell)


def ended(
    change: ports.Change, status: RemedyStatus, message: str, mbps: float | None = None
) -> Done:
    """Say that nothing more will come of it."""
    return Done(command=replace(news(change, status, message, mbps), over=True))


def _to_tell(
    change: ports.Change,
    seen: ports.Provision | None,
    shown: str,
    *,
    age: timedelta,
    doubt: str,
) -> model.BandwidthNews | None:
    """Find what people do not know yet of a change that is not done."""
    mbps = None if seen is None else seen.mbps
    if seen is not None and seen.pending and RemedyStatus.PENDING not in change.told:
        return news(change, RemedyStatus.PENDING, mbps=mbps)
    if not change.taken and RemedyStatus.UNKNOWN not in change.told:
        message = f"{doubt}. It is not ordered again; {shown}"
        return news(change, RemedyStatus.UNKNOWN, message, mbps)
    if age >= LATE_AFTER and RemedyStatus.STUCK not in change.told:
        late, slow = model.format_duration(LATE_AFTER), model.format_duration(LATE_EVERY)
        message = f"after {late} {shown}; it is looked at every {slow} from now on"
        return news(change, RemedyStatus.STUCK, message, mbps)
    return None


def _pause(age: timedelta) -> timedelta:
    if age < SOON_FOR:
        return SOON_EVERY
    return LOOK_EVERY if age < LATE_AFTER else LATE_EVERY


def _shown(seen: ports.Provision) -> str:
    pending = ", with a change pending" if seen.pending else ""
    return f"the inventory shows {model.format_mbps(seen.mbps)}{pending}"


def _by_another(mbps: float) -> str:
    return f"somebody has changed it meanwhile: it has {model.format_mbps(mbps)} now"


def _is_same(one: float, other: float) -> bool:
    return abs(one - other) < 0.5  # what was read as kbps does not come out even
