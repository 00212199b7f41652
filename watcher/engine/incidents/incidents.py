"""Incidents: opened by a firing alert, updated while it fires, resolved and reopened.

Law: at most one incident is open for each fault and group. Its id derives from the rule that opened
it, the group and the time, so that a replay repeats it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from watcher import model
from watcher.engine.changes import short_id
from watcher.engine.context import StepContext
from watcher.engine.incidents import (
    escalation,
    faces,
    flapping,
    messages,
    remedies,
    reported_outages,
    storms,
    suppression,
    titles,
)
from watcher.engine.rules import works
from watcher.engine.rules.rule import Rule, Threshold, Transition
from watcher.engine.rules.subject_view import SubjectView
from watcher.engine.state import is_over
from watcher.model import EntryKind


def fire(ctx: StepContext, rule: Rule, alert: model.Alert) -> None:
    """Make a pending alert fire: it opens an incident, joins one, or reopens one that ended."""
    state, now = ctx.state, ctx.now
    view = ctx.subject_view(alert.subject)
    group = group_of(rule, view) if rule.group_by else view.key
    existing = _existing_incident(ctx, rule, alert, group)
    identity = existing.id if existing else short_id("w", rule.name, group, now.isoformat())
    firing = model.Alert(
        rule=alert.rule,
        subject=alert.subject,
        state=model.AlertState.FIRING,
        since=now,
        value=alert.value,
        entered_from=alert.entered_from,
        incident=identity,
        unwell=alert.unwell,
        measured=alert.measured,
    )
    before = state.members.get(identity, {}).get(alert.key)
    member = _member(rule, alert, view, identity, since=alert.since)
    if before is not None:
        member = replace(member, flips=before.flips)
    began = suppression.begin_of_fault(state, member)
    if began < member.since:
        member = replace(member, unwell_since=began)
    if identity in ctx.agenda.storms:  # it says itself how many there are
        text = ""
    else:
        title, _ = titles.title_and_summary(ctx, rule, member, view)
        text = messages.finding(rule, member, now, title) + messages.schedule(ctx.state, view)
        fault = works.Fault(began_at=member.unwell_since or member.since, fired_at=now)
        if remark := suppression.remark(ctx, rule, alert.subject, fault):
            text += f"; {remark}"
    if existing is None:
        _open(ctx, rule, view, identity, group, text, began_at=alert.since)
    elif existing.status is model.IncidentStatus.RESOLVED:
        _reopen(ctx, rule, view, existing, text, began_at=alert.since)
    else:
        _join(ctx, rule, view, existing, member, text, unwell=alert.unwell)
    ctx.put_member(member)
    ctx.put_alert(firing)
    ctx.retitle(identity)
    flapping.count_change(ctx, rule, firing, alert.since)
    if view.id and existing is None:
        ctx.agenda.note_opened(view.source, identity)
        storms.merge_if_too_many(ctx, view.source)


def group_of(rule: Rule, view: SubjectView) -> str:
    """Return the group of an alert: its labels, or its subject where a label is unknown."""
    values = [view.labels.get(name, "") for name in rule.group_by]
    if not values or not all(values) or not view.id:
        return view.key
    pairs = zip(rule.group_by, values, strict=True)
    return f"{view.source}{{{','.join(f'{name}={value}' for name, value in pairs)}}}"


def _existing_incident(
    ctx: StepContext, rule: Rule, alert: model.Alert, group: str
) -> model.Incident | None:
    """Return the incident that an alert belongs to, which may have just been resolved."""
    state = ctx.state
    storm = storms.storm_of(ctx, alert)
    if storm is not None:
        return storm
    existing = state.latest_incident(rule.about, group)
    return None if existing is None or is_over(existing, ctx.now) else existing


def _open(  # noqa: PLR0917  # one caller, which has just worked them out
    ctx: StepContext,
    rule: Rule,
    view: SubjectView,
    identity: str,
    group: str,
    text: str,
    *,
    began_at: datetime,
) -> None:
    ctx.open_incident(
        model.Incident(
            id=identity,
            version=1,
            entries=0,
            rule=rule.name,
            source=view.source,
            group=group,
            status=model.IncidentStatus.OPEN,
            severity=rule.severity,
            title="",
            opened_at=ctx.now,
            fault=rule.about,
            began_at=began_at,
            fault_domain=view.fault_domain,
            receivers=rule.notify,
            tell_at=ctx.now + rule.group_wait,
        )
    )
    ctx.add_entry(identity, model.EntryKind.OPENED, text, notify=True, subject=view.key)
    if rule.diagnose and not request_diagnosis(ctx, rule, view, identity):
        subject = ctx.state.subjects.get(view.key)
        if subject is None or subject.asked_at is None:  # else the details may bring one
            ctx.add_entry(identity, model.EntryKind.DIAGNOSED, messages.no_service(view.name))
    remedies.request_offers(ctx, rule, view, identity)


def _reopen(
    ctx: StepContext,
    rule: Rule,
    view: SubjectView,
    existing: model.Incident,
    text: str,
    *,
    began_at: datetime,
) -> None:
    ctx.put_incident(
        existing,
        status=model.IncidentStatus.OPEN,
        resolution=None,
        resolved_at=None,
        began_at=began_at,
        ended_at=None,
        turn=None,
        acknowledged_by=None,
        acknowledged_at=None,
        severity=rule.severity,
        receivers=rule.notify,
        tell_at=ctx.now + (timedelta(0) if existing.told_at else rule.group_wait),
        told_at=None,
        reminded_at=None,
        reminders=0,
        expiry_said=False,
        **escalation.FROM_THE_START,
        remedy=remedies.after_reopening(existing.remedy),
    )
    ctx.add_entry(existing.id, model.EntryKind.REOPENED, f"again: {text}", notify=True)
    if rule.diagnose:  # it may have been reported late, or be about another subject so far
        request_diagnosis(ctx, rule, view, existing.id)


def _join(  # noqa: PLR0917  # one caller, which has just worked them out
    ctx: StepContext,
    rule: Rule,
    view: SubjectView,
    existing: model.Incident,
    member: model.IncidentAlert,
    text: str,
    *,
    unwell: bool,
) -> None:
    """Add an alert; it undoes an acknowledgement only when it is worse than all before."""
    cleared = ""
    changes: dict[str, Any] = {}
    receivers = tuple(dict.fromkeys((*existing.receivers, *rule.notify)))
    if receivers != existing.receivers:
        changes["receivers"] = receivers
    begin = min(existing.begin, member.since)
    if begin != existing.began_at:
        changes["began_at"] = begin
    if rule.severity.rank > existing.severity.rank:
        changes["severity"] = rule.severity
        if existing.status is model.IncidentStatus.ACKNOWLEDGED:
            changes |= {
                "status": model.IncidentStatus.OPEN,
                "acknowledged_by": None,
                "acknowledged_at": None,
                "acks": (),
                "expiry_said": False,
                "reminded_at": ctx.now,
                "reminders": 0,
            }
            cleared = f" ({rule.severity}: acknowledgement by {existing.acknowledged_by} cleared)"
    if existing.accepts_until is not None:
        changes |= storms.changes_on_join(ctx, existing)
    if changes:
        ctx.put_incident(existing, **changes)
    if existing.id not in ctx.agenda.storms:  # it says itself how many there are
        kind, text, notify = faces.news(ctx, rule, existing, member, text, unwell=unwell)
        ctx.add_note(existing.id, kind, text + cleared, notify=notify)
    if rule.diagnose:
        request_diagnosis(ctx, rule, view, existing.id)


def update(ctx: StepContext, rule: Rule, alert: model.Alert) -> None:
    """Bring what readers see up to date; people are notified when it got worse."""
    identity = alert.incident
    if identity is None:
        return
    before = ctx.state.members[identity][rule.name, alert.subject]
    view = ctx.subject_view(alert.subject)
    member = replace(
        _member(rule, alert, view, identity, since=before.since),
        flips=before.flips,
        flapping=before.flapping,
        until=None if alert.due is None else before.until,
        unseen_since=before.unseen_since,
        unwell_since=before.unwell_since,
    )
    ctx.retitle(identity)
    if member == before:
        return
    ctx.put_incident(ctx.state.incidents[identity])
    ctx.put_member(member)
    name = messages.whose(ctx.state, member)
    if member.to != before.to:
        worse = view.traits.is_worse(member.to, before.to)
        kind = EntryKind.WORSE if worse else EntryKind.BETTER
        ctx.add_note(
            identity, kind, name + messages.moved(member, before, worse=worse), notify=worse
        )
    elif member.fields.get("permanent") and not before.fields.get("permanent"):
        text = messages.finding(rule, member, ctx.now)
        ctx.add_note(identity, model.EntryKind.CHANGED, text, notify=True)


def note_end(ctx: StepContext, alert: model.Alert, at: datetime) -> None:
    """Note when a firing alert's condition was over and its subject well, until it returns."""
    member = ctx.state.member_of(alert)
    if member is not None and member.until is None:
        ctx.put_member(replace(member, until=at))


