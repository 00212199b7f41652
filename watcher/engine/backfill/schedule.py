"""When the alarm record of a subject is read, how often, and what happens when that fails.

The package's docstring explains how this works.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from watcher import model
from watcher.engine.backfill import alarm_record
from watcher.engine.context import StepContext
from watcher.engine.incidents import reported_outages
from watcher.engine.indexes import BackfillState
from watcher.engine.rules import reservation
from watcher.engine.timers import Timer, TimerKind
from watcher.model import AlertState, Phase, Visibility

MOST_REQUESTS = 4  # open at a time
BATCH = 2_000  # subjects that one step considers
FARTHEST = timedelta(days=7)
GIVE_UP = timedelta(hours=1)  # on the record of a subject that is gone
LOST = timedelta(minutes=10)  # an answer that has not come by then never will
RETRY, LONGEST_RETRY = timedelta(minutes=1), timedelta(minutes=15)
_PAUSE = timedelta(seconds=1)  # between two batches


def poll_answered(ctx: StepContext, source: str) -> bool:
    """Take note of an answered poll; return whether it ends a gap, in which nobody saw the source.

    What fires is then known to have fired up to the gap, and from now on.
    """
    state, health = ctx.state, ctx.state.health.get(source)
    unwatched = ctx.take_unwatched(source)
    if backfill := state.backfill(source):
        last_success = None if health is None else health.last_success
        backfill.note_poll(last_success or ctx.now)
    since = unwatched or (health.failing_since if health else None)
    if since is None:
        return False
    blind_after = state.ruleset.sources[source].blind_after
    is_blind = state.visibility(source) is Visibility.BLIND
    if not is_blind and ctx.now - since < blind_after:
        return False
    ctx.note_gap(source, since)
    reported_outages.split_at_gap(ctx, source, since)
    return True


def not_watched(ctx: StepContext, unwatched_since: datetime) -> None:
    """Note, at a start or after a standstill, since when each source was not watched."""
    state = ctx.state
    for source in state.ruleset.sources:
        health = state.health.get(source)
        failing_since = health.failing_since if health else None
        ctx.note_unwatched(source, min(failing_since or unwatched_since, unwatched_since))


def poll_evaluated(ctx: StepContext, source: str, *, after_gap: bool) -> None:
    """Go on once all that a poll says has been evaluated; after a gap or a start, read all."""
    backfill = ctx.state.backfill(source)
    if backfill is None:
        return
    if after_gap or backfill.began is None:
        _start_pass(ctx, source, backfill, thorough=after_gap)
    if backfill.stalled or backfill.urgent or after_gap:
        _proceed(ctx, source, backfill)


def read_all(ctx: StepContext, source: str) -> None:
    """Read the record of every subject at once: nobody may have watched, and nothing says so."""
    backfill = ctx.state.backfill(source)
    if backfill is not None and backfill.began is not None:  # else the first poll has it read
        _start_pass(ctx, source, backfill, thorough=True)
        _proceed(ctx, source, backfill)


def counts_from(ctx: StepContext, key: str) -> datetime | None:
    """Return from when the record of a new subject counts; None where its source keeps none."""
    backfill = ctx.state.backfill(model.source_of(key))
    return None if backfill is None else backfill.fresh


def tick(ctx: StepContext, source: str) -> None:
    """Go on when a time has come: of a pass, of a batch, of a retry."""
    backfill = ctx.state.backfill(source)
    if backfill is None:
        return
    backfill.hurry_due(ctx.now)
    backfill.drop_requests_before(ctx.now - LOST)
    is_idle = not (backfill.waiting or backfill.urgent or backfill.asked)
    if is_idle and _next_pass_at(ctx, source, backfill) <= ctx.now:
        _start_pass(ctx, source, backfill, thorough=False)
    _proceed(ctx, source, backfill)


def phase_changed(ctx: StepContext, key: str) -> None:
    """Read the record of a reservation that has just ended."""
    subject = ctx.state.subjects.get(key)
    backfill = ctx.state.backfill(model.source_of(key))
    if subject is not None and backfill is not None and ctx.subject_view(key).phase is Phase.ENDED:
        backfill.hurry(key)
        _proceed(ctx, subject.source, backfill)


def history_read(
    ctx: StepContext, event: model.HistoryRead, would_fire: alarm_record.WouldFire
) -> None:
    """Evaluate an alarm record, or note that it could not be had."""
    source = model.source_of(event.subject)
    subject, backfill = ctx.state.subjects.get(event.subject), ctx.state.backfill(source)
    if subject is None or backfill is None:
        return
    requested = backfill.take_request(event.subject)
    if event.start >= ctx.now:  # it was asked for when the clock was ahead, and says nothing
        backfill.hurry(event.subject)
        _proceed(ctx, source, backfill)
        return
    event = replace(event, end=min(event.end, ctx.now))
    gone_since = backfill.leaving.get(event.subject)
    if event.error:
        _postpone(ctx, backfill, event)
    else:
        backfill.note_success()
        is_last = gone_since is not None and event.end >= gone_since
        if not alarm_record.evaluate_record(ctx, subject, event, would_fire, is_last=is_last):
            backfill.read_again(event.subject, ctx.now + RETRY)
        elif requested is not None and requested > event.end:
            backfill.hurry(event.subject)  # this answers an older request
        elif is_last:
            backfill.let_go(event.subject)
    forget_if_vanished(ctx, event.subject)
    _proceed(ctx, source, backfill)


def forget_if_vanished(ctx: StepContext, key: str) -> None:
    """Drop a subject that is gone once no alert holds it and its record has been read."""
    subject = ctx.state.subjects.get(key)
    active = {AlertState.FIRING, AlertState.PENDING}
    is_held = any(alert.state in active for alert in ctx.state.alerts_on(key))
    if subject is None or subject.missed < 2 or is_held:
        return
    backfill = ctx.state.backfill(subject.source)
    if backfill is None or not _is_kept(ctx, backfill, subject):
        ctx.forget_subject(key)


def subject_returned(ctx: StepContext, key: str) -> None:
    """Keep a subject that was about to be forgotten."""
    backfill = ctx.state.backfill(model.source_of(key))
    if backfill is not None:
        backfill.note_back(key)


def _is_kept(ctx: StepContext, backfill: BackfillState, subject: model.Subject) -> bool:
    if subject.key not in backfill.leaving:
        if _unread_from(ctx, backfill, subject) is None:
            return False
        backfill.note_gone(subject.key, ctx.now)
    since = backfill.leaving[subject.key]
    return since is not None and ctx.now < since + GIVE_UP


def _postpone(ctx: StepContext, backfill: BackfillState, event: model.HistoryRead) -> None:
    backfill.note_failure()
    if event.permanent and event.subject in backfill.leaving:
        backfill.let_go(event.subject)  # a reservation that is over may have no record
    elif not event.permanent:
        backfill.read_again(event.subject, ctx.now + RETRY)
    if not event.permanent or backfill.failures >= MOST_REQUESTS:
        doubled = RETRY * 2 ** min(backfill.failures - 1, 10)
        backfill.pause(ctx.now + min(doubled, LONGEST_RETRY))


def _start_pass(ctx: StepContext, source: str, backfill: BackfillState, *, thorough: bool) -> None:
    """Start a pass over all subjects; one that is not `thorough` skips those just read."""
    subjects = ctx.state.subjects.items()
    keys = [key for key, subject in subjects if subject.source == source]
    backfill.start_pass(keys, ctx.now, thorough=thorough)
    ctx.schedule(Timer(TimerKind.BACKFILL, source), ctx.now + _PAUSE)


def _proceed(ctx: StepContext, source: str, backfill: BackfillState) -> None:
    """Request the next records, as far as the limits allow, and set the timer."""
    state = ctx.state
    stalled = state.is_awaited(source) or state.visibility(source) is not Visibility.SEEN
    backfill.stall(stalled=stalled)
    if stalled:
        return
    if backfill.paused_until is not None and backfill.paused_until > ctx.now:
        ctx.schedule(Timer(TimerKind.BACKFILL, source), backfill.paused_until)
        return
    considered = 0
    while considered < BATCH and _has_more(backfill):
        considered += 1
        key, is_urgent = backfill.next_key()
        _request(ctx, backfill, key, is_urgent=is_urgent)
    due = [ctx.now if _has_more(backfill) else _next_pass_at(ctx, source, backfill)]
    due += [*backfill.later.values(), *(asked_at + LOST for asked_at in backfill.asked.values())]
    ctx.schedule(Timer(TimerKind.BACKFILL, source), max(min(due), ctx.now + _PAUSE))


def _has_more(backfill: BackfillState) -> bool:
    return len(backfill.asked) < MOST_REQUESTS and bool(backfill.urgent or backfill.waiting)


def _request(ctx: StepContext, backfill: BackfillState, key: str, *, is_urgent: bool) -> None:
    forget_if_vanished(ctx, key)  # it may have been gone before a start
    subject = ctx.state.subjects.get(key)
    if subject is None or key in backfill.asked:
        return
    start = _unread_from(ctx, backfill, subject)
    recently = ctx.now - ctx.state.ruleset.sources[subject.source].history / 2
    if start is not None and (is_urgent or backfill.thorough or start <= recently):
        backfill.note_request(key, ctx.now)
        ctx.request(model.HistoryNeeded(subject=key, start=start, end=ctx.now))


def _unread_from(
    ctx: StepContext, backfill: BackfillState, subject: model.Subject
) -> datetime | None:
    """Return from when a record has to be read; None where no rule could have paged since."""
    traits, index = ctx.state.ruleset.sources[subject.source], ctx.state.rule_index[subject.source]
    since = subject.judged_until or backfill.origin or ctx.now
    start = max(since, ctx.now - FARTHEST)
    parts = reservation.within(subject.bookings, index.paging, start, ctx.now, traits.pre_roll)
    return next((begin for begin, _ in parts), None)


def _next_pass_at(ctx: StepContext, source: str, backfill: BackfillState) -> datetime:
    return (backfill.began or ctx.now) + ctx.state.ruleset.sources[source].history
