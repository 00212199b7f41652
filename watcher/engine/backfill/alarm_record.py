"""What a subject's alarm record shows that people do not know yet: outages a rule pages about.

The package's docstring explains how each outage is reported exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from watcher import model
from watcher.engine import conditions, details
from watcher.engine.backfill import late_facts
from watcher.engine.context import StepContext
from watcher.engine.incidents import reported_outages
from watcher.engine.rules import hours, intervals, reservation
from watcher.engine.rules.index import RECORDED
from watcher.engine.rules.intervals import Outage, StateInterval
from watcher.engine.rules.rule import Rule, SourceTraits, Transition
from watcher.engine.rules.subject_view import SubjectView

LATE = timedelta(minutes=5)  # the newest part of a record may not be complete: it is read again
MOST_FACTS = 3  # of one rule in one record; more become one

# Whether an alert would have fired whose condition held between two times; see dry_run.py.
WouldFire = Callable[[StepContext, Rule, str, datetime, datetime], bool]


class _Evaluation(Struct):
    """One reading of one subject's record. `is_last`: no other reading will follow."""

    ctx: StepContext
    subject: model.Subject
    event: model.HistoryRead
    traits: SourceTraits
    would_fire: WouldFire
    is_last: bool
    intervals: list[StateInterval]
    news: list[tuple[Rule, Outage]] = field(default_factory=list)
    reported: list[model.ReportedOutage] = field(default_factory=list)
    undecided_from: list[datetime] = field(default_factory=list)
    waits_for_details: bool = False


def evaluate_record(
    ctx: StepContext,
    subject: model.Subject,
    event: model.HistoryRead,
    would_fire: WouldFire,
    *,
    is_last: bool,
) -> bool:
    """Report what is new in a record; return False if it must be read again after the details."""
    floor = max(subject.judged_until or event.start, event.start)
    traits = ctx.state.ruleset.sources[subject.source]
    states = intervals.state_intervals(event.alarms, traits)
    evaluation = _Evaluation(ctx, subject, event, traits, would_fire, is_last, states)
    for rule, condition in ctx.state.rule_index[subject.source].recorded:
        _evaluate_rule(evaluation, rule, condition, floor)
    _report_news(evaluation)
    _save(evaluation, max(floor, min([event.end - LATE, *evaluation.undecided_from])))
    return not evaluation.waits_for_details


def _evaluate_rule(
    evaluation: _Evaluation, rule: Rule, condition: Transition, floor: datetime
) -> None:
    ctx, subject, event = evaluation.ctx, evaluation.subject, evaluation.event
    whole = [
        intervals.outage_of(run, event)
        for run in intervals.runs(evaluation.intervals, condition, evaluation.traits)
    ]
    booked = [part for outage in whole for part in _during(evaluation, rule, outage)]
    outages = [part for outage in booked for part in _in_hours(rule, outage)]
    reported = reported_outages.of_rule(ctx, subject, rule)
    inside = _inside(evaluation, condition)
    claimed = reported_outages.claimed(outages, reported, inside, event)
    familiar: list[Outage] = []
    news: list[Outage] = []
    for outage in outages:
        if outage.end <= floor:
            continue
        if outage in claimed or any(
            reported_outages.overlap(outage, report) for report in reported
        ):
            familiar.append(outage)
        elif _is_news(evaluation, rule, outage):
            news.append(outage)
    evaluation.news += ((rule, outage) for outage in news)
    evaluation.reported += (
        model.ReportedOutage(rule=rule.name, start=outage.start, end=outage.end)
        for outage in (*familiar, *news)
        if not outage.lasts
    )
    cut = [outage for outage in whole if outage.end > floor and outage not in booked]
    if cut and not details.are_current(ctx, ctx.state.subjects[subject.key]):
        evaluation.waits_for_details = True  # it may have been extended since it was read
        evaluation.undecided_from.append(floor)


def _during(evaluation: _Evaluation, rule: Rule, outage: Outage) -> Iterator[Outage]:
    """Yield the parts of an outage in which the rule's `during` held."""
    subject = evaluation.subject
    pre_roll = evaluation.traits.pre_roll
    for start, end in reservation.within(
        subject.bookings, rule.during, outage.start, outage.end, pre_roll
    ):
        yield replace(outage, start=start, end=end, lasts=outage.lasts and end == outage.end)


