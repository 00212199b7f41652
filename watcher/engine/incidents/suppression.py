"""What suppresses notifications: silences, maintenance windows, and rules that inhibit others.

Law: suppression holds back notifications, never watching. An incident is suppressed while every
firing alert of it is; an unknown label equals nothing.
"""

from __future__ import annotations

from watcher.engine.context import StepContext
from watcher.engine.rules import matching
from watcher.engine.rules.rule import Maintenance, Rule, WindowAction
from watcher.engine.timers import Timer, TimerKind
from watcher.model import Suppression, SuppressionKind

SILENCED, INHIBITED, MAINTENANCE = "silenced", "inhibited", "maintenance"
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
        if window.action is not WindowAction.RUN and _holds(ctx, window, rule, key):
            return Suppression(
                kind=SuppressionKind.MAINTENANCE,
                name=window.name,
                until=window.next_edge(ctx.now),
            )
    for name in rule.inhibited_by:
        if _is_inhibited(ctx, rule, key, name):
            return Suppression(kind=SuppressionKind.INHIBITION, name=name)
    return None


def is_skipped(ctx: StepContext, rule: Rule, key: str) -> bool:
    """Return whether a rule is not judged on a subject now, because of maintenance."""
    return any(
        window.action is WindowAction.SKIP and _holds(ctx, window, rule, key)
        for window in ctx.state.ruleset.maintenance
    )


def is_marked(ctx: StepContext, identity: str) -> bool:
    """Return whether an incident is under maintenance that holds nothing back."""
    return any(
        matching.match(window.matchers, rule, ctx.subject_view(subject))
        for window in ctx.state.ruleset.maintenance
        if window.action is WindowAction.RUN and window.is_open(ctx.now)
        for _, subject, name in ctx.state.firing(identity)
        if (rule := ctx.state.rules.get(name)) is not None
    )


def edge(ctx: StepContext) -> None:
    """Refresh; have the next poll judge again what was not judged, or is not from now on."""
    refresh(ctx)
    for window in ctx.state.ruleset.maintenance:
        if window.action is not WindowAction.SKIP:
            continue
        # By what needs no view of 100,000 subjects; one evaluation too many changes nothing.
        of_key = [matcher for matcher in window.matchers if matcher.name == "subject"]
        of_source = [matcher for matcher in window.matchers if matcher.name == "source"]
        for key, subject in ctx.state.subjects.items():
            if all(matching.fits(matcher, key) for matcher in of_key) and all(
                matching.fits(matcher, subject.source) for matcher in of_source
            ):
                ctx.add_recheck(subject.source, key)


def _holds(ctx: StepContext, window: Maintenance, rule: Rule, key: str) -> bool:
    return window.is_open(ctx.now) and matching.match(window.matchers, rule, ctx.subject_view(key))


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
