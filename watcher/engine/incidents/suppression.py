"""What suppresses notifications: silences, maintenance, planned works, rules that inhibit others.

Law: suppression holds back notifications, never watching. An incident is suppressed while every
firing alert of it is; an unknown label equals nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.rules import matching, works
from watcher.engine.rules.rule import Blind, Maintenance, NoData, Rule, WindowAction
from watcher.engine.state import State
from watcher.engine.timers import Timer, TimerKind
from watcher.model import Planned, Suppression, SuppressionKind, WorkImpact

SILENCED, INHIBITED, MAINTENANCE, PLANNED = "silenced", "inhibited", "maintenance", "planned"
_VANISHED = 2  # polls in a row without a subject
_TIMER = Timer(TimerKind.SUPPRESSION, "")


def refresh(ctx: StepContext) -> None:
    """Have all incidents suppressed or released as of now; schedule when that changes."""
    state = ctx.state
    ctx.drop_ended_silences()
    ctx.agenda.recheck_suppression()
    edges = [at for silence in state.silences.values() for at in (silence.begin, silence.end)]
    edges += [window.next_edge(ctx.now) for window in state.ruleset.maintenance]
    edges += state.works_index.edges(state.ruleset.works.grace)
    due = min((at for at in edges if at is not None and at > ctx.now), default=None)
    if due is None:
        ctx.cancel(_TIMER)
    else:
        ctx.schedule(_TIMER, due)


def reasons(ctx: StepContext, identity: str) -> tuple[Suppression, ...]:
    """Return what suppresses an incident; empty as soon as one of its firing alerts is free.

    What suppresses an alert is kept until it, its subject or a suppression changes: each fact about
    one subject of a storm would have thousands looked at. What inhibits it is asked for each time,
    as that changes with the alerts of other subjects.
    """
    firing, kept = ctx.state.firing(identity), ctx.state.alert_index.suppressed.get(identity)
    if not firing or (kept is None and _reason(ctx, *firing[0][1:]) is None):
        return ()
    unclear = kept.unclear if kept else {(subject, name): None for _, subject, name in firing}
    by_alert: dict[tuple[str, str], Suppression] = {}
    for subject, name in unclear:
        why = _reason(ctx, subject, name)
        if why is None:
            break
        by_alert[subject, name] = why
    is_free, suppressions = len(by_alert) < len(unclear), set(by_alert.values())
    lasting = {
        alert: why for alert, why in by_alert.items() if why.kind is not SuppressionKind.INHIBITION
    }
    suppressions |= kept.counts.keys() if kept else set()
    if lasting:
        ctx.keep(identity, lasting)
    return () if is_free else tuple(sorted(suppressions, key=lambda why: (str(why), repr(why))))


def _reason(ctx: StepContext, subject: str, name: str) -> Suppression | None:
    rule = ctx.state.rules.get(name)
    return None if rule is None else reason(ctx, rule, subject)


def flags(reasons: tuple[Suppression, ...]) -> list[str]:
    """Return the kinds of these reasons, as an incident's flags name them."""
    kinds = {why.kind for why in reasons}
    silenced = kinds - {SuppressionKind.INHIBITION, SuppressionKind.PLANNED}
    return [
        *([INHIBITED] * (SuppressionKind.INHIBITION in kinds)),
        *([PLANNED] * (SuppressionKind.PLANNED in kinds)),
        *([SILENCED] * bool(silenced)),
    ]


def planned_by(reasons: tuple[Suppression, ...]) -> Planned | None:
    """Return the planned works among these reasons, of several those that end last."""
    planned = [why.planned for why in reasons if why.planned is not None]
    return max(planned, key=lambda excuse: (excuse.end, excuse.key), default=None)


def reason(ctx: StepContext, rule: Rule, key: str) -> Suppression | None:
    """Return what suppresses one alert; None where nothing does."""
    state, view = ctx.state, ctx.subject_view(key)
    excuse = _planned(ctx, rule, key)
    if excuse is not None:
        return excuse
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


def announce(why: Sequence[str], planned: Planned | None, now: datetime) -> str:
    """Return how the timeline says that notifications are suppressed."""
    if planned is not None and len(why) == 1:
        name = model.format_planned(planned, now).removeprefix("planned ")
        return f"planned by {name}: nobody is called"
    return f"notifications suppressed: {', '.join(why)}"


