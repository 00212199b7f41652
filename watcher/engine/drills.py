"""Drills: an incident about nothing, so that everybody sees who would be told of a real one.

Law: it belongs to no rule and to no subject, its title and its flags say what it is, and it ends by
itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from watcher import model
from watcher.engine import receivers
from watcher.engine.scene import stamp
from watcher.engine.state import IllegalCommand
from watcher.engine.turn import Turn
from watcher.model import EntryKind, IncidentStatus

RULE = "drill"
SOURCE = "drill"
LASTS = timedelta(minutes=1)
_TITLE = "DRILL: nothing is wrong"


def begin(turn: Turn, event: model.DrillWanted) -> None:
    """Open a drill's incident, told at once and to whom the event names."""
    if event.incident in turn.state.incidents:
        raise IllegalCommand(f"incident {event.incident} is there already")
    if not event.receivers:
        raise IllegalCommand("a drill needs at least one receiver")
    group = f"drill for {event.by} at {stamp(turn.now)}"
    turn.keep_incident(
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
            summary="This shows who is told of an incident. Nobody has to do anything.",
            opened_at=turn.now,
            fault_domain=model.FaultDomain.NONE,
            flags=(model.DRILL,),
            notify=event.receivers,
            receivers=event.receivers,
            told_at=turn.now,
        )
    )
    turn.state.latest[RULE, group] = event.incident
    text = f"a drill for {event.by}: nothing is wrong"
    turn.write(event.incident, EntryKind.OPENED, text, by=event.by, notify=True, drill=True)


def settle(turn: Turn, identity: str) -> datetime | None:
    """End a drill that has lasted long enough; tell when one will have."""
    incident = turn.state.incidents.get(identity)  # a late fact's is over and not kept
    if incident is None or not incident.is_drill or incident.status is IncidentStatus.RESOLVED:
        return None
    over_at = incident.opened_at + LASTS
    if turn.now < over_at:
        return over_at
    receivers.end(turn, incident, model.Resolution.ENDED, "the drill is over", drill=True)
    return None
