"""Silences: whether one may be added, and when it is over.

Law: one that cannot be obeyed is refused in words, and nothing has changed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import datetime

from msgspec.structs import replace

from watcher import model
from watcher.engine.context import StepContext
from watcher.engine.incidents import suppression
from watcher.engine.rules import matching
from watcher.engine.state import IllegalCommand, State
from watcher.model import IncidentStatus, Phase, Silence, SilenceUntil


def add(ctx: StepContext, event: model.Silenced) -> None:
    """Add a silence. Raises IllegalCommand where it could never match or hold."""
    why = objection(ctx.state, event.silence, ctx.now)
    if why:
        raise IllegalCommand(why)
    ctx.put_silence(event.silence)
    suppression.refresh(ctx)


def end(ctx: StepContext, event: model.Unsilenced) -> None:
    """End a silence before its time. Raises IllegalCommand where none is active."""
    silence = ctx.state.silences.get(event.silence)
    if silence is None:
        raise IllegalCommand(f"there is no active silence {event.silence!r}")
    _end(ctx, silence, by=event.by)
    suppression.refresh(ctx)


def end_over(ctx: StepContext) -> None:
    """End the silences whose incident is resolved, or whose bookings are over, in this step."""
    state = ctx.state
    over = [
        silence
        for silence in state.silences.values()
        if silence.until is not None and _is_over(ctx, silence)
    ]
    for silence in over:
        _end(ctx, silence)
    if over:
        suppression.refresh(ctx)


def _end(ctx: StepContext, silence: Silence, *, by: str = "") -> None:
    begin = min(silence.begin, ctx.now)
    ctx.put_silence(replace(silence, begin=begin, end=ctx.now, ended_by=by))


def _is_over(ctx: StepContext, silence: Silence) -> bool:
    state = ctx.state
    if silence.until is SilenceUntil.RESOLVED:
        return not _is_unresolved(state, silence.incident)
    return all(
        key not in state.subjects or ctx.subject_view(key).phase is Phase.ENDED
        for key in named_subjects(silence)
    )


def _is_unresolved(state: State, identity: str) -> bool:
    incident = state.incidents.get(identity)
    return incident is not None and incident.status is not IncidentStatus.RESOLVED


def named_subjects(silence: Silence) -> tuple[str, ...]:
    """Return the subjects that a silence names, each by its whole key."""
    keys = {
        matcher.value: None
        for matchers in silence.sets
        for matcher in matchers
        if matcher.name == "subject" and not matcher.negative and "*" not in matcher.value
    }
    return tuple(keys)


def objection(state: State, silence: Silence, now: datetime) -> str:
    """Return why a silence cannot be added; empty if it can."""
    return next(_objections(state, silence, now), "")


def _objections(state: State, silence: Silence, now: datetime) -> Iterator[str]:
    if not all(silence.sets):
        yield "a silence needs at least one matcher, as in rule=NAME"
    for matcher in (matcher for matchers in silence.sets for matcher in matchers):
        if not matching.is_name(matcher.name):
            yield f"cannot silence {matcher}: {_expected(matcher.name)}"
    if silence.end is None and silence.until is None:
        yield "the silence would never end: say for how long, or until what"
    if silence.is_past(now):
        yield "the silence would end in the past"
    if silence.end is not None and silence.end <= silence.begin:
        yield "the silence would end before it begins"
    if silence.until is SilenceUntil.RESOLVED and not _is_unresolved(state, silence.incident):
        yield f"until resolved: there is no unresolved incident {silence.incident!r}"
    if silence.until is SilenceUntil.ENDED:
        yield from _objections_to_bookings(state, silence, now)


def _objections_to_bookings(state: State, silence: Silence, now: datetime) -> Iterator[str]:
    """Yield why a silence cannot last until the bookings of its subjects are over."""
    for matchers in silence.sets:
        if not named_subjects(replace(silence, matchers=matchers, or_matchers=())):
            yield "until ended: each set of matchers has to name a subject, as in subject=SOURCE/ID"
    for key in named_subjects(silence):
        subject = state.subjects.get(key)
        if subject is None:
            yield f"until ended: there is no subject {key}"
        elif not subject.bookings:
            yield f"until ended: no booking of {key} is known"
        elif state.subject_view(key, now).phase is Phase.ENDED:
            yield f"until ended: the booking of {key} is over"


def _expected(name: str) -> str:
    names = (*matching.NAMES, "labels.NAME")
    near = difflib.get_close_matches(name.partition(".")[0], (*matching.NAMES, "labels"), n=1)
    hint = f"; did you mean {near[0]}{'.NAME' if near[0] == 'labels' else ''}?" if near else ""
    return f"matchers name {', '.join(names[:-1])} or {names[-1]}{hint}"
