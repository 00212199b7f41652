"""What people and jobs put into the inbox.

A command that cannot be obeyed raises IllegalCommand before anything has changed.
"""

from __future__ import annotations

from msgspec.structs import replace

from watcher import model
from watcher.engine import alerts, details
from watcher.engine.backfill import schedule
from watcher.engine.context import StepContext
from watcher.engine.incidents import incidents, messages, remedies, reminders
from watcher.engine.observation import missing_subjects, polls
from watcher.engine.rules.rule import InventoryEntry
from watcher.engine.state import IllegalCommand
from watcher.engine.works import notices
from watcher.model import AlertState, DiagnosisStatus, EntryKind, IncidentStatus, Visibility


def acknowledge(ctx: StepContext, event: model.Acknowledged) -> None:
    """Record who has acknowledged an incident, once for each person."""
    incident = _open_incident(ctx, event.incident)
    if incident.is_announcement:
        notices.confirm(ctx, model.WorkConfirmed(work=incident.group, by=event.by))
        return
    if event.by == incident.acknowledged_by:
        reminders.renew(ctx, incident)
        return
    if event.by in incident.acks and incident.acks_short:
        return
    acks = (*(name for name in incident.acks if name != event.by), event.by)
    incident = ctx.put_incident(incident, acks=acks)
    if not incident.acks_short:
        ctx.put_incident(
            incident,
            status=IncidentStatus.ACKNOWLEDGED,
            acknowledged_by=event.by,
            acknowledged_at=ctx.now,
            expiry_said=False,
        )
    text = messages.acknowledged(incident, event.by)
    ctx.add_entry(incident.id, EntryKind.ACKNOWLEDGED, text, by=event.by)


def unacknowledge(ctx: StepContext, event: model.Unacknowledged) -> None:
    """Withdraw an acknowledgement."""
    incident = _open_incident(ctx, event.incident)
    if incident.status is not IncidentStatus.ACKNOWLEDGED and not incident.acks:
        raise IllegalCommand(f"incident {incident.id} is not acknowledged")
    if incident.is_announcement:
        notices.withdraw_confirmation(ctx, incident.group)
        return
    reminders.withdraw(ctx, incident)
    ctx.add_entry(
        incident.id,
        EntryKind.UNACKNOWLEDGED,
        f"acknowledgement withdrawn by {event.by}",
        by=event.by,
        notify=True,
    )


def resolve(ctx: StepContext, event: model.ResolvedByHand) -> None:
    """Resolve an incident; an alert that still holds must clear before it fires again."""
    incident = _open_incident(ctx, event.incident)
    if incident.is_announcement:
        raise IllegalCommand(
            f"incident {incident.id} announces planned works and ends with them; if they do not"
            f" count: watcher works dismiss '{incident.group}'"
        )
    if incident.id not in ctx.state.members:
        text = messages.resolved_by(event.by, event.text)
        incidents.resolve_without_alerts(ctx, incident, model.Resolution.MANUAL, text, by=event.by)
        return
    for rule, key in sorted(ctx.state.members[incident.id]):
        alert = ctx.state.alerts.get(key, {}).get(rule)
        if alert is None or alert.incident != incident.id:
            continue
        incidents.resolve(ctx, alert, model.Resolution.MANUAL, by=event.by, why=event.text)
        ctx.remove_alert(alert)
        if alert.due is None:
            ctx.put_alert(replace(alert, state=AlertState.RESOLVED, since=ctx.now, incident=None))
        schedule.forget_if_vanished(ctx, key)


def calendar_read(ctx: StepContext, event: model.CalendarRead) -> None:
    """Keep what was read of a rota's calendar, unless a reload has taken the rota away."""
    if event.calendar.rota in ctx.state.ruleset.rotas:
        ctx.put_calendar(event.calendar)


def note(ctx: StepContext, event: model.Noted) -> None:
    """Put a person's note on the timeline."""
    incident = ctx.state.incident(event.incident, ctx.now)
    ctx.add_entry(incident.id, EntryKind.NOTED, event.text, by=event.by)


def record_ticket(ctx: StepContext, event: model.TicketRecorded) -> None:
    """Record the carrier's ticket, or where it stands. One that waits for us calls people."""
    incident = ctx.state.incident(event.incident, ctx.now)
    before = incident.ticket
    if before is not None and event.number in {"", before.number}:
        ticket = replace(before, state=event.state or before.state, url=event.url or before.url)
        if ticket == before:
            return
        is_new, waited = False, before.state is model.TicketState.PENDING
    elif event.number:
        ticket = model.Ticket(
            number=event.number,
            state=event.state or model.TicketState.ACKNOWLEDGED,
            url=event.url,
            by=event.by,
            at=ctx.now,
        )
        is_new, waited = True, False
    else:
        raise IllegalCommand(f"incident {incident.id} has no ticket yet: name its number")
    ctx.put_incident(incident, ticket=replace(ticket, by=event.by, at=ctx.now))
    ctx.add_entry(
        incident.id,
        EntryKind.TICKET,
        messages.ticket(ticket, is_new=is_new),
        by=event.by,
        notify=ticket.state is model.TicketState.PENDING and not waited,
        number=ticket.number,
    )


