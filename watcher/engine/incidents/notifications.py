"""What readers see of an incident, and who is notified of it: worked out once, after each step.

Law: `notify` names who is notified now and nobody else, so that no receiver decides about
suppression. Reminders and escalations wait while somebody has acknowledged the incident, while it
is suppressed, and after a start until its source was seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.incidents import (
    drills,
    failing_receivers,
    messages,
    remedies,
    storms,
    suppression,
)
from watcher.engine.rules.rule import Escalation, ExpressionError, Rule
from watcher.engine.rules.subject_view import SubjectView
from watcher.engine.timers import Timer, TimerKind
from watcher.model import EntryKind, IncidentStatus

BLIND, FLAPPING = "blind", "flapping"
_NAMED = 5  # subjects of a storm


def refresh_incidents(ctx: StepContext) -> None:
    """Bring every incident that this step has touched up to date."""
    state = ctx.state
    storms.report(ctx)
    if ctx.agenda.suppression_changed:
        for identity, incident in state.incidents.items():
            if incident.status is not IncidentStatus.RESOLVED:
                ctx.touch(identity)
    for identity in list(ctx.agenda.touched):
        ctx.flush_notes(identity)
        timer = Timer(TimerKind.INCIDENT, identity)
        firing = state.firing(identity)
        due = _refresh(ctx, identity) if firing else drills.end_if_due(ctx, identity)
        if due is not None:
            ctx.schedule(timer, due)
            continue
        ctx.cancel(timer)
        remedies.finish(ctx, identity)


def _refresh(ctx: StepContext, identity: str) -> datetime | None:
    """Bring one incident up to date; return when that is due again."""
    why = _suppress(ctx, identity)
    incident = ctx.state.incidents[identity]
    _put(ctx, identity, **_presentation(ctx, incident), flags=_flags(ctx, incident, why))
    incident = ctx.state.incidents[identity]
    if incident.told_at is None and incident.tell_at is not None and incident.tell_at > ctx.now:
        return incident.tell_at
    _escalate(ctx, identity)
    incident = ctx.state.incidents[identity]
    if why:
        quiet = ctx.state.ruleset.quiet
        notify = tuple(name for name in incident.receivers if name in quiet)
        _put(ctx, identity, notify=notify)
        return None
    notify = (*incident.receivers, *failing_receivers.add_fallbacks(ctx, identity))
    _put(ctx, identity, notify=notify, told_at=incident.told_at or ctx.now)
    again = (
        remedies.propose_if_due(ctx, identity),
        _next_escalation(ctx, ctx.state.incidents[identity]),
    )
    return min((at for at in again if at is not None), default=None)


def _put(ctx: StepContext, identity: str, **shown: Any) -> None:
    incident = ctx.state.incidents[identity]
    changes = {name: new for name, new in shown.items() if getattr(incident, name) != new}
    if changes:
        ctx.put_incident(incident, **changes)


def _suppress(ctx: StepContext, identity: str) -> tuple[str, ...]:
    """Return what suppresses an incident; its timeline says when that begins or ends."""
    before = ctx.state.incidents[identity].suppressed_by
    why = suppression.reasons(ctx, identity)
    if why and not before:
        ctx.add_entry(identity, EntryKind.SUPPRESSED, f"notifications suppressed: {', '.join(why)}")
    elif before and not why:
        ctx.add_entry(
            identity,
            EntryKind.RELEASED,
            f"notifications resumed after {', '.join(before)}",
            notify=True,
        )
    _put(ctx, identity, suppressed_by=why)
    return why


def _flags(ctx: StepContext, incident: model.Incident, why: tuple[str, ...]) -> tuple[str, ...]:
    members = ctx.state.members[incident.id]
    flapping = any(
        members[rule, subject].flapping for _, subject, rule in ctx.state.firing(incident.id)
    )
    kept = [BLIND] * (BLIND in incident.flags)
    return (*kept, *([FLAPPING] * flapping), *suppression.flags(why))


def _presentation(ctx: StepContext, incident: model.Incident) -> dict[str, Any]:
    """Return what the incident is about: the alert that has held the longest stands for all.

    One that only waits to resolve does not hold any more, and changes nothing.
    """
    state = ctx.state
    firing = state.firing(incident.id)
    holding = (alert for alert in firing if state.alerts[alert[1]][alert[2]].due is None)
    lead = next(holding, None if incident.title else firing[0])  # it has to be called something
    if incident.id not in ctx.agenda.retitled or lead is None:
        return {}
    _, subject, name = lead
    rule = state.rules.get(name)
    if rule is None:
        return {}  # until the reload after a restart takes it away
    view = ctx.subject_view(subject)
    shown = {"contacts": _contacts(view), "runbook": view.inventory_entry.runbook or rule.runbook}
    if incident.accepts_until is not None:
        return {**shown, **_storm(ctx, incident)}
    title, summary = _title_and_summary(
        ctx, rule, ctx.state.members[incident.id][name, subject], view
    )
    more = f" and {len(firing) - 1:,} more" if len(firing) > 1 else ""
    return {
        **shown,
        "title": title + more,
        "summary": summary,
        "fault_domain": view.fault_domain,
    }


def _storm(ctx: StepContext, incident: model.Incident) -> dict[str, Any]:
    firing = ctx.state.firing(incident.id)
    members = ctx.state.members[incident.id]
    counts = Counter(name for _, _, name in firing)
    rules = ", ".join(f"{count:,} {name}" for name, count in counts.most_common(_NAMED))
    traits = ctx.state.ruleset.sources[incident.source]
    sides = {traits.likely_domain(members[name, subject].fields) for _, subject, name in firing}
    side = next(iter(sides)) if len(sides) == 1 else model.FaultDomain.UNDETERMINED
    first = ", ".join(members[name, subject].name for _, subject, name in firing[:_NAMED])
    more = len(firing) - _NAMED
    return {
        "title": f"Storm on {incident.source}: {len(firing):,} alerts ({rules})",
        "summary": f"{first}{f' and {more:,} more' if more > 0 else ''}",
        "fault_domain": side,
    }


def _title_and_summary(
    ctx: StepContext, rule: Rule, member: model.IncidentAlert, view: SubjectView
) -> tuple[str, str]:
    value = member.value if member.value is not None else member.to
    words = view.words(rule, value=value, was=member.from_, since=member.since)
    try:
        summary = "" if rule.summary is None else rule.summary(words)
        return rule.title(words), summary
    except ExpressionError as error:
        ctx.add_expression_error(rule, view.key, error)
        return f"{view.name}: {rule.name}", ""


def _contacts(view: SubjectView) -> tuple[model.Contact, ...]:
    """Return whom to call: the side at fault where it is known, else everybody."""
    contacts = view.inventory_entry.contacts
    at_fault = tuple(contact for contact in contacts if contact.domain == view.fault_domain)
    return at_fault or contacts


def _escalate(ctx: StepContext, identity: str) -> None:
    """Notify more people, and remind those who were notified, where it is time for that."""
    incident = ctx.state.incidents[identity]
    notified_at = incident.told_at
    if notified_at is None or not _needs_attention(ctx, incident):
        return
    for step in _steps(ctx, incident)[incident.escalated :]:
        if notified_at + step.after <= ctx.now:
            latest = ctx.state.incidents[identity]
            receivers = tuple(dict.fromkeys((*latest.receivers, *step.notify)))
            _put(ctx, identity, receivers=receivers, escalated=latest.escalated + 1)
            text = messages.escalated(step.after, step.notify)
            ctx.add_entry(identity, EntryKind.ESCALATED, text, notify=True)
    repeat = _repeat(ctx, incident)
    if repeat is not None and (incident.reminded_at or notified_at) + repeat <= ctx.now:
        _put(ctx, identity, reminded_at=ctx.now)
        text = messages.reminded(incident, ctx.now)
        ctx.add_entry(identity, EntryKind.REMINDED, text, notify=True)


def _next_escalation(ctx: StepContext, incident: model.Incident) -> datetime | None:
    notified_at = incident.told_at
    if notified_at is None or not _needs_attention(ctx, incident):
        return None
    ahead = [notified_at + step.after for step in _steps(ctx, incident)[incident.escalated :]]
    repeat = _repeat(ctx, incident)
    if repeat is not None:
        ahead.append((incident.reminded_at or notified_at) + repeat)
    return min(ahead, default=None)


def _needs_attention(ctx: StepContext, incident: model.Incident) -> bool:
    """Return whether somebody should acknowledge it: it is open, and nothing suppresses it."""
    return (
        incident.status is IncidentStatus.OPEN
        and not incident.suppressed_by
        and (incident.group == incident.source or not ctx.state.is_awaited(incident.source))
    )


def _rules(ctx: StepContext, incident: model.Incident) -> Iterator[Rule]:
    names = {name for _, _, name in ctx.state.firing(incident.id)}
    for name in sorted(names):
        rule = ctx.state.rules.get(name)
        if rule is not None:
            yield rule


def _steps(ctx: StepContext, incident: model.Incident) -> list[Escalation]:
    steps = [step for rule in _rules(ctx, incident) for step in rule.escalate]
    return sorted(dict.fromkeys(steps), key=lambda step: step.after)


def _repeat(ctx: StepContext, incident: model.Incident) -> Any:
    repeats = [rule.repeat for rule in _rules(ctx, incident) if rule.repeat is not None]
    return min(repeats, default=None)
