"""Facts that are learned after they are over: told, and nobody is called.

Law: a late fact opens nothing and resolves nothing. It stands on the timeline of the source's own
incident where there is one, because that is where people look; else it is an incident of its own,
which was over before it was told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watcher import model
from watcher.engine import suppression
from watcher.engine.identity import short_id
from watcher.engine.rule import Rule
from watcher.engine.scene import stamp
from watcher.engine.state import is_over
from watcher.engine.turn import Turn
from watcher.model import EntryKind, IncidentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What a rule would have fired on, from its first to its last known moment; `text` says what.

    `end` is when it was over; None where nobody knows.
    """

    rule: Rule
    subject: str
    start: datetime
    last: datetime
    end: datetime | None
    text: str


def tell(turn: Turn, fact: Fact) -> None:
    """Put a late fact where people will find it."""
    scene = turn.scene(fact.subject)
    until = f"to {stamp(fact.end)}" if fact.end else f"at least to {stamp(fact.last)}"
    text = f"{scene.name}: {fact.text}, {stamp(fact.start, turn.now)} {until}"
    blind = _blind_incident(turn, scene.source)
    if blind is not None:
        turn.note(blind.id, EntryKind.LATE, f"meanwhile, {text}", notify=False)
        return
    _stand_alone(turn, fact, f"learned late: {text}")


def _blind_incident(turn: Turn, source: str) -> model.Incident | None:
    """Find the source's own incident, open or just over."""
    for rule, _ in turn.state.plans[source].blinds:
        known = turn.state.incidents.get(turn.state.latest.get((rule.name, source), ""))
        if known is not None and not is_over(known, turn.now):
            return known
    return None


def _stand_alone(turn: Turn, fact: Fact, text: str) -> None:
    rule, state, scene = fact.rule, turn.state, turn.scene(fact.subject)
    identity = short_id("w", rule.name, fact.subject, "late", fact.start.isoformat())
    held = suppression.reason(turn, rule, fact.subject)
    quiet = tuple(name for name in rule.notify if name in state.ruleset.quiet)
    turn.keep_incident(
        model.Incident(
            id=identity,
            version=1,
            entries=0,
            rule=rule.name,
            source=scene.source,
            group=fact.subject,
            status=IncidentStatus.RESOLVED,
            resolution=model.Resolution.RECOVERED,
            severity=rule.severity,
            title=f"{scene.name}: {fact.text} (learned late)",
            opened_at=fact.start,
            resolved_at=fact.end or fact.last,
            fault_domain=scene.fault_domain,
            receivers=rule.notify,
            notify=quiet if held else rule.notify,
            told_at=turn.now,
            suppressed_by=(held,) if held else (),
        )
    )
    turn.keep_member(
        model.IncidentAlert(
            incident=identity,
            subject=fact.subject,
            rule=rule.name,
            name=scene.name,
            labels=scene.labels,
            state=model.AlertState.RESOLVED,
            since=fact.start,
            fields=scene.fields,
        )
    )
    turn.write(identity, EntryKind.LATE, text)
    del state.incidents[identity]  # it was over long ago: nothing can happen to it any more
    del state.members[identity]
