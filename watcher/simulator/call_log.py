"""What the simulated vendors were asked and answered, for tests that check it afterwards.

Nothing is logged before `POST /_sim/record` names the calls that count.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from watcher.clock import Clock


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedCall:
    """One request; times in seconds since 1970. `whole`: the answer left intact.

    `host` is the name by which the caller knows us, which tells two callers apart.
    """

    call: str
    host: str
    query: dict[str, str]
    began: float
    ended: float
    whole: bool
    body: str


@dataclass(kw_only=True, slots=True)
class CallLog:
    """Requests in the order in which they ended."""

    clock: Clock
    calls: Collection[str] = ()
    entries: list[LoggedCall] = field(default_factory=list)

    def now(self) -> float:
        """Return the time of day in seconds since 1970."""
        return self.clock.now().timestamp()
