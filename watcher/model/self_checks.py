"""What Watcher knows of its own safety: the last drill, the last backup, steps of its clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from watcher.model.formatting import format_time
from watcher.model.quantities import format_duration

_HOW = "timedatectl, chronyc tracking"


class DrillState(StrEnum):
    """What the last drill says of the way to people."""

    NONE = "none"  # there has been no drill
    OK = "ok"
    FAILED = "failed"
    OVERDUE = "overdue"  # drills are scheduled, and the last one is too old


class DrillResult(Struct, frozen=True, kw_only=True, gc=False):
    """What came of the newest drill, `incident`, which was started, or should have been, at `at`.

    `late` are the receivers that were not notified in time, and why; one that this drill left out
    keeps what an earlier one said of it. `failure` is that in a sentence, or why there was no drill
    at all; empty: everybody was notified.
    """

    incident: str
    at: datetime
    receivers: tuple[str, ...] = ()
    late: Mapping[str, str] = field(default_factory=dict)
    failure: str = ""


class Backup(Struct, frozen=True, kw_only=True, gc=False):
    """The last backup: where it was written, its size in bytes, and of when it is."""

    at: datetime
    file: str
    size: int


class SelfChecks(Struct, frozen=True, kw_only=True, gc=False):
    """Both, where there has been one."""

    drill: DrillResult | None = None
    backup: Backup | None = None

    def drill_state(self, now: datetime, *, overdue_after: timedelta) -> DrillState:
        """Return how the last drill went; nothing is overdue where `overdue_after` is 0."""
        if self.drill is None:
            return DrillState.NONE
        if self.drill.failure:
            return DrillState.FAILED
        is_overdue = timedelta(0) < overdue_after < now - self.drill.at
        return DrillState.OVERDUE if is_overdue else DrillState.OK


class ClockStep(Struct, frozen=True, kw_only=True, gc=False):
    """The machine's clock was set at `at`, on the new time, by so many seconds; negative: back.

    Or every mark was moved by as much, because another clock counts from then on.
    """

    at: datetime
    seconds: float
    sentence: str  # what happened, and what to check

    @classmethod
    def by(cls, span: timedelta, at: datetime) -> ClockStep:
        """Return what is said of a step by a span."""
        step = cls(at=at, seconds=span.total_seconds(), sentence="")
        of, time = format_duration(abs(span)), format_time(at)
        check = f"check its time service ({_HOW})"
        sentence = f"the machine's clock was set {step.direction} by {of} at {time}: {check}"
        return replace(step, sentence=sentence)

    @classmethod
    def between(cls, led_before: str, span: timedelta, at: datetime) -> ClockStep:
        """Return what is said of a takeover from a daemon whose clock ours is ahead of by a span.

        A span that is negative says that ours is behind.
        """
        of, time = format_duration(abs(span)), format_time(at)
        differs = f"{of} {'behind' if span > timedelta(0) else 'ahead of'} ours"
        check = f"check the time service of both hosts ({_HOW})"
        sentence = f"the clock of {led_before}, which led until {time}, was {differs}: {check}"
        return cls(at=at, seconds=span.total_seconds(), sentence=sentence)

    @property
    def direction(self) -> str:
        """Return `forward` or `back`."""
        return "forward" if self.seconds > 0 else "back"
