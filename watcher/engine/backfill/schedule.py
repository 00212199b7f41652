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
from watcher.engine.rules import reservation
from watcher.engine.state import BackfillState
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
    unwatched = state.unwatched.pop(source, None)
    if sweep := state.sweeps.get(source):
        seen = None if health is None else health.last_success
        sweep.fresh = seen or ctx.now
        sweep.origin = sweep.origin or sweep.fresh
    long = state.ruleset.sources[source].blind_after
    since = unwatched or (health.failing_since if health else None)
    blind = state.sight(source) is Visibility.BLIND
    if since is None or (not blind and ctx.now - since < long):
        return False
    state.gaps[source] = (since, ctx.now)
    reported_outages.split(ctx, source, since)
    return True


def start(ctx: StepContext, unwatched_since: datetime) -> None:
    """Note at a start since when each source was not watched."""
    state = ctx.state
    for source in state.ruleset.sources:
        health = state.health.get(source)
        failing_since = health.failing_since if health else None
        state.unwatched[source] = min(failing_since or unwatched_since, unwatched_since)


def looked(ctx: StepContext, source: str, *, after_gap: bool) -> None:
    """Go on once an answered poll has been judged; after a gap or a start, read everything."""
    sweep = ctx.state.sweeps.get(source)
    if sweep is None:
        return
    if after_gap or sweep.began is None:
        _begin(ctx, source, sweep, thorough=after_gap)
    if sweep.stalled or sweep.urgent or after_gap:
        _go_on(ctx, source, sweep)


def begin(ctx: StepContext, key: str) -> datetime | None:
    """Tell from when the record of a subject that is new has to be judged."""
    sweep = ctx.state.sweeps.get(key.partition("/")[0])
    return None if sweep is None else sweep.fresh


def tick(ctx: StepContext, source: str) -> None:
    """Go on when a time has come: a lap's, a retry's."""
    sweep = ctx.state.sweeps.get(source)
    if sweep is None:
        return
    for key in [key for key, due in sweep.later.items() if due <= ctx.now]:
        del sweep.later[key]
        sweep.urgent[key] = None
    for key in [key for key, until in sweep.asked.items() if until + LOST <= ctx.now]:
        del sweep.asked[key]
    idle = not (sweep.waiting or sweep.urgent or sweep.asked)
    if idle and _next_lap(ctx, source, sweep) <= ctx.now:
        _begin(ctx, source, sweep, thorough=False)
    _go_on(ctx, source, sweep)


def pass_edge(ctx: StepContext, key: str) -> None:
    """Read the record of a reservation that has just ended."""
    subject = ctx.state.subjects.get(key)
    sweep = ctx.state.sweeps.get(key.partition("/")[0])
    if subject is not None and sweep is not None and ctx.scene(key).phase is Phase.ENDED:
        sweep.urgent[key] = None
        _go_on(ctx, subject.source, sweep)


def read(ctx: StepContext, event: model.HistoryRead) -> None:
    """Take in what the vendor recorded, or that it could not be had."""
    source = event.subject.partition("/")[0]
    subject, sweep = ctx.state.subjects.get(event.subject), ctx.state.sweeps.get(source)
    if subject is None or sweep is None:
        return
    asked = sweep.asked.pop(event.subject, None)
    gone_since = sweep.leaving.get(event.subject)
    if event.error:
        _put_off(ctx, sweep, event)
    else:
        sweep.failures, sweep.paused_until = 0, None
        last = gone_since is not None and event.end >= gone_since
        if not evaluate.judge(ctx, subject, event, last=last):
            sweep.later[event.subject] = ctx.now + RETRY
        elif asked is not None and asked > event.end:
            sweep.urgent[event.subject] = None  # the answer to an older question
        elif last:
            sweep.leaving[event.subject] = None
    forget_if_vanished(ctx, event.subject)
    _go_on(ctx, source, sweep)


def forget_if_vanished(ctx: StepContext, key: str) -> None:
    """Drop a subject that is gone once no alert holds it and its record has been read."""
    subject = ctx.state.subjects.get(key)
    alive = {AlertState.FIRING, AlertState.PENDING}
    held = any(alert.state in alive for alert in ctx.state.alerts_on(key))
    if subject is None or subject.missed < 2 or held:
        return
    sweep = ctx.state.sweeps.get(subject.source)
    if sweep is None or not _is_kept(ctx, sweep, subject):
        ctx.forget(key)


