"""Incidents: opened by a firing alert, kept true while it fires, resolved and reopened.

Law: at most one incident is open for each rule and group. Its id derives from the rule, the group
and the time it opened, so that a replay repeats it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from watcher import model
from watcher.engine import faults, wording
from watcher.engine.rule import ExpressionError, Rule, Transition
from watcher.engine.scene import Scene
from watcher.engine.state import is_over
from watcher.engine.turn import Turn

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: nobody reads l for 1 or o for 0
BLIND = "blind"


def short_id(prefix: str, *content: str) -> str:
    """Derive an id of eight letters (40 bits) that people can read out, from content."""
    number = int.from_bytes(hashlib.sha256("\0".join(content).encode()).digest()[:5])
    return f"{prefix}-" + "".join(_ALPHABET[number >> shift & 31] for shift in range(0, 40, 5))


def fire(turn: Turn, rule: Rule, alert: model.Alert) -> None:
    """Make a pending alert fire: it opens an incident, or reopens the one that ended lately."""
    state, now = turn.state, turn.now
    scene = turn.scene(alert.subject)
    known = state.incidents.get(state.latest.get((rule.name, alert.subject), ""))
    if known is not None and is_over(known, now):
        known = None
    identity = known.id if known else short_id("w", rule.name, alert.subject, now.isoformat())
    member = _member(rule, alert, scene, identity, since=alert.since)
    title, summary = _titles(turn, rule, member, scene)
    shown: dict[str, Any] = {
        "severity": rule.severity,
        "title": title,
        "summary": summary,
        "fault_domain": scene.fault_domain,
        "contacts": _contacts(scene),
        "notify": rule.notify,
        "runbook": scene.extra.runbook or rule.runbook,
    }
    text = wording.finding(rule, member, now)
    if known:
        turn.keep_incident(
            known,
            status=model.IncidentStatus.OPEN,
            resolution=None,
            resolved_at=None,
            acknowledged_by=None,
            acknowledged_at=None,
            **shown,
        )
        turn.write(identity, model.EntryKind.REOPENED, f"again: {text}", notify=True)
    else:
        turn.keep_incident(
            model.Incident(
                id=identity,
                version=1,
                entries=0,
                rule=rule.name,
                source=scene.source,
                group=alert.subject,
                status=model.IncidentStatus.OPEN,
                opened_at=now,
                **shown,
            )
        )
        state.latest[rule.name, alert.subject] = identity
        turn.write(identity, model.EntryKind.OPENED, text, notify=True, subject=alert.subject)
        if rule.diagnose:
            _diagnose_first(turn, rule, scene, identity)
    turn.keep_member(member)
    turn.keep_alert(
        model.Alert(
            rule=alert.rule,
            subject=alert.subject,
            state=model.AlertState.FIRING,
            since=now,
            value=alert.value,
            entered_from=alert.entered_from,
            incident=identity,
        )
    )


def refresh(turn: Turn, rule: Rule, alert: model.Alert) -> None:
    """Bring what readers see up to what is known now; people are told when it got worse."""
    identity = alert.incident
    if identity is None:
        return
    incident = turn.state.incidents[identity]
    before = turn.state.members[identity][rule.name, alert.subject]
    scene = turn.scene(alert.subject)
    member = _member(rule, alert, scene, identity, since=before.since)
    title, summary = _titles(turn, rule, member, scene)
    shown = {
        "title": title,
        "summary": summary,
        "fault_domain": scene.fault_domain,
        "contacts": _contacts(scene),
        "runbook": scene.extra.runbook or rule.runbook,
    }
    changes = {name: new for name, new in shown.items() if getattr(incident, name) != new}
    if member == before and not changes:
        return
    turn.keep_incident(incident, **changes)
    turn.keep_member(member)
    if member.to != before.to:
        worse = faults.is_worse(member.to, before.to)
        text = wording.changed(member, before)
        turn.write(identity, model.EntryKind.CHANGED, text, notify=worse)
    elif "fault_domain" in changes:
        text = f"the fault is now likely on this side: {scene.fault_domain}"
        turn.write(identity, model.EntryKind.CHANGED, text)
    elif member.fields.get("permanent") and not before.fields.get("permanent"):
        text = wording.finding(rule, member, turn.now)
        turn.write(identity, model.EntryKind.CHANGED, text, notify=True)


def resolve(turn: Turn, alert: model.Alert, resolution: model.Resolution, *, by: str = "") -> None:
    """End an alert's part in its incident, and the incident when it was the last part."""
    identity = alert.incident
    if identity is None:
        return
    member = turn.state.members[identity][alert.rule, alert.subject]
    fields = _fields(turn, alert.subject, member)
    value = _last_word(turn, alert, fields)
    turn.keep_member(
        model.IncidentAlert(
            incident=identity,
            subject=member.subject,
            rule=member.rule,
            name=member.name,
            labels=member.labels,
            state=model.AlertState.RESOLVED,
            from_=member.to if value is not None and value != member.to else member.from_,
            to=value if value is not None else member.to,
            value=alert.value if isinstance(alert.value, float) else member.value,
            since=member.since,
            fields=fields,
        )
    )
    member = turn.state.members[identity][alert.rule, alert.subject]
    text = wording.over(member, resolution, turn.now, by=by)
    if any(
        other.state is not model.AlertState.RESOLVED
        for other in turn.state.members[identity].values()
    ):
        turn.write(identity, model.EntryKind.CLEARED, f"{member.name}: {text}", by=by)
        return
    incident = turn.state.incidents[identity]
    turn.keep_incident(
        incident,
        status=model.IncidentStatus.RESOLVED,
        resolution=resolution,
        resolved_at=turn.now,
        flags=tuple(flag for flag in incident.flags if flag != BLIND),
    )
    turn.state.resolved.append((turn.now, identity))
    turn.write(identity, model.EntryKind.RESOLVED, text, by=by, notify=True)


