"""What a vendor's own record shows that nobody saw: outages that a rule would have fired on.

Law: each is told once, live or late. What lasts, or is pending now, is the live alert's business,
and the record is not judged beyond its beginning until that is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from watcher import model
from watcher.engine import conditions, details
from watcher.engine.backfill import late_facts
from watcher.engine.context import StepContext
from watcher.engine.incidents import reported_outages
from watcher.engine.rules import fault_domain, intervals, reservation
from watcher.engine.rules.index import RECORDED
from watcher.engine.rules.intervals import Outage, StateInterval
from watcher.engine.rules.rule import Rule, Transition
from watcher.engine.rules.subject_view import SubjectView

LATE = timedelta(minutes=5)  # the newest part of a record may not be complete: it is read again
MOST_FACTS = 3  # of one rule in one record; more are told as one

# Whether an alert would have fired whose condition held between two times; see dry_run.py.
WouldFire = Callable[[StepContext, Rule, str, datetime, datetime], bool]


@dataclass(slots=True)
class _Case:
    """One subject's record under judgement. `last`: no other record of it will be read."""

    ctx: StepContext
    subject: model.Subject
    event: model.HistoryRead
    last: bool
    would_fire: WouldFire
    found: list[StateInterval]
    told: list[model.ReportedOutage] = field(default_factory=list)
    undecided: list[datetime] = field(default_factory=list)  # from when on
    waits: bool = False  # for details


def judge(
    ctx: StepContext,
    subject: model.Subject,
    event: model.HistoryRead,
    would_fire: WouldFire,
    *,
    last: bool,
) -> bool:
    """Tell what is new in a subject's record; False: it must be read again once details came."""
    floor = max(subject.judged_until or event.start, event.start)
    case = _Case(ctx, subject, event, last, would_fire, intervals.in_order(event.alarms))
    for rule, condition in ctx.state.rule_index[subject.source].recorded:
        whole = list(_pieces(case, condition))
        pieces = [part for piece in whole for part in _within(case, rule, piece)]
        people = reported_outages.of_rule(ctx, subject, rule)
        claimed = reported_outages.claimed(pieces, people, _inside(case, condition), event)
        familiar: list[Outage] = []
        news: list[Outage] = []
        for piece in pieces:
            if piece.end <= floor:
                continue
            if piece in claimed or any(reported_outages.overlap(piece, told) for told in people):
                familiar.append(piece)
            elif _is_news(case, rule, piece):
                news.append(piece)
        _tell(case, rule, news)
        case.told += (
            model.ReportedOutage(rule=rule.name, start=each.start, end=each.end)
            for each in (*familiar, *news)
            if not each.lasts
        )
        kept_back = [piece for piece in whole if piece.end > floor and piece not in pieces]
        if kept_back and not details.are_settled(ctx, ctx.state.subjects[subject.key]):
            case.waits = True  # the schedule may have been extended since it was read
            case.undecided.append(floor)
    _remember(case, max(floor, min([event.end - LATE, *case.undecided])))
    return not case.waits


def _pieces(case: _Case, condition: Transition) -> Iterator[Outage]:
    for run in intervals.runs(case.found, condition):
        yield intervals.piece(run, case.event)


def _within(case: _Case, rule: Rule, piece: Outage) -> Iterator[Outage]:
    """Give the parts of an outage in which the rule's `during` held."""
    subject = case.subject
    pre_roll = case.ctx.state.ruleset.sources[subject.source].pre_roll
    for start, end in reservation.within(
        subject.bookings, rule.during, piece.start, piece.end, pre_roll
    ):
        yield replace(piece, start=start, end=end, lasts=piece.lasts and end == piece.end)


def _inside(case: _Case, condition: Transition) -> list[Outage]:
    """Give all that is inside `to`, whatever it came from and whenever it was."""
    return [intervals.piece(each, case.event) for each in case.found if each.state in condition.to]