def stay(ctx: StepContext, key: str) -> None:
    """Take note that a subject which was gone is back."""
    sweep = ctx.state.sweeps.get(key.partition("/")[0])
    if sweep is not None:
        sweep.leaving.pop(key, None)


def _is_kept(ctx: StepContext, sweep: BackfillState, subject: model.Subject) -> bool:
    if subject.key not in sweep.leaving:
        if _start(ctx, sweep, subject) is None:
            return False
        sweep.leaving[subject.key] = ctx.now
        sweep.urgent[subject.key] = None
    since = sweep.leaving[subject.key]
    return since is not None and ctx.now < since + GIVE_UP


def _put_off(ctx: StepContext, sweep: BackfillState, event: model.HistoryRead) -> None:
    sweep.failures += 1
    if event.permanent and event.subject in sweep.leaving:
        sweep.leaving[event.subject] = None  # a reservation that is over may have no record
    elif not event.permanent:
        sweep.later[event.subject] = ctx.now + RETRY
    if not event.permanent or sweep.failures >= AT_ONCE:
        doubled = RETRY * 2 ** min(sweep.failures - 1, 10)
        sweep.paused_until = ctx.now + min(doubled, LONGEST_RETRY)


def _begin(ctx: StepContext, source: str, sweep: BackfillState, *, thorough: bool) -> None:
    """Begin a lap of all subjects; one that is not `thorough` passes over those just read."""
    sweep.began, sweep.thorough = ctx.now, thorough
    sweep.waiting.clear()
    sweep.waiting.extend(
        key for key, subject in ctx.state.subjects.items() if subject.source == source
    )
    ctx.state.timers.arm(Timer(TimerKind.HISTORY, source), ctx.now + _BREATH)


def _go_on(ctx: StepContext, source: str, sweep: BackfillState) -> None:
    """Ask for the next reads, as many as are not too many, and set the timer."""
    state = ctx.state
    sweep.stalled = source in state.awaited or state.sight(source) is not Visibility.SEEN
    if sweep.stalled:
        return
    if sweep.paused_until is not None and sweep.paused_until > ctx.now:
        state.timers.arm(Timer(TimerKind.HISTORY, source), sweep.paused_until)
        return
    looked_at = 0
    while looked_at < GLANCE and _has_more(sweep):
        looked_at += 1
        hurried = bool(sweep.urgent)
        key = next(iter(sweep.urgent)) if hurried else sweep.waiting.popleft()
        sweep.urgent.pop(key, None)
        _ask(ctx, sweep, key, hurried=hurried)
    due = [ctx.now if _has_more(sweep) else _next_lap(ctx, source, sweep)]
    due += [*sweep.later.values(), *(until + LOST for until in sweep.asked.values())]
    state.timers.arm(Timer(TimerKind.HISTORY, source), max(min(due), ctx.now + _BREATH))


def _has_more(sweep: BackfillState) -> bool:
    return len(sweep.asked) < AT_ONCE and bool(sweep.urgent or sweep.waiting)


def _ask(ctx: StepContext, sweep: BackfillState, key: str, *, hurried: bool) -> None:
    forget_if_vanished(ctx, key)  # one that was gone before a start, too
    subject = ctx.state.subjects.get(key)
    if subject is None or key in sweep.asked:
        return
    start = _start(ctx, sweep, subject)
    soon = ctx.now - ctx.state.ruleset.sources[subject.source].history / 2
    if start is not None and (hurried or sweep.thorough or start <= soon):
        sweep.asked[key] = ctx.now
        ctx.want(model.HistoryNeeded(subject=key, start=start, end=ctx.now))


def _start(ctx: StepContext, sweep: BackfillState, subject: model.Subject) -> datetime | None:
    """Tell from when a record has to be read; None: there was nothing since that may page."""
    traits, plan = ctx.state.ruleset.sources[subject.source], ctx.state.plans[subject.source]
    since = subject.judged_until or sweep.origin or ctx.now
    start = max(since, ctx.now - FARTHEST)
    parts = reservation.within(subject.bookings, plan.paging, start, ctx.now, traits.pre_roll)
    return next((begin for begin, _ in parts), None)


def _next_lap(ctx: StepContext, source: str, sweep: BackfillState) -> datetime:
    return (sweep.began or ctx.now) + ctx.state.ruleset.sources[source].history
