"""Reports what is learned after it is over, without calling anybody.

Law: a late fact opens nothing and resolves nothing. It stands on the timeline of the source's own
incident where that is about the same time, because that is where people look; else it is an
incident of its own, resolved from the start, or stands on the open incident of the same fault. Of
very many, the rest stand on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from watcher import model
from watcher.engine.changes import short_id
from watcher.engine.context import StepContext
from watcher.engine.incidents import suppression
from watcher.engine.rules.rule import Rule
from watcher.engine.state import REOPEN_WITHIN, is_over
from watcher.model import EntryKind, IncidentStatus


class LateFact(Struct, frozen=True, kw_only=True, gc=False):
    """What a rule would have fired on, from its first to its last known moment; `text` says what.

    `end` is when it was over, None if that is not known. `fields` is what the vendor said then,
    None if that is what it says now.
    """

    rule: Rule
    subject: str
    start: datetime
    last: datetime
    end: datetime | None
    text: str
    resolution: model.Resolution = model.Resolution.RECOVERED
    fields: Mapping[str, model.Scalar] | None = None
    was: str | None = None  # what a transition's field was before
    to: str | None = None  # and what it became


def report(ctx: StepContext, fact: LateFact) -> None:
    """Put a late fact where people will find it."""
    view = ctx.subject_view(fact.subject)
    lasted_until = fact.end or fact.last
    until = f"{'to' if fact.end else 'until at least'} {model.format_time(lasted_until)}"
    text = f"{view.name}: {fact.text}, {model.format_time(fact.start, ctx.now)} {until}"
    incident = (
        _blind_incident(ctx, view.source, fact)
        or _gap_incident(ctx, view.source, fact)
        or _open_incident(ctx, fact)
    )
    if incident is not None:
        ctx.add_note(incident, EntryKind.LATE, f"meanwhile, {text}", notify=False, once=True)
        return
    overflow = _overflow_incident(ctx, view.source, fact)
    if overflow is not None:
        ctx.add_note(overflow, EntryKind.LATE, text, notify=False)
        return
    title = f"{view.name}: {fact.text} (reported late)"
    _add_resolved_incident(ctx, fact, title, f"reported late: {text}")


def _blind_incident(ctx: StepContext, source: str, fact: LateFact) -> str | None:
    """Return the source's own incident of that time, open or just over."""
    state = ctx.state
    for rule, _ in state.rule_index[source].blinds:
        incident = state.latest_incident(rule.about, source)
        if incident is not None and not is_over(incident, ctx.now):
            since = state.members[incident.id][rule.name, source].since
            if _is_within(ctx, source, fact, since, incident.resolved_at or ctx.now):
                return incident.id
    return None


def _gap_incident(ctx: StepContext, source: str, fact: LateFact) -> str | None:
    """Open an incident about the gap in which nobody watched: no rule could report it before."""
    state = ctx.state
    start, end = state.source_index.gaps.get(source, (ctx.now, ctx.now))
    blinds = state.rule_index[source].blinds
    rules = [rule for rule, condition in blinds if condition.after < end - start]
    if not rules or ctx.now - end > REOPEN_WITHIN:
        return None
    if not _is_within(ctx, source, fact, start, end):
        return None
    gap = LateFact(
        rule=rules[0],
        subject=source,
        start=start,
        last=ctx.now,
        end=ctx.now,
        text=f"{source} was not monitored",
    )
    span = f"{model.format_time(start, ctx.now)} to {model.format_time(end)}"
    text = f"reported late: {source} was not monitored, {span}"
    return _add_resolved_incident(ctx, gap, f"{source} was not monitored (reported late)", text)


def _open_incident(ctx: StepContext, fact: LateFact) -> str | None:
    """Return the incident in which another face of the same fault fires on the subject."""
    firing = ctx.state.siblings(fact.rule, fact.subject, model.AlertState.FIRING)
    return next((alert.incident for alert in firing if alert.incident), None)


def _overflow_incident(ctx: StepContext, source: str, fact: LateFact) -> str | None:
    """Return the one incident for all facts of a rule once they are as many as a storm."""
    state, rule = ctx.state, fact.rule
    incident = state.latest_incident(rule.about, source)
    if incident is not None and not is_over(incident, ctx.now):
        return incident.id
    recent = ctx.count_late_fact(rule.name, source)
    if recent <= state.ruleset.storm.incidents:
        return None
    overflow = LateFact(
        rule=rule,
        subject=source,
        start=fact.start,
        last=ctx.now,
        end=ctx.now,
        text="many outages",
    )
    within = model.format_duration(REOPEN_WITHIN)
    text = (
        f"reported late: more than {recent - 1:,} outages within {within}; the rest are listed here"
    )
    return _add_resolved_incident(ctx, overflow, f"{source}: many outages (reported late)", text)


def _is_within(
    ctx: StepContext, source: str, fact: LateFact, start: datetime, end: datetime
) -> bool:
    """Return whether a fact is of a time without sight, or of just before that was noticed."""
    blind_after = ctx.state.ruleset.sources[source].blind_after
    return fact.start < end and fact.last > start - blind_after


def _add_resolved_incident(ctx: StepContext, fact: LateFact, title: str, text: str) -> str:
    rule, state, view = fact.rule, ctx.state, ctx.subject_view(fact.subject)
    fields = view.fields if fact.fields is None else fact.fields
    domain = view.fault_domain
    if fact.fields is not None:
        domain = view.traits.likely_domain(fields)
    start, now = fact.start.isoformat(), ctx.now.isoformat()
    # With `now`: should a fact be reported again, a second message is better than no daemon.
    identity = short_id("w", rule.name, fact.subject, "late", start, now)
    over = fact.end or fact.last
    suppressed_by = suppression.planned_then(
        ctx, rule, fact.subject, fact.start, over
    ) or suppression.reason(ctx, rule, fact.subject)
    quiet = tuple(name for name in rule.notify if name in state.ruleset.quiet)
    incident = ctx.put_incident(
        model.Incident(
            id=identity,
            version=1,
            entries=0,
            rule=rule.name,
            source=view.source,
            group=fact.subject,
            status=IncidentStatus.RESOLVED,
            resolution=fact.resolution,
            severity=rule.severity,
            title=title,
            opened_at=fact.start,
            resolved_at=over,
            fault=rule.about,
            began_at=fact.start,
            ended_at=over,
            fault_domain=domain,
            receivers=rule.notify,
            notify=quiet if suppressed_by else rule.notify,
            told_at=ctx.now,
            suppressed_by=(str(suppressed_by),) if suppressed_by else (),
            planned=suppressed_by.planned if suppressed_by else None,
        )
    )
    ctx.put_member(
        model.IncidentAlert(
            incident=identity,
            subject=fact.subject,
            rule=rule.name,
            name=view.name,
            labels=view.labels,
            state=model.AlertState.RESOLVED,
            from_=fact.was,
            to=fact.to,
            since=fact.start,
            until=over,
            fields=fields,
        )
    )
    ctx.add_entry(identity, EntryKind.LATE, text)
    ctx.keep_late_incident(incident)
    return identity
