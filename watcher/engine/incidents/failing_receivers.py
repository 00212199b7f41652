"""The incident about a receiver that fails, of which all the others are notified.

It belongs to no rule and no subject. The receiver's next delivery resolves it; what is pending for
it stays pending meanwhile. While the incident is open with a fallback, that one is notified in the
receiver's place.
"""

from __future__ import annotations

from watcher import model
from watcher.engine.changes import short_id
from watcher.engine.context import StepContext
from watcher.engine.incidents import incidents
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
    ctx.add_entry(identity, EntryKind.OPENED, event.error + _stand_in(event.fallback), notify=True)


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
