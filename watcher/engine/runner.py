"""Runs a state: events in their order, and every deadline that lies between them.

Law: the live loop, replay and rule tests step a state through here and in no other way. A deadline
before an event is ticked at its own time, one at the event's own time after it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import get_args

from msgspec import Struct, field

from watcher import model
from watcher.engine.rules.rule import Ruleset
from watcher.engine.state import IllegalCommand, State, next_deadline, restore, saved
from watcher.engine.step import Event, Reloaded, step

_POLLS = (model.Polled, model.PollFailed)
_NEEDS = frozenset(get_args(model.Need))
_NOT_MOVED = timedelta()
_NEWS = (model.Incident, model.IncidentAlert, model.Entry)

# What the world does about a need: events, none of them earlier than the effect.
Responder = Callable[[model.Effect, datetime], Iterable[tuple[datetime, Event]]]


class StepResult(Struct, frozen=True, kw_only=True, gc=False):
    """One event, when it was applied, and its effects.

    `refusal` says why a command could not be obeyed. `matters` marks a poll that other rules, or a
    replay, need even if it had no effects: its source was awaited, or had a pending alert.
    """

    at: datetime
    event: Event
    effects: tuple[model.Effect, ...] = ()
    refusal: str = ""
    matters: bool = False


class Runner:
    """A state and its time. Exhaust the iterator of each method before calling the next one."""

    def __init__(self, state: State, *, now: datetime, responder: Responder | None = None) -> None:
        self.state = state
        self.now = now
        self._responder = responder
        self._responses: list[tuple[datetime, int, Event]] = []  # a heap
        self._numbers = count()

    def take(self, event: Event, at: datetime) -> Iterator[StepResult]:
        """Step everything that is due before `at`, then this event.

        A ClockStepped comes at the time that the clock had before it was set. Before a Stalled no
        deadline is stepped, as none was kept: it is as after a start.
        """
        if not isinstance(event, model.Stalled):
            yield from self._run(at, inclusive=False)
        self.now = max(self.now, at)
        yield self._step(event)

    def wait(self, until: datetime) -> Iterator[StepResult]:
        """Step everything that is due up to and including `until`."""
        yield from self._run(until, inclusive=True)
        self.now = max(self.now, until)

    def restart(
        self,
        ruleset: Ruleset,
        at: datetime,
        *,
        unwatched_since: datetime | None = None,
        moved: timedelta = _NOT_MOVED,
    ) -> Iterator[StepResult]:
        """Go on as a new process would: from what was stored, with no timer run meanwhile."""
        self._responses.clear()
        self.state = restore(ruleset, saved(self.state))
        self.now = at  # earlier than before, if the clock was set back meanwhile
        yield self._step(Reloaded(ruleset=ruleset, unwatched_since=unwatched_since, moved=moved))

    def _run(self, until: datetime, *, inclusive: bool) -> Iterator[StepResult]:
        while True:
            deadline = next_deadline(self.state)
            response_at = self._responses[0][0] if self._responses else None
            if response_at is not None and response_at <= min(until, deadline or until):
                _, _, event = heapq.heappop(self._responses)
                self.now = max(self.now, response_at)
                yield self._step(event)
                continue
            if deadline is None or deadline > until or (deadline == until and not inclusive):
                return
            self.now = max(self.now, deadline)
            yield self._step(model.Ticked())

    def _step(self, event: Event) -> StepResult:
        if isinstance(event, model.ClockStepped):
            self.now += event.by
            self._responses = [
                (at + event.by, number, response) for at, number, response in self._responses
            ]
        matters = isinstance(event, _POLLS) and (
            self.state.is_awaited(event.source)
            or bool(self.state.alert_index.pending.get(event.source))
        )
        try:
            effects = step(self.state, event, self.now)
        except IllegalCommand as refusal:
            return StepResult(at=self.now, event=event, refusal=str(refusal))
        if self._responder is not None:
            for effect in effects:
                if type(effect) not in _NEEDS:
                    continue
                for at, response in self._responder(effect, self.now):
                    heapq.heappush(self._responses, (at, next(self._numbers), response))
        return StepResult(at=self.now, event=event, effects=effects, matters=matters)


class Notification(Struct, frozen=True, gc=False):
    """A timeline entry, and when people were notified of it; of a quiet one, when it was made."""

    at: datetime
    entry: model.Entry


class Outcome(Struct):
    """What came of a run: incidents, their alerts, the notifications about them, and quiet news."""

    incidents: dict[str, model.Incident] = field(default_factory=dict)  # in order of opening
    members: dict[str, dict[tuple[str, str], model.IncidentAlert]] = field(default_factory=dict)
    notifications: list[Notification] = field(default_factory=list)
    quiet: list[Notification] = field(default_factory=list)
    _waiting: dict[str, list[model.Entry]] = field(default_factory=dict)

    def follow(self, steps: Iterable[StepResult]) -> None:
        """Add the effects of some steps."""
        for result in steps:
            touched: dict[str, None] = {}
            for effect in result.effects:
                if type(effect) not in _NEWS:
                    continue  # of a journal nearly all
                match effect:
                    case model.Incident():
                        self.incidents[effect.id] = effect
                        touched[effect.id] = None
                    case model.IncidentAlert():
                        members = self.members.setdefault(effect.incident, {})
                        members[effect.rule, effect.subject] = effect
                    case model.Entry() if effect.notify:
                        self._waiting.setdefault(effect.incident, []).append(effect)
                    case model.Entry():
                        self.quiet.append(Notification(result.at, effect))
                    case _:
                        pass
            for identity in touched:
                if _is_notified(self.incidents[identity]):
                    waiting = self._waiting.pop(identity, ())
                    self.notifications += [Notification(result.at, entry) for entry in waiting]


def _is_notified(incident: model.Incident) -> bool:
    """Return whether people are notified now; a resolution is never held back."""
    is_resolved = incident.status is model.IncidentStatus.RESOLVED
    return incident.told_at is not None and (is_resolved or not incident.suppressed_by)
