"""What an incident is about, and is called: the alert that leads it, the templates of its rule."""

from __future__ import annotations

from collections import Counter

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.indexes import Extent, Firing
from watcher.engine.rules.rule import ExpressionError, Rule
from watcher.engine.rules.subject_view import SubjectView
from watcher.engine.state import State


def extent(ctx: StepContext, identity: str) -> Extent:
    """Return what an incident's firing alerts come to.

    It is worked out once, until one of them changes: each fact about one subject of a storm would
    look at thousands of alerts otherwise.
    """
    kept = ctx.state.alert_index.extents.get(identity)
    if kept is None:
        kept = _extent(ctx.state, identity)
        ctx.keep(identity, kept)
    return kept


def _extent(state: State, identity: str) -> Extent:
    firing = state.firing(identity)
    members = state.members.get(identity, {})
    first: Firing | None = None
    lead: Firing | None = None
    worst = -1
    for alert in firing:
        _, subject, name = alert
        rule = state.rules.get(name)
        if rule is None:
            continue
        first = first or alert
        # One that only waits to resolve does not hold any more.
        if (rank := rule.severity.rank) > worst and state.alerts[subject][name].due is None:
            lead, worst = alert, rank
    return Extent(
        subjects=len({subject for _, subject, _ in firing}),
        alerts=Counter(name for _, _, name in firing),
        first=first,
        lead=lead,
        sides=_sides(state, identity),
        flapping=any(members[rule, subject].flapping for _, subject, rule in firing),
    )


def _sides(state: State, identity: str) -> frozenset[model.FaultDomain]:
    """Return the likely sides of a storm's alerts; other incidents show that of their lead."""
    incident = state.incidents[identity]
    if incident.accepts_until is None:
        return frozenset()
    traits = state.ruleset.sources[incident.source]
    members = state.members[identity]
    # Most have the same fields, and these are one mapping.
    shown = (members[name, subject].fields for _, subject, name in state.firing(identity))
    return frozenset(
        traits.likely_domain(fields) for fields in {id(it): it for it in shown}.values()
    )


def title_and_summary(
    ctx: StepContext,
    rule: Rule,
    member: model.IncidentAlert,
    view: SubjectView,
    *,
    side: model.FaultDomain | None = None,
) -> tuple[str, str]:
    """Return the title, and a sentence below it; a template that fails is reported.

    `side` is what people were notified of as the likely side; None: what the fields say now.
    """
    value = member.value if member.value is not None else member.to
    words = view.words(
        rule,
        value=value,
        was=member.from_,
        since=member.since,
        direction=member.direction,
        window=member.window,
    )
    if side is not None:
        words |= {"fault_domain": str(side), "side": model.format_side(side)}
    try:
        summary = "" if rule.summary is None else rule.summary(words)
        return rule.title(words), summary
    except ExpressionError as error:
        ctx.add_expression_error(rule, view.key, error)
        return f"{view.name}: {rule.name}", ""
