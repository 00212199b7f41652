"""The faces of a fault: how people hear that one of its alerts comes, and that one goes.

Worse is loud, and better is quiet. Of one subject nothing is called over while its fault goes on.
"""

from __future__ import annotations

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.incidents import messages, titles
from watcher.engine.rules import hours
from watcher.engine.rules.rule import Rule
from watcher.model import EntryKind


def news(
    ctx: StepContext,
    rule: Rule,
    existing: model.Incident,
    member: model.IncidentAlert,
    text: str,
    *,
    unwell: bool,
) -> tuple[EntryKind, str, bool]:
    """Return how an alert that joins is put: as one more subject, or as a fault's new face."""
    name = messages.whose(ctx.state, member)
    faces = [
        alert
        for alert in ctx.state.siblings(rule, member.subject, model.AlertState.FIRING)
        if alert.incident == existing.id
    ]
    if not faces:
        return EntryKind.JOINED, f"{member.name}: {text}", True
    # As severe, but the picture itself is bad now, is worse as well.
    before = max((ctx.state.rules[alert.rule].severity.rank, alert.unwell) for alert in faces)
    after = rule.severity.rank, unwell
    if after > before:
        return EntryKind.WORSE, f"{name}worse: {text}", True
    if member.to == model.UNKNOWN or any(alert.due is None for alert in faces):
        return EntryKind.JOINED, f"{name}also: {text}", False
    if after < before:
        return EntryKind.BETTER, f"{name}better: {text}, still a fault", False
    return EntryKind.CHANGED, f"{name}now: {text}, still a fault", False


def note_cleared(
    ctx: StepContext,
    alert: model.Alert,
    member: model.IncidentAlert,
    resolution: model.Resolution,
    *,
    by: str,
    why: str,
) -> None:
    """Note that one of several alerts is over; of one subject only where the rest is better."""
    state, identity = ctx.state, member.incident
    rule = state.rules.get(alert.rule)
    others = [] if rule is None else ctx.state.siblings(rule, alert.subject)
    faces = [other for other in others if other.incident == identity]
    if rule is None or not faces or not hours.apply_at(rule.hours, ctx.now):
        incident = state.incidents[identity]
        text = messages.ended(rule, member, resolution, incident, ctx.now, by=by, why=why)
        ctx.add_note(identity, EntryKind.CLEARED, f"{member.name}: {text}", notify=False)
        return
    # Nothing goes on of which the condition no longer holds: that may be over in a moment.
    going_on = [face for face in faces if face.due is None]
    if not going_on:
        return
    worst = max(going_on, key=lambda face: state.rules[face.rule].severity.rank)
    left = state.rules[worst.rule]
    if worst.since == ctx.now or left.severity.rank >= rule.severity.rank:
        return  # the alert that took over has just said so
    shown = state.members[identity][worst.key]
    title, _ = titles.title_and_summary(ctx, left, shown, ctx.subject_view(worst.subject))
    text = messages.finding(left, shown, ctx.now, title)
    text = f"{messages.whose(ctx.state, member)}better: {text}, still a fault"
    ctx.add_note(identity, EntryKind.BETTER, text, notify=False)
