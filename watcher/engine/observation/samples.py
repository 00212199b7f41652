"""Samples as they arrive: stored, evaluated each at its own time, and missed when they stop.

A late sample changes what later windows hold, and decides nothing. A correction of the newest one
is evaluated, since it says what is so now.
One from the future is left out: until then it would be the newest, and nothing would be decided.
Samples that arrive after a gap, too old to say anything of now, go through a dry run: a breach that
would have fired, and is over, becomes a late fact (engine/backfill explains those).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from watcher import model
from watcher.engine import alerts, conditions
from watcher.engine.backfill import late_facts
from watcher.engine.context import StepContext
from watcher.engine.dry_run import DryRun
from watcher.engine.incidents import flapping, messages
from watcher.engine.rules import hours, thresholds
from watcher.engine.rules.index import RuleIndex
from watcher.engine.rules.rule import NoData, Rule, SourceTraits, Threshold
from watcher.engine.timers import Timer, TimerKind
from watcher.model import AlertState

_FIRST = datetime.min.replace(tzinfo=UTC)
_Times = dict[tuple[str, str], set[datetime]]  # by subject and metric


def take(
    ctx: StepContext, event: model.Polled, index: RuleIndex, changed: Iterable[str] = ()
) -> list[str]:
    """Take in a poll's samples; return the subjects that something newer is known of.

    `changed` are those that are new or have changed: whether they are silent is evaluated as well.
    """
    new, corrected = _store(ctx, event)
    newest: dict[str, datetime] = {}
    for key, metric in sorted(new.keys() | corrected.keys()):
        arrived = new.get((key, metric), set())
        ordered = sorted(arrived | corrected.get((key, metric), set()))
        _report_past(ctx, index, key, metric, sorted(arrived))
        for at in ordered:
            _evaluate(ctx, index, key, metric, at)
        newest[key] = max(ordered[-1], newest.get(key, ordered[-1]))
    for key in sorted(newest):
        ctx.drop_samples_outside(key, newest[key] - index.keep, _latest(ctx, event.source))
    for key in sorted({*newest, *changed}) if index.no_datas else ():
        evaluate_no_data(ctx, key)
    return sorted(newest)


def _store(ctx: StepContext, event: model.Polled) -> tuple[_Times, _Times]:
    """Store a poll's samples; return the times of new ones, and those that a correction concerns.

    A correction of a direction's newest sample concerns the newest sample of the metric, since an
    alert's time never runs backwards.
    """
    samples, latest = ctx.state.samples, _latest(ctx, event.source)
    ends: dict[tuple[str, str, str], datetime] = {}  # before this poll, by direction
    newest: dict[tuple[str, str], datetime | None] = {}
    new: _Times = {}
    corrected: _Times = {}
    for sample in event.samples:
        if sample.subject not in ctx.state.subjects or sample.at > latest:
            continue
        series = (sample.subject, sample.metric)
        if series not in newest:
            newest[series] = samples.latest(*series)
            for direction in samples.directions(*series):
                ends[*series, direction.direction] = direction.times[-1]
        last = newest[series]
        if not ctx.add_sample(sample):
            continue
        if last is None or sample.at > last:
            new.setdefault(series, set()).add(sample.at)
        elif sample.at >= ends.get((*series, sample.direction), last):
            corrected.setdefault(series, set()).add(last)
    return new, corrected


def drop_future(ctx: StepContext) -> None:
    """Forget samples that have not come yet, as the store may hold them of before a restart."""
    for key, subject in ctx.state.subjects.items():
        if subject.source in ctx.state.ruleset.sources:
            ctx.drop_samples_outside(key, _FIRST, _latest(ctx, subject.source))


def _latest(ctx: StepContext, source: str) -> datetime:
    """Return the latest time that a source's sample may have now."""
    return ctx.now + ctx.state.ruleset.sources[source].clock_tolerance


def _evaluate(ctx: StepContext, index: RuleIndex, key: str, metric: str, at: datetime) -> None:
    state = ctx.state
    traits = state.ruleset.sources[model.source_of(key)]
    before = state.samples.latest(key, metric, before=at)
    broken = before is None or at - before > thresholds.GAP * traits.granularity
    stale = _is_stale(ctx, traits, at)
    for rule, threshold in index.thresholds:
        if threshold.metric != metric:
            continue
        alert = state.alert(key, rule.name)
        evaluation = thresholds.evaluate(
            threshold,
            state.samples.directions(key, metric),
            at,
            traits.granularity,
            _before(ctx, rule, alert, broken=broken),
        )
        result = conditions.Truth(
            None if stale else evaluation.truth, evaluation.value, measured=evaluation.measured
        )
        result = conditions.narrow(ctx, rule, key, result)
        alerts.apply(ctx, rule, key, result, at=at, broken=broken)
    alerts.settle(ctx, key, at=at)


def _before(
    ctx: StepContext, rule: Rule, alert: model.Alert | None, *, broken: bool
) -> thresholds.Before:
    if alert is None:
        return thresholds.INACTIVE
    return thresholds.Before(
        measured=alert.measured,
        firing=alert.state in {AlertState.FIRING, AlertState.RESOLVED},  # or ended by hand
        release=flapping.keep_firing_for(ctx, rule, alert),
        broken=broken,
    )


def _is_stale(ctx: StepContext, traits: SourceTraits, at: datetime) -> bool:
    """Return whether a sample is too old to say anything of now."""
    return ctx.now - at > thresholds.GAP * traits.granularity + traits.settle + traits.blind_after


