"""Reminders, which grow rarer, and acknowledgements that expire.

Law: a reminder counts from when people were last told that somebody is needed: the first
notification, the last reminder, the end of a suppression, or an acknowledgement that was withdrawn
or has expired. An acknowledgement's expiry is said before it happens, and runs on in a silence.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.incidents import escalation, messages
from watcher.model import EntryKind, IncidentStatus

WARNED_BEFORE = timedelta(minutes=15)  # or a quarter of the whole, where that is shorter


def withdraw(ctx: StepContext, incident: model.Incident) -> None:
    """End every acknowledgement of an incident; its reminders start over."""
    ctx.put_incident(
        incident,
        status=IncidentStatus.OPEN,
        acknowledged_by=None,
        acknowledged_at=None,
        acks=(),
        expiry_said=False,
        **starts_over(ctx),
    )


def starts_over(ctx: StepContext) -> dict[str, Any]:
    """Return the changes of an incident that people are needed for from now on."""
    return {"reminded_at": ctx.now, "reminders": 0}


def remind_if_due(ctx: StepContext, identity: str) -> None:
    """Remind people of an incident that nobody has acknowledged."""
    incident = ctx.state.incidents[identity]
    due = next_reminder(ctx, incident)
    if due is None or due > ctx.now:
        return
    ctx.put_incident(incident, reminded_at=ctx.now, reminders=incident.reminders + 1)
    ctx.add_entry(identity, EntryKind.REMINDED, messages.reminded(incident, ctx.now), notify=True)


def next_reminder(ctx: StepContext, incident: model.Incident) -> datetime | None:
    """Return when people are to be reminded next; of several rules the soonest counts."""
    if incident.told_at is None or not escalation.needs_attention(ctx, incident):
        return None
    rules = escalation.rules_of(ctx, incident)
    repeats = [
        rule.repeat[min(incident.reminders, len(rule.repeat) - 1)] for rule in rules if rule.repeat
    ]
    since = max(incident.reminded_at or incident.told_at, incident.told_at)
    return since + min(repeats) if repeats else None


def expire_if_due(ctx: StepContext, identity: str) -> None:
    """End an acknowledgement that nobody has renewed; say before that it is about to end."""
    incident = ctx.state.incidents[identity]
    times = _expiry(ctx, incident)
    if times is None:
        return
    warning_at, expires_at = times
    if expires_at <= ctx.now:
        text = messages.acknowledgement_expired(incident, ctx.now)
        withdraw(ctx, incident)
        ctx.add_entry(identity, EntryKind.ACK_EXPIRED, text, notify=True)
    elif warning_at <= ctx.now and not incident.expiry_said:
        ctx.put_incident(incident, expiry_said=True)
        text = messages.acknowledgement_expires(incident, expires_at, ctx.now)
        ctx.add_entry(identity, EntryKind.ACK_EXPIRING, text)


def next_expiry(ctx: StepContext, incident: model.Incident) -> datetime | None:
    """Return when an acknowledgement's end is to be said next, or comes."""
    times = _expiry(ctx, incident)
    if times is None:
        return None
    warning_at, expires_at = times
    return expires_at if incident.expiry_said else warning_at


def renew(ctx: StepContext, incident: model.Incident) -> None:
    """Acknowledge once more what is about to expire; before that it changes nothing."""
    if not incident.expiry_said:
        return
    ctx.put_incident(incident, acknowledged_at=ctx.now, expiry_said=False)
    by = incident.acknowledged_by or ""
    ctx.add_entry(incident.id, EntryKind.ACKNOWLEDGED, f"acknowledged again by {by}", by=by)


def _expiry(ctx: StepContext, incident: model.Incident) -> tuple[datetime, datetime] | None:
    """Return when an acknowledgement's end is said and when it comes; None where it stays."""
    if incident.status is not IncidentStatus.ACKNOWLEDGED or incident.acknowledged_at is None:
        return None
    rules = escalation.rules_of(ctx, incident)
    spans = [rule.ack_expires for rule in rules if rule.ack_expires is not None]
    if not spans:
        return None
    span = min(spans)
    expires_at = incident.acknowledged_at + span
    return expires_at - min(WARNED_BEFORE, span / 4), expires_at
