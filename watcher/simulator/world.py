"""The simulated world: what every vendor would answer now, as a scenario's events change it.

Time comes from the clock that was handed in. `catch_up()` applies the events that are due whenever
somebody asks, so an event takes effect at its own time without a task that waits for it.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from watcher.clock import Clock
from watcher.simulator import scenario_schema
from watcher.simulator.active_faults import ActiveFaults
from watcher.simulator.call_log import CallLog
from watcher.simulator.quotas import Quotas
from watcher.simulator.scenario import (
    Change,
    Event,
    EvplChange,
    Scenario,
    ScenarioError,
    VyvxChange,
)
from watcher.simulator.vendors.iod_inventory import OnDemand

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedAlarm:
    """One entry of a reservation's history."""

    start: datetime
    end: datetime | None
    state: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ramp:
    """A line's load moves to `to` percent between two instants."""

    start: datetime
    end: datetime
    to: float


@dataclass(kw_only=True, slots=True)
class Run:
    """One run of Service Diagnostics, with the file it gave."""

    service_id: str
    pdf: bytes


@dataclass(kw_only=True)
class World:
    """Everything that the vendors know."""

    scenario: Scenario
    clock: Clock
    origin: datetime = field(init=False)
    services: dict[str, scenario_schema.Service] = field(init=False)
    alarms: dict[str, list[SimulatedAlarm]] = field(init=False)
    lines: dict[str, scenario_schema.Line] = field(init=False)
    diagnosables: dict[str, scenario_schema.Diagnosable] = field(init=False)
    on_demand: OnDemand = field(init=False)
    premises: dict[str, scenario_schema.Premises] = field(init=False)
    stale: timedelta = field(init=False)
    skew: timedelta = field(init=False)
    call_log: CallLog = field(init=False)
    quotas: Quotas = field(init=False)
    active_faults: ActiveFaults = field(default_factory=ActiveFaults)
    runs: list[Run] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    revoked: dict[str, datetime] = field(default_factory=dict)
    rotated: dict[str, datetime] = field(default_factory=dict)
    _ramps: dict[str, list[Ramp]] = field(default_factory=dict)
    _started: tuple[datetime, float] | None = None
    _upcoming: deque[Event] = field(init=False)

    def __post_init__(self) -> None:
        """Build the world as it is at first; nothing happens before `start()`."""
        initial = self.scenario.world
        self.origin = self.clock.now()
        self.call_log = CallLog(clock=self.clock)
        first = initial.vyvx.crowd.first_id
        crowd = range(first, first + initial.vyvx.crowd.count)
        self.services = {str(n): scenario_schema.Service(name=f"Feed {n}") for n in crowd}
        self.services |= initial.vyvx.services
        self.alarms = {key: self._past_alarms(service) for key, service in self.services.items()}
        self.lines = dict(initial.evpl.lines)
        self.stale = initial.vyvx.stale
        self.skew = initial.skew or timedelta(0)
        self.quotas = Quotas(seed=initial.seed, latencies=initial.latency)
        for vendor, quota in initial.quotas.items():
            self.quotas.set_quota(vendor, quota, self.origin)
        self.diagnosables = dict(initial.diagnostics.services)
        self.on_demand = OnDemand(config=initial.iod)
        self.premises = dict(initial.preorder.addresses)
        self._upcoming = deque(sorted(self.scenario.events, key=lambda event: event.at))

    def start(self) -> None:
        """Start the scenario's clock; a second call changes nothing."""
        if self._started is None:
            self._started = (self.clock.now(), self.clock.monotonic())

    @property
    def elapsed(self) -> timedelta:
        """Time since `start()`; zero before it."""
        if self._started is None:
            return timedelta(0)
        return timedelta(seconds=self.clock.monotonic() - self._started[1])

    def now(self) -> datetime:
        """Return the time of day in the simulated world."""
        return self.clock.now()

    def vendor_now(self) -> datetime:
        """Return the time of day by the vendors' clocks."""
        return self.clock.now() + self.skew

    def catch_up(self) -> None:
        """Apply every event that is due by now."""
        if self._started is None:
            return
        while self._upcoming and self._upcoming[0].at <= self.elapsed:
            event = self._upcoming.popleft()
            self.apply(event, at=self._started[0] + event.at)

    def apply(self, change: Change, *, at: datetime) -> None:
        """Apply one change. Raises ScenarioError when it is about something unknown."""
        if change.vyvx:
            self._change_service(change.vyvx, at)
        if change.evpl:
            self._change_line(change.evpl, at)
        if change.diagnostics:
            changed = change.diagnostics.model_dump(exclude={"id"}, exclude_none=True)
            service = _require(self.diagnosables, change.diagnostics.id, "diagnosable service")
            merged = service.model_dump() | changed
            self.diagnosables[change.diagnostics.id] = scenario_schema.Diagnosable.model_validate(
                merged
            )
        if change.iod:
            self.on_demand.change(
                change.iod.id, change.iod.model_dump(exclude={"id"}, exclude_unset=True)
            )
        if change.preorder:
            premises = change.preorder.model_dump(exclude={"address"})
            self.premises[change.preorder.address] = scenario_schema.Premises.model_validate(
                premises
            )
        if change.stale is not None:
            self.stale = change.stale
        if change.skew is not None:
            self.skew = change.skew
        self._disturb(change, at)

    def _disturb(self, change: Change, at: datetime) -> None:
        if change.fault:
            self.active_faults.start(change.fault, at)
        if change.clear:
            self.active_faults.clear(change.clear)
        if change.latency:
            self.quotas.set_latency(change.latency.vendor, change.latency)
        if change.quota:
            self.quotas.set_quota(change.quota.vendor, change.quota, at)
        if change.revoke:
            self.revoked[change.revoke] = at
        if change.rotate:
            self.rotated[change.rotate] = at

    def when(self, offset: timedelta | None) -> datetime | None:
        """Return the instant of a scenario's offset; None is open."""
        return None if offset is None else self.origin + offset

    def utilization(self, line_id: str, at: datetime) -> float:
        """Return a line's load in percent at an instant: the same however often it is asked for."""
        line = self.lines[line_id]
        level = line.utilization
        for ramp in self._ramps.get(line_id, ()):
            if at >= ramp.end:
                level = ramp.to
            elif at > ramp.start:
                level += (ramp.to - level) * ((at - ramp.start) / (ramp.end - ramp.start))
        level += line.swing * math.sin(at.timestamp() / 86_400 * math.tau)
        noise = zlib.crc32(f"{line_id}/{at.timestamp():.3f}".encode()) / 0xFFFF_FFFF
        return max(0.0, level + line.wobble * (2 * noise - 1))

    def is_silent(self, line: scenario_schema.Line, at: datetime) -> bool:
        """Whether an instant lies in one of a line's gaps."""
        for gap in line.gaps:
            start, end = self.when(gap.start), self.when(gap.end)
            if (start is None or start <= at) and (end is None or at < end):
                return True
        return False

    def state(self) -> dict[str, Any]:
        """Return what a test or a person may want to see of the world."""
        return {
            "elapsed": self.elapsed.total_seconds(),
            "begun": self._started is not None,
            "events_ahead": len(self._upcoming),
            "vyvx": {
                key: {
                    "state": service.state,
                    "ingress_state": service.ingress_state,
                    "active": service.active,
                }
                for key, service in self.services.items()
            },
            "evpl": {key: round(self.utilization(key, self.now()), 2) for key in self.lines},
            "iod": {
                key: {"status": connection.status, "bandwidth": connection.bandwidth}
                for key, connection in self.on_demand.at(self.now()).items()
            },
            "diagnostics_runs": Counter(run.service_id for run in self.runs),
            "faults": self.active_faults.describe(),
        }

    def _past_alarms(self, service: scenario_schema.Service) -> list[SimulatedAlarm]:
        return [
            SimulatedAlarm(
                start=self.origin + (alarm.start or timedelta(0)),
                end=self.when(alarm.end),
                state=alarm.state,
                message=alarm.message,
            )
            for alarm in service.history
        ]

    def _change_service(self, change: VyvxChange, at: datetime) -> None:
        before = self.services.get(change.id, scenario_schema.Service())
        changed = {
            key: getattr(change, key)
            for key in change.model_fields_set - {"id", "message"}
            if key == "raw" or getattr(change, key) is not None
        }
        after = before.model_copy(update=changed)
        self.services[change.id] = after
        alarms = self.alarms.setdefault(change.id, [])
        if after.state == before.state:
            return
        if alarms and alarms[-1].end is None:
            alarms[-1] = replace(alarms[-1], end=at)
        if after.state != "online":
            alarms.append(
                SimulatedAlarm(start=at, end=None, state=after.state, message=change.message)
            )

    def _change_line(self, change: EvplChange, at: datetime) -> None:
        line = _require(self.lines, change.id, "EVPL line")
        if change.to is not None:
            ramp = Ramp(start=at, end=at + change.over, to=change.to)
            self._ramps.setdefault(change.id, []).append(ramp)
        changed: dict[str, Any] = {} if change.active is None else {"active": change.active}
        if "raw" in change.model_fields_set:
            changed["raw"] = change.raw
        self.lines[change.id] = line.model_copy(update=changed)


def _require(things: dict[str, T], key: str, what: str) -> T:
    try:
        return things[key]
    except KeyError:
        raise ScenarioError((f"there is no {what} {key} in this world",)) from None
