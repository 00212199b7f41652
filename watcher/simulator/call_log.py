"""What was asked of the simulated vendors and what they answered, for whoever judges afterwards.

Nothing is kept before `POST /_sim/record` names the calls that count.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from watcher.clock import Clock


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """One request; times in seconds since 1970. `whole`: the answer left, and was not spoiled.

    `host` is the name by which the caller knows us, so that two callers can be told apart.
    """

    call: str
    host: str
    query: dict[str, str]
    began: float
    ended: float
    whole: bool
    body: str


@dataclass(kw_only=True, slots=True)
class Record:
    """Requests in the order in which they ended."""

    clock: Clock
    calls: Collection[str] = ()
    heard: list[Heard] = field(default_factory=list)

    def now(self) -> float:
        """Tell the time of day in seconds since 1970."""
        return self.clock.now().timestamp()
