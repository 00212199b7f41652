"""Subjects that a source lists no longer, and those that come back.

Law: what a poll does not name is not down; it has vanished when two complete polls in a row miss
it, or three when more than half of all go missing at once. A reservation whose details say that it
is over has not vanished: it has ended.
"""

from __future__ import annotations

from dataclasses import replace

from watcher import model
from watcher.engine import alerts, conditions, details, sweeps
from watcher.engine.timers import Purpose, Timer
from watcher.engine.turn import Turn
from watcher.model import AlertState, EntryKind, Phase

_MASS = 10  # fewer than this may well vanish at once


def return_missing(turn: Turn, event: model.Polled) -> set[str]:
    """Take back subjects that an earlier poll missed and this one shows."""
    state = turn.state
    missing = state.missing.get(event.source, {})
    back = {seen.key for seen in event.seen if seen.key in missing} if missing else set()
    for key in sorted(back):
        for alert in turn.state.alerts_on(key, AlertState.FIRING):
            if alerts.is_vanished(turn, alert):
                turn.keep_alert(replace(alert, due=None))
                state.timers.disarm(Timer(Purpose.CLEAR, key, alert.rule))
                if alert.incident:
                    turn.write(alert.incident, EntryKind.SIGHTED, "listed by the vendor again")
        turn.keep_subject(replace(state.subjects[key], missed=0))
        sweeps.stay(turn, key)
        del missing[key]
    return back


def miss(turn: Turn, event: model.Polled) -> None:
    """Count the complete polls that missed a subject, and let it vanish."""
    state = turn.state
    absent = sorted(key for key in set(event.absent) if key in state.subjects)
    once, twice = (sum(state.subjects[key].missed == n for key in absent) for n in (0, 1))
    mass = _is_mass(twice, event, absent)
    matters = any(rule for rule, each in state.plans[event.source].expressions if each.of_vanishing)
    for key in absent:
        missed = state.subjects[key].missed + 1
        firing = turn.state.alerts_on(key, AlertState.FIRING)
        if any(alerts.is_vanished(turn, alert) for alert in firing):
            continue
        turn.keep_subject(replace(state.subjects[key], missed=missed))
        state.missing.setdefault(event.source, {})[key] = None
        if (firing or matters) and not _is_mass(once, event, absent):
            details.ask(turn, key, fresh=details.AT_AN_EDGE)  # they may say that it has ended
        for alert in firing:
            if alert.due is not None:
                turn.keep_alert(replace(alert, due=None))
                state.timers.disarm(Timer(Purpose.CLEAR, key, alert.rule))
        if missed > 2 or (missed == 2 and not mass):
            _vanish(turn, key)


def judge(turn: Turn, key: str) -> None:
    """Judge a vanished subject: it has ended, or the rules about vanishing look at it."""
    state = turn.state
    if turn.scene(key).phase is Phase.ENDED:
        for alert in state.alerts_on(key, AlertState.FIRING):
            alerts.over(turn, alert, model.Resolution.ENDED)
        return
    context = turn.scene(key).context
    for rule, expression in state.plans[key.partition("/")[0]].expressions:
        if expression.of_vanishing:
            truth = conditions.ask(turn, rule, expression.holds, key, context, failed=False)
            verdict = conditions.narrowed(turn, rule, key, conditions.Verdict(truth))
            alerts.apply(turn, rule, key, verdict, at=turn.now)


def _is_mass(missed: int, event: model.Polled, absent: list[str]) -> bool:
    return missed > _MASS and missed * 2 > event.total + len(absent)


def _vanish(turn: Turn, key: str) -> None:
    state = turn.state
    known = state.alerts_on(key, AlertState.FIRING)
    for alert in state.alerts_on(key, AlertState.PENDING):
        turn.drop_alert(alert)
    judge(turn, key)
    if key not in state.subjects:
        return  # it has ended
    for alert in state.alerts_on(key, AlertState.FIRING):
        waiting = replace(alert, due=turn.now + alerts.VANISHED_FOR)
        turn.keep_alert(waiting)
        alerts.arm(turn, waiting)
        if alert.incident and alert in known:
            text = "the vendor does not list it any more; resolved in 24 h unless it comes back"
            turn.write(alert.incident, EntryKind.VANISHED, text, notify=True)
    sweeps.forget_if_vanished(turn, key)
