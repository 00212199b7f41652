"""Runs a state: events in their order, and every deadline that lies between them.

Law: the live loop, replay and rule tests step a state through here and in no other way. A deadline
before an event is ticked at its own time, one at the event's own time after it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from watcher import model
from watcher.engine.rules.rule import Ruleset
from watcher.engine.state import (
    IllegalCommand,
    State,
    next_deadline,
    pending_sources,
    restore,
    saved,
)
from watcher.engine.step import Event, Reloaded, step

# What the world does about an effect: events, none of them earlier than the effect.
Answer = Callable[[model.Effect, datetime], Iterable[tuple[datetime, Event]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One event, when it was taken in, and what came of it.

    `refusal` says why a command could not be obeyed. `weighs` marks a poll that another rule, or a
    replay, needs to know of even if nothing came of it: its source was awaited, or had an alert
    pending.
    """

    at: datetime
    event: Event
    effects: tuple[model.Effect, ...] = ()
    refusal: str = ""
    weighs: bool = False


class Runner:
    """A state and the time in it. Take every step of what a verb gives before the next verb."""

    def __init__(self, state: State, *, now: datetime, answer: Answer | None = None) -> None:
        self.state = state
        self.now = now
        self._answer = answer
        self._coming: list[tuple[datetime, int, Event]] = []  # a heap of the world's answers
        self._numbers = count()

    def take(self, event: Event, at: datetime) -> Iterator[StepResult]:
        """Step everything that is due before `at`, then this event."""
        yield from self._pass(at, past=False)
        self.now = max(self.now, at)
        yield self._step(event)

    def wait(self, until: datetime) -> Iterator[StepResult]:
        """Step everything that is due up to and including `until`."""
        yield from self._pass(until, past=True)
        self.now = max(self.now, until)

    def restart(
        self, ruleset: Ruleset, at: datetime, *, unwatched_since: datetime | None = None
    ) -> Iterator[StepResult]:
        """Go on as a new process would: from what was stored, with no timer run meanwhile."""
        self._coming.clear()
        self.state = restore(ruleset, saved(self.state))
        self.now = max(self.now, at)
        yield self._step(Reloaded(ruleset=ruleset, unwatched_since=unwatched_since))

    def _pass(self, until: datetime, *, past: bool) -> Iterator[StepResult]:
        while True:
            deadline = next_deadline(self.state)
            answered = self._coming[0][0] if self._coming else None
            if answered is not None and answered <= min(until, deadline or until):
                _, _, event = heapq.heappop(self._coming)
                self.now = max(self.now, answered)
                yield self._step(event)
                continue
            if deadline is None or deadline > until or (deadline == until and not past):
                return
            self.now = max(self.now, deadline)
            yield self._step(model.Ticked())

    def _step(self, event: Event) -> StepResult:
        weighs = isinstance(event, model.Polled | model.PollFailed) and (
            self.state.is_awaited(event.source) or event.source in pending_sources(self.state)
        )
        try:
            effects = step(self.state, event, self.now)
        except IllegalCommand as refusal:
            return StepResult(at=self.now, event=event, refusal=str(refusal))
        if self._answer is not None:
            for effect in effects:
                for at, answer in self._answer(effect, self.now):
                    heapq.heappush(self._coming, (at, next(self._numbers), answer))
        return StepResult(at=self.now, event=event, effects=effects, weighs=weighs)


@dataclass(frozen=True, slots=True)
class Notification:
    """A timeline entry that people had to notice, and when they got it."""

    at: datetime
    entry: model.Entry


@dataclass(slots=True)
class Outcome:
    """Follow it through the steps of a drive."""

    incidents: dict[str, model.Incident] = field(default_factory=dict)  # in order of opening
    members: dict[str, dict[tuple[str, str], model.IncidentAlert]] = field(default_factory=dict)
    told: list[Notification] = field(default_factory=list)
    _waiting: dict[str, list[model.Entry]] = field(default_factory=dict)

    def follow(self, steps: Iterable[StepResult]) -> None:
        """Take in what came of some steps."""
        for taken in steps:
            touched: dict[str, None] = {}
            for effect in taken.effects:
                match effect:
                    case model.Incident():
                        self.incidents[effect.id] = effect
                        touched[effect.id] = None
                    case model.IncidentAlert():
                        members = self.members.setdefault(effect.incident, {})
                        members[effect.rule, effect.subject] = effect
                    case model.Entry() if effect.notify:
                        self._waiting.setdefault(effect.incident, []).append(effect)
                    case _:
                        pass
            for identity in touched:
                if _is_told(self.incidents[identity]):
                    waiting = self._waiting.pop(identity, ())
                    self.told += [Notification(taken.at, entry) for entry in waiting]


def _is_told(incident: model.Incident) -> bool:
    """Whether people are told now; the end of what they were told of is never held back."""
    is_over = incident.status is model.IncidentStatus.RESOLVED
    return incident.told_at is not None and (is_over or not incident.suppressed_by)
