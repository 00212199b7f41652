"""Facts that are learned after they are over: told, and nobody is called.

Law: a late fact opens nothing and resolves nothing. It stands on the timeline of the source's own
incident where that is about the same time, because that is where people look; else it is an
incident of its own, which was over before it was told. Of very many, the rest stand on one.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from watcher import model
from watcher.engine.context import Turn, short_id
from watcher.engine.incidents import suppression
from watcher.engine.rules import fault_domain
from watcher.engine.rules.rule import Rule
from watcher.engine.rules.subject_view import stamp
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


def tell(turn: Turn, fact: Fact) -> None:
    """Put a late fact where people will find it."""
    scene = turn.scene(fact.subject)
    until = f"to {stamp(fact.end)}" if fact.end else f"at least to {stamp(fact.last)}"
    text = f"{scene.name}: {fact.text}, {stamp(fact.start, turn.now)} {until}"
    blind = _blind_incident(turn, scene.source, fact) or _gap_incident(turn, scene.source, fact)
    if blind is not None:
        turn.note(blind, EntryKind.LATE, f"meanwhile, {text}", notify=False, once=True)
        return
    many = _one_for_many(turn, scene.source, fact)
    if many is not None:
        turn.note(many, EntryKind.LATE, text, notify=False)
        return
    title = f"{scene.name}: {fact.text} (learned late)"
    _write_down(turn, fact, title, f"learned late: {text}")


def _blind_incident(turn: Turn, source: str, fact: Fact) -> str | None:
    """Find the source's own incident of that time, open or just over."""
    state = turn.state
    for rule, _ in state.plans[source].blinds:
        known = state.incidents.get(state.latest.get((rule.name, source), ""))
        if known is not None and not is_over(known, turn.now):
            since = state.members[known.id][rule.name, source].since
            if _is_within(turn, source, fact, since, known.resolved_at or turn.now):
                return known.id
    return None


def _gap_incident(turn: Turn, source: str, fact: Fact) -> str | None:
    """Write down that nobody watched the source then, which no rule could say before."""
    state = turn.state
    start, end = state.gaps.get(source, (turn.now, turn.now))
    blinds = state.plans[source].blinds
    rules = [rule for rule, condition in blinds if condition.after < end - start]
    if not rules or turn.now - end > REOPEN_WITHIN:
        return None
    if not _is_within(turn, source, fact, start, end):
        return None
    gap = Fact(
        rule=rules[0],
        subject=source,
        start=start,
        last=turn.now,
        end=turn.now,
        text=f"{source} was not watched",
    )
    text = f"learned late: nobody saw {source}, {stamp(start, turn.now)} to {stamp(end)}"
    return _write_down(turn, gap, f"{source} was not watched (learned late)", text)


def _one_for_many(turn: Turn, source: str, fact: Fact) -> str | None:
    """Find or open what stands for the facts of a rule once they are as many as a storm."""
    state, rule = turn.state, fact.rule
    known = state.incidents.get(state.latest.get((rule.name, source), ""))
    if known is not None and not is_over(known, turn.now):
        return known.id
    recent = state.late.setdefault((rule.name, source), deque())
    while recent and recent[0] <= turn.now - REOPEN_WITHIN:
        recent.popleft()
    recent.append(turn.now)
    if len(recent) <= state.ruleset.storm.incidents:
        return None
    many = Fact(
        rule=rule,
        subject=source,
        start=fact.start,
        last=turn.now,
        end=turn.now,
        text="many outages",
    )
    within = model.format_duration(REOPEN_WITHIN)
    text = f"learned late: more than {len(recent) - 1:,} outages within {within}; here are the rest"
    return _write_down(turn, many, f"{source}: many outages (learned late)", text)


def _is_within(turn: Turn, source: str, fact: Fact, start: datetime, end: datetime) -> bool:
    """Whether a fact is about a time in which nobody saw, or the moments before it was noticed."""
    noticed = turn.state.ruleset.sources[source].blind_after
    return fact.start < end and fact.last > start - noticed


def _write_down(turn: Turn, fact: Fact, title: str, text: str) -> str:
    rule, state, scene = fact.rule, turn.state, turn.scene(fact.subject)
    fields = scene.fields if fact.fields is None else fact.fields
    domain = scene.fault_domain
    if fact.fields is not None:
        domain = fault_domain.likely_domain(scene.kind, fields)
    identity = short_id("w", rule.name, fact.subject, "late", fact.start.isoformat())
    held = suppression.reason(turn, rule, fact.subject)
    quiet = tuple(name for name in rule.notify if name in state.ruleset.quiet)
    incident = turn.keep_incident(
        model.Incident(
            id=identity,
            version=1,
            entries=0,
            rule=rule.name,
            source=scene.source,
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
            told_at=turn.now,
            suppressed_by=(held,) if held else (),
        )
    )
    turn.keep_member(
        model.IncidentAlert(
            incident=identity,
            subject=fact.subject,
            rule=rule.name,
            name=scene.name,
            labels=scene.labels,
            state=model.AlertState.RESOLVED,
            from_=fact.was,
            to=fact.to,
            since=fact.start,
            fields=fields,
        )
    )
    turn.write(identity, EntryKind.LATE, text)
    if is_over(incident, turn.now):  # nothing can happen to it any more
        del state.incidents[identity]
        del state.members[identity]
    else:
        _keep(turn, incident)
    return identity


def _keep(turn: Turn, incident: model.Incident) -> None:
    """Let what fires again soon after reopen it, as it does after a restart."""
    state, key = turn.state, (incident.rule, incident.group)
    other = state.incidents.get(state.latest.get(key, ""))
    if other is None or (other.opened_at, other.id) < (incident.opened_at, incident.id):
        state.latest[key] = incident.id
    if incident.resolved_at is not None:
        insort(state.resolved, (incident.resolved_at, incident.id))
