"""Whether a rule's condition holds on a subject now: true, false, or None for "cannot tell".

The condition is evaluated first, then `hours`, then `where`, then `during`, each only for what is
not false already: the last one may cost a call to the vendor.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from watcher import model
from watcher.engine import details
from watcher.engine.context import StepContext
from watcher.engine.rules import hours
from watcher.engine.rules.rule import (
    Context,
    Expression,
    ExpressionError,
    Predicate,
    Rule,
    Transition,
)

_UNKNOWN = model.Phase.UNKNOWN


class Truth(Struct, frozen=True, gc=False):
    """A condition's truth, the value that it is about, and what the value was before.

    `ended` says that it is false because of the reservation's phase alone, `closed` because of the
    rule's hours. `measured` belongs to a threshold's value.
    """

    truth: bool | None
    value: model.Scalar = None
    was: str | None = None
    ended: bool = False
    closed: bool = False
    measured: model.Measured | None = None


def evaluate_transition(
    ctx: StepContext, rule: Rule, condition: Transition, subject: model.Subject
) -> Truth:
    """Evaluate a level: inside `to`, having come from `from_`.

    The last known value before it came inside is the subject's `previous` on the way in, and the
    alert's `entered_from` after a move inside. A subject that was inside when it was first seen may
    have come from anywhere.
    """
    value = subject.fields.get(condition.field)
    if value not in condition.to:
        if value is None or value == model.UNKNOWN:
            return narrow(
                ctx, rule, subject.key, Truth(None, value, _entered_from(ctx, rule, subject))
            )
        return Truth(False, value)
    before = subject.previous.get(condition.field)
    was = (
        _entered_from(ctx, rule, subject)
        if before is None or before in condition.to
        else str(before)
    )
    allowed = condition.from_ is None or was is None or was in condition.from_
    return narrow(ctx, rule, subject.key, Truth(allowed, value, was))


def _entered_from(ctx: StepContext, rule: Rule, subject: model.Subject) -> str | None:
    alert = ctx.state.alert(subject.key, rule.name)
    return None if alert is None else alert.entered_from


def narrow(
    ctx: StepContext, rule: Rule, key: str, result: Truth, *, at: datetime | None = None
) -> Truth:
    """Narrow a result by the rule's `hours`, `where` and `during`.

    A `where` that fails, or cannot tell, holds nothing back; `at` is what it reads as `now`. A
    phase holds back only by a schedule that was just read again; until then the result is None.
    """
    if result.truth is False:
        return result
    if not hours.apply_at(rule.hours, ctx.now):
        return replace(result, truth=False, closed=True)
    if rule.where is not None:
        past = at if rule.now is not None else None
        view = ctx.state.subject_view(key, past) if past else ctx.subject_view(key)
        if evaluate_predicate(ctx, rule, rule.where, key, view.context, failed=True) is False:
            return replace(result, truth=False)
    outside = is_outside(ctx, rule, key)
    if outside is None:
        return replace(result, truth=None)
    return replace(result, truth=False, ended=True) if outside else result


def is_outside(ctx: StepContext, rule: Rule, key: str) -> bool | None:
    """Return whether the subject's phase takes it out of a rule; None until that is read again."""
    subject = ctx.state.subjects.get(key)
    if subject is None:
        return False
    phase = ctx.subject_view(key).phase if subject.bookings else _UNKNOWN
    if phase in rule.during:
        return False
    return True if details.are_current(ctx, subject) else None


def is_over_by_time(ctx: StepContext, rule: Rule, alert: model.Alert) -> bool:
    """Return whether a firing alert's condition is over by what it reads of `now` alone.

    What is known of its subject would then hold at the time when the alert began.
    """
    subject, condition = ctx.state.subjects.get(alert.subject), rule.condition
    if rule.now is None or subject is None:
        return False
    then = ctx.state.subject_view(alert.subject, alert.since).context
    now = ctx.subject_view(alert.subject).context
    applied = rule.where is None or _holds(rule.where, then, failed=True)
    applies = rule.where is None or _holds(rule.where, now, failed=True)
    if isinstance(condition, Expression):
        return applied and _holds(condition.holds, then, failed=False)
    if (
        isinstance(condition, Transition)
        and subject.fields.get(condition.field) not in condition.to
    ):
        return False
    return applied and not applies


def _holds(predicate: Predicate, context: Context, *, failed: bool) -> bool:
    try:
        truth = predicate(context)
    except ExpressionError:
        return failed
    return failed if truth is None else truth


def is_well(ctx: StepContext, rule: Rule, key: str) -> bool | None:
    """Return whether a subject is well, by the rule or by its vendor; None: nobody can tell.

    A source is well when it can be seen, which only a rule about blindness asks.
    """
    if "/" not in key:
        return True
    if key not in ctx.state.subjects or ctx.state.subjects[key].missed:
        return None
    view = ctx.subject_view(key)
    if rule.well is not None:
        return evaluate_predicate(ctx, rule, rule.well, key, view.context, failed=False)
    return view.traits.well(view.fields, view.expected_mbps)


def evaluate_predicate(
    ctx: StepContext, rule: Rule, predicate: Predicate, key: str, context: Context, *, failed: bool
) -> bool | None:
    """Evaluate a predicate; where it fails, report that and return `failed`."""
    try:
        truth = predicate(context)
    except ExpressionError as error:
        ctx.add_expression_error(rule, key, error)
        return failed
    if ctx.state.alert_index.expression_errors:
        ctx.clear_expression_error(rule, key)
    return truth
