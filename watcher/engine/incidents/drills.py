"""Drills: incidents about nothing, which show who is notified, and end by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.incidents import incidents
from watcher.engine.state import IllegalCommand
from watcher.model import EntryKind, IncidentStatus

RULE = "drill"
SOURCE = "drill"
LASTS = timedelta(minutes=1)
_TITLE = "DRILL: nothing is wrong"


def start(ctx: StepContext, event: model.DrillWanted) -> None:
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
            rule=RULE,
            source=SOURCE,
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


def end_if_due(ctx: StepContext, identity: str) -> datetime | None:
    """Resolve a drill that is due to end; return when one that is not yet will be."""
    incident = ctx.state.incidents.get(identity)  # a late fact's is over and not kept
    if incident is None or not incident.is_drill or incident.status is IncidentStatus.RESOLVED:
        return None
    over_at = incident.opened_at + LASTS
    if ctx.now < over_at:
        return over_at
    incidents.resolve_without_alerts(
        ctx, incident, model.Resolution.ENDED, "the drill is over", drill=True
    )
    return None