def _in_hours(rule: Rule, outage: Outage) -> Iterator[Outage]:
    """Yield the parts of an outage that fall into the rule's hours."""
    for start, end in hours.within(rule.hours, outage.start, outage.end):
        ends = end == outage.end
        lasts = outage.lasts and ends
        yield replace(outage, start=start, end=end, lasts=lasts, outlasts_hours=not ends)


def _inside(evaluation: _Evaluation, condition: Transition) -> list[Outage]:
    """Return all that is inside `to`, whatever it came from and whenever it was."""
    return [
        intervals.outage_of(interval, evaluation.event)
        for interval in evaluation.intervals
        if interval.state in condition.to
    ]


def _is_news(evaluation: _Evaluation, rule: Rule, outage: Outage) -> bool:
    """Return whether an outage that nobody knows of is reported now; note what is undecided."""
    ctx, subject = evaluation.ctx, evaluation.subject
    if reported_outages.is_open(ctx, subject, rule, outage) or (
        outage.lasts and not evaluation.is_last
    ):
        evaluation.undecided_from.append(outage.start)
        return False
    if not evaluation.would_fire(ctx, rule, subject.key, outage.start, outage.end):
        return False
    if not _where_may_have_held(evaluation, rule, outage):
        return False
    if _may_be_out_of_schedule(ctx, subject):
        evaluation.waits_for_details = True
        evaluation.undecided_from.append(outage.start)
        return False
    return True


def _where_may_have_held(evaluation: _Evaluation, rule: Rule, outage: Outage) -> bool:
    """Return whether `where` could have held then.

    The record does not tell the other fields, so all that they may have been are tried. Where that
    decides, an outage that another rule has reported was seen, and this rule was evaluated then.
    """
    if rule.where is None:
        return True
    key = evaluation.subject.key
    truths = set()
    for fields in _possible_fields(evaluation, outage.run.state):
        context = _view(evaluation, outage, fields).context
        truth = conditions.evaluate_predicate(
            evaluation.ctx, rule, rule.where, key, context, failed=True
        )
        truths.add(truth is not False)
    if truths == {True, False}:
        index = evaluation.ctx.state.rule_index[evaluation.subject.source]
        measured = {rule.name for rule, _ in index.thresholds}
        return not any(
            report.rule not in measured and reported_outages.overlap(outage, report)
            for report in evaluation.subject.told
        )
    return True in truths


def _possible_fields(evaluation: _Evaluation, state: str) -> Iterator[dict[str, model.Scalar]]:
    others = [name for name in evaluation.subject.fields if name != RECORDED]
    for word in (model.UNKNOWN, *evaluation.traits.states) if others else ("",):
        yield {RECORDED: state, **dict.fromkeys(others, word)}


def _view(evaluation: _Evaluation, outage: Outage, fields: dict[str, model.Scalar]) -> SubjectView:
    state, subject, was = evaluation.ctx.state, evaluation.subject, outage.run.was
    return SubjectView(
        state.ruleset,
        subject.key,
        fields=fields,
        previous={} if was is None else {RECORDED: was},
        labels=subject.labels,
        metrics={},
        inventory_entries=state.subject_index.inventory_entries,
        bookings=subject.bookings,
        now=outage.start,
    )


def _may_be_out_of_schedule(ctx: StepContext, subject: model.Subject) -> bool:
    """Return whether a schedule that was never read may still keep the outage back; ask for it."""
    answered = ctx.state.subjects[subject.key].answered_at
    if subject.detailed_at is not None or (
        answered is not None and ctx.now - answered <= details.FRESH
    ):
        return False
    details.request(ctx, subject.key)
    return not details.are_ready(ctx, subject.key)


def _report_news(evaluation: _Evaluation) -> None:
    """Report what is new, each fault once however often it changed its face."""
    by_fault: dict[str, list[tuple[Rule, Outage]]] = {}
    for rule, outage in evaluation.news:
        by_fault.setdefault(rule.about, []).append((rule, outage))
    for news in by_fault.values():
        facts = [_fact(evaluation, faces) for faces in _without_a_break(news)]
        if len(facts) > MOST_FACTS:
            facts = [_summary(evaluation, news, len(facts))]
        for fact in facts:
            late_facts.report(evaluation.ctx, fact)


