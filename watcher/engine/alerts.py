"""The state machine of an alert, as a table.

Law: everything that moves an alert because of its condition is in MOVES. The condition is true,
false, or None for "cannot tell" (docs/decisions/0001): that neither fires nor resolves anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from watcher import model
from watcher.engine import conditions, details, faults
from watcher.engine.backfill import schedule
from watcher.engine.conditions import Truth
from watcher.engine.context import StepContext
from watcher.engine.incidents import flapping, incidents, reported_outages, sight, suppression
from watcher.engine.rules import hours
from watcher.engine.rules.rule import Expression, Rule, Threshold, Transition
from watcher.engine.timers import Timer, TimerKind
from watcher.model import AlertState

VANISHED_FOR = timedelta(hours=24)
_INACTIVE, _PENDING, _FIRING = AlertState.INACTIVE, AlertState.PENDING, AlertState.FIRING
_HOLD, _CLEAR = TimerKind.HOLD, TimerKind.CLEAR


class Move:
    """What becomes of an alert."""

    REST = "rest"  # stay inactive
    BEGIN = "begin"  # become pending; with no `for`, fire
    HOLD = "hold"  # stay pending until `for` is over, then fire
    WAIT = "wait"  # stay pending; what says less than a failed poll must not do more harm
    BREAK = "break"  # back to inactive: `for` starts again
    STAY = "stay"  # keep firing
    CLEAR = "clear"  # resolve when `keep_firing_for` is over
    FREEZE = "freeze"  # keep firing, and resolve no sooner than somebody can tell again
    RELEASE = "release"  # it was resolved by hand and is now over: it may fire again


MOVES: Mapping[tuple[AlertState, bool | None], str] = {
    (AlertState.INACTIVE, True): Move.BEGIN,
    (AlertState.INACTIVE, False): Move.REST,
    (AlertState.INACTIVE, None): Move.REST,
    (AlertState.PENDING, True): Move.HOLD,
    (AlertState.PENDING, False): Move.BREAK,
    (AlertState.PENDING, None): Move.WAIT,
    (AlertState.FIRING, True): Move.STAY,
    (AlertState.FIRING, False): Move.CLEAR,
    (AlertState.FIRING, None): Move.FREEZE,
    (AlertState.RESOLVED, True): Move.REST,
    (AlertState.RESOLVED, False): Move.RELEASE,
    (AlertState.RESOLVED, None): Move.REST,
}


def apply(
    ctx: StepContext, rule: Rule, key: str, result: Truth, *, at: datetime, broken: bool = False
) -> None:
    """Move an alert as its condition says.

    `at` is the time that `for` and `keep_firing_for` are counted in: of observation, or of the
    sample. `broken` says that a gap ended the run that they count; so does a longer time in which
    nobody could tell. Nothing ends here: `settle` does that once all rules were evaluated.
    """
    alert = ctx.state.alert(key, rule.name)
    result = _unless_skipped(ctx, rule, key, result)
    if alert is not None:
        broken = broken or (result.truth is not None and _was_unclear_for_long(ctx, alert, at))
        alert = _note_result(ctx, rule, alert, result)
    match MOVES[alert.state if alert else _INACTIVE, result.truth]:
        case Move.BEGIN:
            _start_pending(ctx, rule, key, result, at)
        case Move.REST:
            _keep_entered_from(ctx, rule, key, alert, result)
        case Move.HOLD if alert:
            _hold(ctx, rule, alert, result, at, broken=broken)
        case Move.WAIT if alert:
            ctx.put_alert(replace(alert, unclear_since=alert.unclear_since or at))
        case Move.BREAK | Move.RELEASE if alert:
            _take_back(ctx, rule, alert, result)
        case Move.STAY if alert:
            _keep_firing(ctx, rule, alert, result, at)
        case Move.FREEZE if alert:
            _freeze(ctx, rule, alert, at)
        case Move.CLEAR if alert:
            _start_clearing(ctx, rule, alert, result, at, broken=broken)


def _start_pending(ctx: StepContext, rule: Rule, key: str, result: Truth, at: datetime) -> None:
    unwell = faults.is_unwell(ctx, rule, key)
    since = faults.unwell_since(ctx, rule, key, at) if unwell else at
    due = since + rule.hold
    alert = model.Alert(
        rule=rule.name,
        subject=key,
        state=_PENDING,
        since=since,
        due=due,
        value=result.value,
        entered_from=result.was,
        unwell=unwell,
        measured=result.measured,
    )
    details.request_for_alert(ctx, key)
    if due <= at and fire_if_due(ctx, alert, at=at):
        return
    ctx.put_alert(alert)
    if due > at:
        schedule_timer(ctx, alert)


def _hold(
    ctx: StepContext, rule: Rule, alert: model.Alert, result: Truth, at: datetime, *, broken: bool
) -> None:
    since = at if broken else alert.since
    due = since + rule.hold
    if (since, due, result.value, result.was) != (
        alert.since,
        alert.due,
        alert.value,
        alert.entered_from,
    ):
        moved = due != alert.due
        alert = replace(alert, since=since, due=due, value=result.value, entered_from=result.was)
        ctx.put_alert(alert)
        if moved:
            schedule_timer(ctx, alert)
    fire_if_due(ctx, alert, at=at)


def _note_result(ctx: StepContext, rule: Rule, alert: model.Alert, result: Truth) -> model.Alert:
    """Note what was measured, and that somebody can tell again; return the alert."""
    noted = alert
    if result.measured is not None:
        noted = replace(noted, measured=result.measured)
    if result.truth is not None and noted.unclear_since is not None:
        noted = replace(noted, unclear_since=None)
    if noted is not alert and noted != alert:
        ctx.put_alert(noted)
    if noted.unclear_since != alert.unclear_since:
        sight.regain_sight(ctx, rule, noted)
    return noted


def _unless_skipped(ctx: StepContext, rule: Rule, key: str, result: Truth) -> Truth:
    """Return a result, or that nobody judges while maintenance skips the rule."""
    if not ctx.state.ruleset.maintenance or result.closed:
        return result
    return replace(result, truth=None) if suppression.is_skipped(ctx, rule, key) else result


def _was_unclear_for_long(ctx: StepContext, alert: model.Alert, at: datetime) -> bool:
    """Return whether nobody could tell for so long that it counts as blindness does."""
    if alert.unclear_since is None:
        return False
    blind_after = ctx.state.ruleset.sources[model.source_of(alert.subject)].blind_after
    return at - alert.unclear_since > blind_after


def _take_back(ctx: StepContext, rule: Rule, alert: model.Alert, result: Truth) -> None:
    """Make an alert inactive whose condition is over before it fired, or after it was closed."""
    if alert.state is AlertState.RESOLVED:
        reported_outages.record_end(ctx, alert, alert.since)
    elif alert.unwell:
        ctx.agenda.note_broken(rule.fault, alert.subject, alert.since)
    ctx.remove_alert(alert)
    _keep_entered_from(ctx, rule, alert.subject, None, result)


def _keep_entered_from(
    ctx: StepContext, rule: Rule, key: str, alert: model.Alert | None, result: Truth
) -> None:
    """Keep what a field was before it came inside `to`, for as long as it stays there."""
    condition = rule.condition
    if not isinstance(condition, Transition):
        return
    matters = condition.from_ is not None and result.was is not None
    if alert is None and matters:
        ctx.put_alert(
            model.Alert(
                rule=rule.name,
                subject=key,
                since=ctx.now,
                value=result.value,
                entered_from=result.was,
            )
        )
    elif alert is not None and alert.entered_from != result.was:
        if result.was is None and alert.state is AlertState.INACTIVE:
            ctx.remove_alert(alert)
        else:
            ctx.put_alert(replace(alert, entered_from=result.was))


def _keep_firing(
    ctx: StepContext, rule: Rule, alert: model.Alert, result: Truth, at: datetime
) -> None:
    if alert.due is not None:
        flapping.count_change(ctx, rule, alert, at)
    if (alert.due, alert.value, alert.entered_from) != (None, result.value, result.was):
        alert = replace(
            alert, due=None, lingering=False, value=result.value, entered_from=result.was
        )
        ctx.put_alert(alert)
        ctx.cancel(Timer(TimerKind.CLEAR, alert.subject, alert.rule))
    incidents.update(ctx, rule, alert)


def _freeze(ctx: StepContext, rule: Rule, alert: model.Alert, at: datetime) -> None:
    """Keep an alert firing that nobody can judge; people hear of it once a second poll says so."""
    source = model.source_of(alert.subject)
    polled = ctx.state.health[source].last_success
    if alert.unclear_since is None:
        alert = replace(alert, unclear_since=at)
        ctx.put_alert(alert)
    if alert.unclear_since is None or conditions.is_well(ctx, rule, alert.subject) is not None:
        pass  # a schedule is being read again, or samples are late
    elif polled is not None and polled > alert.unclear_since:
        sight.lose_sight(ctx, alert, alert.unclear_since)
    else:
        ctx.add_recheck(source, alert.subject)
    incidents.update(ctx, rule, alert)


def _start_clearing(
    ctx: StepContext, rule: Rule, alert: model.Alert, result: Truth, at: datetime, *, broken: bool
) -> None:
    """Start `keep_firing_for`, which counts from when the subject is well.

    Out of its rule's hours or phases an alert ends at once.
    """
    outside = result.closed or result.ended
    outside = outside or conditions.is_outside(ctx, rule, alert.subject) is True
    lingering = not outside and faults.lingers(ctx, rule, alert.subject)
    if alert.due is None and not outside:
        flapping.count_change(ctx, rule, alert, at)
    due = alert.due
    if outside:
        due = at
    elif due is None or broken or (alert.lingering and not lingering):
        due = at + flapping.keep_firing_for(ctx, rule, alert)
    if not lingering:
        incidents.note_end(ctx, alert, at)
    value = result.value if due <= at else alert.value
    if (due, lingering, value) != (alert.due, alert.lingering, alert.value):
        alert = replace(alert, due=due, lingering=lingering, value=value)
        ctx.put_alert(alert)
        schedule_timer(ctx, alert)


def settle(ctx: StepContext, key: str, *, at: datetime | None = None) -> None:
    """End the firing alerts of a subject whose time to resolve has come, and that may end.

    Call it once all rules of the subject were evaluated: what one alert leaves, another may hold.
    `at` is the time of the sample that was evaluated; without one no threshold's alert ends.
    """
    for alert in ctx.state.alerts_on(key, _FIRING):
        if alert.due is None:
            continue
        rule = ctx.state.rules.get(alert.rule)
        if rule is None:
            continue
        subject = ctx.state.subjects.get(key)
        vanished = subject is not None and subject.missed >= 2
        closed = not hours.apply_at(rule.hours, ctx.now)
        if not closed and suppression.is_skipped(ctx, rule, key):
            continue
        by_clock = vanished or closed or not isinstance(rule.condition, Threshold)
        counted = ctx.now if by_clock else at
        if counted is None or alert.due > counted:
            continue
        resolution = model.Resolution.LAPSED if closed else faults.resolution(ctx, rule, alert)
        if resolution is not None:
            resolve(ctx, alert, resolution)


def resolve(ctx: StepContext, alert: model.Alert, resolution: model.Resolution) -> None:
    """Resolve a firing alert; a vanished subject is forgotten with its last one."""
    incidents.resolve(ctx, alert, resolution)
    ctx.remove_alert(alert)
    schedule.forget_if_vanished(ctx, alert.subject)


def fire_if_due(ctx: StepContext, alert: model.Alert, *, at: datetime | None = None) -> bool:
    """Fire a pending alert if an observation at or after its due time has confirmed it.

    Return whether it fires. `at` is the time of the sample that is being evaluated; None: the
    newest one counts.
    """
    rule = ctx.state.rules.get(alert.rule)
    if rule is None:
        return False  # until the reload after a restart takes it away
    if not hours.apply_at(rule.hours, ctx.now):
        return False  # they have just ended, and the timer that says so is due now
    if suppression.is_skipped(ctx, rule, alert.subject):
        return False
    if not _is_confirmed(ctx, rule, alert, at) or not details.are_ready(ctx, alert.subject):
        return False
    if alert.due != alert.since:  # else it has not waited, and has no timer
        ctx.cancel(Timer(_HOLD, alert.subject, alert.rule))
    incidents.fire(ctx, rule, alert)
    _take_over(ctx, rule, alert.subject)
    return True


def may_be_due(ctx: StepContext, rule: str, key: str) -> bool:
    """Return whether the answer of a poll may make a pending alert fire; most are not due yet."""
    due = ctx.state.alerts[key][rule].due
    if due is None or due <= ctx.now:
        return True
    in_force = ctx.state.rules.get(rule)
    return in_force is not None and isinstance(in_force.condition, Threshold)


def _take_over(ctx: StepContext, rule: Rule, key: str) -> None:
    """End the alerts whose fault a new one goes on with; one that flaps stays until steady."""
    for other in ctx.state.siblings(rule, key, AlertState.FIRING):
        if other.lingering and other.unclear_since is None and not flapping.is_flapping(ctx, other):
            resolve(ctx, other, model.Resolution.LAPSED)
    settle(ctx, key)


def _is_confirmed(ctx: StepContext, rule: Rule, alert: model.Alert, at: datetime | None) -> bool:
    observed_at: datetime | None
    if alert.unclear_since is not None:
        return False  # the newest answer does not say whether it still holds
    if isinstance(rule.condition, Threshold):
        observed_at = at or ctx.state.samples.latest(alert.subject, rule.condition.metric)
    elif "/" not in alert.subject or _is_of_vanishing(rule):
        observed_at = ctx.now  # that something cannot be seen is the observation
    else:
        subject = ctx.state.subjects[alert.subject]
        health = ctx.state.health[subject.source]
        observed_at = None if subject.missed else health.last_success
    return observed_at is not None and alert.due is not None and observed_at >= alert.due


def _is_of_vanishing(rule: Rule) -> bool:
    return isinstance(rule.condition, Expression) and rule.condition.of_vanishing


def schedule_timer(ctx: StepContext, alert: model.Alert) -> None:
    """Schedule what comes next for a pending, clearing or flapping alert.

    A threshold counts in sample time, so that a sample decides and no timer does.
    """
    rule, due = ctx.state.rules.get(alert.rule), alert.due
    if rule is None:
        return
    if due is None:
        flapping.schedule_steady(ctx, rule, alert)
        return
    if isinstance(rule.condition, Threshold) and not is_vanished(ctx, alert):
        return
    pending = alert.state is _PENDING
    if pending and due <= ctx.now:
        return  # nothing but an observation is missing, and the next one comes by itself
    ctx.schedule(Timer(_HOLD if pending else _CLEAR, alert.subject, alert.rule), due)


def is_vanished(ctx: StepContext, alert: model.Alert) -> bool:
    """Return whether a firing alert waits for its vanished subject: then `due` ends the wait."""
    subject = ctx.state.subjects.get(alert.subject)
    return (
        alert.state is AlertState.FIRING
        and alert.due is not None
        and subject is not None
        and subject.missed >= 2
    )
