"""How well a source can be seen, and what becomes of the subjects that it no longer lists.

Law: a failed poll never opens and never resolves a service alert. It makes the source blind: one
incident for the source, and its services' incidents marked as last known.
"""

from __future__ import annotations

from dataclasses import replace

from watcher import model
from watcher.engine import alerts, conditions, details
from watcher.engine.backfill import schedule
from watcher.engine.conditions import Truth
from watcher.engine.context import StepContext
from watcher.engine.incidents import messages, notifications
from watcher.engine.timers import Timer, TimerKind
from watcher.model import AlertState, EntryKind, IncidentStatus, Phase, Visibility


def poll_failed(ctx: StepContext, event: model.PollFailed) -> None:
    """Record a failed poll."""
    if event.source not in ctx.state.ruleset.sources:
        return  # a poll that was under way when a reload took its source away
    health = ctx.state.health.get(event.source) or model.SourceHealth(source=event.source)
    failing = replace(
        health,
        sight=Visibility.BLIND if health.sight is Visibility.BLIND else Visibility.FAILING,
        failing_since=health.failing_since or ctx.now,
        error=event.error,
        permanent=event.permanent,
    )
    if failing != health:
        ctx.put_health(failing)
    refresh(ctx, event.source)


def refresh(ctx: StepContext, source: str) -> None:
    """Mark a failing source as blind once it is, and evaluate its rules about that."""
    health = ctx.state.health[source]
    since = health.failing_since
    if since is None:
        return
    traits, plan = ctx.state.ruleset.sources[source], ctx.state.rule_index[source]
    blind_at = ctx.now if health.permanent else since + traits.blind_after
    if health.sight is not Visibility.BLIND and ctx.now >= blind_at:
        ctx.put_health(replace(health, sight=Visibility.BLIND))
        _mark_incidents_blind(ctx, source)
    later = [blind_at]
    for rule, condition in plan.blinds:
        due = ctx.now if health.permanent else since + condition.after
        later.append(due)
        if ctx.now >= due:
            alerts.apply(ctx, rule, source, Truth(True), at=since)
    upcoming = [at for at in later if at > ctx.now]
    if upcoming:
        ctx.schedule(Timer(TimerKind.VISIBILITY, source), min(upcoming))


def source_seen(ctx: StepContext, event: model.Polled) -> Visibility:
    """Record an answered poll; return how well the source could be seen before."""
    before = ctx.state.visibility(event.source)
    health = ctx.state.health.get(event.source)
    blind = before is Visibility.BLIND or (health is not None and health.seen_since is None)
    ctx.put_health(
        model.SourceHealth(
            source=event.source,
            last_success=ctx.now,
            subjects=event.total,
            seen_since=ctx.now if blind or health is None else health.seen_since,
        )
    )
    ctx.cancel(Timer(TimerKind.VISIBILITY, event.source))
    if before is not Visibility.SEEN:
        for rule, _ in ctx.state.rule_index[event.source].blinds:
            alerts.apply(ctx, rule, event.source, Truth(False), at=ctx.now)
    if before is Visibility.BLIND and health is not None:
        text = messages.seen_again(event.source, health.failing_since, ctx.now)
        for incident in _open_service_incidents(ctx, event.source):
            if notifications.BLIND in incident.flags:
                flags = tuple(flag for flag in incident.flags if flag != notifications.BLIND)
                ctx.put_incident(incident, flags=flags)
                ctx.add_entry(incident.id, EntryKind.SIGHTED, text)
    return before


def _mark_incidents_blind(ctx: StepContext, source: str) -> None:
    """Mark every open incident of the source's services: what follows is last known."""
    health = ctx.state.health[source]
    for incident in _open_service_incidents(ctx, source):
        members = ctx.state.members[incident.id]
        member = members[min(members)]
        ctx.put_incident(incident, flags=(*incident.flags, notifications.BLIND))
        ctx.add_entry(incident.id, EntryKind.BLIND, messages.blind(health, member, ctx.now))


def _open_service_incidents(ctx: StepContext, source: str) -> list[model.Incident]:
    return sorted(
        (
            incident
            for incident in ctx.state.incidents.values()
            if incident.source == source
            and incident.group != source
            and incident.status is not IncidentStatus.RESOLVED
        ),
        key=lambda incident: incident.id,
    )


_MASS = 10  # fewer than this may well vanish at once


def return_missing(ctx: StepContext, event: model.Polled) -> set[str]:
    """Take back subjects that an earlier poll missed and this one shows; return their keys."""
    state = ctx.state
    missing = state.subject_index.missing.get(event.source, {})
    back = {seen.key for seen in event.seen if seen.key in missing} if missing else set()
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