def _without_a_break(news: list[tuple[Rule, Outage]]) -> list[list[tuple[Rule, Outage]]]:
    """Return what is new of a fault, in order; what follows without a break is together."""
    together: list[list[tuple[Rule, Outage]]] = []
    for rule, outage in sorted(news, key=lambda new: (new[1].start, new[0].name)):
        if together and max(end.end for _, end in together[-1]) >= outage.start and rule.fault:
            together[-1].append((rule, outage))
        else:
            together.append([(rule, outage)])
    return together


def _worst(evaluation: _Evaluation, faces: list[tuple[Rule, Outage]]) -> tuple[Rule, Outage]:
    def badness(face: tuple[Rule, Outage]) -> tuple[int, int]:
        return face[0].severity.rank, evaluation.traits.badness(face[1].run.state)

    return max(faces, key=badness)


def _fact(evaluation: _Evaluation, faces: list[tuple[Rule, Outage]]) -> late_facts.LateFact:
    rule, worst = _worst(evaluation, faces)
    (_, first), (_, last) = faces[0], max(faces, key=lambda face: face[1].end)
    later = [
        f", {_describe(outage)} from {model.format_time(outage.start)}" for _, outage in faces[1:]
    ]
    return _late_fact(evaluation, rule, worst, first, last, _describe(first) + "".join(later))


def _summary(
    evaluation: _Evaluation, faces: list[tuple[Rule, Outage]], times: int
) -> late_facts.LateFact:
    rule, worst = _worst(evaluation, faces)
    outages = sorted((outage for _, outage in faces), key=lambda outage: outage.start)
    total = sum((outage.end - outage.start for outage in outages), timedelta(0))
    text = f"{_describe(worst)}, {times} times, {model.format_duration(total)} in total"
    return _late_fact(evaluation, rule, worst, outages[0], outages[-1], text)


def _late_fact(  # noqa: PLR0917  # two callers, beside it
    evaluation: _Evaluation, rule: Rule, worst: Outage, first: Outage, last: Outage, text: str
) -> late_facts.LateFact:
    subject, state = evaluation.subject, worst.run.state
    return late_facts.LateFact(
        rule=rule,
        subject=subject.key,
        start=first.start,
        last=last.end,
        end=None if last.lasts else last.end,
        text=text,
        resolution=_resolution(evaluation, last),
        fields={**dict.fromkeys(subject.fields, model.UNKNOWN), RECORDED: state},
        was=first.run.was,
        to=state,
    )


def _resolution(evaluation: _Evaluation, outage: Outage) -> model.Resolution:
    """Return as what an outage ended, by what the record has after it."""
    if outage.lasts or outage.outlasts_hours:
        return model.Resolution.LAPSED
    if outage.run.end is None or outage.end < outage.run.end:
        return model.Resolution.ENDED  # with the phases that its rule is about
    after = [interval for interval in evaluation.intervals if interval.start == outage.end]
    state = after[0].state if after else evaluation.traits.good_state
    well = evaluation.traits.well({RECORDED: state}, None)
    return model.Resolution.RECOVERED if well else model.Resolution.LAPSED


def _describe(outage: Outage) -> str:
    run = outage.run
    return f"{run.state} ({run.message})" if run.message else run.state


def _save(evaluation: _Evaluation, until: datetime) -> None:
    """Keep up to when the record is decided, and what was reported of the time after that.

    And of the days before: where the clock is set back, they are read once more.
    """
    subject = evaluation.ctx.state.subjects[evaluation.subject.key]
    reported = [
        outage
        for outage in subject.told
        if outage.end is None or outage.end >= until - reported_outages.KEPT
    ]
    reported += (
        outage
        for outage in evaluation.reported
        if outage.end and outage.end > until - reported_outages.KEPT and outage not in reported
    )
    if subject.judged_until != until or reported != [*subject.told]:
        kept = tuple(reported[-reported_outages.MOST :])
        evaluation.ctx.put_subject(replace(subject, judged_until=until, told=kept))
