"""Whom else to notify because nobody has acknowledged, and how long that has been.

Law: a step is taken once, when somebody could and had to act for as long as it says: the incident
was open, nothing suppressed it, and after a start its source had been seen. The clock stands still
otherwise, and goes on where it stopped. A step is remembered by what it is, so that neither a rule
that joins nor a reload repeats or skips one, and one that a reload has moved calls nobody who was
called later than it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.incidents import messages, titles
from watcher.engine.rules.rule import Escalation, Rule
from watcher.model import EntryKind, IncidentStatus
from watcher.oncall.rota import OnCall

# What an incident has that opens, or opens again.
FROM_THE_START: Mapping[str, Any] = {
    "unattended_since": None,
    "unattended": None,
    "escalated": 0,
    "steps": (),
    "acks": (),
    "acks_needed": 1,
}


def keep_time(ctx: StepContext, identity: str) -> None:
    """Let the clock of an incident run while it needs attention, and stop it otherwise."""
    incident = ctx.state.incidents[identity]
    if incident.told_at is None:
        return
    so_far = incident.unattended_for(ctx.now)
    runs = needs_attention(ctx, incident)
    if runs and incident.unattended_since is None:
        ctx.put_incident(incident, shown=False, unattended_since=ctx.now - so_far, unattended=None)
    elif not runs and incident.unattended is None:
        ctx.put_incident(incident, shown=False, unattended_since=None, unattended=so_far)


def drop_clock(ctx: StepContext, identity: str) -> None:
    """Forget how long an incident waited that is over: one that reopens starts again."""
    incident = ctx.state.incidents.get(identity)  # None: it was over before anybody heard of it
    if incident is None or incident.status is not IncidentStatus.RESOLVED:
        return
    if incident.unattended_since is not None or incident.unattended is not None:
        ctx.put_incident(incident, shown=False, unattended_since=None, unattended=None)


def needs_attention(ctx: StepContext, incident: model.Incident) -> bool:
    """Return whether somebody should acknowledge it: it is open, and nothing suppresses it."""
    return (
        incident.status is IncidentStatus.OPEN
        and not incident.suppressed_by
        and (incident.group == incident.source or not ctx.state.is_awaited(incident.source))
    )


def take_due_steps(ctx: StepContext, identity: str) -> None:
    """Notify more people where it is time for that."""
    _name_old_steps(ctx, identity)
    for step in _steps_ahead(ctx, ctx.state.incidents[identity]):
        incident = ctx.state.incidents[identity]
        if incident.unattended_since is None or incident.unattended_for(ctx.now) < step.after:
            return
        on_call = _on_call(ctx, step)
        text = messages.escalated(incident, step, on_call, ctx.now)
        ctx.put_incident(
            incident,
            receivers=tuple(dict.fromkeys((*incident.receivers, *step.notify))),
            escalated=len(incident.steps) + 1,
            steps=(*incident.steps, step.key),
            acks_needed=max(incident.acks_needed, step.acks),
        )
        called = {"oncall": on_call.person, "mention": on_call.mention} if on_call else {}
        ctx.add_entry(identity, EntryKind.ESCALATED, text, notify=True, **called)


def _on_call(ctx: StepContext, step: Escalation) -> OnCall | None:
    rota = ctx.state.ruleset.rotas.get(step.oncall)
    calendar = ctx.state.calendars.get(step.oncall)
    return rota.who(ctx.now, calendar.shifts if calendar else ()) if rota else None


def next_step_at(ctx: StepContext, incident: model.Incident) -> datetime | None:
    """Return when the next step is due if nobody acts; None while the clock stands still."""
    since = incident.unattended_since
    if since is None:
        return None
    return next((since + step.after for step in _steps_ahead(ctx, incident)), None)


def rules_of(ctx: StepContext, incident: model.Incident) -> Iterator[Rule]:
    """Yield the rules whose alerts fire in an incident, by name."""
    for name in sorted(titles.extent(ctx, incident.id).alerts):
        rule = ctx.state.rules.get(name)
        if rule is not None:
            yield rule


def _steps(ctx: StepContext, incident: model.Incident) -> list[Escalation]:
    """Return the steps of an incident's rules, the soonest first; of equal ones the strictest."""
    steps: dict[str, Escalation] = {}
    for rule in rules_of(ctx, incident):
        for step in rule.escalate:
            same = steps.get(step.key, step)
            steps[step.key] = step if step.acks > same.acks else same
    return sorted(steps.values(), key=lambda step: step.after)


def _steps_ahead(ctx: StepContext, incident: model.Incident) -> list[Escalation]:
    return [step for step in _steps(ctx, incident) if not _is_taken(incident, step)]


def _is_taken(incident: model.Incident, step: Escalation) -> bool:
    asks_for_more = step.acks > incident.acks_needed
    return step.key in incident.steps or (
        not asks_for_more and any(step.is_covered_by(key) for key in incident.steps)
    )


def _name_old_steps(ctx: StepContext, identity: str) -> None:
    """Name the steps that an earlier version has only counted: those whose people are notified."""
    incident = ctx.state.incidents[identity]
    unnamed = incident.escalated - len(incident.steps)
    if unnamed <= 0:
        return
    notified = set(incident.receivers)
    ahead = _steps_ahead(ctx, incident)
    ahead.sort(key=lambda step: not notified.issuperset(step.notify))  # of those the soonest first
    steps = (*incident.steps, *(step.key for step in ahead[:unnamed]))
    ctx.put_incident(incident, shown=False, steps=steps, escalated=len(steps))
