"""A subject's details: asked for when an alert becomes pending, waited for at most five seconds.

Law: they gate the first paging of a subject that was never detailed, and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from watcher import model
from watcher.engine.timers import Purpose, Timer
from watcher.engine.turn import Turn

WAIT = timedelta(seconds=5)
FRESH = timedelta(minutes=15)


def ask(turn: Turn, key: str) -> None:
    """Ask for a subject's details unless they are fresh, or were asked for lately."""
    subject = turn.state.subjects.get(key)
    if subject is None or not turn.state.ruleset.sources[subject.source].detailed:
        return
    if any(
        at is not None and turn.now - at <= FRESH for at in (subject.detailed_at, subject.asked_at)
    ):
        return
    turn.want(model.DetailsNeeded(subject=key))
    if subject.asked_at is None:  # else nobody answered: what was waited for once is not again
        turn.keep_subject(replace(subject, asked_at=turn.now))
        turn.state.timers.arm(Timer(Purpose.DETAILS, key), turn.now + WAIT)


def are_ready(turn: Turn, key: str) -> bool:
    """Whether paging need not wait for details any longer."""
    subject = turn.state.subjects.get(key)
    return (
        subject is None
        or subject.detailed_at is not None
        or subject.asked_at is None
        or turn.now >= subject.asked_at + WAIT
    )