def _report_past(
    ctx: StepContext, index: RuleIndex, key: str, metric: str, times: list[datetime]
) -> None:
    """Report what the samples of a gap show that nobody could see then and that is over by now."""
    traits = ctx.state.ruleset.sources[model.source_of(key)]
    past = [at for at in times if _is_stale(ctx, traits, at)]
    for rule, threshold in index.thresholds if past else ():
        alert = ctx.state.alert(key, rule.name)
        is_firing = alert is not None and alert.state is AlertState.FIRING
        if threshold.metric == metric and not is_firing:
            _find_breaches(ctx, rule, threshold, key, times, len(past))


@dataclass(slots=True)
class _Breach:
    """An unbroken run of samples that pass a limit, and what its alert would have done."""

    dry_run: DryRun
    start: datetime
    last: datetime
    worst: float | None = None
    measured: model.Measured | None = None

    @property
    def before(self) -> thresholds.Before:
        """What its alert would have remembered."""
        return thresholds.Before(measured=self.measured, firing=self.dry_run.fires)

    def extend(self, threshold: Threshold, at: datetime, evaluation: thresholds.Evaluation) -> None:
        value = evaluation.value
        self.last = at
        self.measured = evaluation.measured
        if value is not None and (self.worst is None or (value > self.worst) is threshold.above):
            self.worst = value
        if not self.dry_run.fires:
            self.dry_run.hold(at, value)


def _find_breaches(  # noqa: PLR0917 -- one caller, beside it
    ctx: StepContext, rule: Rule, threshold: Threshold, key: str, times: list[datetime], past: int
) -> None:
    """Report the breaches on which the rule would have fired, begun in the first `past` times."""
    granularity = ctx.state.ruleset.sources[model.source_of(key)].granularity
    breach: _Breach | None = None
    for number, at in enumerate(times):
        series = ctx.state.samples.directions(key, threshold.metric)
        before = thresholds.INACTIVE if breach is None else breach.before
        evaluation = thresholds.evaluate(threshold, series, at, granularity, before)
        truth = evaluation.truth and hours.apply_at(rule.hours, at)
        broken = breach is not None and at - breach.last > thresholds.GAP * granularity
        if breach is not None and (broken or not truth):
            goes_on = broken or evaluation.truth  # unseen, or outside the hours of the rule
            _report_breach(ctx, rule, threshold, key, breach, end=None if goes_on else at)
            breach = None
            truth = truth and number < past
        if number >= past and breach is None:
            return
        if truth:
            breach = breach or _Breach(DryRun(ctx, rule, key), start=at, last=at)
            breach.extend(threshold, at, evaluation)
    if breach is not None and len(times) == past:  # else it lasts, and its alert fires live
        _report_breach(ctx, rule, threshold, key, breach, end=None)


def _report_breach(
    ctx: StepContext,
    rule: Rule,
    threshold: Threshold,
    key: str,
    breach: _Breach,
    *,
    end: datetime | None,
) -> None:
    holds = conditions.Truth(truth=True, value=breach.worst)
    then = replace(rule, hours=None)  # each sample was inside the hours
    if conditions.narrow(ctx, then, key, holds).truth is False or not breach.dry_run.fires:
        return
    unit = ctx.subject_view(key).unit_of(rule)
    measured = breach.measured or model.Measured()
    window = model.format_window(threshold.aggregate, threshold.over, measured.covered)
    what = model.format_metric(threshold.metric, measured.direction, window)
    text = f"{what} was {messages.limit(threshold, unit)}, "
    text += f"{'up' if threshold.above else 'down'} to {model.format_figure(breach.worst, unit)}"
    fact = late_facts.LateFact(
        rule=rule,
        subject=key,
        start=breach.start,
        last=breach.last,
        end=end,
        text=text,
        resolution=model.Resolution.RECOVERED if end else model.Resolution.LAPSED,
    )
    late_facts.report(ctx, fact)


def evaluate_no_data(ctx: StepContext, key: str, *, only: str = "") -> None:
    """Evaluate the rules about silence on a subject that is listed, or only one of them."""
    subject = ctx.state.subjects.get(key)
    if subject is not None and subject.missed:
        return
    for rule, condition in ctx.state.rule_index[model.source_of(key)].no_datas:
        if not only or rule.name == only:
            _evaluate_no_data(ctx, rule, condition, key)
    alerts.settle(ctx, key)


def _evaluate_no_data(ctx: StepContext, rule: Rule, condition: NoData, key: str) -> None:
    silent_since = _silent_since(ctx, key)
    if silent_since is None:
        return
    due = silent_since + condition.after
    alert = ctx.state.alert(key, rule.name)
    if due > ctx.now:
        ctx.schedule(Timer(TimerKind.NO_DATA, key, rule.name), due)
        if alert is None:
            return
    result = conditions.Truth(due <= ctx.now)
    alerts.apply(ctx, rule, key, conditions.narrow(ctx, rule, key, result), at=ctx.now)


def _silent_since(ctx: StepContext, key: str) -> datetime | None:
    """Return since when a subject has been silent: for one never measured, since it is listed."""
    source = model.source_of(key)
    newest = ctx.state.samples.last_of(key)
    if newest is None:
        subject = ctx.state.subjects.get(key)
        if subject is None:
            return None
        # Its last samples may be older than a restart loads.
        newest = subject.vendor_time or subject.listed_at or subject.since
    seen_since = ctx.state.health[source].seen_since
    newest += ctx.state.ruleset.sources[source].settle  # the next one is held back for as long
    return newest if seen_since is None else max(newest, seen_since)
