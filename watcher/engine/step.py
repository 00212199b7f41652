"""One event in, its effects out: the only way to change a state.

Law: `step` is deterministic, changes the state in place and touches nothing else. The same rules,
events and times give the same effects, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from watcher import model
from watcher.engine import alerts, clock_steps, commands, details, dry_run
from watcher.engine.backfill import schedule
from watcher.engine.context import StepContext
from watcher.engine.incidents import (
    drills,
    failing_receivers,
    flapping,
    notifications,
    remedies,
    silences,
    suppression,
)
from watcher.engine.observation import hours, missing_subjects, polls, samples, source_health
from watcher.engine.rules.rule import Ruleset
from watcher.engine.state import State
from watcher.engine.timers import Timer, TimerKind
from watcher.engine.works import announcements, notices
from watcher.model import AlertState, Visibility


class Reloaded(Struct, frozen=True, kw_only=True):
    """New rules are in force. At a start, nobody has watched since `unwatched_since`.

    That, and every other time, is on the clock of the daemon that led before: ours is ahead of it
    by `moved`.
    """

    ruleset: Ruleset
    unwatched_since: datetime | None = None
    moved: timedelta = timedelta()


Event = model.Event | Reloaded


def step(state: State, event: Event, now: datetime) -> tuple[model.Effect, ...]:
    """Apply one event that was observed at `now`; return the effects.

    Time goes back in a ClockStepped alone, whose `now` is that of the clock as it has been set.

    Raises IllegalCommand for a command that cannot be obeyed; then nothing has changed.
    """
    ctx = StepContext(state, now)
    _HANDLERS[type(event)](ctx, event)
    announcements.refresh(ctx)
    notifications.refresh_incidents(ctx)
    ctx.forget_resolved()
    return ctx.effects()


def _tick(ctx: StepContext, _: model.Ticked) -> None:
    """Run the timers that are due, except those of a source that cannot be seen.

    The next poll of such a source evaluates its alerts and sets their timers again.
    """
    state, due = ctx.state, ctx.take_due_timers()
    by_time = [timer.key for timer in due if timer.kind is TimerKind.HOURS]
    for timer in due:
        source = model.source_of(timer.key)
        seen = state.visibility(source)
        if timer.kind is TimerKind.HOURS:  # all at once: each goes through all subjects
            hours.edge(ctx, by_time)
            by_time = []
        elif timer.kind in _ALWAYS:
            _ALWAYS[timer.kind](ctx, timer.key)
        elif timer.kind is TimerKind.DETAILS and not details.is_awaited(ctx, timer.key):
            details.ask_again(ctx, timer.key)
        elif state.is_awaited(source) or seen is Visibility.BLIND:
            continue
        elif timer.kind is TimerKind.DETAILS:
            _stop_waiting(ctx, timer.key)
        elif seen is not Visibility.SEEN:
            continue
        elif timer.kind is TimerKind.NO_DATA:
            _evaluate_silence(ctx, timer)
        else:
            _alert_timer_due(ctx, timer, source)


def _stop_waiting(ctx: StepContext, key: str) -> None:
    """Decide without the details that did not come in time."""
    state = ctx.state
    subject = state.subjects.get(key)
    if subject is None:
        return
    if state.visibility(subject.source) is Visibility.SEEN and not subject.missed:
        polls.evaluate_known(ctx, subject)
    elif state.visibility(subject.source) is Visibility.SEEN:
        missing_subjects.evaluate_end(ctx, key)
    for alert in state.alerts_on(key, AlertState.PENDING):
        alerts.fire_if_due(ctx, alert)


def _evaluate_silence(ctx: StepContext, timer: Timer) -> None:
    """Evaluate whether a subject has been silent for too long; the next poll confirms it."""
    subject = ctx.state.subjects.get(timer.key)
    if subject is not None and not subject.missed:
        samples.evaluate_no_data(ctx, timer.key, only=timer.rule)
        ctx.request(model.PollNeeded(source=subject.source))


def _alert_timer_due(ctx: StepContext, timer: Timer, source: str) -> None:
    alert = ctx.state.alert(timer.key, timer.rule)
    if timer.kind is TimerKind.QUIET:
        if alert is not None and alert.state is AlertState.FIRING:
            flapping.end_flapping(ctx, alert)
        return
    if alert is None or alert.due is None or alert.due > ctx.now:
        return
    if timer.kind is TimerKind.HOLD:
        ctx.request(model.PollNeeded(source=source))
    else:
        alerts.settle(ctx, alert.subject)


def _reload(ctx: StepContext, event: Reloaded) -> None:
    """Put new rules in force: what fires goes on, what no rule watches any more is resolved."""
    state, ruleset = ctx.state, event.ruleset
    ctx.adopt_rules(ruleset)
    clock_steps.started(ctx, event.unwatched_since, event.moved)
    suppression.refresh(ctx)
    ctx.agenda.review_all_works()
    hours.refresh(ctx)
    samples.drop_strays(ctx)
    for key in sorted(state.alerts):
        for alert in state.alerts_on(key):
            if not _is_watched(state, alert):
                _end_removed(ctx, alert)
    for subject in list(state.subjects.values()):
        if subject.source not in ruleset.sources:
            ctx.forget_subject(subject.key)
    for key in sorted(state.subjects):
        subject = state.subjects[key]
        details.schedule_phase(ctx, subject)
        details.resume_waiting(ctx, subject)
        if state.visibility(subject.source) is not Visibility.SEEN:
            ctx.await_poll(subject.source)  # so that its next complete poll judges everything
        elif not state.is_awaited(subject.source) and not subject.missed:
            polls.evaluate_known(ctx, subject)


def _is_watched(state: State, alert: model.Alert) -> bool:
    rule = state.rules.get(alert.rule)
    source = model.source_of(alert.subject)
    return rule is not None and source in rule.sources and source in state.ruleset.sources


def _end_removed(ctx: StepContext, alert: model.Alert) -> None:
    if alert.state is AlertState.FIRING:
        alerts.resolve(ctx, alert, model.Resolution.RULE_REMOVED)
    elif alert.rule in ctx.state.alerts.get(alert.subject, {}):
        ctx.remove_alert(alert)


# What runs even if the source cannot be seen, or checks that itself; called with the timer's key.
_ALWAYS: Mapping[TimerKind, Callable[[StepContext, str], None]] = {
    TimerKind.SUPPRESSION: lambda ctx, _: suppression.edge(ctx),
    TimerKind.INCIDENT: StepContext.touch,
    TimerKind.VISIBILITY: source_health.refresh,
    TimerKind.BACKFILL: schedule.tick,
    TimerKind.PHASE: polls.phase_edge,
    TimerKind.WORKS_AHEAD: announcements.due,
}

_HANDLERS: Mapping[type, Callable[[StepContext, Any], None]] = {
    model.Polled: polls.poll_answered,
    model.PollFailed: source_health.poll_failed,
    model.Ticked: _tick,
    model.ClockStepped: clock_steps.clock_stepped,
    model.Stalled: clock_steps.stalled,
    model.DetailsRead: commands.details_read,
    model.HistoryRead: lambda ctx, event: schedule.history_read(ctx, event, dry_run.would_fire),
    model.AlternativesRead: remedies.alternatives_read,
    model.RemedyApproved: remedies.approve,
    model.RemedyRefused: remedies.refuse,
    model.BandwidthNews: remedies.bandwidth_news,
    model.Diagnosed: commands.diagnosed,
    model.DiagnosisWanted: commands.request_diagnosis,
    model.Acknowledged: commands.acknowledge,
    model.Unacknowledged: commands.unacknowledge,
    model.ResolvedByHand: commands.resolve,
    model.Noted: commands.note,
    model.TicketRecorded: commands.record_ticket,
    model.ReceiverFailed: failing_receivers.receiver_failed,
    model.ReceiverRecovered: failing_receivers.receiver_recovered,
    model.DrillWanted: drills.start,
    model.CalendarRead: commands.calendar_read,
    model.NoticeRead: notices.notice_read,
    model.WorkConfirmed: notices.confirm,
    model.WorkDismissed: notices.dismiss,
    model.Silenced: silences.add,
    model.Unsilenced: silences.end,
    Reloaded: _reload,
}
