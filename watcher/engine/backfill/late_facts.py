"""Facts that are learned after they are over: told, and nobody is called.

Law: a late fact opens nothing and resolves nothing. It stands on the timeline of the source's own
incident where that is about the same time, because that is where people look; else it is an
incident of its own, which was over before it was told. Of very many, the rest stand on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from watcher import model
from watcher.engine.changes import short_id
from watcher.engine.context import StepContext
from watcher.engine.incidents import suppression
from watcher.engine.rules import fault_domain
from watcher.engine.rules.rule import Rule
from watcher.engine.state import REOPEN_WITHIN, is_over
from watcher.model import EntryKind, IncidentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What a rule would have fired on, from its first to its last known moment; `text` says what.

    `end` is when it was over; None where nobody knows. `fields` is what the vendor said then, None
    where that is what it says now.
    """

    rule: Rule
    subject: str
    start: datetime
    last: datetime
    end: datetime | None
    text: str
    fields: Mapping[str, model.Scalar] | None = None
    was: str | None = None  # what a transition's field was before
    to: str | None = None  # and what it became


def tell(ctx: StepContext, fact: Fact) -> None:
    """Put a late fact where people will find it."""
    view = ctx.subject_view(fact.subject)
    until = (
        f"to {model.format_time(fact.end)}"
        if fact.end
        else f"at least to {model.format_time(fact.last)}"
    )
    text = f"{view.name}: {fact.text}, {model.format_time(fact.start, ctx.now)} {until}"
    blind = _blind_incident(ctx, view.source, fact) or _gap_incident(ctx, view.source, fact)
    if blind is not None:
        ctx.add_note(blind, EntryKind.LATE, f"meanwhile, {text}", notify=False, once=True)
        return
    many = _one_for_many(ctx, view.source, fact)
    if many is not None:
        ctx.add_note(many, EntryKind.LATE, text, notify=False)
        return
    title = f"{view.name}: {fact.text} (learned late)"
    _write_down(ctx, fact, title, f"learned late: {text}")


def _blind_incident(ctx: StepContext, source: str, fact: Fact) -> str | None:
    """Find the source's own incident of that time, open or just over."""
    state = ctx.state
    for rule, _ in state.rule_index[source].blinds:
        known = state.latest_incident(rule.name, source)
        if known is not None and not is_over(known, ctx.now):
            since = state.members[known.id][rule.name, source].since
            if _is_within(ctx, source, fact, since, known.resolved_at or ctx.now):
                return known.id
    return None


def _gap_incident(ctx: StepContext, source: str, fact: Fact) -> str | None:
    """Write down that nobody watched the source then, which no rule could say before."""
    state = ctx.state
    start, end = state.source_index.gaps.get(source, (ctx.now, ctx.now))
    blinds = state.rule_index[source].blinds
    rules = [rule for rule, condition in blinds if condition.after < end - start]
    if not rules or ctx.now - end > REOPEN_WITHIN:
        return None
    if not _is_within(ctx, source, fact, start, end):
        return None
    gap = Fact(
        rule=rules[0],
        subject=source,
        start=start,
        last=ctx.now,
        end=ctx.now,
        text=f"{source} was not watched",
    )
    span = f"{model.format_time(start, ctx.now)} to {model.format_time(end)}"
    text = f"learned late: nobody saw {source}, {span}"
    return _write_down(ctx, gap, f"{source} was not watched (learned late)", text)


def _one_for_many(ctx: StepContext, source: str, fact: Fact) -> str | None:
    """Find or open what stands for the facts of a rule once they are as many as a storm."""
    state, rule = ctx.state, fact.rule
    known = state.latest_incident(rule.name, source)
    if known is not None and not is_over(known, ctx.now):
        return known.id
    recent = ctx.count_late_fact(rule.name, source)
    if recent <= state.ruleset.storm.incidents:
        return None
    many = Fact(
        rule=rule,
        subject=source,
        start=fact.start,
        last=ctx.now,
        end=ctx.now,
        text="many outages",
    )
    within = model.format_duration(REOPEN_WITHIN)
    text = f"learned late: more than {recent - 1:,} outages within {within}; here are the rest"
    return _write_down(ctx, many, f"{source}: many outages (learned late)", text)


def _is_within(ctx: StepContext, source: str, fact: Fact, start: datetime, end: datetime) -> bool:
    """Whether a fact is about a time in which nobody saw, or the moments before it was noticed."""
    noticed = ctx.state.ruleset.sources[source].blind_after
    return fact.start < end and fact.last > start - noticed


def _write_down(ctx: StepContext, fact: Fact, title: str, text: str) -> str:
    rule, state, view = fact.rule, ctx.state, ctx.subject_view(fact.subject)
    fields = view.fields if fact.fields is None else fact.fields
    domain = view.fault_domain
    if fact.fields is not None:
        domain = fault_domain.likely_domain(view.kind, fields)
    identity = short_id("w", rule.name, fact.subject, "late", fact.start.isoformat())
    held = suppression.reason(ctx, rule, fact.subject)
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
            resolution=model.Resolution.RECOVERED,
            severity=rule.severity,
            title=title,
            opened_at=fact.start,
            resolved_at=fact.end or fact.last,
            fault_domain=domain,
            receivers=rule.notify,
            notify=quiet if held else rule.notify,
            told_at=ctx.now,
            suppressed_by=(held,) if held else (),
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
            fields=fields,
        )
    )
    ctx.add_entry(identity, EntryKind.LATE, text)
    ctx.keep_late_incident(incident)
    return identity
