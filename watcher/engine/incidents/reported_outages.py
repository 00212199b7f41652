"""What people know of a subject's outages, so that none is told twice.

Law: an outage is known where an alert fired, for as long as somebody could see it, and where it was
told late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.rules.index import RECORDED
from watcher.engine.rules.intervals import Outage
from watcher.engine.rules.rule import Rule, Transition
from watcher.model import AlertState

SKEW = timedelta(minutes=2)  # between the vendor's clock and ours
MOST = 100  # stretches that a subject remembers
_LASTING = (AlertState.FIRING, AlertState.RESOLVED)  # resolved by hand, and still so


def record_end(ctx: StepContext, alert: model.Alert, since: datetime) -> None:
    """Note that an alert has fired from `since` until now."""
    subject = _subject_with_record(ctx, alert)
    if subject is None:
        return
    begun = _open_outage(subject, alert.rule)
    start = since if begun is None else begun.start
    told = [each for each in subject.told if each != begun]
    if start < ctx.now:
        seen = begun is None and alert.state is AlertState.FIRING
        told.append(model.ReportedOutage(rule=alert.rule, start=start, end=ctx.now, seen=seen))
    if told != [*subject.told]:
        ctx.put_subject(replace(subject, told=tuple(told[-MOST:])))


def split_at_gap(ctx: StepContext, source: str, gap: datetime) -> None:
    """Note what is known to have fired before a gap, and that its alert is seen again from now."""
    for alert in list(ctx.state.alerts_of(source)):
        subject = _subject_with_record(ctx, alert)
        if subject is None or alert.state not in _LASTING:
            continue
        fired, begun = _firing_outage(ctx, subject, alert), _open_outage(subject, alert.rule)
        told = [each for each in subject.told if each != begun]
        if fired.start <= gap:
            told.append(replace(fired, end=gap))
        told.append(model.ReportedOutage(rule=alert.rule, start=ctx.now))
        ctx.put_subject(replace(subject, told=tuple(told[-MOST:])))


def of_rule(ctx: StepContext, subject: model.Subject, rule: Rule) -> list[model.ReportedOutage]:
    """Give what is known of one rule; what fires now has no end while its source is seen."""
    known = [each for each in subject.told if each.rule == rule.name and each.end is not None]
    alert = ctx.state.alert(subject.key, rule.name)
    if alert is not None and alert.state in _LASTING:
        fired = _firing_outage(ctx, subject, alert)
        unseen = ctx.state.health[subject.source].failing_since
        known.append(fired if unseen is None else replace(fired, end=max(fired.start, unseen)))
    return known


def is_open(ctx: StepContext, subject: model.Subject, rule: Rule, piece: Outage) -> bool:
    """Whether a pending alert may still tell of it, or a firing one that nobody sees now."""
    alert = ctx.state.alert(subject.key, rule.name)
    since: datetime | None = None
    if alert is not None and alert.state is AlertState.PENDING:
        since = alert.since
    elif alert is not None and alert.state in _LASTING:
        since = ctx.state.health[subject.source].failing_since
    return since is not None and (piece.lasts or since < piece.end)


def claimed(
    pieces: Sequence[Outage],
    known: Sequence[model.ReportedOutage],
    inside: Sequence[Outage],
    event: model.HistoryRead,
) -> list[Outage]:
    """Find the pieces that people know of although the clocks differ.

    A poll said so at the beginning of what was told of live: where nothing that is `inside` covers
    that, the nearest piece was meant.
    """
    found: list[Outage] = []
    for told in known:
        answered = told.seen and event.start <= told.start < event.end
        if not answered or any(overlap(piece, told) for piece in inside):
            continue
        near = [piece for piece in pieces if piece not in found and _apart(piece, told) <= SKEW]
        found += sorted(near, key=lambda piece: _apart(piece, told))[:1]
    return found


def overlap(piece: Outage, told: model.ReportedOutage) -> bool:
    """Whether they have a moment in common, if only the one in which an alert fired."""
    begins = told.end is None or piece.start < told.end or piece.start <= told.start
    return begins and (piece.lasts or told.start < piece.end)


def _apart(piece: Outage, told: model.ReportedOutage) -> timedelta:
    after = timedelta(0) if told.end is None else piece.start - told.end
    return max(after, told.start - piece.end)


def _subject_with_record(ctx: StepContext, alert: model.Alert) -> model.Subject | None:
    """Give an alert's subject where the vendor's record tells of what the alert is about."""
    subject, rule = ctx.state.subjects.get(alert.subject), ctx.state.rules.get(alert.rule)
    if subject is None or rule is None or ctx.state.backfill(subject.source) is None:
        return None
    condition = rule.condition
    return subject if isinstance(condition, Transition) and condition.field == RECORDED else None


def _open_outage(subject: model.Subject, rule: str) -> model.ReportedOutage | None:
    """Find the stretch that began when a firing alert was seen again."""
    return next((each for each in subject.told if each.rule == rule and each.end is None), None)


def _firing_outage(
    ctx: StepContext, subject: model.Subject, alert: model.Alert
) -> model.ReportedOutage:
    """Say since when an alert is seen to fire."""
    begun = _open_outage(subject, alert.rule)
    if begun is not None:
        return begun
    if alert.incident is None:
        return model.ReportedOutage(rule=alert.rule, start=alert.since)
    member = ctx.state.members[alert.incident][alert.key]
    return model.ReportedOutage(rule=alert.rule, start=member.since, seen=True)
