"""How well a source can be seen, and what is said when it cannot.

Law: a failed poll never opens and never resolves a service alert. It makes the source blind: one
incident for the source, and its services' incidents marked as last known.
"""

from __future__ import annotations

from dataclasses import replace

from watcher import model
from watcher.engine import alerts, telling, wording
from watcher.engine.conditions import Verdict
from watcher.engine.timers import Purpose, Timer
from watcher.engine.turn import Turn
from watcher.model import EntryKind, IncidentStatus, Sight


def failed(turn: Turn, event: model.PollFailed) -> None:
    """Take note of a failed poll."""
    if event.source not in turn.state.ruleset.sources:
        return  # a poll that was under way when a reload took its source away
    health = turn.state.health.get(event.source) or model.SourceHealth(source=event.source)
    failing = replace(
        health,
        sight=Sight.BLIND if health.sight is Sight.BLIND else Sight.FAILING,
        failing_since=health.failing_since or turn.now,
        error=event.error,
        permanent=event.permanent,
    )
    if failing != health:
        turn.keep_health(failing)
    look(turn, event.source)


def look(turn: Turn, source: str) -> None:
    """See whether a failing source is blind by now, and whether its rules about that hold."""
    health = turn.state.health[source]
    since = health.failing_since
    if since is None:
        return
    traits, plan = turn.state.ruleset.sources[source], turn.state.plans[source]
    blind_at = turn.now if health.permanent else since + traits.blind_after
    if health.sight is not Sight.BLIND and turn.now >= blind_at:
        turn.keep_health(replace(health, sight=Sight.BLIND))
        _mark(turn, source)
    later = [blind_at]
    for rule, condition in plan.blinds:
        due = turn.now if health.permanent else since + condition.after
        later.append(due)
        if turn.now >= due:
            alerts.apply(turn, rule, source, Verdict(True), at=since)
    upcoming = [at for at in later if at > turn.now]
    if upcoming:
        turn.state.timers.arm(Timer(Purpose.SIGHT, source), min(upcoming))


def regained(turn: Turn, event: model.Polled) -> Sight:
    """Take note of an answered poll; tell how well the source could be seen before."""
    before = turn.state.sight(event.source)
    health = turn.state.health.get(event.source)
    blind = before is Sight.BLIND or (health is not None and health.seen_since is None)
    turn.keep_health(
        model.SourceHealth(
            source=event.source,
            last_success=turn.now,
            subjects=event.total,
            seen_since=turn.now if blind or health is None else health.seen_since,
        )
    )
    turn.state.timers.disarm(Timer(Purpose.SIGHT, event.source))
    if before is not Sight.SEEN:
        for rule, _ in turn.state.plans[event.source].blinds:
            alerts.apply(turn, rule, event.source, Verdict(False), at=turn.now)
    if before is Sight.BLIND and health is not None:
        text = wording.sighted(event.source, health.failing_since, turn.now)
        for incident in _of_services(turn, event.source):
            if telling.BLIND in incident.flags:
                flags = tuple(flag for flag in incident.flags if flag != telling.BLIND)
                turn.keep_incident(incident, flags=flags)
                turn.write(incident.id, EntryKind.SIGHTED, text)
    return before


def _mark(turn: Turn, source: str) -> None:
    """Say in every open incident of the source's services that what follows is last known."""
    health = turn.state.health[source]
    for incident in _of_services(turn, source):
        members = turn.state.members[incident.id]
        member = members[min(members)]
        turn.keep_incident(incident, flags=(*incident.flags, telling.BLIND))
        turn.write(incident.id, EntryKind.BLIND, wording.blind(health, member, turn.now))


def _of_services(turn: Turn, source: str) -> list[model.Incident]:
    return sorted(
        (
            incident
            for incident in turn.state.incidents.values()
            if incident.source == source
            and incident.group != source
            and incident.status is not IncidentStatus.RESOLVED
        ),
        key=lambda incident: incident.id,
    )
