"""A subject's details: requested when they matter, waited for at most five seconds.

They gate the first alert of a subject whose details were never read, and every decision that a
reservation's schedule makes an alert nobody's business. Where they cannot be had, the schedule that
is known stands, and an unknown one pages; those that were never read are asked for again while
something is wrong, as people read an id in place of a name. A storm does not wait: so many details
cannot be had in time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.rules import reservation
from watcher.engine.timers import Timer, TimerKind

WAIT = timedelta(seconds=5)
AGAIN = timedelta(minutes=5)  # after they could not be read
FRESH = timedelta(minutes=15)
AT_AN_EDGE = timedelta(minutes=1)  # an older schedule is read again when its phase changes
MOST_AT_ONCE = 50  # asked for by the alerts of one step: what an account lets through within WAIT


def request(ctx: StepContext, key: str, *, fresh: timedelta = FRESH) -> bool:
    """Request a subject's details and return True, unless they are fresh or were just requested."""
    subject = ctx.state.subjects.get(key)
    if subject is None or not ctx.state.ruleset.sources[subject.source].detailed:
        return False
    for at in (subject.detailed_at, subject.asked_at):
        if at is not None and ctx.now - at <= fresh:
            return False
    _request(ctx, subject)
    return True


def request_for_alert(ctx: StepContext, key: str) -> None:
    """Request details for a new alert, unless this step has so many that nobody could wait."""
    if ctx.agenda.details_asked < MOST_AT_ONCE and request(ctx, key):
        ctx.agenda.count_details_request(waiting=key)


def stop_waiting(ctx: StepContext, key: str) -> None:
    """Withdraw what this step has requested for a new alert."""
    ctx.withdraw_request(model.DetailsNeeded(subject=key))
    ctx.cancel(Timer(TimerKind.DETAILS, key))
    ctx.put_subject(replace(ctx.state.subjects[key], asked_at=None))


def are_ready(ctx: StepContext, key: str) -> bool:
    """Return whether an alert need not wait for details any longer."""
    subject = ctx.state.subjects.get(key)
    return (
        subject is None
        or subject.detailed_at is not None
        or subject.asked_at is None
        or ctx.now >= subject.asked_at + WAIT
    )


def are_current(ctx: StepContext, subject: model.Subject) -> bool:
    """Return whether the schedule may hold an alert back: read again in this phase, or unreadable.

    Requests it where it was not. A reservation may have been extended since it was read.
    """
    traits = ctx.state.ruleset.sources[subject.source]
    if not traits.detailed:
        return True
    edge = reservation.last_edge(subject.bookings, ctx.now, traits.pre_roll)
    answered = subject.answered_at
    if answered is not None and ctx.now - answered <= FRESH and (edge is None or answered >= edge):
        return True
    if subject.asked_at is None:
        if ctx.agenda.details_asked >= MOST_AT_ONCE:
            return True
        _request(ctx, subject)
        ctx.agenda.count_details_request()
        return False
    return ctx.now >= subject.asked_at + WAIT


def schedule_phase(ctx: StepContext, subject: model.Subject) -> None:
    """Schedule the next change of phase; an overrun is checked repeatedly."""
    timer = Timer(TimerKind.PHASE, subject.key)
    if not subject.bookings:
        ctx.cancel(timer)
        return
    pre_roll = ctx.state.ruleset.sources[subject.source].pre_roll
    edges: list[datetime | None] = [reservation.next_edge(subject.bookings, ctx.now, pre_roll)]
    if reservation.phase(subject.bookings, ctx.now, pre_roll) is model.Phase.OVERRUN:
        checked = max(filter(None, (subject.answered_at, subject.asked_at)), default=ctx.now)
        again = checked + reservation.CHECK_OVERRUN
        edges.append(again if again > ctx.now else ctx.now + reservation.CHECK_OVERRUN)
    ahead = min((at for at in edges if at is not None), default=None)
    if ahead is None:
        ctx.cancel(timer)
    else:
        ctx.schedule(timer, ahead)


def resume_waiting(ctx: StepContext, subject: model.Subject) -> None:
    """Set the timer of details that were asked for before a restart.

    An alert may begin while they are awaited: nothing else would let it fire without them.
    """
    if subject.asked_at is None:
        schedule_again(ctx, subject)
    elif subject.asked_at + WAIT > ctx.now:
        ctx.schedule(Timer(TimerKind.DETAILS, subject.key), subject.asked_at + WAIT)


def schedule_again(ctx: StepContext, subject: model.Subject) -> None:
    """Set the timer to ask again for details that could not be read, where people miss them."""
    if subject.answered_at is not None and _are_missed(ctx, subject):
        ctx.schedule(Timer(TimerKind.DETAILS, subject.key), subject.answered_at + AGAIN)


def is_awaited(ctx: StepContext, key: str) -> bool:
    """Return whether a subject's details were asked for and not answered."""
    subject = ctx.state.subjects.get(key)
    return subject is not None and subject.asked_at is not None


def ask_again(ctx: StepContext, key: str) -> None:
    """Ask again for details that could not be read; nothing waits for them."""
    subject = ctx.state.subjects.get(key)
    if subject is not None and _are_missed(ctx, subject):
        ctx.request(model.DetailsNeeded(subject=key))
        ctx.schedule(Timer(TimerKind.DETAILS, key), ctx.now + AGAIN)


def _are_missed(ctx: StepContext, subject: model.Subject) -> bool:
    return subject.detailed_at is None and bool(ctx.state.alerts.get(subject.key))


def _request(ctx: StepContext, subject: model.Subject) -> None:
    ctx.request(model.DetailsNeeded(subject=subject.key))
    if subject.asked_at is None:  # else nobody answered: what was waited for once is not again
        ctx.put_subject(replace(subject, asked_at=ctx.now))
        ctx.schedule(Timer(TimerKind.DETAILS, subject.key), ctx.now + WAIT)