def remark(ctx: StepContext, rule: Rule, key: str, fault: works.Fault) -> str:
    """Return why announced works do not excuse a fault that fires now; empty where none could."""
    if not _may_be_planned(ctx, rule, key):
        return ""
    state, view = ctx.state, ctx.subject_view(key)
    index, policy = state.works_index, state.ruleset.works
    fault = replace(fault, is_down=_is_loss(rule))
    planned = works.announced(index, view, policy, ctx.now)
    if planned is None or works.find(index, view, fault, policy, ctx.now) is not None:
        return ""
    return works.remark(view, fault, planned)


def planned_then(
    ctx: StepContext, rule: Rule, key: str, start: datetime, end: datetime
) -> Suppression | None:
    """Return the works that announced an outage which is learned of after it was over."""
    if not _may_be_planned(ctx, rule, key):
        return None
    policy, view = ctx.state.ruleset.works, ctx.subject_view(key)
    fault = works.Fault(began_at=start, fired_at=start, is_down=_is_loss(rule))
    planned = works.find(ctx.state.works_index, view, fault, policy, start)
    if planned is None or planned.impact is not WorkImpact.OUTAGE:
        return None  # nobody knows how bad it was in between
    return None if end >= planned.end + policy.grace else _suppression(ctx, planned)


def why_not_planned(ctx: StepContext, identity: str, planned: Planned) -> str:
    """Return why an incident that was planned is not any more."""
    state = ctx.state
    policy, work = state.ruleset.works, state.works_index.about(planned)
    for _, key, name in state.firing(identity):
        rule = state.rules.get(name)
        if rule is None or _planned(ctx, rule, key) is not None:
            continue
        if not _may_be_planned(ctx, rule, key):
            break
        view = ctx.subject_view(key)
        fault = _fault(ctx, rule, key) or works.Fault(
            began_at=ctx.now, fired_at=ctx.now, is_down=_is_loss(rule)
        )
        return works.why_over(work, planned, view, fault, policy, ctx.now)
    return f"not all of it belongs to {works.name_of(planned)}"


def _may_be_planned(ctx: StepContext, rule: Rule, key: str) -> bool:
    """Return whether works can be about an alert: not about a source that cannot be seen."""
    if isinstance(rule.condition, Blind) or not ctx.state.works:
        return False
    return key in ctx.state.subjects


def _planned(ctx: StepContext, rule: Rule, key: str) -> Suppression | None:
    if not _may_be_planned(ctx, rule, key):
        return None
    fault = _fault(ctx, rule, key)
    if fault is None:
        return None
    policy, view = ctx.state.ruleset.works, ctx.subject_view(key)
    planned = works.find(ctx.state.works_index, view, fault, policy, ctx.now)
    return None if planned is None else _suppression(ctx, planned)


def _suppression(ctx: StepContext, planned: Planned) -> Suppression:
    return Suppression(
        kind=SuppressionKind.PLANNED,
        name=planned.id,
        by=planned.provider,
        until=planned.end + ctx.state.ruleset.works.grace,
        planned=planned,
    )


def begin_of_fault(state: State, member: model.IncidentAlert) -> datetime:
    """Return since when the subject of an incident's alert has not been well.

    What other alerts of the incident showed until this one took over is the same fault. An alert
    that fires again replaces what it was before, so each keeps the begin that it found.
    """
    began = member.unwell_since or member.since
    members = state.members.get(member.incident)  # of a storm thousands, so not all are read
    if not members:
        return began
    subject = member.subject
    others = [members[name, subject] for name in state.rules if (name, subject) in members]
    for other in sorted(others, key=lambda other: other.since, reverse=True):
        if other.since < began and (other.until is None or other.until >= began):
            began = other.unwell_since or other.since
    return began


def _fault(ctx: StepContext, rule: Rule, key: str) -> works.Fault | None:
    """Return since when an alert has been firing, and the fault of its subject has lasted."""
    alert = ctx.state.alert(key, rule.name)
    member = None if alert is None else ctx.state.member_of(alert)
    if alert is None or member is None:
        return None
    subject = ctx.state.subjects.get(key)
    is_listed = (
        subject is not None and subject.missed < _VANISHED
    )  # else nobody knows that it is well
    return works.Fault(
        began_at=begin_of_fault(ctx.state, member),
        fired_at=alert.since,
        until=member.until if is_listed else None,
        is_down=_is_loss(rule),
    )


def _is_loss(rule: Rule) -> bool:
    """Return whether a rule finds a total loss: where nothing is measured, nothing is carried."""
    return isinstance(rule.condition, NoData)


def is_skipped(ctx: StepContext, rule: Rule, key: str) -> bool:
    """Return whether a rule is not judged on a subject now, because of maintenance."""
    windows = ctx.state.ruleset.maintenance
    return bool(windows) and any(
        window.action is WindowAction.SKIP and _holds(ctx, window, rule, key) for window in windows
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
