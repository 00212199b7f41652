"""What a chaos run left behind: what the vendor answered, what was done, what readers saw.

All times are seconds since 1970, on the one machine's clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from watcher.clock import SystemClock


def now() -> float:
    """Return the time by which everything here is timed."""
    return SystemClock().now().timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One request for the states of all reservations; `states` is None without a whole answer."""

    daemon: int
    started_at: float
    ended_at: float
    states: Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosticsCall:
    """One request for diagnostics."""

    service: str
    started_at: float
    ended_at: float
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disruption:
    """`kind`: as an action's, or start; `daemon` is -1 where it hit none."""

    kind: str
    started_at: float
    ended_at: float
    daemon: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One MQTT message as the subscriber got it."""

    at: float
    topic: str
    payload: bytes


HARMLESS = {"clock", "lock"}  # these cut nothing off: it only takes longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the checker judges.

    `threads` are Slack's, oldest message first, each with its parent; `files` maps a file's id to
    the SHA-256 of what a reader downloads. `deaf` are the spans in which the subscriber may have
    missed something through no fault of Watcher: the broker forgot it, or its subscription.
    """

    polls: Sequence[Poll]
    diagnostics_calls: Sequence[DiagnosticsCall]
    disruptions: Sequence[Disruption]
    messages: Sequence[Published]
    retained: Mapping[str, bytes]
    gaps: Sequence[tuple[float, float]]
    threads: Sequence[Sequence[Mapping[str, Any]]]
    files: Mapping[str, str]
    final: Mapping[str, str]
    faults: Sequence[str] = field(default=())  # what the daemons' keeper has to complain about

    @property
    def seen(self) -> int:
        """How much readers have seen so far."""
        events = sum(message.topic.endswith("/events") for message in self.messages)
        return events + sum(len(thread) for thread in self.threads)

    def disturbed(self, started_at: float, ended_at: float, daemon: int | None = None) -> bool:
        """Whether something was cut off between the two in this daemon; None: in anything."""
        return any(
            disruption.started_at <= ended_at
            and disruption.ended_at >= started_at
            and disruption.kind not in HARMLESS
            for disruption in self.disruptions
            if daemon is None or disruption.daemon == daemon
        )
