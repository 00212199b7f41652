"""The guarded remedy: a connection's bandwidth is raised, and put back.

Law: it is proposed once people are notified of the incident, and one at a time for an incident and
for a connection. A change whose outcome is unknown is never ordered again, and none starts once
the incident is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from watcher import model
from watcher.engine.changes import short_id
from watcher.engine.context import StepContext
from watcher.engine.incidents import messages
from watcher.engine.rules.rule import Bandwidth, InventoryEntry, Rule
from watcher.engine.rules.subject_view import SubjectView
from watcher.engine.state import IllegalCommand, is_over
from watcher.model import EntryKind, IncidentStatus, RemedyStatus

FIELD = "bandwidth_mbps"
FIRST_POLL_WITHIN = timedelta(minutes=1)  # for which a proposal waits
_RETRY = timedelta(seconds=5)
_FINAL = frozenset(
    {
        RemedyStatus.REVERTED,
        RemedyStatus.REFUSED,
        RemedyStatus.WITHDRAWN,
        RemedyStatus.UNTOUCHED,
        RemedyStatus.FAILED,
    }
)
_NOTIFIED = frozenset(
    {RemedyStatus.PROPOSED, RemedyStatus.UNKNOWN, RemedyStatus.STUCK, RemedyStatus.FAILED}
)


def propose_if_due(ctx: StepContext, identity: str) -> datetime | None:
    """Propose the change that an incident's rule asks for; return when to try again, if so."""
    incident = ctx.state.incidents[identity]
    rule = ctx.state.rules.get(incident.rule)
    if rule is None or rule.bandwidth is None or incident.remedy is not None:
        return None
    asked = rule.bandwidth
    connection = asked.connection or _connection(ctx, identity, rule)
    remedy = model.Remedy(
        connection=connection,
        status=RemedyStatus.PROPOSED,
        to_mbps=asked.to,
        max_mbps=asked.max,
        revert=asked.revert,
        proposed_at=ctx.now,
    )
    subject = ctx.state.subjects.get(connection)
    mbps = subject.fields.get(FIELD) if subject else None
    if isinstance(mbps, int | float):
        remedy = replace(remedy, from_mbps=float(mbps))
    elif connection and _is_expected(ctx, connection):
        deadline = (incident.told_at or ctx.now) + FIRST_POLL_WITHIN
        if ctx.now < deadline:
            return min(deadline, ctx.now + _RETRY)
    why = _objection(ctx, identity, remedy)
    if why:
        _put(ctx, identity, remedy, status=RemedyStatus.UNTOUCHED, message=why)
    else:
        _propose(ctx, identity, remedy, asked)
    return None


def approve(ctx: StepContext, event: model.RemedyApproved) -> None:
    """Approve the proposed change. Raises IllegalCommand where none waits for that."""
    remedy = _proposed(ctx, event.incident)
    _request_change(ctx, event.incident, replace(remedy, approved_by=event.by), by=event.by)


def refuse(ctx: StepContext, event: model.RemedyRefused) -> None:
    """Refuse the proposed change. Raises IllegalCommand where none waits for that."""
    remedy = _proposed(ctx, event.incident)
    message = f"refused by {event.by}"
    _put(ctx, event.incident, remedy, by=event.by, status=RemedyStatus.REFUSED, message=message)


def bandwidth_news(ctx: StepContext, event: model.BandwidthNews) -> None:
    """Put how a change is now on record. Raises IllegalCommand for one that nobody waits for."""
    incident = ctx.state.incidents.get(event.incident)
    remedy = incident.remedy if incident else None
    if incident is None or remedy is None or remedy.order != event.order or remedy.ended_at:
        raise IllegalCommand(f"no change {event.order!r} is in progress")
    status = event.status
    if status is RemedyStatus.APPLIED and remedy.reverting:
        status = RemedyStatus.REVERTED
    over = event.over and (status is not RemedyStatus.APPLIED or not remedy.revert)
    if event.had and not remedy.reverting:
        remedy = replace(remedy, had=event.had)
    _put(
        ctx,
        incident.id,
        remedy,
        news=event,
        status=status,
        message=event.message,
        ended_at=ctx.now if over else None,
    )
    if not over:
        return
    if is_over(incident, ctx.now):
        ctx.release_incident(incident.id)  # it was kept for this
    elif incident.status is not IncidentStatus.RESOLVED and _is_undone(status, remedy):
        # It has opened again meanwhile: what was taken back, or did not begin, may be needed.
        ctx.put_incident(ctx.state.incidents[incident.id], remedy=None)


