"""What an answered poll says: subjects seen, and samples.

Subjects come first, then their samples, then what is missing; what waited for a poll fires last.
"""

from __future__ import annotations

from collections.abc import Sequence

from watcher import model
from watcher.engine import alerts, conditions, details
from watcher.engine.backfill import schedule
from watcher.engine.context import StepContext
from watcher.engine.observation import missing_subjects, samples, source_health, subjects
from watcher.engine.rules.index import RuleIndex
from watcher.engine.rules.rule import Rule, Transition
from watcher.model import AlertState, Visibility

_SEEN, _BLIND = Visibility.SEEN, Visibility.BLIND


def poll_answered(ctx: StepContext, event: model.Polled) -> None:
    """Evaluate everything that one poll says."""
    source, state = event.source, ctx.state
    plan = state.rule_index.get(source)
    if plan is None:
        return  # a poll that was under way when a reload took its source away
    unseen = schedule.poll_answered(ctx, source)
    before = source_health.source_seen(ctx, event)
    broken = before is _BLIND or unseen  # `for` and `keep_firing_for` start again
    first = event.complete and state.is_awaited(source)
    if first:
        ctx.stop_awaiting(source)
    rechecks = ctx.take_rechecks(source)  # what this poll asks for is for the next one
    again = missing_subjects.return_missing(ctx, event)
    unread = {*event.absent, *event.unreadable, *state.subject_index.missing.get(source, ())}
    evaluated: set[str] = set()
    for seen in event.seen:
        if subjects.observe(ctx, seen) or seen.key in again:
            evaluated.add(seen.key)
            evaluate_changed(ctx, plan, state.subjects[seen.key], broken=broken)
    for key in samples.take(ctx, event, plan, evaluated):
        if plan.expressions:
            evaluate_changed(ctx, plan, state.subjects[key], broken=broken)
    if event.complete:
        missing_subjects.count_missing(ctx, event)
    again |= rechecks | _to_recheck(ctx, source, first=first, unseen=before is not _SEEN)
    looks_again = first or before is not _SEEN
    _evaluate_silences(ctx, source, rechecks, unread, all_of_them=looks_again)
    if again:
        _evaluate_again(ctx, source, again, evaluated, unread, broken=broken)
    _fire_due(ctx, source, unread)
    _join_storm(ctx)
    if looks_again:
        _reschedule(ctx, source)
    schedule.poll_evaluated(ctx, source, after_gap=unseen)


def _evaluate_again(
    ctx: StepContext,
    source: str,
    again: set[str],
    evaluated: set[str],
    unread: set[str],
    *,
    broken: bool,
) -> None:
    """Evaluate subjects whatever their poll says; those that it does not show, with the next."""
    subjects = ctx.state.subjects
    again = {key for key in again if key in subjects}  # one that vanished may be forgotten
    missing_subjects.evaluate_ends(ctx, again & unread)
    again = {key for key in again if key in subjects}
    ctx.add_recheck(source, *sorted(again & unread))
    for key in _in_order(ctx, again, evaluated | unread):
        evaluate_changed(ctx, ctx.state.rule_index[source], subjects[key], broken=broken)


def _to_recheck(ctx: StepContext, source: str, *, first: bool, unseen: bool) -> set[str]:
    """Return the subjects to evaluate again, after a time in which nobody saw them."""
    state = ctx.state
    again = _keys_of(ctx, source) if first else set()
    if unseen:
        again |= {alert.subject for alert in state.alerts_of(source)}
    return again


def _evaluate_silences(
    ctx: StepContext, source: str, keys: set[str], unread: set[str], *, all_of_them: bool
) -> None:
    """Evaluate how long subjects have been silent; those that the poll leaves out, with the next.

    No poll tells that by itself, and what it leaves out may have been measured.
    """
    if ctx.state.rule_index[source].no_datas:
        keys = _keys_of(ctx, source) if all_of_them else keys
        for key in sorted(keys - unread):
            samples.evaluate_no_data(ctx, key)
        ctx.add_recheck(source, *sorted(keys & unread & ctx.state.subjects.keys()))


def _in_order(ctx: StepContext, again: set[str], left_out: set[str]) -> list[str]:
    """Return the keys of `again` but for some, sorted.

    Many are taken in the order of the subjects, which is sorted almost: sorting 100,000 in the
    order of a set holds everything else up.
    """
    subjects = ctx.state.subjects
    keys = subjects if 2 * len(again) > len(subjects) else again
    return sorted(key for key in keys if key in again and key not in left_out)


