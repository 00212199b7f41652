"""What has been reported of a subject's outages, so that none is reported twice.

An outage counts as reported where an alert fired, for as long as the source was seen, and where it
was reported late. What samples have shown counts by their own times: once a clock that was behind
is right again, they arrive as if they were new.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.rules.index import RECORDED
from watcher.engine.rules.intervals import Outage
from watcher.engine.rules.rule import Rule, Threshold, Transition
from watcher.model import AlertState

SKEW = timedelta(minutes=2)  # between the vendor's clock and ours
KEPT = timedelta(days=8)  # a clock that is set back by no more makes nothing reported again
MOST = 100  # outages that a subject remembers
_LASTING = (AlertState.FIRING, AlertState.RESOLVED)  # resolved by hand, and still so


def record_end(ctx: StepContext, alert: model.Alert, since: datetime) -> None:
    """Note that an alert has fired from `since` until now."""
    _record_measured_end(ctx, alert)
    subject = _subject_with_record(ctx, alert)
    if subject is None:
        return
    open_outage = _open_outage(subject, alert.rule)
    start = since if open_outage is None else open_outage.start
    reported = [outage for outage in subject.told if outage != open_outage]
    if start < ctx.now:
        seen = open_outage is None and alert.state is AlertState.FIRING
        reported.append(model.ReportedOutage(rule=alert.rule, start=start, end=ctx.now, seen=seen))
    if reported != [*subject.told]:
        ctx.put_subject(replace(subject, told=tuple(reported[-MOST:])))


def _record_measured_end(ctx: StepContext, alert: model.Alert) -> None:
    """Note from when to when the samples of a threshold's alert have passed its limit."""
    rule = ctx.state.rules.get(alert.rule)
    if rule is None or not isinstance(rule.condition, Threshold):
        return
    member = ctx.state.member_of(alert) if alert.state is AlertState.FIRING else None
    if member is None:
        return
    end = member.until or ctx.state.samples.latest(alert.subject, rule.condition.metric)
    if end is not None:
        record_measured(ctx, rule, alert.subject, member.since, end)


def record_measured(ctx: StepContext, rule: Rule, key: str, start: datetime, end: datetime) -> None:
    """Note that it was reported what a subject's samples have shown.

    What ended before it began has ended for a wrong clock alone: its end is yet to be reported.
    """
    subject = ctx.state.subjects.get(key)
    if subject is None or end < start:
        return
    recent = [outage for outage in subject.told if outage.end is None or outage.end >= end - KEPT]
    recent.append(model.ReportedOutage(rule=rule.name, start=start, end=end))
    ctx.put_subject(replace(subject, told=tuple(recent[-MOST:])))


def is_reported(ctx: StepContext, rule: Rule, key: str, start: datetime, last: datetime) -> bool:
    """Return whether a breach, from its first to its last sample, was reported already."""
    subject = ctx.state.subjects.get(key)
    return subject is not None and any(
        outage.rule == rule.name
        and outage.end is not None
        and outage.start <= last
        and (start < outage.end or start <= outage.start)
        for outage in subject.told
    )


def split_at_gap(ctx: StepContext, source: str, gap: datetime) -> None:
    """Note what had fired before a gap, and that its alert is seen again from now on."""
    for alert in list(ctx.state.alerts_of(source)):
        subject = _subject_with_record(ctx, alert)
        if subject is None or alert.state not in _LASTING:
            continue
        fired, open_outage = _firing_outage(ctx, subject, alert), _open_outage(subject, alert.rule)
        reported = [outage for outage in subject.told if outage != open_outage]
        if fired.start <= gap:
            reported.append(replace(fired, end=gap))
        reported.append(model.ReportedOutage(rule=alert.rule, start=ctx.now))
        ctx.put_subject(replace(subject, told=tuple(reported[-MOST:])))


def of_rule(ctx: StepContext, subject: model.Subject, rule: Rule) -> list[model.ReportedOutage]:
    """Return what one rule has reported; what fires now has no end while its source is seen."""
    reported = [
        outage for outage in subject.told if outage.rule == rule.name and outage.end is not None
    ]
    alert = ctx.state.alert(subject.key, rule.name)
    if alert is not None and alert.state in _LASTING:
        fired = _firing_outage(ctx, subject, alert)
        unseen = ctx.state.health[subject.source].failing_since
        reported.append(fired if unseen is None else replace(fired, end=max(fired.start, unseen)))
    return reported


def is_open(ctx: StepContext, subject: model.Subject, rule: Rule, outage: Outage) -> bool:
    """Return whether an alert may still report it: pending, or firing in a source not seen now."""
    alert = ctx.state.alert(subject.key, rule.name)
    since: datetime | None = None
    if alert is not None and alert.state is AlertState.PENDING:
        since = alert.since
    elif alert is not None and alert.state in _LASTING:
        since = ctx.state.health[subject.source].failing_since
    return since is not None and (outage.lasts or since < outage.end)


def claimed(
    outages: Sequence[Outage],
    reported: Sequence[model.ReportedOutage],
    inside: Sequence[Outage],
    event: model.HistoryRead,
) -> list[Outage]:
    """Return the outages that were reported live although the vendor's clock differs from ours.

    A poll showed the beginning of what was reported live: where nothing that is `inside` covers
    that, the nearest outage was meant.
    """
    claimed: list[Outage] = []
    for report in reported:
        within = report.seen and event.start <= report.start < event.end
        if not within or any(overlap(outage, report) for outage in inside):
            continue
        near = [
            outage for outage in outages if outage not in claimed and _apart(outage, report) <= SKEW
        ]
        claimed += sorted(near, key=lambda outage: _apart(outage, report))[:1]
    return claimed


def overlap(outage: Outage, reported: model.ReportedOutage) -> bool:
    """Return whether they have a moment in common, if only the one in which an alert fired."""
    begins = reported.end is None or outage.start < reported.end or outage.start <= reported.start
    return begins and (outage.lasts or reported.start < outage.end)


def _apart(outage: Outage, reported: model.ReportedOutage) -> timedelta:
    after = timedelta(0) if reported.end is None else outage.start - reported.end
    return max(after, reported.start - outage.end)


def _subject_with_record(ctx: StepContext, alert: model.Alert) -> model.Subject | None:
    """Return an alert's subject where the vendor records what the alert is about."""
    subject, rule = ctx.state.subjects.get(alert.subject), ctx.state.rules.get(alert.rule)
    if subject is None or rule is None or ctx.state.backfill(subject.source) is None:
        return None
    condition = rule.condition
    return subject if isinstance(condition, Transition) and condition.field == RECORDED else None


def _open_outage(subject: model.Subject, rule: str) -> model.ReportedOutage | None:
    """Return the outage that began when a firing alert was seen again."""
    return next(
        (outage for outage in subject.told if outage.rule == rule and outage.end is None), None
    )


def _firing_outage(
    ctx: StepContext, subject: model.Subject, alert: model.Alert
) -> model.ReportedOutage:
    """Return since when an alert has been seen firing."""
    open_outage = _open_outage(subject, alert.rule)
    if open_outage is not None:
        return open_outage
    if alert.incident is None:
        return model.ReportedOutage(rule=alert.rule, start=alert.since)
    member = ctx.state.members[alert.incident][alert.key]
    return model.ReportedOutage(rule=alert.rule, start=member.since, seen=True)