def _is_news(case: _Case, rule: Rule, piece: Outage) -> bool:
    """Whether people are to be told of a piece that they do not know of; note what is undecided."""
    ctx, subject = case.ctx, case.subject
    if reported_outages.is_open(ctx, subject, rule, piece) or (piece.lasts and not case.last):
        case.undecided.append(piece.start)
        return False
    if not case.would_fire(ctx, rule, subject.key, piece.start, piece.end):
        return False
    if not _fits(case, rule, piece):
        return False
    if _is_unscheduled(ctx, subject):
        case.waits = True
        case.undecided.append(piece.start)
        return False
    return True


def _fits(case: _Case, rule: Rule, piece: Outage) -> bool:
    """Whether `where` could have held then.

    The record does not tell the other fields, so all that they may have been are tried. Where that
    decides, an outage that another rule has told of was seen, and this one has judged it then.
    """
    if rule.where is None:
        return True
    truths = set()
    for fields in _may_have_been(case.subject, piece.run.state):
        context = _scene(case, piece, fields).context
        truth = conditions.ask(case.ctx, rule, rule.where, case.subject.key, context, failed=True)
        truths.add(truth is not False)
    if truths == {True, False}:
        return not any(reported_outages.overlap(piece, told) for told in case.subject.told)
    return True in truths


def _may_have_been(subject: model.Subject, state: str) -> Iterator[dict[str, model.Scalar]]:
    others = [name for name in subject.fields if name != RECORDED]
    for word in (model.UNKNOWN, *fault_domain.STATES) if others else ("",):
        yield {RECORDED: state, **dict.fromkeys(others, word)}


def _scene(case: _Case, piece: Outage, fields: dict[str, model.Scalar]) -> SubjectView:
    state = case.ctx.state
    return SubjectView(
        state.ruleset,
        case.subject.key,
        fields=fields,
        previous={} if piece.run.was is None else {RECORDED: piece.run.was},
        labels=case.subject.labels,
        metrics={},
        inventory_entries=state.subject_index.inventory_entries,
        bookings=case.subject.bookings,
        now=piece.start,
    )


def _is_unscheduled(ctx: StepContext, subject: model.Subject) -> bool:
    """Whether a schedule that was never read may still say that it was nobody's hour."""
    answered = ctx.state.subjects[subject.key].answered_at
    if subject.detailed_at is not None or (
        answered is not None and ctx.now - answered <= details.FRESH
    ):
        return False
    details.ask(ctx, subject.key)
    return not details.are_ready(ctx, subject.key)


def _tell(case: _Case, rule: Rule, pieces: Sequence[Outage]) -> None:
    if len(pieces) <= MOST_FACTS:
        for each in pieces:
            late_facts.tell(case.ctx, _fact(case, rule, each, _what(each)))
        return
    worst = max(pieces, key=lambda each: fault_domain.badness(each.run.state))
    lasted = sum((each.end - each.start for each in pieces), timedelta(0))
    text = f"{len(pieces)} times {_what(worst)}, {model.format_duration(lasted)} in all"
    end = pieces[-1]
    whole = replace(worst, start=pieces[0].start, end=end.end, lasts=end.lasts)
    late_facts.tell(case.ctx, _fact(case, rule, whole, text))


def _fact(case: _Case, rule: Rule, piece: Outage, text: str) -> late_facts.Fact:
    return late_facts.Fact(
        rule=rule,
        subject=case.subject.key,
        start=piece.start,
        last=piece.end,
        end=None if piece.lasts else piece.end,
        text=text,
        fields={**dict.fromkeys(case.subject.fields, model.UNKNOWN), RECORDED: piece.run.state},
        was=piece.run.was,
        to=piece.run.state,
    )


def _what(piece: Outage) -> str:
    return f"{piece.run.state} ({piece.run.message})" if piece.run.message else piece.run.state


def _remember(case: _Case, until: datetime) -> None:
    """Keep how far a record has been judged, and what is known of the time after that."""
    subject = case.ctx.state.subjects[case.subject.key]
    told = [
        each
        for each in subject.told
        if each.end is None or each.end >= until - reported_outages.SKEW
    ]
    told += (each for each in case.told if each.end and each.end > until and each not in told)
    if subject.judged_until != until or told != [*subject.told]:
        kept = tuple(told[-reported_outages.MOST :])
        case.ctx.put_subject(replace(subject, judged_until=until, told=kept))
