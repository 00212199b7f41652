"""Receivers that fail: the incident about each, and the fallback that is notified in its place.

The incident belongs to no rule and no subject, and all the others are notified of it. The
receiver's next delivery resolves it; what is pending for it stays pending meanwhile. While the
incident is open with a fallback, that one is notified of everything in the receiver's place.
"""

from __future__ import annotations

from collections.abc import Sequence

from watcher import model
from watcher.engine.changes import short_id
from watcher.engine.context import StepContext
from watcher.engine.incidents import incidents, messages
from watcher.engine.state import State
from watcher.model import EntryKind, IncidentStatus

RULE = "receiver-failing"
SOURCE = "receivers"


def receiver_failed(ctx: StepContext, event: model.ReceiverFailed) -> None:
    """Open an incident about a receiver, or add how its fault has changed."""
    if not event.others:
        return
    incident = _open_receiver_incident(ctx, event.receiver)
    title = f"{event.receiver} is failing"
    if incident is not None:
        _change(ctx, incident, event)
        return
    identity = short_id("w", RULE, event.receiver, ctx.now.isoformat())
    ctx.open_incident(
        model.Incident(
            id=identity,
            version=1,
            entries=0,
            rule=RULE,
            source=SOURCE,
            group=event.receiver,
            status=IncidentStatus.OPEN,
            severity=model.Severity.WARNING,
            title=title,
            summary=event.error,
            opened_at=ctx.now,
            fault_domain=model.FaultDomain.NONE,
            notify=event.others,
            receivers=event.others,
            told_at=ctx.now,
            fallback=event.fallback,
        )
    )
    if event.fallback is not None:
        ctx.agenda.recheck_suppression()
    since = f"failing since {model.format_time(event.since, ctx.now)}: " if event.since else ""
    text = since + event.error + _stand_in(event.fallback)
    ctx.add_entry(identity, EntryKind.OPENED, text, notify=True)


def _change(ctx: StepContext, incident: model.Incident, event: model.ReceiverFailed) -> None:
    stand_in = ""
    if event.fallback is not None and incident.fallback is None:
        ctx.put_incident(incident, fallback=event.fallback)
        ctx.agenda.recheck_suppression()
        stand_in = _stand_in(event.fallback)
    if incident.summary != event.error or stand_in:
        ctx.put_incident(ctx.state.incidents[incident.id], summary=event.error)
        ctx.add_entry(incident.id, EntryKind.CHANGED, event.error + stand_in, notify=True)


def _stand_in(fallback: model.Fallback | None) -> str:
    return f"; {fallback.receiver} is notified in its place" if fallback else ""


def receiver_recovered(ctx: StepContext, event: model.ReceiverRecovered) -> None:
    """Resolve the incident about a receiver, if there is one."""
    incident = _open_receiver_incident(ctx, event.receiver)
    if incident is not None:
        incidents.resolve_without_alerts(
            ctx, incident, model.Resolution.RECOVERED, f"{event.receiver} has recovered"
        )


def _open_receiver_incident(ctx: StepContext, receiver: str) -> model.Incident | None:
    incident = ctx.state.latest_incident(RULE, receiver)
    return incident if incident and incident.status is not IncidentStatus.RESOLVED else None


def add_fallbacks(ctx: StepContext, identity: str) -> tuple[str, ...]:
    """Return the fallbacks to notify of an incident; its timeline says which are new."""
    incident = ctx.state.incidents[identity]
    current = _fallbacks_of(ctx.state, incident.receivers)
    for name, about in current.items():
        if name not in incident.notify:
            text = messages.fallback(name, about, ctx.now)
            ctx.add_entry(identity, EntryKind.FALLBACK, text)
    fallbacks = tuple(dict.fromkeys((*incident.fallbacks, *current)))
    if fallbacks != incident.fallbacks:
        ctx.put_incident(ctx.state.incidents[identity], fallbacks=fallbacks)
    return tuple(current)


def _fallbacks_of(state: State, receivers: Sequence[str]) -> dict[str, model.Incident]:
    """Return the fallbacks of failing receivers, each with the incident about what fails.

    Where a fallback fails as well, its own fallback is among them.
    """
    fallbacks: dict[str, model.Incident] = {}
    notified = list(receivers)
    for name in notified:  # it grows meanwhile
        about = state.incidents.get(state.incident_index.fallbacks.get(name, ""))
        if about is not None and about.fallback and about.fallback.receiver not in notified:
            fallbacks[about.fallback.receiver] = about
            notified.append(about.fallback.receiver)
    return fallbacks
