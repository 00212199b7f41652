"""What suppresses notifications: silences, maintenance windows, and rules that inhibit others.

Law: suppression holds back notifications, never watching. An incident is suppressed while every
firing alert of it is; an unknown label equals nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.rules.rule import Rule
from watcher.engine.rules.subject_view import SubjectView
from watcher.engine.state import IllegalCommand
from watcher.engine.timers import Timer, TimerKind
from watcher.model import Matcher

SILENCED, INHIBITED = "silenced", "inhibited"
_INHIBITED_BY = "inhibited by "
_TIMER = Timer(TimerKind.SUPPRESSION, "")


def add_silence(ctx: StepContext, event: model.Silenced) -> None:
    """Add a silence. Raises IllegalCommand where it could never match or hold."""
    silence = event.silence
    if not silence.matchers:
        raise IllegalCommand("a silence needs at least one matcher, as in rule=NAME")
    for matcher in silence.matchers:
        if matcher.name not in NAMES and not matcher.name.startswith(LABELS):
            names = ", ".join(NAMES)
            raise IllegalCommand(f"{matcher}: expected {names} or labels.NAME before the sign")
    if silence.end <= max(ctx.now, silence.begin):
        raise IllegalCommand("the silence would end before it begins")
    ctx.put_silence(silence)
    refresh(ctx)


def end_silence(ctx: StepContext, event: model.Unsilenced) -> None:
    """End a silence before its time. Raises IllegalCommand where none is active."""
    silence = ctx.state.silences.get(event.silence)
    if silence is None:
        raise IllegalCommand(f"there is no active silence {event.silence!r}")
    ctx.put_silence(_end(silence, ctx))
    refresh(ctx)


def refresh(ctx: StepContext) -> None:
    """Have all incidents suppressed or released as of now; schedule when that changes."""
    state = ctx.state
    ctx.drop_ended_silences()
    ctx.agenda.recheck_suppression()
    ahead = [at for silence in state.silences.values() for at in (silence.begin, silence.end)]
    edges = (window.next_edge(ctx.now) for window in state.ruleset.maintenance)
    ahead += [at for at in edges if at is not None]
    due = min((at for at in ahead if at > ctx.now), default=None)
    if due is None:
        ctx.cancel(_TIMER)
    else:
        ctx.schedule(_TIMER, due)


def reasons(ctx: StepContext, identity: str) -> tuple[str, ...]:
    """Return what suppresses an incident; empty as soon as one of its firing alerts is free."""
    state = ctx.state
    suppressed_by: dict[str, None] = {}
    for _, subject, name in state.firing(identity):
        rule = state.rules.get(name)
        why = None if rule is None else reason(ctx, rule, subject)
        if why is None:
            return ()
        suppressed_by[why] = None
    return tuple(sorted(suppressed_by))


def flags(reasons: tuple[str, ...]) -> list[str]:
    """Return the kinds of these reasons, as an incident's flags name them."""
    inhibited = [why for why in reasons if why.startswith(_INHIBITED_BY)]
    return [INHIBITED] * bool(inhibited) + [SILENCED] * (len(inhibited) < len(reasons))


def reason(ctx: StepContext, rule: Rule, key: str) -> str | None:
    """Return what suppresses one alert; None where nothing does."""
    state = ctx.state
    for silence in state.silences.values():
        if silence.begin <= ctx.now and match(silence.matchers, rule, ctx.subject_view(key)):
            comment = f": {silence.comment}" if silence.comment else ""
            return f"silence {silence.id} by {silence.by}{comment}"
    for window in state.ruleset.maintenance:
        if window.is_open(ctx.now) and match(window.matchers, rule, ctx.subject_view(key)):
            return f"maintenance {window.name}"
    for name in rule.inhibited_by:
        if _is_inhibited(ctx, rule, key, name):
            return _INHIBITED_BY + name
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
    return tuple(value_of(name, rule, ctx.subject_view(key)) for name in names)


def _end(silence: model.Silence, ctx: StepContext) -> model.Silence:
    return model.Silence(
        id=silence.id,
        matchers=silence.matchers,
        begin=min(silence.begin, ctx.now),
        end=ctx.now,
        by=silence.by,
        comment=silence.comment,
    )


NAMES = ("rule", "subject", "source", "severity")
LABELS = "labels."


def match(matchers: Iterable[Matcher], rule: Rule, view: SubjectView) -> bool:
    """Return whether all matchers match an alert; a missing label has the value ""."""
    return all(
        _matches_pattern(value_of(matcher.name, rule, view), matcher.value) is not matcher.negative
        for matcher in matchers
    )


def value_of(name: str, rule: Rule, view: SubjectView) -> str:
    """Return what an alert has under a matcher's name."""
    if name.startswith(LABELS):
        return view.labels.get(name.removeprefix(LABELS), "")
    match name:
        case "rule":
            return rule.name
        case "subject":
            return view.key
        case "source":
            return view.source
        case "severity":
            return str(rule.severity)
        case _:
            return ""


def _matches_pattern(text: str, pattern: str) -> bool:
    """Return whether text matches a pattern in which `*` stands for any text."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in middle:
        start = text.find(part, place, max(place, end))
        if start < 0:
            return False
        place = start + len(part)
    return place <= end
