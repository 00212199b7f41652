"""The state machine of an alert, as a table.

Law: everything that moves an alert because of its condition is in MOVES. The condition is true,
false, or None for "cannot tell" (docs/decisions/0001): that neither fires nor resolves anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, auto

from watcher import model
from watcher.engine import details
from watcher.engine.backfill import schedule
from watcher.engine.conditions import Truth
from watcher.engine.context import StepContext
from watcher.engine.incidents import incidents, reported_outages
from watcher.engine.rules.rule import Expression, Rule, Threshold, Transition
from watcher.engine.timers import Timer, TimerKind
from watcher.model import AlertState

VANISHED_FOR = timedelta(hours=24)


class Move(Enum):
    """What becomes of an alert."""

    REST = auto()  # stay inactive
    BEGIN = auto()  # become pending; with no `for`, fire
    HOLD = auto()  # stay pending until `for` is over, then fire
    BREAK = auto()  # back to inactive: `for` starts again
    STAY = auto()  # keep firing
    CLEAR = auto()  # resolve when `keep_firing_for` is over
    FREEZE = auto()  # keep firing, and start `keep_firing_for` again
    RELEASE = auto()  # it was resolved by hand and is now over: it may fire again


MOVES: Mapping[tuple[AlertState, bool | None], Move] = {
    (AlertState.INACTIVE, True): Move.BEGIN,
    (AlertState.INACTIVE, False): Move.REST,
    (AlertState.INACTIVE, None): Move.REST,
    (AlertState.PENDING, True): Move.HOLD,
    (AlertState.PENDING, False): Move.BREAK,
    (AlertState.PENDING, None): Move.BREAK,
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
    sample. `broken` says that a gap ended the run that they count.
    """
    alert = ctx.state.alert(key, rule.name)
    if alert is not None and result.measured not in (None, alert.measured):
        alert = replace(alert, measured=result.measured)
        ctx.put_alert(alert)
    match MOVES[alert.state if alert else AlertState.INACTIVE, result.truth]:
        case Move.BEGIN:
            _start_pending(ctx, rule, key, result, at)
        case Move.REST:
            _keep_entered_from(ctx, rule, key, alert, result)
        case Move.HOLD if alert:
            _hold(ctx, rule, alert, result, at, broken=broken)
        case Move.BREAK | Move.RELEASE if alert:
            if alert.state is AlertState.RESOLVED:
                reported_outages.record_end(ctx, alert, alert.since)
            ctx.remove_alert(alert)
            _keep_entered_from(ctx, rule, key, None, result)
        case Move.STAY | Move.FREEZE if alert:
            _keep_firing(ctx, rule, alert, result, at)
        case Move.CLEAR if alert:
            _start_clearing(ctx, rule, alert, result, at, broken=broken)


def _start_pending(ctx: StepContext, rule: Rule, key: str, result: Truth, at: datetime) -> None:
    alert = model.Alert(
        rule=rule.name,
        subject=key,
        state=AlertState.PENDING,
        since=at,
        due=at + rule.hold,
        value=result.value,
        entered_from=result.was,
        measured=result.measured,
    )
    ctx.put_alert(alert)
    details.request_for_alert(ctx, key)
    if rule.hold:
        schedule_timer(ctx, alert)
    else:
        fire_if_due(ctx, alert, at=at)


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
    value = alert.value if result.truth is None else result.value
    if alert.due is not None and result.truth:
        incidents.count_change(ctx, rule, alert, at)
    if alert.due is not None or alert.value != value or alert.entered_from != result.was:
        alert = replace(alert, due=None, value=value, entered_from=result.was)
        ctx.put_alert(alert)
        ctx.cancel(Timer(TimerKind.CLEAR, alert.subject, alert.rule))
    incidents.update(ctx, rule, alert)


def _start_clearing(
    ctx: StepContext, rule: Rule, alert: model.Alert, result: Truth, at: datetime, *, broken: bool
) -> None:
    if result.ended:
        resolve(ctx, alert, model.Resolution.ENDED)
        return
    if alert.due is None:
        incidents.count_change(ctx, rule, alert, at)
    due = alert.due
    if due is None or broken:
        due = at + incidents.keep_firing_for(ctx, rule, alert)
    if due <= at:
        resolve(ctx, replace(alert, value=result.value), model.Resolution.RECOVERED)
    elif due != alert.due:
        alert = replace(alert, due=due)
        ctx.put_alert(alert)
        schedule_timer(ctx, alert)


def resolve(ctx: StepContext, alert: model.Alert, resolution: model.Resolution) -> None:
    """Resolve a firing alert; a vanished subject is forgotten with its last one."""
    incidents.resolve(ctx, alert, resolution)
    ctx.remove_alert(alert)
    schedule.forget_if_vanished(ctx, alert.subject)


def fire_if_due(ctx: StepContext, alert: model.Alert, *, at: datetime | None = None) -> None:
    """Fire a pending alert if an observation at or after its due time has confirmed it.

    `at` is the time of the sample that is being evaluated; None: the newest one counts.
    """
    rule = ctx.state.rules.get(alert.rule)
    if rule is None:
        return  # until the reload after a restart takes it away
    if _is_confirmed(ctx, rule, alert, at) and details.are_ready(ctx, alert.subject):
        ctx.cancel(Timer(TimerKind.HOLD, alert.subject, alert.rule))
        incidents.fire(ctx, rule, alert)


def _is_confirmed(ctx: StepContext, rule: Rule, alert: model.Alert, at: datetime | None) -> bool:
    observed_at: datetime | None
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
    rule = ctx.state.rules.get(alert.rule)
    if rule is None:
        return
    if alert.due is None:
        incidents.schedule_steady(ctx, rule, alert)
        return
    if isinstance(rule.condition, Threshold) and not is_vanished(ctx, alert):
        return
    if alert.state is AlertState.PENDING and alert.due <= ctx.now:
        return  # nothing but an observation is missing, and the next one comes by itself
    kind = TimerKind.HOLD if alert.state is AlertState.PENDING else TimerKind.CLEAR
    ctx.schedule(Timer(kind, alert.subject, alert.rule), alert.due)


def is_vanished(ctx: StepContext, alert: model.Alert) -> bool:
    """Return whether a firing alert waits for its vanished subject: then `due` ends the wait."""
    subject = ctx.state.subjects.get(alert.subject)
    return (
        alert.state is AlertState.FIRING
        and alert.due is not None
        and subject is not None
        and subject.missed >= 2
    )
