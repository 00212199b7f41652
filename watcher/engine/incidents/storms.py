"""The storm guard: very many new incidents of one source become one.

Law: only incidents that nobody was notified of are merged, so that no thread and no document is
left behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from watcher import model
from watcher.engine.changes import short_id
from watcher.engine.context import StepContext
from watcher.engine.incidents import escalation
from watcher.engine.state import is_over
from watcher.model import EntryKind, IncidentStatus

RULE = "storm"  # in the place of a rule's name
ACCEPTS = timedelta(seconds=30)  # this long after the last alert that joined, no other can


def group_of(source: str) -> str:
    """Return the group of a source's storm."""
    return f"{source}/*"


def storm_of(ctx: StepContext, alert: model.Alert) -> model.Incident | None:
    """Return the storm that an alert belongs to: one that still takes alerts, or had it before."""
    source, _, subject = alert.subject.partition("/")
    storm = _latest_storm(ctx, source) if subject else None
    if storm is None:
        return None
    accepts = storm.accepts_until is not None and ctx.now <= storm.accepts_until
    if accepts and storm.status is not IncidentStatus.RESOLVED:
        return storm
    return storm if alert.key in ctx.state.members[storm.id] else None


def changes_on_join(ctx: StepContext, storm: model.Incident) -> dict[str, Any]:
    """Return what changes in a storm that an alert joins: it takes others for longer."""
    accepts_until = ctx.now + ACCEPTS
    return {} if accepts_until == storm.accepts_until else {"accepts_until": accepts_until}


def merge_if_too_many(ctx: StepContext, source: str) -> None:
    """Merge what this step opened, and what nobody was notified of yet, once it is too much."""
    state = ctx.state
    limits = state.ruleset.storm
    opened = ctx.agenda.opened[source]
    if ctx.count_openings(source, limits.window) + len(opened) <= limits.incidents:
        return
    fresh = [identity for identity in opened if _is_open(state.incidents[identity])]
    waiting = [
        incident.id
        for incident in sorted(state.incidents.values(), key=lambda incident: incident.id)
        if incident.source == source
        and incident.id not in opened
        and _is_unnotified(incident)
        and _is_open(incident)
    ]
    ctx.agenda.take_opened(source)
    ctx.add_openings(source, len(opened) - len(fresh))
    _merge(ctx, source, fresh, waiting)


def report(ctx: StepContext) -> None:
    """Report what each storm that this step began or fed is about; count the other incidents."""
    for source, opened in ctx.agenda.opened.items():
        ctx.add_openings(source, len(opened))
    for storm, before in ctx.agenda.storms.items():
        counts = Counter(rule for _, _, rule in ctx.state.firing(storm))
        total = sum(counts.values()) - before
        incident = ctx.state.incidents[storm]
        rules = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
        text = f"{model.format_count(total, 'alert')} of {incident.source} at once"
        text += f"; now {rules}" if before else f": {rules}"
        kind = EntryKind.JOINED if incident.entries else EntryKind.OPENED
        ctx.add_entry(storm, kind, text, notify=True)


def _merge(ctx: StepContext, source: str, fresh: list[str], waiting: list[str]) -> None:
    storm = _open_or_extend(ctx, source, [*waiting, *fresh])
    ctx.agenda.note_storm(storm, ctx.state.firing(storm))
    joined: list[model.Alert] = []
    for identity in (*waiting, *fresh):
        joined += _move(ctx, identity, storm)
    ctx.discard_incidents(fresh)
    for identity in waiting:
        _close_merged(ctx, identity, storm)
    ctx.retitle(storm)
    for alert in joined:
        rule = ctx.state.rules[alert.rule]
        service_ids = (
            ctx.subject_view(alert.subject).inventory_entry.service_ids if rule.diagnose else ()
        )
        examined = ctx.state.incidents[storm].examined
        new = [service_id for service_id in service_ids if service_id not in examined]
        new = new[: max(0, rule.max_services - len(examined))]
        if new:
            ctx.request_diagnosis(storm, tuple(new))


def _close_merged(ctx: StepContext, identity: str, storm: str) -> None:
    """Resolve an incident that nobody was notified of, because a storm stands for it."""
    ctx.resolve_incident(ctx.state.incidents[identity], model.Resolution.MERGED)
    ctx.add_entry(identity, EntryKind.RESOLVED, f"merged into storm {storm}")


def _open_or_extend(ctx: StepContext, source: str, merged: list[str]) -> str:
    """Open a storm, or extend the one that is there; return its id."""
    state, now = ctx.state, ctx.now
    parts = [state.incidents[identity] for identity in merged]
    receivers = tuple(dict.fromkeys(name for part in parts for name in part.receivers))
    severity = max((part.severity for part in parts), key=lambda severity: severity.rank)
    existing = _latest_storm(ctx, source)
    if existing is None:
        storm = model.Incident(
            id=short_id("w", RULE, source, now.isoformat()),
            version=1,
            entries=0,
            rule=RULE,
            source=source,
            group=group_of(source),
            status=IncidentStatus.OPEN,
            severity=severity,
            title="",
            opened_at=now,
            fault_domain=model.FaultDomain.UNDETERMINED,
            receivers=receivers,
            tell_at=now,
            accepts_until=now + ACCEPTS,
        )
        return ctx.open_incident(storm).id
    changes: dict[str, Any] = {
        "receivers": tuple(dict.fromkeys((*existing.receivers, *receivers))),
        "accepts_until": now + ACCEPTS,
    }
    worse = severity.rank > existing.severity.rank
    if worse:
        changes["severity"] = severity
    if existing.status is IncidentStatus.RESOLVED:
        changes |= escalation.FROM_THE_START
    if existing.status is IncidentStatus.RESOLVED or (
        worse and existing.status is IncidentStatus.ACKNOWLEDGED
    ):
        changes |= {
            "status": IncidentStatus.OPEN,
            "resolution": None,
            "resolved_at": None,
            "acknowledged_by": None,
            "acknowledged_at": None,
            "acks": (),
        }
    return ctx.put_incident(existing, **changes).id


def _move(ctx: StepContext, identity: str, storm: str) -> Iterable[model.Alert]:
    """Move the firing alerts of an incident to the storm."""
    state = ctx.state
    moved = []
    for _, subject, rule in list(state.firing(identity)):
        alert = replace(state.alerts[subject][rule], incident=storm)
        ctx.put_member(replace(state.members[identity][rule, subject], incident=storm))
        ctx.put_alert(alert)
        moved.append(alert)
    return moved


def _latest_storm(ctx: StepContext, source: str) -> model.Incident | None:
    storm = ctx.state.latest_incident(RULE, group_of(source))
    return None if storm is None or is_over(storm, ctx.now) else storm


def _is_open(incident: model.Incident | None) -> bool:
    return incident is not None and incident.status is not IncidentStatus.RESOLVED


def _is_unnotified(incident: model.Incident) -> bool:
    return incident.told_at is None and not incident.notify and incident.accepts_until is None
