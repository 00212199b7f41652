"""How well a source can be seen, and what is said when it cannot.

Law: a failed poll never opens and never resolves a service alert. It makes the source blind: one
incident for the source, and its services' incidents marked as last known.
"""

from __future__ import annotations

from dataclasses import replace

from watcher import model
from watcher.engine import alerts, conditions, details
from watcher.engine.backfill import schedule
from watcher.engine.conditions import Verdict
from watcher.engine.context import Turn
from watcher.engine.incidents import messages, notifications
from watcher.engine.timers import Purpose, Timer
from watcher.model import AlertState, EntryKind, IncidentStatus, Phase, Sight


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
        text = messages.sighted(event.source, health.failing_since, turn.now)
        for incident in _of_services(turn, event.source):
            if notifications.BLIND in incident.flags:
                flags = tuple(flag for flag in incident.flags if flag != notifications.BLIND)
                turn.keep_incident(incident, flags=flags)
                turn.write(incident.id, EntryKind.SIGHTED, text)
    return before


def _mark(turn: Turn, source: str) -> None:
    """Say in every open incident of the source's services that what follows is last known."""
    health = turn.state.health[source]
    for incident in _of_services(turn, source):
        members = turn.state.members[incident.id]
        member = members[min(members)]
        turn.keep_incident(incident, flags=(*incident.flags, notifications.BLIND))
        turn.write(incident.id, EntryKind.BLIND, messages.blind(health, member, turn.now))


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


_MASS = 10  # fewer than this may well vanish at once


def return_missing(turn: Turn, event: model.Polled) -> set[str]:
    """Take back subjects that an earlier poll missed and this one shows."""
    state = turn.state
    missing = state.missing.get(event.source, {})
    back = {seen.key for seen in event.seen if seen.key in missing} if missing else set()
    for key in sorted(back):
        for alert in turn.state.alerts_on(key, AlertState.FIRING):
            if alerts.is_vanished(turn, alert):
                turn.keep_alert(replace(alert, due=None))
                state.timers.disarm(Timer(Purpose.CLEAR, key, alert.rule))
                if alert.incident:
                    turn.write(alert.incident, EntryKind.SIGHTED, "listed by the vendor again")
        turn.keep_subject(replace(state.subjects[key], missed=0))
        schedule.stay(turn, key)
        del missing[key]
    return back


def miss(turn: Turn, event: model.Polled) -> None:
    """Count the complete polls that missed a subject, and let it vanish."""
    state = turn.state
    absent = sorted(key for key in set(event.absent) if key in state.subjects)
    once, twice = (sum(state.subjects[key].missed == n for key in absent) for n in (0, 1))
    mass = _is_mass(twice, event, absent)
    matters = any(rule for rule, each in state.plans[event.source].expressions if each.of_vanishing)
    for key in absent:
        missed = state.subjects[key].missed + 1
        firing = turn.state.alerts_on(key, AlertState.FIRING)
        if any(alerts.is_vanished(turn, alert) for alert in firing):
            continue
        turn.keep_subject(replace(state.subjects[key], missed=missed))
        state.missing.setdefault(event.source, {})[key] = None
        if (firing or matters) and not _is_mass(once, event, absent):
            details.ask(turn, key, fresh=details.AT_AN_EDGE)  # they may say that it has ended
        for alert in firing:
            if alert.due is not None:
                turn.keep_alert(replace(alert, due=None))
                state.timers.disarm(Timer(Purpose.CLEAR, key, alert.rule))
        if missed > 2 or (missed == 2 and not mass):
            _vanish(turn, key)


def judge(turn: Turn, key: str) -> None:
    """Judge a vanished subject: it has ended, or the rules about vanishing look at it."""
    state = turn.state
    if turn.scene(key).phase is Phase.ENDED:
        for alert in state.alerts_on(key, AlertState.FIRING):
            alerts.over(turn, alert, model.Resolution.ENDED)
        return
    context = turn.scene(key).context
    for rule, expression in state.plans[key.partition("/")[0]].expressions:
        if expression.of_vanishing:
            truth = conditions.ask(turn, rule, expression.holds, key, context, failed=False)
            verdict = conditions.narrowed(turn, rule, key, conditions.Verdict(truth))
            alerts.apply(turn, rule, key, verdict, at=turn.now)


def _is_mass(missed: int, event: model.Polled, absent: list[str]) -> bool:
    return missed > _MASS and missed * 2 > event.total + len(absent)


def _vanish(turn: Turn, key: str) -> None:
    state = turn.state
    known = state.alerts_on(key, AlertState.FIRING)
    for alert in state.alerts_on(key, AlertState.PENDING):
        turn.drop_alert(alert)
    judge(turn, key)
    if key not in state.subjects:
        return  # it has ended
    for alert in state.alerts_on(key, AlertState.FIRING):
        waiting = replace(alert, due=turn.now + alerts.VANISHED_FOR)
        turn.keep_alert(waiting)
        alerts.arm(turn, waiting)
        if alert.incident and alert in known:
            text = "the vendor does not list it any more; resolved in 24 h unless it comes back"
            turn.write(alert.incident, EntryKind.VANISHED, text, notify=True)
    schedule.forget_if_vanished(turn, key)