def request_diagnosis(ctx: StepContext, event: model.DiagnosisWanted) -> None:
    """Request another run of diagnostics; the timeline says who asked, or why there is none."""
    incident = _open_incident(ctx, event.incident)
    firing = ctx.state.firing(incident.id)
    if not firing:
        raise IllegalCommand(f"incident {incident.id} has no subject to diagnose")
    view = ctx.subject_view(firing[0][1])
    service_ids = incident.examined or view.inventory_entry.service_ids
    rule = ctx.state.rules.get(firing[0][2])
    if service_ids:
        ctx.add_entry(incident.id, EntryKind.NOTED, "requested Service Diagnostics", by=event.by)
        ctx.request_diagnosis(incident.id, service_ids[: rule.max_services if rule else None])
    else:
        text = messages.no_service(view.name)
        ctx.add_entry(incident.id, EntryKind.DIAGNOSED, text, by=event.by)


def diagnosed(ctx: StepContext, event: model.Diagnosed) -> None:
    """Record how a run is going; one that has ended does not run again."""
    run = event.diagnosis
    incident = ctx.state.incident(run.incident, ctx.now)
    runs = {diagnosis.run: diagnosis for diagnosis in incident.diagnostics}
    before = runs.get(run.run)
    running = run.status is DiagnosisStatus.RUNNING
    if run == before or (running and before is not None):
        return
    runs[run.run] = run
    ctx.put_incident(incident, diagnostics=tuple(runs.values()))
    kind = EntryKind.DIAGNOSING if running else EntryKind.DIAGNOSED
    ctx.add_entry(
        incident.id,
        kind,
        messages.diagnosis(run) + messages.since_before(incident.diagnostics, run),
        run=run.run,
        service_id=run.service_id,
        status=str(run.status),
        disposition=run.disposition,
    )


def details_read(ctx: StepContext, event: model.DetailsRead) -> None:
    """Record a subject's details, or that there are none: then nothing waits for them."""
    state = ctx.state
    subject = state.subjects.get(event.subject)
    if subject is None:
        return  # it vanished meanwhile
    had = ctx.subject_view(subject.key).inventory_entry
    answered = replace(subject, asked_at=None, answered_at=ctx.now)
    if event.details is not None:
        answered = replace(
            answered,
            labels={**subject.labels, **event.details.labels},
            bookings=event.details.bookings,
            notes=event.details.notes,
            detailed_at=ctx.now,
        )
    ctx.put_subject(answered)
    details.schedule_phase(ctx, answered)
    details.schedule_again(ctx, answered)
    news = {
        name: value for name, value in answered.labels.items() if subject.labels.get(name) != value
    }
    for alert in state.alerts_on(subject.key, AlertState.FIRING):
        _update_alert(ctx, alert, news, had=had, waited=subject.asked_at is not None)
    seen = state.visibility(subject.source)
    if state.is_awaited(subject.source) or seen is Visibility.BLIND or subject.missed == 1:
        return
    if subject.missed:
        missing_subjects.evaluate_vanished(ctx, subject.key)
        return
    if seen is Visibility.SEEN:
        polls.evaluate_known(ctx, answered)  # it may be on air by what the details say
    for alert in state.alerts_on(subject.key, AlertState.PENDING):
        alerts.fire_if_due(ctx, alert)


def _update_alert(
    ctx: StepContext,
    alert: model.Alert,
    news: dict[str, str],
    *,
    had: InventoryEntry,
    waited: bool,
) -> None:
    """Add late details to an incident, and diagnose the services that they have brought.

    The timeline of a storm does not say so: it would for thousands.
    """
    rule = ctx.state.rules.get(alert.rule)
    if rule is None or alert.incident is None:
        return
    incidents.update(ctx, rule, alert)
    is_storm = ctx.state.incidents[alert.incident].accepts_until is not None
    if news and not is_storm:
        ctx.add_entry(alert.incident, EntryKind.DETAILED, messages.detailed(news))
    view = ctx.subject_view(alert.subject)
    if rule.diagnose:
        have = view.inventory_entry.service_ids
        if not had.service_ids and have:
            incidents.request_diagnosis(ctx, rule, view, alert.incident)
        elif not have and waited and not is_storm:
            ctx.add_entry(alert.incident, EntryKind.DIAGNOSED, messages.no_service(view.name))
    remedies.request_offers_late(ctx, rule, view, alert.incident, had=had, waited=waited)


def _open_incident(ctx: StepContext, identity: str) -> model.Incident:
    incident = ctx.state.incident(identity, ctx.now)
    if incident.status is IncidentStatus.RESOLVED:
        raise IllegalCommand(f"incident {identity} is already resolved")
    return incident
