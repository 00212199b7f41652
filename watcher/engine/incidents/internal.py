"""Incidents that belong to no rule and no subject: failing receivers, and drills.

A receiver that fails has an incident of its own, of which all the others are notified. Its next
delivery resolves it; what is pending for it stays pending meanwhile. While the incident is open
with a fallback, that one is notified in the receiver's place.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from watcher import model
from watcher.engine.changes import short_id
from watcher.engine.context import StepContext
from watcher.engine.state import IllegalCommand
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
        resolve(ctx, incident, model.Resolution.RECOVERED, f"{event.receiver} has recovered")


def resolve(
    ctx: StepContext,
    incident: model.Incident,
    resolution: model.Resolution,
    text: str,
    *,
    by: str = "",
    **data: model.Scalar,
) -> None:
    """Resolve an incident that has no alerts."""
    ctx.resolve_incident(incident, resolution)
    if incident.fallback is not None:
        ctx.agenda.recheck_suppression()
    ctx.add_entry(incident.id, EntryKind.RESOLVED, text, by=by, notify=True, **data)


def _open_receiver_incident(ctx: StepContext, receiver: str) -> model.Incident | None:
    incident = ctx.state.latest_incident(RULE, receiver)
    return incident if incident and incident.status is not IncidentStatus.RESOLVED else None


DRILL_RULE = "drill"
DRILL_SOURCE = "drill"
LASTS = timedelta(minutes=1)
_TITLE = "DRILL: nothing is wrong"


def start_drill(ctx: StepContext, event: model.DrillWanted) -> None:
    """Open a drill's incident: the receivers that the event names are notified at once."""
    if event.incident in ctx.state.incidents:
        raise IllegalCommand(f"incident {event.incident} already exists")
    if not event.receivers:
        raise IllegalCommand("a drill needs at least one receiver")
    group = f"drill for {event.by} at {model.format_time(ctx.now)}"
    ctx.open_incident(
        model.Incident(
            id=event.incident,
            version=1,
            entries=0,
            rule=DRILL_RULE,
            source=DRILL_SOURCE,
            group=group,
            status=IncidentStatus.OPEN,
            severity=model.Severity.CRITICAL if event.page else model.Severity.INFO,
            title=_TITLE,
            summary="This shows who is notified of an incident. No action is needed.",
            opened_at=ctx.now,
            fault_domain=model.FaultDomain.NONE,
            flags=(model.DRILL,),
            notify=event.receivers,
            receivers=event.receivers,
            told_at=ctx.now,
        )
    )
    text = f"a drill for {event.by}: nothing is wrong"
    ctx.add_entry(event.incident, EntryKind.OPENED, text, by=event.by, notify=True, drill=True)


def end_drill_if_due(ctx: StepContext, identity: str) -> datetime | None:
    """Resolve a drill that is due to end; return when one that is not yet will be."""
    incident = ctx.state.incidents.get(identity)  # a late fact's is over and not kept
    if incident is None or not incident.is_drill or incident.status is IncidentStatus.RESOLVED:
        return None
    over_at = incident.opened_at + LASTS
    if ctx.now < over_at:
        return over_at
    resolve(ctx, incident, model.Resolution.ENDED, "the drill is over", drill=True)
    return None
