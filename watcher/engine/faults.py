"""When a firing alert may end: what its subject and the other alerts of its fault say.

Rules with the same `fault` describe faces of one fault. While a subject shows one face after the
other, its alerts hand the fault over, and its incident stays open.

Law: nothing is called recovered unless its subject is well, and the last alert of a fault ends only
when its subject is well, its booking or its rule is over, it has vanished, or a person closes it.
"""

from __future__ import annotations

from datetime import datetime

from watcher import model
from watcher.engine import conditions
from watcher.engine.context import StepContext
from watcher.engine.rules.rule import Rule
from watcher.model import AlertState, Phase, Resolution

_OVER = (Phase.ENDED, Phase.BOOKED)  # a booking that was moved is not on air either


def holds(alert: model.Alert) -> bool:
    """Return whether a firing alert's condition holds, as far as anybody can tell."""
    return alert.due is None and alert.unclear_since is None


def lingers(ctx: StepContext, rule: Rule, key: str) -> bool:
    """Return whether an alert whose condition is over has to wait until its subject is well."""
    return bool(rule.fault) and conditions.is_well(ctx, rule, key) is not True


def is_unwell(ctx: StepContext, rule: Rule, key: str) -> bool:
    """Return whether a subject is known not to be well, which a fault's `for` counts."""
    return bool(rule.fault) and conditions.is_well(ctx, rule, key) is False


def unwell_since(ctx: StepContext, rule: Rule, key: str, at: datetime) -> datetime:
    """Return from when a new alert counts `for`: a subject that went from bad to bad stays bad.

    A pending alert that breaks in this step hands its time on; a firing one does not, because an
    incident is open, and worse news has to be steady for as long as its own rule says.
    """
    pending = ctx.state.siblings(rule, key, AlertState.PENDING)
    since = [alert.since for alert in pending if alert.unwell]
    broken = ctx.agenda.broken.get((rule.fault, key))
    return min([at, *since, *([broken] if broken else [])])


def resolution(ctx: StepContext, rule: Rule, alert: model.Alert) -> Resolution | None:
    """Return as what an alert ends whose time has come; None: not yet."""
    key = alert.subject
    subject = ctx.state.subjects.get(key)
    outside = conditions.is_outside(ctx, rule, key)
    if outside and ctx.subject_view(key).phase in _OVER:
        return Resolution.ENDED
    if subject is not None and subject.missed >= 2:
        return Resolution.LAPSED if outside else Resolution.VANISHED
    if alert.unclear_since is not None or outside is None:
        return None
    recovered = _has_recovered(ctx, rule, alert) and not outside
    if any(holds(other) for other in ctx.state.siblings(rule, key, AlertState.FIRING)):
        return Resolution.RECOVERED if recovered else Resolution.LAPSED
    if ctx.state.siblings(rule, key, AlertState.PENDING):
        return None
    return _last(ctx, rule, alert, outside=outside)


def _has_recovered(ctx: StepContext, rule: Rule, alert: model.Alert) -> bool:
    """Return whether a subject is well, and not by the time of day or a person's hand alone."""
    if conditions.is_well(ctx, rule, alert.subject) is not True:
        return False
    still_held = ctx.state.held_though_closed(rule, alert.subject)
    return not still_held and not conditions.is_over_by_time(ctx, rule, alert)


def _last(ctx: StepContext, rule: Rule, alert: model.Alert, *, outside: bool) -> Resolution | None:
    """Return as what the last alert of a fault on a subject ends.

    A fault may outlive its rule's phases: at the start of a booking the pre-roll's rule is over,
    and with the fault of a service that is well by then, it has recovered.
    """
    if not conditions.is_well(ctx, rule, alert.subject):
        return None if rule.fault else Resolution.LAPSED
    ends_well = _has_recovered(ctx, rule, alert) and (rule.fault or not outside)
    return Resolution.RECOVERED if ends_well else Resolution.LAPSED
