"""Subjects that a vendor lists no longer: counted, asked for once more, and vanished in the end.

Law: one poll that misses a subject says nothing, and very many that vanish at once are the vendor's
mistake until a third poll confirms them.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from watcher import model
from watcher.engine import alerts, conditions, details
from watcher.engine.backfill import schedule
from watcher.engine.context import StepContext
from watcher.engine.timers import Timer, TimerKind
from watcher.model import AlertState, EntryKind, Phase

_MASS = 10  # fewer than this may well vanish at once


def return_missing(ctx: StepContext, event: model.Polled) -> set[str]:
    """Take back subjects that an earlier poll missed and this one shows; return their keys."""
    state = ctx.state
    missing = state.subject_index.missing.get(event.source)
    if not missing:
        return set()
    back = {seen.key for seen in event.seen if seen.key in missing}
    for key in sorted(back):
        for alert in ctx.state.alerts_on(key, AlertState.FIRING):
            if alerts.is_vanished(ctx, alert):
                ctx.put_alert(replace(alert, due=None))
                ctx.cancel(Timer(TimerKind.CLEAR, key, alert.rule))
                if alert.incident:
                    ctx.add_entry(alert.incident, EntryKind.SIGHTED, "listed by the vendor again")
        ctx.put_subject(replace(state.subjects[key], missed=0))
        schedule.subject_returned(ctx, key)
    return back


def count_missing(ctx: StepContext, event: model.Polled) -> None:
    """Count the complete polls that missed a subject, and let it vanish."""
    if not event.absent:
        return
    state = ctx.state
    absent = sorted(key for key in set(event.absent) if key in state.subjects)
    once, twice = (sum(state.subjects[key].missed == n for key in absent) for n in (0, 1))
    mass = _is_mass(twice, event, absent)
    expressions = state.rule_index[event.source].expressions
    matters = any(expression.of_vanishing for _, expression in expressions)
    for key in absent:
        missed = state.subjects[key].missed + 1
        firing = ctx.state.alerts_on(key, AlertState.FIRING)
        if any(alerts.is_vanished(ctx, alert) for alert in firing):
            continue
        ctx.put_subject(replace(state.subjects[key], missed=missed))
        if (firing or matters) and not _is_mass(once, event, absent):
            details.request(ctx, key, fresh=details.AT_AN_EDGE)  # they may say that it has ended
        for alert in firing:
            if alert.due is not None:
                ctx.put_alert(replace(alert, due=None))
                ctx.cancel(Timer(TimerKind.CLEAR, key, alert.rule))
        if missed > 2 or (missed == 2 and not mass):
            _vanish(ctx, key)


def evaluate_vanished(ctx: StepContext, key: str) -> None:
    """Evaluate a vanished subject: it has ended, or the rules about vanishing apply."""
    state = ctx.state
    if ctx.subject_view(key).phase is Phase.ENDED:
        for alert in state.alerts_on(key, AlertState.FIRING):
            alerts.resolve(ctx, alert, model.Resolution.ENDED)
        return
    context = ctx.subject_view(key).context
    for rule, expression in state.rule_index[model.source_of(key)].expressions:
        if expression.of_vanishing:
            truth = conditions.evaluate_predicate(
                ctx, rule, expression.holds, key, context, failed=False
            )
            result = conditions.narrow(ctx, rule, key, conditions.Truth(truth))
            alerts.apply(ctx, rule, key, result, at=ctx.now)
    alerts.settle(ctx, key)


def evaluate_end(ctx: StepContext, key: str) -> None:
    """End what fires on a vanished subject once its booking is over, as its details confirm."""
    subject = ctx.state.subjects[key]
    is_over = subject.missed >= 2 and ctx.subject_view(key).phase is Phase.ENDED
    if (
        is_over
        and ctx.state.alerts_on(key, AlertState.FIRING)
        and details.are_current(ctx, subject)
    ):
        evaluate_vanished(ctx, key)


def evaluate_ends(ctx: StepContext, keys: Collection[str]) -> None:
    """End what fires on vanished subjects whose booking ended while nobody saw them."""
    for key in sorted(keys):
        if not ctx.state.is_awaited(model.source_of(key)):
            evaluate_end(ctx, key)


def _is_mass(missed: int, event: model.Polled, absent: list[str]) -> bool:
    return missed > _MASS and missed * 2 > event.total + len(absent)


def _vanish(ctx: StepContext, key: str) -> None:
    state = ctx.state
    fired_before = state.alerts_on(key, AlertState.FIRING)
    for alert in state.alerts_on(key, AlertState.PENDING):
        ctx.remove_alert(alert)
    evaluate_vanished(ctx, key)
    if key not in state.subjects:
        return  # it has ended
    for alert in state.alerts_on(key, AlertState.FIRING):
        waiting = replace(alert, due=ctx.now + alerts.VANISHED_FOR)
        ctx.put_alert(waiting)
        alerts.schedule_timer(ctx, waiting)
        if alert.incident and alert in fired_before:
            text = "no longer listed by the vendor; resolves in 24 h unless it comes back"
            ctx.add_entry(alert.incident, EntryKind.VANISHED, text, notify=True)
    schedule.forget_if_vanished(ctx, key)