def resolve(
    ctx: StepContext,
    alert: model.Alert,
    resolution: model.Resolution,
    *,
    by: str = "",
    why: str = "",
) -> None:
    """End an alert's part in its incident, and the incident when it was the last part.

    `by` is who did so, and `why` in that person's words.
    """
    identity = alert.incident
    if identity is None:
        return
    member = ctx.state.members[identity][alert.rule, alert.subject]
    reported_outages.record_end(ctx, alert, member.since)
    fields = _fields(ctx, alert.subject, member)
    value = _final_value(ctx, alert, fields)
    member = replace(
        member,
        state=model.AlertState.RESOLVED,
        until=member.until or ctx.now,
        unseen_since=None,
        from_=member.to if value is not None and value != member.to else member.from_,
        to=value if value is not None else member.to,
        value=alert.value if isinstance(alert.value, float) else member.value,
        fields=fields,
        flapping=False,
    )
    ctx.put_incident(ctx.state.incidents[identity])
    ctx.put_member(member)
    if len(ctx.state.firing(identity)) > 1:  # this one is still among them
        faces.note_cleared(ctx, alert, member, resolution, by=by, why=why)
        ctx.retitle(identity)
        return
    incident = ctx.state.incidents[identity]
    ends = [
        other.until
        for other in ctx.state.members[identity].values()
        if other.until is not None and other.until >= incident.begin
    ]
    incident = ctx.resolve_incident(
        incident, resolution, flags=(), turn=None, ended_at=max(ends, default=ctx.now)
    )
    rule = ctx.state.rules.get(alert.rule)
    text = messages.ended(rule, member, resolution, incident, ctx.now, by=by, why=why)
    if rule is not None and resolution is model.Resolution.LAPSED:
        text += messages.still_held(ctx.state.held_though_closed(rule, alert.subject))
    name = f"the last one, {member.name}: " if messages.whose(ctx.state, member) else ""
    ctx.add_entry(identity, model.EntryKind.RESOLVED, name + text, by=by, notify=True)


