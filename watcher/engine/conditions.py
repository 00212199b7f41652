"""Whether a rule's condition holds on a subject now: true, false, or None for "cannot tell".

Law: `where` is asked last, and only of what is not false already.
"""

from __future__ import annotations

from typing import NamedTuple

from watcher import model
from watcher.engine.rule import Context, ExpressionError, Predicate, Rule, Transition
from watcher.engine.turn import Turn


class Verdict(NamedTuple):
    """A condition's truth, the value that it is about, and what the value was before."""

    truth: bool | None
    value: model.Scalar = None
    was: str | None = None


def transition(turn: Turn, rule: Rule, condition: Transition, subject: model.Subject) -> Verdict:
    """Judge a level: inside `to`, having come from `from_`.

    The last known value before it came inside is the subject's `previous` on the way in, and the
    alert's memory after a move inside; a subject that was inside at first sight came from anywhere.
    """
    value = subject.fields.get(condition.field)
    if value not in condition.to:
        if value is None or value == model.UNKNOWN:
            return with_where(
                turn, rule, subject.key, Verdict(None, value, _was(turn, rule, subject))
            )
        return Verdict(False, value)
    before = subject.previous.get(condition.field)
    was = _was(turn, rule, subject) if before is None or before in condition.to else str(before)
    allowed = condition.from_ is None or was is None or was in condition.from_
    return with_where(turn, rule, subject.key, Verdict(allowed, value, was))


def _was(turn: Turn, rule: Rule, subject: model.Subject) -> str | None:
    alert = turn.state.alerts.get(subject.key, {}).get(rule.name)
    return None if alert is None else alert.entered_from


def with_where(turn: Turn, rule: Rule, key: str, verdict: Verdict) -> Verdict:
    """Add the rule's `where`; one that fails, or cannot tell, holds nothing back."""
    if rule.where is None or verdict.truth is False:
        return verdict
    if ask(turn, rule, rule.where, key, turn.scene(key).context, failed=True) is False:
        return verdict._replace(truth=False)
    return verdict


def ask(
    turn: Turn, rule: Rule, predicate: Predicate, key: str, context: Context, *, failed: bool
) -> bool | None:
    """Evaluate a predicate; where it fails, flag that and answer `failed`."""
    try:
        truth = predicate(context)
    except ExpressionError as error:
        turn.misfire(rule, key, error)
        return failed
    if turn.state.misfiring:
        turn.state.misfiring.discard((rule.name, key))
    return truth
