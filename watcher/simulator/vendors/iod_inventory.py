"""The vendor's inventory of Internet On-Demand: connections, and changes that take time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from watcher.simulator import scenario_schema


class OrderRejectedError(Exception):
    """The vendor does not accept a change: HTTP status, code and reason."""

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A change that was accepted: what will be true `at` an instant."""

    bandwidth: str
    at: datetime


@dataclass(kw_only=True)
class OnDemand:
    """Every connection; a pending change is applied whenever somebody asks after its time."""

    config: scenario_schema.Iod
    connections: dict[str, scenario_schema.Connection] = field(init=False)
    pending: dict[str, Change] = field(default_factory=dict)
    taken: Counter[date] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Start with the scenario's connections."""
        self.connections = dict(self.config.connections)

    def at(self, now: datetime) -> dict[str, scenario_schema.Connection]:
        """Return what there is at an instant."""
        for key, change in list(self.pending.items()):
            if now >= change.at:
                done = {"status": "active", "bandwidth": change.bandwidth}
                self.connections[key] = self.connections[key].model_copy(update=done)
                del self.pending[key]
        return {
            key: connection for key, connection in self.connections.items() if connection.active
        }

    def change(self, key: str, values: Mapping[str, object]) -> None:
        """Change a connection, or add one, as the scenario says."""
        before = self.connections.get(key, scenario_schema.Connection())
        self.connections[key] = before.model_copy(update=dict(values))

    def order(self, key: str, bandwidth: str, now: datetime) -> None:
        """Accept a change of bandwidth. Raises RefusedError."""
        if key not in self.at(now):
            raise OrderRejectedError(404, "NOTFOUND", "Connection not found")
        if key in self.pending:
            reason = (
                "The Service Id cannot be modified since the current status is - Change pending"
            )
            raise OrderRejectedError(422, "INVALIDSTATE", reason)
        self._count(now)
        self.pending[key] = Change(bandwidth=bandwidth, at=now + self.config.takes)

    def create(self, bandwidth: str, location: str, now: datetime) -> str:
        """Accept an order of a new connection and return its id. Raises RefusedError."""
        self._count(now)
        key = f"conn-{2001 + len(self.connections)}"
        self.connections[key] = scenario_schema.Connection(
            status="provisioning", bandwidth=bandwidth, location=location
        )
        self.pending[key] = Change(bandwidth=bandwidth, at=now + self.config.takes)
        return key

    def _count(self, now: datetime) -> None:
        day = now.date()
        if self.taken[day] >= self.config.changes_per_day:
            raise OrderRejectedError(429, "LIMITREACHED", "The limit of changes a day is reached")
        self.taken[day] += 1
