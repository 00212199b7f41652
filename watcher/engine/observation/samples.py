"""Samples as they arrive: stored, evaluated each at its own time, and missed when they stop.

A late sample changes what later windows hold, and decides nothing. A correction of the newest one
is evaluated, since it says what is so now.
One from the future is left out: until then it would be the newest, and nothing would be decided.
What a clock that is behind takes for the future was seen before, and stays.
Samples that arrive together go through a dry run first: a breach that would have fired in them, and
that is over by now, becomes a late fact and calls nobody (engine/backfill explains those). It is
over where the two newest samples say so: the newest one alone may still fill. So do samples that
arrive after a gap, too old to say anything of now.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct, field
from msgspec.structs import replace

from watcher import model
from watcher.engine import alerts, conditions
from watcher.engine.backfill import late_facts
from watcher.engine.context import StepContext
from watcher.engine.dry_run import DryRun
from watcher.engine.incidents import flapping, messages, reported_outages
from watcher.engine.rules import hours, thresholds
from watcher.engine.rules.index import RuleIndex
from watcher.engine.rules.rule import NoData, Rule, SourceTraits, Threshold
from watcher.engine.timers import Timer, TimerKind
from watcher.model import AlertState

_FIRST = datetime.min.replace(tzinfo=UTC)
_CLEAR = 2  # samples in a row after which a breach is over: the newest one may still fill
_Times = dict[tuple[str, str], set[datetime]]  # by subject and metric


def take(
    ctx: StepContext, event: model.Polled, index: RuleIndex, changed: Iterable[str] = ()
) -> list[str]:
    """Take in a poll's samples; return the subjects that something newer is known of.

    `changed` are those that are new or have changed: whether they are silent is evaluated as well.
    """
    if not event.samples and not index.no_datas:
        return []
    new, corrected = _store(ctx, event)
    traits = ctx.state.ruleset.sources[event.source]
    newest: dict[str, datetime] = {}
    for key, metric in sorted(new.keys() | corrected.keys()):
        arrived = new.get((key, metric), set())
        ordered = sorted(arrived | corrected.get((key, metric), set()))
        news = {at for at in ordered if at in arrived or not _is_stale(ctx, traits, at)}
        past = _Past()
        for number, at in enumerate(ordered):
            times = [at for at in ordered[number:] if at in news]
            _look_ahead(ctx, index, key, metric, times, past)
            _evaluate(ctx, index, key, metric, at, skip=past.over if at < ordered[-1] else set())
        for fact in past.facts:
            late_facts.report(ctx, fact)
            over = fact.end or fact.last
            reported_outages.record_measured(ctx, fact.rule, key, fact.start, over)
        newest[key] = max(ordered[-1], newest.get(key, ordered[-1]))
    # One that is gone is forgotten once these samples have ended its last alert.
    left = [key for key in sorted(newest) if key in ctx.state.subjects]
    for key in left:
        if (subject := ctx.state.subjects[key]).silent_since is not None:
            ctx.put_subject(replace(subject, silent_since=None))
        _drop_outside(ctx, key, newest[key] - index.keep)
    for key in sorted({*newest, *changed}) if index.no_datas else ():
        evaluate_no_data(ctx, key)
    return [key for key in left if key in ctx.state.subjects]


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


def drop_strays(ctx: StepContext) -> None:
    """Forget samples that have not come yet, as a clock that was ahead has let them in.

    Where the clock is behind, all of the newest have not come yet. They stay, so that older ones,
    which look new to such a clock, are late for what was decided already. Nothing counts as
    measured until newer ones arrive.
    """
    for key, subject in list(ctx.state.subjects.items()):
        if subject.source not in ctx.state.ruleset.sources:
            continue
        _drop_outside(ctx, key, _FIRST)
        newest = ctx.state.samples.last_of(key)
        is_ahead = newest is not None and newest > _latest(ctx, subject.source)
        if is_ahead and subject.silent_since is None:
            ctx.put_subject(replace(subject, silent_since=ctx.now))


def _drop_outside(ctx: StepContext, key: str, start: datetime) -> None:
    source = model.source_of(key)
    gap = thresholds.GAP * ctx.state.ruleset.sources[source].granularity
    ctx.drop_samples(key, start, _latest(ctx, source), gap)


def _latest(ctx: StepContext, source: str) -> datetime:
    """Return the latest time that a source's sample may have now."""
    return ctx.now + ctx.state.ruleset.sources[source].clock_tolerance


