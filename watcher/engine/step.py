"""One event in, its consequences out: the engine's only way of changing.

Law: `step` is deterministic, changes the state in place and touches nothing else. The same rules,
events and times give the same effects, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watcher import model
from watcher.engine import alerts, commands, details
from watcher.engine.backfill import schedule
from watcher.engine.context import Turn
from watcher.engine.incidents import incidents, internal, notifications, remedies, suppression
from watcher.engine.observation import polls, samples, visibility
from watcher.engine.rules.rule import Ruleset
from watcher.engine.state import State
from watcher.engine.timers import Purpose, Timer
from watcher.model import AlertState, Sight


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """New rules are in force. At a start, nobody has watched since `unwatched_since`."""

    ruleset: Ruleset
    unwatched_since: datetime | None = None


Event = model.Event | Reloaded


def step(state: State, event: Event, now: datetime) -> tuple[model.Effect, ...]:
    """Take in one event that was observed at `now`, which never goes back.

    Raises IllegalCommand for a command that cannot be obeyed; then nothing has changed.
    """
    turn = Turn(state, now)
    _HANDLERS[type(event)](turn, event)
    notifications.settle(turn)
    state.forget_resolved(now)
    return turn.effects()


def _tick(turn: Turn, _: model.Ticked) -> None:
    """Run the timers that are due. Those of a source that cannot be seen are let pass.

    The next poll of such a source looks at its alerts and sets their timers again.
    """
    state = turn.state
    for timer in state.timers.take_due(turn.now):
        source = timer.key.partition("/")[0]
        seen = state.sight(source)
        if timer.purpose in _IN_ANY_CASE:
            _IN_ANY_CASE[timer.purpose](turn, timer.key)
        elif source in state.awaited or seen is Sight.BLIND:
            continue
        elif timer.purpose is Purpose.DETAILS:
            _stop_waiting(turn, timer.key)
        elif seen is not Sight.SEEN:
            continue
        elif timer.purpose is Purpose.NO_DATA:
            _hear(turn, timer)
        else:
            _run(turn, timer, source)


def _stop_waiting(turn: Turn, key: str) -> None:
    """Decide without the details that did not come in time."""
    state = turn.state
    subject = state.subjects.get(key)
    if subject is None:
        return
    if state.sight(subject.source) is Sight.SEEN and not subject.missed:
        polls.judge_changed(turn, state.plans[subject.source], subject)
    for alert in state.alerts_on(key, AlertState.PENDING):
        alerts.fire_if_due(turn, alert)


def _hear(turn: Turn, timer: Timer) -> None:
    """See whether a subject has been silent for too long; the next poll decides."""
    subject = turn.state.subjects.get(timer.key)
    if subject is not None and not subject.missed:
        samples.evaluate_no_data(turn, timer.key, only=timer.rule)
        turn.want(model.PollNeeded(source=subject.source))


def _run(turn: Turn, timer: Timer, source: str) -> None:
    alert = turn.state.alerts.get(timer.key, {}).get(timer.rule)
    if timer.purpose is Purpose.QUIET:
        if alert is not None and alert.state is AlertState.FIRING:
            incidents.quieten(turn, alert)
        return
    if alert is None or alert.due is None or alert.due > turn.now:
        return
    if timer.purpose is Purpose.HOLD:
        turn.want(model.PollNeeded(source=source))
    elif alerts.is_vanished(turn, alert):
        alerts.over(turn, alert, model.Resolution.VANISHED)
    else:
        alerts.over(turn, alert, model.Resolution.RECOVERED)


def _reload(turn: Turn, event: Reloaded) -> None:
    """Put new rules in force: what fires goes on, what no rule watches any more is resolved."""
    state, ruleset = turn.state, event.ruleset
    added = set(ruleset.sources) - set(state.ruleset.sources)
    state.obey(ruleset)
    if event.unwatched_since is not None:
        schedule.start(turn, event.unwatched_since)
    suppression.look(turn)
    state.awaited = (state.awaited | added) & set(ruleset.sources)
    for key in sorted(state.alerts):
        for alert in state.alerts_on(key):
            if not _is_watched(state, alert):
                _release(turn, alert)
    for subject in list(state.subjects.values()):
        if subject.source not in ruleset.sources:
            turn.forget(subject.key)
    for key in sorted(state.subjects):
        subject = state.subjects[key]
        details.arm(turn, subject)
        if state.sight(subject.source) is not Sight.SEEN:
            state.awaited.add(subject.source)  # so that its next complete poll judges everything
        elif subject.source not in state.awaited and not subject.missed:
            polls.judge_changed(turn, state.plans[subject.source], subject)


def _is_watched(state: State, alert: model.Alert) -> bool:
    rule = state.rules.get(alert.rule)
    source = alert.subject.partition("/")[0]
    return rule is not None and source in rule.sources and source in state.ruleset.sources


def _release(turn: Turn, alert: model.Alert) -> None:
    if alert.state is AlertState.FIRING:
        alerts.over(turn, alert, model.Resolution.RULE_REMOVED)
    elif alert.rule in turn.state.alerts.get(alert.subject, {}):
        turn.drop_alert(alert)


# What needs no sight of a source, or looks for itself; each is called with the timer's key.
_IN_ANY_CASE: Mapping[Purpose, Callable[[Turn, str], None]] = {
    Purpose.SUPPRESSION: lambda turn, _: suppression.look(turn),
    Purpose.INCIDENT: Turn.touch,
    Purpose.SIGHT: visibility.look,
    Purpose.HISTORY: schedule.tick,
    Purpose.PHASE: polls.pass_edge,
}

_HANDLERS: Mapping[type, Callable[[Turn, Any], None]] = {
    model.Polled: polls.answered,
    model.PollFailed: visibility.failed,
    model.Ticked: _tick,
    model.DetailsRead: commands.detailed,
    model.HistoryRead: schedule.read,
    model.AlternativesRead: remedies.alternatives_read,
    model.RemedyApproved: remedies.approve,
    model.RemedyRefused: remedies.refuse,
    model.BandwidthNews: remedies.bandwidth_news,
    model.Diagnosed: commands.diagnosed,
    model.DiagnosisWanted: commands.want_diagnosis,
    model.Acknowledged: commands.acknowledge,
    model.Unacknowledged: commands.unacknowledge,
    model.ResolvedByHand: commands.resolve,
    model.Noted: commands.note,
    model.ReceiverFailed: internal.failed,
    model.ReceiverRecovered: internal.recovered,
    model.DrillWanted: internal.begin,
    model.Silenced: suppression.silence,
    model.Unsilenced: suppression.unsilence,
    Reloaded: _reload,
}