def resolve_without_alerts(
    ctx: StepContext,
    incident: model.Incident,
    resolution: model.Resolution,
    text: str,
    *,
    by: str = "",
    **data: model.Scalar,
) -> None:
    """Resolve an incident about a receiver or a drill, which no alert holds open."""
    ctx.resolve_incident(incident, resolution)
    if incident.fallback is not None:
        ctx.agenda.recheck_suppression()
    ctx.add_entry(incident.id, EntryKind.RESOLVED, text, by=by, notify=True, **data)


def request_diagnosis(ctx: StepContext, rule: Rule, view: SubjectView, identity: str) -> bool:
    """Request diagnostics within the rule's budget; return False for a subject without services."""
    examined = ctx.state.incidents[identity].examined
    service_ids = view.inventory_entry.service_ids
    new = [service_id for service_id in service_ids if service_id not in examined]
    new = new[: max(0, rule.max_services - len(examined))]
    if new:
        ctx.request_diagnosis(identity, tuple(new))
    return bool(service_ids)


def _member(
    rule: Rule, alert: model.Alert, view: SubjectView, identity: str, *, since: datetime
) -> model.IncidentAlert:
    figure = isinstance(alert.value, float)
    threshold = rule.condition if isinstance(rule.condition, Threshold) else None
    measured = alert.measured or model.Measured()
    return model.IncidentAlert(
        incident=identity,
        subject=alert.subject,
        rule=rule.name,
        name=view.name,
        labels={**view.labels, **rule.labels} if rule.labels else view.labels,
        state=model.AlertState.FIRING,
        from_=alert.entered_from,
        to=None if figure or alert.value is None else str(alert.value),
        value=alert.value if isinstance(alert.value, float) else None,
        metric=threshold.metric if threshold else "",
        limit=threshold.limit if threshold else None,
        unit=view.unit_of(rule),
        direction=measured.direction,
        window=model.format_window(threshold.aggregate, threshold.over, measured.covered)
        if threshold
        else "",
        place=view.place,
        since=since,
        fields=view.fields,
    )


def _fields(ctx: StepContext, key: str, member: model.IncidentAlert) -> dict[str, model.Scalar]:
    """Return the fields that the member ends with; a rule may outlive its source."""
    exists = key in ctx.state.subjects or key in ctx.state.health
    return dict(ctx.subject_view(key).fields if exists else member.fields)


def _final_value(
    ctx: StepContext, alert: model.Alert, fields: Mapping[str, model.Scalar]
) -> str | None:
    """Return what a transition's field says now; while an alert only clears, its value lags."""
    rule = ctx.state.rules.get(alert.rule)
    if rule is not None and isinstance(rule.condition, Transition):
        now = fields.get(rule.condition.field)
        return None if now is None else str(now)
    return alert.value if isinstance(alert.value, str) else None
