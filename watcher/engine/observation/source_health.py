"""How well a source can be seen: its last success, since when it fails, and when it is blind.

Law: a failed poll never opens and never resolves a service alert. It makes the source blind: one
incident for the source, and its services' incidents marked as last known.
"""

from __future__ import annotations

from msgspec.structs import replace

from watcher import model
from watcher.engine import alerts
from watcher.engine.conditions import Truth
from watcher.engine.context import StepContext
from watcher.engine.incidents import messages, notifications
from watcher.engine.rules import hours
from watcher.engine.timers import Timer, TimerKind
from watcher.model import EntryKind, IncidentStatus, Visibility

_SEEN, _BLIND = Visibility.SEEN, Visibility.BLIND


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
        if ctx.now >= due and hours.apply_at(rule.hours, ctx.now):
            alerts.apply(ctx, rule, source, Truth(True), at=since)
    upcoming = [at for at in later if at > ctx.now]
    if upcoming:
        ctx.schedule(Timer(TimerKind.VISIBILITY, source), min(upcoming))


def source_seen(ctx: StepContext, event: model.Polled) -> Visibility:
    """Record an answered poll; return how well the source could be seen before."""
    before = ctx.state.visibility(event.source)
    health = ctx.state.health.get(event.source)
    blind = before is _BLIND or (health is not None and health.seen_since is None)
    ctx.put_health(
        model.SourceHealth(
            source=event.source,
            last_success=event.repeats or ctx.now,
            subjects=event.total,
            remarks=event.remarks,
            seen_since=ctx.now if blind or health is None else health.seen_since,
            stepped_at=None if health is None else health.stepped_at,
        )
    )
    if before is not _SEEN:
        ctx.cancel(Timer(TimerKind.VISIBILITY, event.source))
        for rule, _ in ctx.state.rule_index[event.source].blinds:
            alerts.apply(ctx, rule, event.source, Truth(False), at=ctx.now)
        alerts.settle(ctx, event.source)
    if before is _BLIND and health is not None:
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
        since = None
        if health.failing_since is not None:
            since = model.format_timestamp(health.failing_since)
        text = messages.blind(health, member, ctx.now)
        ctx.add_entry(incident.id, EntryKind.BLIND, text, failing_since=since)


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
