"""What suppresses notifications: silences, maintenance windows, and rules that inhibit others.

Law: suppression holds back notifications, never watching. An incident is suppressed while every
firing alert of it is; an unknown label equals nothing.
"""

from __future__ import annotations

from watcher.engine.context import StepContext
from watcher.engine.rules import matching
from watcher.engine.rules.rule import Rule
from watcher.engine.timers import Timer, TimerKind
from watcher.model import Suppression, SuppressionKind

SILENCED, INHIBITED = "silenced", "inhibited"
_TIMER = Timer(TimerKind.SUPPRESSION, "")


def refresh(ctx: StepContext) -> None:
    """Have all incidents suppressed or released as of now; schedule when that changes."""
    state = ctx.state
    ctx.drop_ended_silences()
    ctx.agenda.recheck_suppression()
    edges = [at for silence in state.silences.values() for at in (silence.begin, silence.end)]
    edges += [window.next_edge(ctx.now) for window in state.ruleset.maintenance]
    due = min((at for at in edges if at is not None and at > ctx.now), default=None)
    if due is None:
        ctx.cancel(_TIMER)
    else:
        ctx.schedule(_TIMER, due)


def reasons(ctx: StepContext, identity: str) -> tuple[Suppression, ...]:
    """Return what suppresses an incident; empty as soon as one of its firing alerts is free."""
    state = ctx.state
    suppressions: dict[Suppression, None] = {}
    for _, subject, name in state.firing(identity):
        rule = state.rules.get(name)
        why = None if rule is None else reason(ctx, rule, subject)
        if why is None:
            return ()
        suppressions[why] = None
    return tuple(sorted(suppressions, key=str))


def flags(reasons: tuple[Suppression, ...]) -> list[str]:
    """Return the kinds of these reasons, as an incident's flags name them."""
    inhibited = [why for why in reasons if why.kind is SuppressionKind.INHIBITION]
    return [INHIBITED] * bool(inhibited) + [SILENCED] * (len(inhibited) < len(reasons))


def reason(ctx: StepContext, rule: Rule, key: str) -> Suppression | None:
    """Return what suppresses one alert; None where nothing does."""
    state, view = ctx.state, ctx.subject_view(key)
    silences = [
        silence
        for silence in state.silences.values()
        if silence.begin <= ctx.now and matching.match_any(silence.sets, rule, view)
    ]
    if silences:
        longest = max(silences, key=lambda silence: (silence.end is None, silence.end or ctx.now))
        return Suppression(
            kind=SuppressionKind.SILENCE,
            name=longest.id,
            by=longest.by,
            comment=longest.comment,
            until=longest.end,
            sooner=longest.until,
        )
    for window in state.ruleset.maintenance:
        if window.is_open(ctx.now) and matching.match(window.matchers, rule, view):
            return Suppression(
                kind=SuppressionKind.MAINTENANCE,
                name=window.name,
                until=window.next_edge(ctx.now),
            )
    for name in rule.inhibited_by:
        if _is_inhibited(ctx, rule, key, name):
            return Suppression(kind=SuppressionKind.INHIBITION, name=name)
    return None


def _is_inhibited(ctx: StepContext, rule: Rule, key: str, by: str) -> bool:
    mine = _values(ctx, rule, key, rule.equal)
    if "" in mine:
        return False
    asked = (by, rule.equal)
    if asked not in ctx.agenda.inhibitors:
        inhibitor = ctx.state.rules[by]
        firing = ctx.state.alert_index.firing_of.get(by, ())
        values = {_values(ctx, inhibitor, subject, rule.equal) for subject in firing}
        ctx.agenda.keep_inhibitors(by, rule.equal, values)
    return mine in ctx.agenda.inhibitors[asked]


def _values(ctx: StepContext, rule: Rule, key: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(matching.value_of(name, rule, ctx.subject_view(key)) for name in names)