def diagnose(turn: Turn, identity: str, service_ids: tuple[str, ...]) -> None:
    """Ask for the next run of Service Diagnostics for each of these services."""
    runs = turn.state.incidents[identity].diagnostics
    for service_id in service_ids:
        number = sum(run.service_id == service_id for run in runs)
        turn.want(
            model.DiagnosisNeeded(
                run=short_id("r", identity, service_id, str(number)),
                incident=identity,
                service_id=service_id,
            )
        )


def services(rule: Rule | None, scene: Scene) -> tuple[str, ...]:
    """Tell the services that a run would examine."""
    return scene.extra.service_ids[: rule.max_services if rule else None]


def _diagnose_first(turn: Turn, rule: Rule, scene: Scene, identity: str) -> None:
    service_ids = services(rule, scene)
    if service_ids:
        diagnose(turn, identity, service_ids)
        return
    subject = turn.state.subjects.get(scene.key)
    if subject is None or subject.asked_at is None:  # else the details may bring one
        turn.write(identity, model.EntryKind.DIAGNOSED, wording.no_service(scene.name))


def _member(
    rule: Rule, alert: model.Alert, scene: Scene, identity: str, *, since: datetime
) -> model.IncidentAlert:
    figure = isinstance(alert.value, float)
    return model.IncidentAlert(
        incident=identity,
        subject=alert.subject,
        rule=rule.name,
        name=scene.name,
        labels=scene.labels,
        state=model.AlertState.FIRING,
        from_=alert.entered_from,
        to=None if figure or alert.value is None else str(alert.value),
        value=alert.value if isinstance(alert.value, float) else None,
        since=since,
        fields=scene.fields,
    )


def _fields(turn: Turn, key: str, member: model.IncidentAlert) -> dict[str, model.Scalar]:
    """Give the fields that the member ends with; a rule may outlive its source."""
    known = key in turn.state.subjects or key in turn.state.health
    return dict(turn.scene(key).fields if known else member.fields)


def _last_word(turn: Turn, alert: model.Alert, fields: Mapping[str, model.Scalar]) -> str | None:
    """Tell what a transition's field says now; while an alert only clears, its value lags."""
    rule = turn.state.rules.get(alert.rule)
    if rule is not None and isinstance(rule.condition, Transition):
        now = fields.get(rule.condition.field)
        return None if now is None else str(now)
    return alert.value if isinstance(alert.value, str) else None


def _titles(turn: Turn, rule: Rule, member: model.IncidentAlert, scene: Scene) -> tuple[str, str]:
    value = member.value if member.value is not None else member.to
    words = scene.words(rule, value=value, was=member.from_, since=member.since)
    try:
        summary = "" if rule.summary is None else rule.summary(words)
        return rule.title(words), summary
    except ExpressionError as error:
        turn.misfire(rule, scene.key, error)
        return f"{scene.name}: {rule.name}", ""


def _contacts(scene: Scene) -> tuple[model.Contact, ...]:
    """Choose whom to call: the side at fault where it is known, else everybody."""
    contacts = scene.extra.contacts
    at_fault = tuple(each for each in contacts if each.domain == scene.fault_domain)
    return at_fault or contacts
