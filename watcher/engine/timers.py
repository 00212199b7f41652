"""Deadlines of the state as data: a heap in which a timer that was moved or dropped is skipped."""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct


class TimerKind(StrEnum):
    """What a timer is for; of two that are due at once, the lower value comes first."""

    HOLD = "hold"  # a rule's `for` is over: the next poll decides
    DETAILS = "details"  # details have been waited for long enough
    CLEAR = "clear"  # a firing alert resolves
    HOURS = "hours"  # a rule's hours begin or end
    PHASE = "phase"  # a reservation's phase may change
    QUIET = "quiet"  # a flapping alert has been steady for long enough
    NO_DATA = "no data"  # a subject has been silent for long enough
    INCIDENT = "incident"  # people are notified, reminded, or more of them are notified
    SUPPRESSION = "suppression"  # a silence or a maintenance window begins or ends
    BACKFILL = "history"  # more of the vendor's own records may be read
    WORKS_AHEAD = "works ahead"  # there may be something to say of planned works
    VISIBILITY = "sight"  # a failing source becomes blind, or a blind rule is due


class Timer(Struct, frozen=True, order=True, gc=False):
    """The name of a timer: scheduling it again moves it. `rule` is empty where it serves all."""

    kind: TimerKind
    key: str  # a subject's, an incident's id, or a source's name
    rule: str = ""


class Timers:
    """All deadlines of one state."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, Timer]] = []
        self._due: dict[Timer, datetime] = {}

    def schedule(self, timer: Timer, at: datetime) -> None:
        """Set a timer, or move it."""
        if self._due.get(timer) != at:
            self._due[timer] = at
            heapq.heappush(self._heap, (at, timer))

    def cancel(self, timer: Timer) -> None:
        """Drop a timer, if it is set."""
        self._due.pop(timer, None)

    def move(self, by: timedelta) -> None:
        """Move every timer: the clock that they are set by was set."""
        self._due = {timer: at + by for timer, at in self._due.items()}
        self._heap = [(at, timer) for timer, at in self._due.items()]
        heapq.heapify(self._heap)

    def earliest(self) -> datetime | None:
        """Return when the next timer is due; None when there is none."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: datetime) -> list[Timer]:
        """Take out every timer that is due, earliest first."""
        due = []
        while (at := self.earliest()) is not None and at <= now:
            _, timer = heapq.heappop(self._heap)
            del self._due[timer]
            due.append(timer)
        return due
