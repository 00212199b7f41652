"""When the vendor's own record of a subject is read: in turn while on air, after a gap, at the end.

Law: a read is asked for and nobody waits for it. One that fails is asked for again later; it holds
up nothing but the forgetting of a subject that is gone, and that for an hour at most.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from watcher import model
from watcher.engine.backfill import evaluate
from watcher.engine.context import StepContext
from watcher.engine.incidents import reported_outages
from watcher.engine.indexes import BackfillState
from watcher.engine.rules import reservation
from watcher.engine.timers import Timer, TimerKind
from watcher.model import AlertState, Phase, Visibility

AT_ONCE = 4  # reads that are asked for and not answered
GLANCE = 2_000  # subjects that one step looks at
FARTHEST = timedelta(days=7)
GIVE_UP = timedelta(hours=1)  # on the record of a subject that is gone
LOST = timedelta(minutes=10)  # an answer that has not come by then never will
RETRY, LONGEST_RETRY = timedelta(minutes=1), timedelta(minutes=15)
_BREATH = timedelta(seconds=1)


def arrive(ctx: StepContext, source: str) -> bool:
    """Note that a poll was answered; tell whether nobody had seen the source for long.

    What fires then is known to have fired up to that gap, and from now on.
    """
    state, health = ctx.state, ctx.state.health.get(source)
    unwatched = ctx.take_unwatched(source)
    if backfill := state.backfill(source):
        seen = None if health is None else health.last_success
        backfill.note_poll(seen or ctx.now)
    long = state.ruleset.sources[source].blind_after
    since = unwatched or (health.failing_since if health else None)
    blind = state.visibility(source) is Visibility.BLIND
    if since is None or (not blind and ctx.now - since < long):
        return False
    ctx.note_gap(source, since)
    reported_outages.split(ctx, source, since)
    return True


def start(ctx: StepContext, unwatched_since: datetime) -> None:
    """Note at a start since when each source was not watched."""
    state = ctx.state
    for source in state.ruleset.sources:
        health = state.health.get(source)
        failing_since = health.failing_since if health else None
        ctx.note_unwatched(source, min(failing_since or unwatched_since, unwatched_since))


def looked(ctx: StepContext, source: str, *, after_gap: bool) -> None:
    """Go on once an answered poll has been judged; after a gap or a start, read everything."""
    backfill = ctx.state.backfill(source)
    if backfill is None:
        return
    if after_gap or backfill.began is None:
        _begin(ctx, source, backfill, thorough=after_gap)
    if backfill.stalled or backfill.urgent or after_gap:
        _go_on(ctx, source, backfill)


def begin(ctx: StepContext, key: str) -> datetime | None:
    """Tell from when the record of a subject that is new has to be judged."""
    backfill = ctx.state.backfill(model.source_of(key))
    return None if backfill is None else backfill.fresh


def tick(ctx: StepContext, source: str) -> None:
    """Go on when a time has come: a lap's, a retry's."""
    backfill = ctx.state.backfill(source)
    if backfill is None:
        return
    backfill.hurry_due(ctx.now)
    backfill.drop_requests_before(ctx.now - LOST)
    idle = not (backfill.waiting or backfill.urgent or backfill.asked)
    if idle and _next_lap(ctx, source, backfill) <= ctx.now:
        _begin(ctx, source, backfill, thorough=False)
    _go_on(ctx, source, backfill)


def pass_edge(ctx: StepContext, key: str) -> None:
    """Read the record of a reservation that has just ended."""
    subject = ctx.state.subjects.get(key)
    backfill = ctx.state.backfill(model.source_of(key))
    if subject is not None and backfill is not None and ctx.subject_view(key).phase is Phase.ENDED:
        backfill.hurry(key)
        _go_on(ctx, subject.source, backfill)


def read(ctx: StepContext, event: model.HistoryRead, would_fire: evaluate.WouldFire) -> None:
    """Take in what the vendor recorded, or that it could not be had."""
    source = model.source_of(event.subject)
    subject, backfill = ctx.state.subjects.get(event.subject), ctx.state.backfill(source)
    if subject is None or backfill is None:
        return
    asked = backfill.take_request(event.subject)
    gone_since = backfill.leaving.get(event.subject)
    if event.error:
        _put_off(ctx, backfill, event)
    else:
        backfill.note_success()
        last = gone_since is not None and event.end >= gone_since
        if not evaluate.judge(ctx, subject, event, would_fire, last=last):
            backfill.read_again(event.subject, ctx.now + RETRY)
        elif asked is not None and asked > event.end:
            backfill.hurry(event.subject)  # the answer to an older question
        elif last:
            backfill.let_go(event.subject)
    forget_if_vanished(ctx, event.subject)
    _go_on(ctx, source, backfill)


def forget_if_vanished(ctx: StepContext, key: str) -> None:
    """Drop a subject that is gone once no alert holds it and its record has been read."""
    subject = ctx.state.subjects.get(key)
    alive = {AlertState.FIRING, AlertState.PENDING}
    held = any(alert.state in alive for alert in ctx.state.alerts_on(key))
    if subject is None or subject.missed < 2 or held:
        return
    backfill = ctx.state.backfill(subject.source)
    if backfill is None or not _is_kept(ctx, backfill, subject):
        ctx.forget_subject(key)


def stay(ctx: StepContext, key: str) -> None:
    """Take note that a subject which was gone is back."""
    backfill = ctx.state.backfill(model.source_of(key))
    if backfill is not None:
        backfill.note_back(key)


def _is_kept(ctx: StepContext, backfill: BackfillState, subject: model.Subject) -> bool:
    if subject.key not in backfill.leaving:
        if _start(ctx, backfill, subject) is None:
            return False
        backfill.note_gone(subject.key, ctx.now)
    since = backfill.leaving[subject.key]
    return since is not None and ctx.now < since + GIVE_UP


def _put_off(ctx: StepContext, backfill: BackfillState, event: model.HistoryRead) -> None:
    backfill.note_failure()
    if event.permanent and event.subject in backfill.leaving:
        backfill.let_go(event.subject)  # a reservation that is over may have no record
    elif not event.permanent:
        backfill.read_again(event.subject, ctx.now + RETRY)
    if not event.permanent or backfill.failures >= AT_ONCE:
        doubled = RETRY * 2 ** min(backfill.failures - 1, 10)
        backfill.pause(ctx.now + min(doubled, LONGEST_RETRY))


def _begin(ctx: StepContext, source: str, backfill: BackfillState, *, thorough: bool) -> None:
    """Begin a lap of all subjects; one that is not `thorough` passes over those just read."""
    subjects = ctx.state.subjects.items()
    keys = [key for key, subject in subjects if subject.source == source]
    backfill.start_pass(keys, ctx.now, thorough=thorough)
    ctx.schedule(Timer(TimerKind.HISTORY, source), ctx.now + _BREATH)


def _go_on(ctx: StepContext, source: str, backfill: BackfillState) -> None:
    """Ask for the next reads, as many as are not too many, and set the timer."""
    state = ctx.state
    stalled = state.is_awaited(source) or state.visibility(source) is not Visibility.SEEN
    backfill.stall(stalled=stalled)
    if stalled:
        return
    if backfill.paused_until is not None and backfill.paused_until > ctx.now:
        ctx.schedule(Timer(TimerKind.HISTORY, source), backfill.paused_until)
        return
    looked_at = 0
    while looked_at < GLANCE and _has_more(backfill):
        looked_at += 1
        key, hurried = backfill.next_key()
        _ask(ctx, backfill, key, hurried=hurried)
    due = [ctx.now if _has_more(backfill) else _next_lap(ctx, source, backfill)]
    due += [*backfill.later.values(), *(until + LOST for until in backfill.asked.values())]
    ctx.schedule(Timer(TimerKind.HISTORY, source), max(min(due), ctx.now + _BREATH))


def _has_more(backfill: BackfillState) -> bool:
    return len(backfill.asked) < AT_ONCE and bool(backfill.urgent or backfill.waiting)


def _ask(ctx: StepContext, backfill: BackfillState, key: str, *, hurried: bool) -> None:
    forget_if_vanished(ctx, key)  # one that was gone before a start, too
    subject = ctx.state.subjects.get(key)
    if subject is None or key in backfill.asked:
        return
    start = _start(ctx, backfill, subject)
    soon = ctx.now - ctx.state.ruleset.sources[subject.source].history / 2
    if start is not None and (hurried or backfill.thorough or start <= soon):
        backfill.note_request(key, ctx.now)
        ctx.request(model.HistoryNeeded(subject=key, start=start, end=ctx.now))


def _start(ctx: StepContext, backfill: BackfillState, subject: model.Subject) -> datetime | None:
    """Tell from when a record has to be read; None: there was nothing since that may page."""
    traits, plan = ctx.state.ruleset.sources[subject.source], ctx.state.rule_index[subject.source]
    since = subject.judged_until or backfill.origin or ctx.now
    start = max(since, ctx.now - FARTHEST)
    parts = reservation.within(subject.bookings, plan.paging, start, ctx.now, traits.pre_roll)
    return next((begin for begin, _ in parts), None)


def _next_lap(ctx: StepContext, source: str, backfill: BackfillState) -> datetime:
    return (backfill.began or ctx.now) + ctx.state.ruleset.sources[source].history