def _evaluate(
    ctx: StepContext, index: RuleIndex, key: str, metric: str, at: datetime, *, skip: set[str]
) -> None:
    state = ctx.state
    traits = state.ruleset.sources[model.source_of(key)]
    before = state.samples.latest(key, metric, before=at)
    broken = before is None or at - before > thresholds.GAP * traits.granularity
    stale = _is_stale(ctx, traits, at)
    for rule, threshold in index.thresholds:
        if threshold.metric != metric or rule.name in skip:
            continue
        alert = state.alert(key, rule.name)
        evaluation = thresholds.evaluate(
            threshold,
            state.samples.directions(key, metric),
            at,
            traits.granularity,
            _before(ctx, rule, alert, broken=broken),
        )
        # What was measured outside the rule's hours decides nothing, although it arrived in them.
        is_silent = stale or not hours.apply_at(rule.hours, at)
        result = conditions.Truth(
            None if is_silent else evaluation.truth, evaluation.value, measured=evaluation.measured
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


class _Past(Struct):
    """What the samples of one poll show that is over: the late facts, and the rules in question."""

    facts: list[late_facts.LateFact] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    over: set[str] = field(default_factory=set)


def _look_ahead(  # noqa: PLR0917  # one caller, beside it
    ctx: StepContext, index: RuleIndex, key: str, metric: str, times: list[datetime], past: _Past
) -> None:
    """Find what the samples from here on show that is over by now, once for each rule.

    A rule whose alert fires is asked when that has ended.
    """
    traits = ctx.state.ruleset.sources[model.source_of(key)]
    stale = sum(_is_stale(ctx, traits, at) for at in times)
    if not stale and len(times) < _CLEAR:
        return
    for rule, threshold in index.thresholds:
        alert = ctx.state.alert(key, rule.name)
        is_active = alert is not None and alert.state in {AlertState.FIRING, AlertState.RESOLVED}
        if threshold.metric == metric and rule.name not in past.asked and not is_active:
            past.asked.add(rule.name)
            is_over, facts = _find_breaches(ctx, rule, threshold, key, times, stale)
            past.facts += facts
            if is_over:
                past.over.add(rule.name)


class _Breach(Struct):
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


def _find_breaches(  # noqa: PLR0917  # one caller, beside it
    ctx: StepContext, rule: Rule, threshold: Threshold, key: str, times: list[datetime], stale: int
) -> tuple[bool, list[late_facts.LateFact]]:
    """Return whether the breaches in these samples are over, and the late facts that they are.

    They are over when the two newest samples are not in breach. What goes on fires live, unless all
    samples are among the `stale` ones, which are too old for that.
    """
    granularity = ctx.state.ruleset.sources[model.source_of(key)].granularity
    breach = _pending_breach(ctx, rule, threshold, key, times[0])
    ended: list[tuple[_Breach, datetime | None]] = []
    clear = 0  # the newest samples that are not in breach
    for at in times:
        series = ctx.state.samples.directions(key, threshold.metric)
        before = thresholds.INACTIVE if breach is None else breach.before
        evaluation = thresholds.evaluate(threshold, series, at, granularity, before)
        truth = evaluation.truth and hours.apply_at(rule.hours, at)
        broken = breach is not None and at - breach.last > thresholds.GAP * granularity
        if breach is not None and (broken or truth is False):
            goes_on = broken or evaluation.truth is True  # unseen, or outside the rule's hours
            ended.append((breach, None if goes_on else at))
            breach = None
        if truth:
            breach = breach or _Breach(DryRun(ctx, rule, key), start=at, last=at)
            breach.extend(threshold, at, evaluation)
        clear = clear + 1 if truth is False else 0
    if breach is not None and len(times) == stale:
        ended.append((breach, None))
    is_over = bool(ended) and clear >= _CLEAR
    facts = [
        _late_fact(ctx, rule, threshold, key, breach, end=end)
        for breach, end in ended
        if is_over or breach.start in times[:stale]  # else it fires live
    ]
    return is_over, [fact for fact in facts if fact is not None]


def _pending_breach(
    ctx: StepContext, rule: Rule, threshold: Threshold, key: str, at: datetime
) -> _Breach | None:
    """Return the breach that a pending alert waits on when a sample arrives."""
    alert = ctx.state.alert(key, rule.name)
    last = ctx.state.samples.latest(key, threshold.metric, before=at)
    if alert is None or alert.state is not AlertState.PENDING or last is None:
        return None
    worst = float(alert.value) if isinstance(alert.value, int | float) else None
    breach = _Breach(
        DryRun(ctx, rule, key),
        start=alert.since,
        last=last,
        worst=worst,
        measured=alert.measured,
    )
    breach.dry_run.hold(alert.since, alert.value)
    return breach


def _late_fact(
    ctx: StepContext,
    rule: Rule,
    threshold: Threshold,
    key: str,
    breach: _Breach,
    *,
    end: datetime | None,
) -> late_facts.LateFact | None:
    """Return what to report of a breach; None where nothing fired, or it was reported."""
    holds = conditions.Truth(truth=True, value=breach.worst)
    then = replace(rule, hours=None)  # each sample was inside the hours
    held = conditions.narrow(ctx, then, key, holds, at=breach.start).truth is not False
    if not held or not breach.dry_run.fires:
        return None
    if reported_outages.is_reported(ctx, rule, key, breach.start, breach.last):
        return None
    unit = ctx.subject_view(key).unit_of(rule)
    measured = breach.measured or model.Measured()
    window = model.format_window(threshold.aggregate, threshold.over, measured.covered)
    what = model.format_metric(threshold.metric, measured.direction, window)
    text = f"{what} was {messages.limit(threshold, unit)}, "
    text += f"{'up' if threshold.above else 'down'} to {model.format_figure(breach.worst, unit)}"
    return late_facts.LateFact(
        rule=rule,
        subject=key,
        start=breach.start,
        last=breach.last,
        end=end,
        text=text,
        resolution=model.Resolution.RECOVERED if end else model.Resolution.LAPSED,
    )


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
    silent_from = silent_since(ctx, key)
    if silent_from is None:
        return
    due = silent_from + condition.after
    alert = ctx.state.alert(key, rule.name)
    if due > ctx.now:
        ctx.schedule(Timer(TimerKind.NO_DATA, key, rule.name), due)
        if alert is None:
            return
    goes_on = alert is not None and _is_still_silent(ctx, alert)
    result = conditions.Truth(due <= ctx.now or goes_on)
    alerts.apply(ctx, rule, key, conditions.narrow(ctx, rule, key, result), at=ctx.now)


def _is_still_silent(ctx: StepContext, alert: model.Alert) -> bool:
    """Return whether nothing has been measured since the silence that people know of.

    Nothing else ends that: not that its source can be seen again, nor a rule that waits longer.
    """
    if alert.state not in {AlertState.FIRING, AlertState.RESOLVED}:
        return False
    measured = measured_until(ctx, alert.subject)
    granularity = ctx.state.ruleset.sources[model.source_of(alert.subject)].granularity
    return measured is not None and measured + granularity < alert.since


def silent_since(ctx: StepContext, key: str) -> datetime | None:
    """Return since when a subject has been silent while its source could be seen."""
    measured, seen = measured_until(ctx, key), ctx.state.health[model.source_of(key)].seen_since
    return measured if measured is None or seen is None else max(measured, seen)


def measured_until(ctx: StepContext, key: str) -> datetime | None:
    """Return when the next sample was due: for one never measured, from when it is listed.

    That is by the time of its newest sample, but where the clock was set since that arrived, the
    silence until then counts as long as it was.
    """
    source = model.source_of(key)
    subject = ctx.state.subjects.get(key)
    if subject is not None and subject.silent_since is not None:
        return subject.silent_since
    newest = ctx.state.samples.last_of(key)
    if newest is None:
        if subject is None:
            return None
        # Its last samples may be older than a restart loads.
        newest = subject.vendor_time or subject.listed_at or subject.since
    newest += ctx.state.ruleset.sources[source].settle  # the next one is held back for as long
    stepped_at = ctx.state.health[source].stepped_at
    return newest if stepped_at is None else max(newest, stepped_at)
