"""What people and jobs put into the inbox.

Law: a command that cannot be obeyed raises IllegalCommand before anything has changed.
"""

from __future__ import annotations

from dataclasses import replace

from watcher import model
from watcher.engine import alerts, details
from watcher.engine.backfill import schedule
from watcher.engine.context import Turn
from watcher.engine.incidents import incidents, internal, messages, remedies
from watcher.engine.observation import polls, samples, visibility
from watcher.engine.rules.rule import Extra
from watcher.engine.state import IllegalCommand
from watcher.model import AlertState, DiagnosisStatus, EntryKind, IncidentStatus, Sight


def acknowledge(turn: Turn, event: model.Acknowledged) -> None:
    """Write down who has taken an incident; once for each person."""
    incident = _open_incident(turn, event.incident)
    if incident.acknowledged_by == event.by:
        return
    turn.keep_incident(
        incident,
        status=IncidentStatus.ACKNOWLEDGED,
        acknowledged_by=event.by,
        acknowledged_at=turn.now,
    )
    turn.write(incident.id, EntryKind.ACKNOWLEDGED, f"acknowledged by {event.by}", by=event.by)


def unacknowledge(turn: Turn, event: model.Unacknowledged) -> None:
    """Give an incident back."""
    incident = _open_incident(turn, event.incident)
    if incident.status is not IncidentStatus.ACKNOWLEDGED:
        raise IllegalCommand(f"incident {incident.id} is not acknowledged")
    turn.keep_incident(
        incident,
        status=IncidentStatus.OPEN,
        acknowledged_by=None,
        acknowledged_at=None,
        reminded_at=turn.now,
    )
    turn.write(
        incident.id, EntryKind.UNACKNOWLEDGED, f"given back by {event.by}", by=event.by, notify=True
    )


def resolve(turn: Turn, event: model.ResolvedByHand) -> None:
    """End an incident; an alert whose condition still holds must clear before it fires again."""
    incident = _open_incident(turn, event.incident)
    if incident.id not in turn.state.members:
        text = f"resolved by {event.by}"
        internal.end(turn, incident, model.Resolution.MANUAL, text, by=event.by)
        return
    for rule, key in sorted(turn.state.members[incident.id]):
        alert = turn.state.alerts.get(key, {}).get(rule)
        if alert is None or alert.incident != incident.id:
            continue
        incidents.resolve(turn, alert, model.Resolution.MANUAL, by=event.by)
        turn.drop_alert(alert)
        if alert.due is None:
            turn.keep_alert(
                replace(alert, state=AlertState.RESOLVED, since=turn.now, incident=None)
            )
        schedule.forget_if_vanished(turn, key)


def note(turn: Turn, event: model.Noted) -> None:
    """Put a person's words on the timeline."""
    incident = turn.state.incident(event.incident, turn.now)
    turn.write(incident.id, EntryKind.NOTED, event.text, by=event.by)


def want_diagnosis(turn: Turn, event: model.DiagnosisWanted) -> None:
    """Ask for another run, and say who wants it, or that there is nothing to examine."""
    incident = _open_incident(turn, event.incident)
    firing = turn.state.firing.get(incident.id)
    if not firing:
        raise IllegalCommand(f"incident {incident.id} is about no subject: nothing to examine")
    scene = turn.scene(firing[0][1])
    service_ids = incident.examined or scene.extra.service_ids
    rule = turn.state.rules.get(firing[0][2])
    if service_ids:
        turn.write(incident.id, EntryKind.NOTED, "asks for Service Diagnostics", by=event.by)
        turn.diagnose(incident.id, service_ids[: rule.max_services if rule else None])
    else:
        text = messages.no_service(scene.name)
        turn.write(incident.id, EntryKind.DIAGNOSED, text, by=event.by)


def diagnosed(turn: Turn, event: model.Diagnosed) -> None:
    """Take in how a run stands; what has ended does not run again."""
    run = event.diagnosis
    incident = turn.state.incident(run.incident, turn.now)
    known = {each.run: each for each in incident.diagnostics}
    before = known.get(run.run)
    running = run.status is DiagnosisStatus.RUNNING
    if run == before or (running and before is not None):
        return
    known[run.run] = run
    turn.keep_incident(incident, diagnostics=tuple(known.values()))
    kind = EntryKind.DIAGNOSING if running else EntryKind.DIAGNOSED
    turn.write(
        incident.id,
        kind,
        messages.diagnosis(run) + messages.since_before(incident.diagnostics, run),
        run=run.run,
        service_id=run.service_id,
        status=str(run.status),
        disposition=run.disposition,
    )


def detailed(turn: Turn, event: model.DetailsRead) -> None:
    """Take in a subject's details, or that they cannot be had: then nothing waits for them."""
    state = turn.state
    subject = state.subjects.get(event.subject)
    if subject is None:
        return  # it vanished meanwhile
    had = turn.scene(subject.key).extra
    answered = replace(subject, asked_at=None, answered_at=turn.now)
    if event.details is not None:
        answered = replace(
            answered,
            labels={**subject.labels, **event.details.labels},
            bookings=event.details.bookings,
            notes=event.details.notes,
            detailed_at=turn.now,
        )
    turn.keep_subject(answered)
    details.arm(turn, answered)
    news = {
        name: value for name, value in answered.labels.items() if subject.labels.get(name) != value
    }
    for alert in state.alerts_on(subject.key, AlertState.FIRING):
        _update(turn, alert, news, had=had, waited=subject.asked_at is not None)
    seen = state.sight(subject.source)
    if subject.source in state.awaited or seen is Sight.BLIND or subject.missed == 1:
        return
    if subject.missed:
        visibility.judge(turn, subject.key)
        return
    if seen is Sight.SEEN:
        polls.judge_changed(turn, state.plans[subject.source], answered)
        samples.evaluate_no_data(turn, subject.key)  # it may be on air by what the details say
    for alert in state.alerts_on(subject.key, AlertState.PENDING):
        alerts.fire_if_due(turn, alert)


def _update(
    turn: Turn,
    alert: model.Alert,
    news: dict[str, str],
    *,
    had: Extra,
    waited: bool,
) -> None:
    """Add late details to an incident, and examine the services that they have brought."""
    rule = turn.state.rules.get(alert.rule)
    if rule is None or alert.incident is None:
        return
    incidents.refresh(turn, rule, alert)
    if news:
        turn.write(alert.incident, EntryKind.DETAILED, messages.detailed(news))
    scene = turn.scene(alert.subject)
    if rule.diagnose:
        have = scene.extra.service_ids
        if not had.service_ids and have:
            incidents.examine(turn, rule, scene, alert.incident)
        elif not have and waited:
            turn.write(alert.incident, EntryKind.DIAGNOSED, messages.no_service(scene.name))
    remedies.ask_late(turn, rule, scene, alert.incident, had=had, waited=waited)


def _open_incident(turn: Turn, identity: str) -> model.Incident:
    incident = turn.state.incident(identity, turn.now)
    if incident.status is IncidentStatus.RESOLVED:
        raise IllegalCommand(f"incident {identity} is resolved already")
    return incident