def finish(ctx: StepContext, identity: str) -> None:
    """Finish the remedy of an incident that is over: withdraw a proposal, revert a change."""
    incident = ctx.state.incidents.get(identity)
    remedy = incident.remedy if incident else None
    if incident is None or remedy is None or remedy.ended_at is not None:
        return
    if incident.status is not IncidentStatus.RESOLVED:
        return
    if remedy.status is RemedyStatus.PROPOSED:
        message = "the incident is over"
        _put(ctx, identity, remedy, status=RemedyStatus.WITHDRAWN, message=message)
    elif remedy.status is RemedyStatus.APPLIED:
        _revert(ctx, identity, replace(remedy, reverting=True))


def _revert(ctx: StepContext, identity: str, remedy: model.Remedy) -> None:
    """Put back what the vendor itself said it had, else what was bought, else ask a person.

    The words are missing where an earlier version of Watcher ordered the change: what that one
    read may have been a guess.
    """
    if not remedy.had:
        bought = _bought(ctx, remedy.connection)
        if bought is None:
            _put(ctx, identity, remedy, status=RemedyStatus.UNTOUCHED, message=messages.UNSURE)
            return
        remedy = replace(remedy, from_mbps=bought)
    _request_change(ctx, identity, remedy)


def _bought(ctx: StepContext, connection: str) -> float | None:
    """Return the bandwidth that the inventory says was bought."""
    if connection not in ctx.state.subjects:
        return None
    return ctx.subject_view(connection).inventory_entry.expected_mbps


def after_reopening(remedy: model.Remedy | None) -> model.Remedy | None:
    """Return the remedy that an incident keeps when it is reopened: one under way, if any."""
    return remedy if remedy is not None and remedy.is_under_way else None


def _connection(ctx: StepContext, identity: str, rule: Rule) -> str:
    """Return the connection of the first alert that has one: the inventory's, or the subject."""
    for _, key, name in ctx.state.firing(identity):
        if name == rule.name:
            view = ctx.subject_view(key)
            if view.inventory_entry.connection:
                return view.inventory_entry.connection
            if view.traits.changes_bandwidth:
                return key
    return ""


def _is_expected(ctx: StepContext, connection: str) -> bool:
    """Return whether the connection's source exists, and was not yet seen since the start."""
    source = model.source_of(connection)
    return source in ctx.state.ruleset.sources and ctx.state.is_awaited(source)


def _objection(ctx: StepContext, identity: str, remedy: model.Remedy) -> str:
    """Return why no change is proposed; empty where nothing is against it."""
    if not remedy.connection:
        return f"the inventory has no connection for {_name(ctx, identity)}"
    if remedy.connection not in ctx.state.subjects:
        return f"there is no connection {remedy.connection}"
    if remedy.from_mbps is None:
        return f"the bandwidth of {remedy.id} is unknown"
    if remedy.from_mbps >= remedy.to_mbps:
        return f"{remedy.id} already has {model.format_mbps(remedy.from_mbps)}"
    for other in ctx.state.incidents.values():
        others = other.remedy
        if others and others.connection == remedy.connection and others.ended_at is None:
            return f"incident {other.id} is already changing the bandwidth of {remedy.id}"
    return ""


def _name(ctx: StepContext, identity: str) -> str:
    firing = ctx.state.firing(identity)
    return ctx.subject_view(firing[0][1]).name if firing else identity


def _propose(ctx: StepContext, identity: str, remedy: model.Remedy, asked: Bandwidth) -> None:
    if asked.approved:
        _request_change(ctx, identity, remedy)
    else:
        _put(ctx, identity, remedy, status=RemedyStatus.PROPOSED)


def _proposed(ctx: StepContext, identity: str) -> model.Remedy:
    incident = ctx.state.incident(identity, ctx.now)
    if incident.remedy is None:
        raise IllegalCommand(f"no bandwidth change is proposed for incident {identity}")
    if why := incident.remedy.objection():
        raise IllegalCommand(f"incident {identity}: {why}")
    return incident.remedy


