"""Carriers' notices and what people say of them become works: the newest notice counts.

Law: any order of arrival of the same notices ends in the same work. So a work is worked out from
the set of its notices: an older one that arrives late joins the history, and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec.structs import replace

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.incidents import suppression
from watcher.engine.rules.works import carrier_of, is_too_long
from watcher.engine.state import IllegalCommand
from watcher.model import Notice, Work, WorkStatus, WorkWindow

_KEPT = 20  # notices of one work that have a sequence number, and as many that have none


def notice_read(ctx: StepContext, event: model.NoticeRead) -> None:
    """Keep a notice; it decides where it is the newest one of its work.

    It is kept under its carrier's name, whichever address it came from. A window that is too long
    to be believed has to be confirmed, even if another one of the same work was.
    """
    carrier = carrier_of(event.notice.provider, ctx.state.ruleset.works)
    notice = replace(event.notice, provider=carrier)
    before = ctx.state.works.get(notice.key)
    after = with_notice(before, notice)
    announced = before.windows if before else ()
    if any(is_too_long(window) and window not in announced for window in after.windows):
        after = replace(after, confirmed_by="")
    if after != before:
        ctx.put_work(after)
        suppression.refresh(ctx)


def confirm(ctx: StepContext, event: model.WorkConfirmed) -> None:
    """Record who has taken note of works; they count again if they were dismissed."""
    _decide(ctx, event.work, confirmed_by=event.by, dismissed_by="")


def withdraw_confirmation(ctx: StepContext, key: str) -> None:
    """Withdraw that somebody has taken note of works."""
    _decide(ctx, key, confirmed_by="", dismissed_by="")


def dismiss(ctx: StepContext, event: model.WorkDismissed) -> None:
    """Record who says that works do not count, from now on."""
    _decide(ctx, event.work, confirmed_by="", dismissed_by=event.by)


def _decide(ctx: StepContext, key: str, *, confirmed_by: str, dismissed_by: str) -> None:
    work = ctx.state.works.get(key)
    if work is None:
        raise IllegalCommand(f"there are no planned works {key!r}")
    ctx.put_work(replace(work, confirmed_by=confirmed_by, dismissed_by=dismissed_by))
    suppression.refresh(ctx)


def with_notice(work: Work | None, notice: Notice) -> Work:
    """Return what is known of a maintenance after one more notice of it."""
    notices = _kept((*(work.notices if work else ()), notice))
    *history, newest = _in_order(notices)
    before = work or Work(notice=newest)
    return replace(
        before,
        notice=newest,
        history=tuple(history),
        moved_from=_moved_from(history, newest),
        completed_at=_completed_at(history, newest),
    )


def _kept(notices: Iterable[Notice]) -> list[Notice]:
    """Return the notices without repetitions: of equal ones the one that was read first."""
    by_content: dict[str, Notice] = {}
    for notice in notices:
        same = by_content.setdefault(notice.digest, notice)
        by_content[notice.digest] = min(same, notice, key=_arrival)
    numbered = [notice for notice in by_content.values() if notice.sequence is not None]
    others = [notice for notice in by_content.values() if notice.sequence is None]
    return [*sorted(numbered, key=_age)[-_KEPT:], *sorted(others, key=_age)[-_KEPT:]]


def _in_order(notices: Sequence[Notice]) -> list[Notice]:
    """Return the notices from the oldest to the newest.

    Sequence numbers count between notices that have one. Where some have none, the time decides
    between the newest notice with a number and the newest without.
    """
    numbered = [notice for notice in notices if notice.sequence is not None]
    if len(numbered) in {0, len(notices)}:
        return sorted(notices, key=_age)
    others = [notice for notice in notices if notice.sequence is None]
    newest = max(max(numbered, key=_age), max(others, key=_age), key=_time)
    return [*sorted((notice for notice in notices if notice is not newest), key=_time), newest]


def _age(notice: Notice) -> tuple[int, tuple[datetime, datetime, str]]:
    return notice.sequence or 0, _time(notice)


def _time(notice: Notice) -> tuple[datetime, datetime, str]:
    """Return what notices are sorted by in time.

    Two of one time are sorted by what they say, so that the order is always one.
    """
    return (*notice.said_at, notice.digest)


def _arrival(notice: Notice) -> tuple[datetime, str]:
    return notice.received_at, notice.origin


def _moved_from(history: Sequence[Notice], newest: Notice) -> tuple[WorkWindow, ...]:
    """Return the windows that were announced before, and are not any more.

    One that is re-scheduled has left every window from before that, even one that it names again:
    some carriers name the old ones, and the new ones follow in another notice.
    """
    if newest.status is not WorkStatus.RESCHEDULED:
        for notice in reversed(history):
            gone = [window for window in notice.windows if window not in newest.windows]
            if gone and notice.status is not WorkStatus.CANCELLED:
                return tuple(gone)
        return ()
    windows: dict[WorkWindow, None] = {}
    for notice in reversed(history):
        if notice.status is not WorkStatus.RESCHEDULED:
            windows.update(dict.fromkeys(notice.windows))
            break
        windows.update((window, None) for window in notice.windows if window not in newest.windows)
    return tuple(sorted(windows, key=lambda window: (window.begin, window.end)))


def _completed_at(history: Sequence[Notice], newest: Notice) -> datetime | None:
    """Return when it was first read that the works are completed, if they are."""
    at = None
    for notice in (newest, *reversed(history)):
        if notice.status is not WorkStatus.COMPLETED:
            break
        at = notice.received_at if at is None else min(at, notice.received_at)
    return at
