"""The machine's clock was set, or nobody has watched for a while: what becomes of the times kept.

Law: a span is elapsed time. What was 20 seconds ago before the clock was set is 20 seconds ago
after it, so nothing fires, ends or is notified sooner or later than it would have. What goes by the
time of day (phases, hours, maintenance) is evaluated again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from watcher import model
from watcher.engine import alerts, marks
from watcher.engine.backfill import schedule
from watcher.engine.context import StepContext
from watcher.engine.details import schedule_phase
from watcher.engine.incidents import flapping, suppression
from watcher.engine.observation import hours, polls, samples
from watcher.engine.rules import reservation
from watcher.engine.rules.rule import Threshold
from watcher.engine.state import move_times, sort_by_time
from watcher.model import AlertState

_SKEW = timedelta(seconds=2)  # between the clocks of two daemons that take turns


def clock_stepped(ctx: StepContext, event: model.ClockStepped) -> None:
    """Move every time of Watcher's own, and evaluate again what goes by the time of day.

    A machine that was stopped as a whole notices that by nothing else than its time service, so
    what a vendor has recorded of a long step ahead is read at once.
    """
    state, by = ctx.state, event.by
    move(ctx, by)
    suppression.refresh(ctx)
    ctx.agenda.review_all_works()
    hours.clock_stepped(ctx, ctx.now - by)
    samples.drop_strays(ctx)
    for key in sorted(key for key, subject in state.subjects.items() if subject.bookings):
        _evaluate_phase(ctx, state.subjects[key], by)
    for source, traits in state.ruleset.sources.items():
        if by >= traits.blind_after:
            schedule.read_all(ctx, source)


def stalled(ctx: StepContext, event: model.Stalled) -> None:
    """Go on as after a start: no alert's timer runs before its source was polled again."""
    schedule.not_watched(ctx, event.since)
    for source in ctx.state.ruleset.sources:
        ctx.await_poll(source)
        ctx.request(model.PollNeeded(source=source))


def is_behind(unwatched_since: datetime, now: datetime) -> bool:
    """Return whether the clock was set back while nobody watched, by the difference or more."""
    return unwatched_since - now > _SKEW


def started(ctx: StepContext, unwatched_since: datetime | None, moved: timedelta) -> None:
    """Note since when nobody has watched; then no time that has passed lies ahead of now.

    All times are those of a clock that ours is ahead of by `moved`.
    """
    if moved:
        move(ctx, moved)
    if unwatched_since is None:
        return
    unwatched_since += moved
    if is_behind(unwatched_since, ctx.now):
        move(ctx, ctx.now - unwatched_since)
    ctx.forget_resolved()  # else what was over before the clock was set back would just be over
    _take_back(ctx)
    schedule.not_watched(ctx, min(unwatched_since, ctx.now))


def move(ctx: StepContext, by: timedelta) -> None:
    """Move every time of Watcher's own."""
    state = ctx.state
    silent = {
        key: samples.measured_until(ctx, key)
        for key, subject in state.subjects.items()
        if subject.source in state.ruleset.sources and state.rule_index[subject.source].no_datas
    }
    late = {name for name, incident in state.incidents.items() if marks.is_late(incident)}
    move_times(state, by, late=late)
    for health in list(state.health.values()):
        ctx.put_health(replace(marks.moved(health, by), stepped_at=ctx.now))
    for key, subject in list(state.subjects.items()):
        ctx.put_subject(marks.move_subject(subject, by, silent_since=silent.get(key)))
    for key in sorted(state.alerts):
        for alert in state.alerts_on(key):
            vanished = alerts.is_vanished(ctx, alert)
            rule = state.rules.get(alert.rule)
            ctx.put_alert(marks.move_alert(alert, rule, by, is_vanished=vanished))
    for incident in list(state.incidents.values()):
        if incident.id not in late:
            _move_incident(ctx, incident, by)
    for silence in list(state.silences.values()):
        if (kept := marks.move_silence(silence, by, ctx.now)) != silence:
            ctx.put_silence(kept)
    sort_by_time(state)


def _move_incident(ctx: StepContext, incident: model.Incident, by: timedelta) -> None:
    before = list(ctx.state.members.get(incident.id, {}).values())
    rules = ctx.state.rules
    after = [marks.move_member(member, rules.get(member.rule), by) for member in before]
    for member in after:
        ctx.put_member(member)
    ctx.put_incident(marks.move_incident(incident, by, before=before, after=after))


def _evaluate_phase(ctx: StepContext, subject: model.Subject, by: timedelta) -> None:
    traits = ctx.state.ruleset.sources.get(subject.source)
    if traits is None:
        return
    was, now = (
        reservation.phase(subject.bookings, at, traits.pre_roll) for at in (ctx.now - by, ctx.now)
    )
    if was is now:
        schedule_phase(ctx, subject)
    else:
        polls.phase_edge(ctx, subject.key)


def _take_back(ctx: StepContext) -> None:
    """Take back what lies ahead: a clock, or a sample, was ahead when it was kept."""
    state = ctx.state
    for health in list(state.health.values()):
        if (back := marks.cap_health(health, ctx.now)) != health:
            ctx.put_health(back)
    for subject in list(state.subjects.values()):
        if (kept := marks.cap_subject(subject, ctx.now)) != subject:
            ctx.put_subject(kept)
    changed = False
    for key in sorted(state.alerts):
        for alert in state.alerts_on(key):
            changed |= _take_back_alert(ctx, alert)
    for incident in list(state.incidents.values()):
        if not marks.is_late(incident):  # its times are the vendor's
            _take_back_incident(ctx, incident)
    if changed:
        sort_by_time(state)


def _take_back_alert(ctx: StepContext, alert: model.Alert) -> bool:
    rule = ctx.state.rules.get(alert.rule)
    if rule is None:
        return False
    longest = rule.hold
    if alert.state is AlertState.FIRING:
        vanished = alerts.is_vanished(ctx, alert)
        longest = alerts.VANISHED_FOR if vanished else flapping.keep_firing_for(ctx, rule, alert)
    is_sampled = isinstance(rule.condition, Threshold)
    latest = ctx.now + (_tolerance(ctx, alert.subject) if is_sampled else timedelta(0))
    back = marks.cap_alert(alert, latest, longest)
    if back == alert:
        return False
    ctx.put_alert(back)
    return True


def _take_back_incident(ctx: StepContext, incident: model.Incident) -> None:
    latest = ctx.now + _tolerance(ctx, incident.source)
    for member in list(ctx.state.members.get(incident.id, {}).values()):
        if (kept := marks.cap_member(member, latest)) != member:
            ctx.put_member(kept)
    if (back := marks.cap_incident(incident, ctx.now, latest)) != incident:
        ctx.put_incident(back)


def _tolerance(ctx: StepContext, key: str) -> timedelta:
    """Return how far ahead of now a vendor's time may be."""
    traits = ctx.state.ruleset.sources.get(model.source_of(key))
    return timedelta(0) if traits is None else traits.clock_tolerance