def _request_change(ctx: StepContext, identity: str, remedy: model.Remedy, *, by: str = "") -> None:
    """Request the change of bandwidth: up, or back when the remedy is being reverted."""
    incident = ctx.state.incidents[identity]
    way = "back" if remedy.reverting else "up"
    order = short_id("b", identity, str(incident.entries), way)
    assert remedy.from_mbps is not None  # noqa: S101  # without it nothing is proposed
    before, after = remedy.from_mbps, remedy.to_mbps
    if remedy.reverting:
        before, after = after, before
    ctx.request(
        model.BandwidthNeeded(
            order=order,
            incident=identity,
            connection=remedy.connection,
            from_mbps=before,
            to_mbps=after,
            max_mbps=remedy.max_mbps,
            reverting=remedy.reverting,
            to_words=remedy.had if remedy.reverting else "",
        )
    )
    _put(ctx, identity, remedy, by=by, status=RemedyStatus.APPROVED, order=order)


def _put(
    ctx: StepContext,
    identity: str,
    remedy: model.Remedy,
    *,
    by: str = "",
    news: model.BandwidthNews | None = None,
    **changes: Any,
) -> None:
    """Change an incident's remedy, and put that on the timeline."""
    changes.setdefault("message", "")
    remedy = replace(remedy, **changes)
    if remedy.status in _FINAL and remedy.ended_at is None:
        remedy = replace(remedy, ended_at=ctx.now)
    ctx.put_remedy(identity, remedy)
    unasked = remedy.status is RemedyStatus.APPROVED and not by and not remedy.reverting
    data: dict[str, model.Scalar] = {
        "connection": remedy.connection,
        "from_mbps": remedy.from_mbps,
        "to_mbps": remedy.to_mbps,
        "reverting": remedy.reverting,
    }
    if approve := remedy.approval(identity):
        data["approve"] = approve
    ctx.add_entry(
        identity,
        EntryKind(f"remedy_{remedy.status}"),
        messages.remedy_update(identity, remedy, news),
        by=by,
        notify=remedy.status in _NOTIFIED or unasked or _is_left_changed(remedy),
        **data,
    )


def _is_left_changed(remedy: model.Remedy) -> bool:
    """Return whether a bandwidth that was to be reverted is not."""
    return remedy.reverting and remedy.status is RemedyStatus.UNTOUCHED


def _is_undone(status: RemedyStatus, remedy: model.Remedy) -> bool:
    if remedy.reverting:
        return status in {RemedyStatus.REVERTED, RemedyStatus.UNTOUCHED}
    return status is RemedyStatus.WITHDRAWN


def request_offers(ctx: StepContext, rule: Rule, view: SubjectView, identity: str) -> None:
    """Ask for backup options at once, unless details that are awaited may bring the address."""
    if not rule.alternatives:
        return
    subject = ctx.state.subjects.get(view.key)
    if view.inventory_entry.address:
        ctx.request(
            model.AlternativesNeeded(incident=identity, address=view.inventory_entry.address)
        )
    elif subject is None or subject.asked_at is None:
        _report_no_address(ctx, view, identity)


def request_offers_late(
    ctx: StepContext,
    rule: Rule,
    view: SubjectView,
    identity: str,
    *,
    had: InventoryEntry,
    waited: bool,
) -> None:
    """Ask once the details have brought an address, or report that they have brought none."""
    if not rule.alternatives or had.address:
        return
    if view.inventory_entry.address:
        ctx.request(
            model.AlternativesNeeded(incident=identity, address=view.inventory_entry.address)
        )
    elif waited:
        _report_no_address(ctx, view, identity)


def alternatives_read(ctx: StepContext, event: model.AlternativesRead) -> None:
    """Put the answer on the timeline, even of an incident that is over."""
    incident = ctx.state.incident(event.incident, ctx.now)
    text = messages.offers(event)
    ctx.add_entry(incident.id, model.EntryKind.ALTERNATIVES, text)


def _report_no_address(ctx: StepContext, view: SubjectView, identity: str) -> None:
    ctx.add_entry(identity, model.EntryKind.ALTERNATIVES, messages.no_address(view.name))