def _keys_of(ctx: StepContext, source: str) -> set[str]:
    return {key for key, subject in ctx.state.subjects.items() if subject.source == source}


def evaluate_changed(
    ctx: StepContext, plan: RuleIndex, subject: model.Subject, *, broken: bool = False
) -> None:
    """Evaluate the conditions that a subject's fields and labels can change."""
    key, fields = subject.key, subject.fields
    existing = ctx.state.alerts.get(key)
    transitions = _entering(plan, subject)
    if existing:
        transitions = plan.with_alerts(transitions, existing)
    for rule, condition in transitions:
        if fields.get(condition.field) in condition.to or (existing and rule.name in existing):
            result = conditions.evaluate_transition(ctx, rule, condition, subject)
            alerts.apply(ctx, rule, key, result, at=ctx.now, broken=broken)
    if plan.expressions:
        context = ctx.subject_view(key).context
        # A false expression without an alert changes nothing; with an error it says that it works.
        all_of_them = existing or ctx.state.alert_index.expression_errors
        numbers = range(len(plan.expressions)) if all_of_them else plan.candidates(context)
        for rule, expression in (plan.expressions[number] for number in numbers):
            truth = conditions.evaluate_predicate(
                ctx, rule, expression.holds, key, context, failed=False
            )
            if truth or (existing and rule.name in existing):
                result = conditions.narrow(ctx, rule, key, conditions.Truth(truth))
                alerts.apply(ctx, rule, key, result, at=ctx.now, broken=broken)
    if key in ctx.state.alerts:
        alerts.settle(ctx, key)


def evaluate_known(ctx: StepContext, subject: model.Subject) -> None:
    """Evaluate what can change without a poll: by a rule, a schedule, details, or time.

    That is everything but thresholds, which their next sample decides.
    """
    evaluate_changed(ctx, ctx.state.rule_index[subject.source], subject)
    samples.evaluate_no_data(ctx, subject.key)


def phase_edge(ctx: StepContext, key: str) -> None:
    """Evaluate that a reservation's phase may have changed, unless its source cannot be seen."""
    state = ctx.state
    subject = state.subjects.get(key)
    if subject is None:
        return
    details.request(ctx, key, fresh=details.AT_AN_EDGE)
    subject = state.subjects[key]
    details.schedule_phase(ctx, subject)
    if state.is_awaited(subject.source) or state.visibility(subject.source) is not _SEEN:
        ctx.add_recheck(subject.source, key)
    elif not subject.missed:
        evaluate_known(ctx, subject)
        if state.alerts_on(key, AlertState.PENDING):
            ctx.request(model.PollNeeded(source=subject.source))
    else:
        missing_subjects.evaluate_end(ctx, key)
    schedule.phase_changed(ctx, key)


def _entering(plan: RuleIndex, subject: model.Subject) -> Sequence[tuple[Rule, Transition]]:
    """Return the rules that look for a value which the subject has."""
    fields, by_field = subject.fields, plan.entering
    if len(by_field) == 1:  # nearly always
        ((field, by_value),) = by_field.items()
        return by_value.get(fields.get(field), ())
    return [
        rule for field, by_value in by_field.items() for rule in by_value.get(fields.get(field), ())
    ]


def _fire_due(ctx: StepContext, source: str, unread: set[str]) -> None:
    """Fire the alerts whose `for` is over and whose subject this poll has shown unchanged."""
    pending = ctx.state.alert_index.pending.get(source, ())
    due = [(rule, key) for rule, key in pending if alerts.may_be_due(ctx, rule, key)]
    for rule, key in sorted(due):
        if key not in unread:
            alerts.fire_if_due(ctx, ctx.state.alerts[key][rule])


def _join_storm(ctx: StepContext) -> None:
    """In a storm, fire at once what has only just begun to wait for details."""
    for key in ctx.agenda.awaiting if ctx.agenda.storms else ():
        details.stop_waiting(ctx, key)
        for alert in ctx.state.alerts_on(key, AlertState.PENDING):
            alerts.fire_if_due(ctx, alert)


def _reschedule(ctx: StepContext, source: str) -> None:
    """Schedule again what was passed over while the source could not be seen."""
    for incident in ctx.state.incidents.values():
        if incident.source == source:
            ctx.touch(incident.id)
    for alert in ctx.state.alerts_of(source):
        alerts.schedule_timer(ctx, alert)
