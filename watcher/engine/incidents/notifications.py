"""What readers see of an incident, and who is notified of it: worked out once, after each step.

Law: `notify` names who is notified now and nobody else, so that no receiver decides about
suppression. Reminders wait while somebody has acknowledged the incident, while it is suppressed,
and after a start until its source was seen; escalation.py says when more people are notified.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.incidents import (
    drills,
    escalation,
    failing_receivers,
    messages,
    remedies,
    reminders,
    silences,
    storms,
    suppression,
    titles,
)
from watcher.engine.indexes import Firing
from watcher.engine.rules.subject_view import SubjectView
from watcher.engine.timers import Timer, TimerKind
from watcher.model import EntryKind, IncidentStatus

BLIND, FLAPPING = "blind", "flapping"
_NAMED = 5  # subjects of a storm
_SAYS_NOTHING = (model.FaultDomain.UNDETERMINED, model.FaultDomain.NONE)


def refresh_incidents(ctx: StepContext) -> None:
    """Bring every incident that this step has touched up to date."""
    state = ctx.state
    storms.report(ctx)
    silences.end_over(ctx)
    if ctx.agenda.suppression_changed:
        for identity, incident in state.incidents.items():
            if incident.status is not IncidentStatus.RESOLVED:
                ctx.touch(identity)
    for identity in list(ctx.agenda.touched):
        ctx.flush_notes(identity)
        timer = Timer(TimerKind.INCIDENT, identity)
        firing = state.firing(identity)
        if not firing:
            escalation.drop_clock(ctx, identity)
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
    if not why:
        _put(ctx, identity, told_at=incident.told_at or ctx.now)
    reminders.expire_if_due(ctx, identity)
    escalation.keep_time(ctx, identity)
    escalation.take_due_steps(ctx, identity)
    reminders.remind_if_due(ctx, identity)
    incident = ctx.state.incidents[identity]
    if why:
        quiet = ctx.state.ruleset.quiet
        notify = tuple(name for name in incident.receivers if name in quiet)
        _put(ctx, identity, notify=notify)
        return reminders.next_expiry(ctx, incident)
    notify = (*incident.receivers, *failing_receivers.add_fallbacks(ctx, identity))
    _put(ctx, identity, notify=notify)
    again = (
        remedies.propose_if_due(ctx, identity),
        escalation.next_step_at(ctx, ctx.state.incidents[identity]),
        reminders.next_reminder(ctx, ctx.state.incidents[identity]),
        reminders.next_expiry(ctx, ctx.state.incidents[identity]),
    )
    return min((at for at in again if at is not None), default=None)


def _put(ctx: StepContext, identity: str, **shown: Any) -> None:
    incident = ctx.state.incidents[identity]
    changes = {name: new for name, new in shown.items() if getattr(incident, name) != new}
    if changes:
        ctx.put_incident(incident, **changes)


def _suppress(ctx: StepContext, identity: str) -> tuple[model.Suppression, ...]:
    """Return what suppresses an incident; its timeline says when that begins or ends."""
    incident = ctx.state.incidents[identity]
    before, was = incident.suppressed_by, incident.planned
    reasons = suppression.reasons(ctx, identity)
    why, planned = tuple(map(str, reasons)), suppression.planned_by(reasons)
    data: dict[str, model.Scalar] = {}
    if why and not before:
        text = suppression.announce(why, planned, ctx.now)
        if planned is not None:
            data["planned"] = model.format_planned(planned, ctx.now)
        ctx.add_entry(identity, EntryKind.SUPPRESSED, text, by="", notify=False, **data)
    elif before and not why:
        text = f"notifications resumed after {', '.join(before)}"
        if was is not None:
            data["planned"] = over = suppression.why_not_planned(ctx, identity, was)
            text = f"notifications resumed: {over}"
        ctx.add_entry(identity, EntryKind.RELEASED, text, by="", notify=True, **data)
        if ctx.state.incidents[identity].told_at is not None:
            _put(ctx, identity, **reminders.starts_over(ctx))  # as this reminds people
    _put(ctx, identity, suppressed_by=why, suppressions=reasons, planned=planned)
    return reasons


def _flags(
    ctx: StepContext, incident: model.Incident, why: tuple[model.Suppression, ...]
) -> tuple[str, ...]:
    flapping = titles.extent(ctx, incident.id).flapping
    kept = [BLIND] * (BLIND in incident.flags)
    marked = [suppression.MAINTENANCE] * suppression.is_marked(ctx, incident.id)
    return (*kept, *([FLAPPING] * flapping), *marked, *suppression.flags(why))


def _presentation(ctx: StepContext, incident: model.Incident) -> dict[str, Any]:
    """Return what the incident is about: the worst alert that holds stands for all.

    Of several that are as bad, the one that has held the longest. One that only waits to resolve
    does not hold any more, and one that nobody can judge says nothing new: they change nothing.
    """
    state = ctx.state
    lead = _lead(ctx, incident)
    if incident.id not in ctx.agenda.retitled or lead is None:
        return {}
    _, subject, name = lead
    rule = state.rules[name]
    view = ctx.subject_view(subject)
    runbook = view.inventory_entry.runbook or rule.runbook
    inventory = {"runbook": runbook, "services": view.inventory_entry.service_ids}
    if incident.accepts_until is not None:
        return {
            "contacts": _contacts(view, view.fault_domain),
            **inventory,
            **_storm(ctx, incident),
        }
    shown = _likely_side(ctx, incident, view)
    side = shown.get("fault_domain", incident.fault_domain)
    member = state.members[incident.id][name, subject]
    title, summary = titles.title_and_summary(ctx, rule, member, view, side=side)
    extent = titles.extent(ctx, incident.id)
    others = extent.subjects - 1
    more = f" and {others:,} more" if others else ""
    severities = [state.rules[name].severity for name in extent.alerts if name in state.rules]
    return {
        **shown,
        "title": title + more,
        "summary": summary,
        "severity": max(severities, key=lambda severity: severity.rank),
        "contacts": _contacts(view, side),
        **inventory,
    }


def _lead(ctx: StepContext, incident: model.Incident) -> Firing | None:
    """Return the alert that an incident is about; a new incident is about any that fires.

    None where the worst one cannot be judged: what is known of it is better than what is left.
    """
    extent = titles.extent(ctx, incident.id)
    lead = extent.lead
    if lead is None:
        return None if incident.title else extent.first
    _, subject, rule = lead
    unclear = ctx.state.alerts[subject][rule].unclear_since is not None
    return None if unclear and incident.title else lead


def _likely_side(ctx: StepContext, incident: model.Incident, view: SubjectView) -> dict[str, Any]:
    """Return how the likely side changes: people are notified once two polls agree.

    Fields that do not tell leave the side as it is: what was known last is known still.
    """
    side, turn = view.fault_domain, incident.turn
    if not incident.title:
        return {"fault_domain": side, "turn": None}
    if side == incident.fault_domain or side in _SAYS_NOTHING or not view.id:
        return {"turn": None}
    if turn is None or turn.to != side:
        ctx.add_recheck(view.source, view.key)
        return {"turn": model.Turn(to=side, at=ctx.now)}
    polled = ctx.state.health[view.source].last_success
    if polled is None or polled <= turn.at:
        ctx.add_recheck(view.source, view.key)
        return {}
    text = messages.side_changed(view, incident.fault_domain, _contacts(view, side))
    ctx.add_entry(incident.id, EntryKind.VERDICT, text, notify=True, side=str(side))
    return {"fault_domain": side, "turn": None}


def _storm(ctx: StepContext, incident: model.Incident) -> dict[str, Any]:
    firing = ctx.state.firing(incident.id)
    members = ctx.state.members[incident.id]
    extent = titles.extent(ctx, incident.id)
    rules = ", ".join(f"{count:,} {name}" for name, count in extent.alerts.most_common(_NAMED))
    unknown = model.FaultDomain.UNDETERMINED
    side = next(iter(extent.sides)) if len(extent.sides) == 1 else unknown
    first = ", ".join(members[name, subject].name for _, subject, name in firing[:_NAMED])
    more = len(firing) - _NAMED
    count = model.format_count(len(firing), "alert")
    return {
        "title": f"Storm on {incident.source}: {count} ({rules})",
        "summary": f"{first}{f' and {more:,} more' if more > 0 else ''}",
        "fault_domain": side,
    }


def _contacts(view: SubjectView, side: model.FaultDomain) -> tuple[model.Contact, ...]:
    """Return whom to call: the side at fault where it is known, else everybody."""
    contacts = view.inventory_entry.contacts
    at_fault = tuple(contact for contact in contacts if contact.domain == side)
    return at_fault or contacts
