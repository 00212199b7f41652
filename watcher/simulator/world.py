"""The simulated world: what every vendor would say now, as a scenario's events change it.

Law: time comes from the clock that was handed in. The world is brought up to date by `settle()`
whenever somebody looks, so an event takes effect at its own time without a task that waits for it.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from watcher.clock import Clock
from watcher.simulator import scenario as script
from watcher.simulator import scenario_schema
from watcher.simulator.active_faults import Trouble
from watcher.simulator.call_log import Record
from watcher.simulator.quotas import Pace
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
    """Everything that the vendors know; see the law above."""

    scenario: script.Scenario
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
    record: Record = field(init=False)
    pace: Pace = field(init=False)
    trouble: Trouble = field(default_factory=Trouble)
    runs: list[Run] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    revoked: dict[str, datetime] = field(default_factory=dict)
    rotated: dict[str, datetime] = field(default_factory=dict)
    _ramps: dict[str, list[Ramp]] = field(default_factory=dict)
    _begun: tuple[datetime, float] | None = None
    _ahead: deque[script.Happening] = field(init=False)

    def __post_init__(self) -> None:
        """Set the scene; nothing happens before `begin()`."""
        start = self.scenario.world
        self.origin = self.clock.now()
        self.record = Record(clock=self.clock)
        first = start.vyvx.crowd.first_id
        crowd = range(first, first + start.vyvx.crowd.count)
        self.services = {str(n): scenario_schema.Service(name=f"Feed {n}") for n in crowd}
        self.services |= start.vyvx.services
        self.alarms = {key: self._recorded(service) for key, service in self.services.items()}
        self.lines = dict(start.evpl.lines)
        self.stale = start.vyvx.stale
        self.skew = start.skew or timedelta(0)
        self.pace = Pace(seed=start.seed, latencies=start.latency)
        for vendor, quota in start.quotas.items():
            self.pace.limit(vendor, quota, self.origin)
        self.diagnosables = dict(start.diagnostics.services)
        self.on_demand = OnDemand(scene=start.iod)
        self.premises = dict(start.preorder.addresses)
        self._ahead = deque(sorted(self.scenario.events, key=lambda event: event.at))

    def begin(self) -> None:
        """Start the scenario's clock; a second call changes nothing."""
        if self._begun is None:
            self._begun = (self.clock.now(), self.clock.monotonic())

    @property
    def elapsed(self) -> timedelta:
        """Time since `begin()`; zero before it."""
        if self._begun is None:
            return timedelta(0)
        return timedelta(seconds=self.clock.monotonic() - self._begun[1])

    def now(self) -> datetime:
        """Tell the time of day in the simulated world."""
        return self.clock.now()

    def vendors_now(self) -> datetime:
        """Tell what the vendors take for the time of day."""
        return self.clock.now() + self.skew

    def settle(self) -> None:
        """Let everything happen that is due by now."""
        if self._begun is None:
            return
        while self._ahead and self._ahead[0].at <= self.elapsed:
            event = self._ahead.popleft()
            self.apply(event, at=self._begun[0] + event.at)

    def apply(self, change: script.Change, *, at: datetime) -> None:
        """Let one thing happen. Raises ScenarioError when it is about something unknown."""
        if change.vyvx:
            self._change_service(change.vyvx, at)
        if change.evpl:
            self._change_line(change.evpl, at)
        if change.diagnostics:
            wanted = change.diagnostics.model_dump(exclude={"id"}, exclude_none=True)
            known = _known(self.diagnosables, change.diagnostics.id, "diagnosable service")
            merged = known.model_dump() | wanted
            self.diagnosables[change.diagnostics.id] = scenario_schema.Diagnosable.model_validate(
                merged
            )
        if change.iod:
            self.on_demand.change(
                change.iod.id, change.iod.model_dump(exclude={"id"}, exclude_unset=True)
            )
        if change.preorder:
            said = change.preorder.model_dump(exclude={"address"})
            self.premises[change.preorder.address] = scenario_schema.Premises.model_validate(said)
        if change.stale is not None:
            self.stale = change.stale
        if change.skew is not None:
            self.skew = change.skew
        self._trouble(change, at)

    def _trouble(self, change: script.Change, at: datetime) -> None:
        if change.fault:
            self.trouble.begin(change.fault, at)
        if change.clear:
            self.trouble.clear(change.clear)
        if change.latency:
            self.pace.slow_down(change.latency.vendor, change.latency)
        if change.quota:
            self.pace.limit(change.quota.vendor, change.quota, at)
        if change.revoke:
            self.revoked[change.revoke] = at
        if change.rotate:
            self.rotated[change.rotate] = at

    def when(self, offset: timedelta | None) -> datetime | None:
        """Find the instant of a scenario's offset; None is open."""
        return None if offset is None else self.origin + offset

    def utilization(self, line_id: str, at: datetime) -> float:
        """Give a line's load in percent at an instant: the same whoever asks, and whenever."""
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
        """Tell what a test or a person wants to see of the world."""
        return {
            "elapsed": self.elapsed.total_seconds(),
            "begun": self._begun is not None,
            "events_ahead": len(self._ahead),
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
                key: {"status": one.status, "bandwidth": one.bandwidth}
                for key, one in self.on_demand.at(self.now()).items()
            },
            "diagnostics_runs": Counter(run.service_id for run in self.runs),
            "faults": self.trouble.told(),
        }

    def _recorded(self, service: scenario_schema.Service) -> list[SimulatedAlarm]:
        return [
            SimulatedAlarm(
                start=self.origin + (spell.start or timedelta(0)),
                end=self.when(spell.end),
                state=spell.state,
                message=spell.message,
            )
            for spell in service.history
        ]

    def _change_service(self, change: script.VyvxChange, at: datetime) -> None:
        before = self.services.get(change.id, scenario_schema.Service())
        wanted = {
            key: getattr(change, key)
            for key in change.model_fields_set - {"id", "message"}
            if key == "raw" or getattr(change, key) is not None
        }
        after = before.model_copy(update=wanted)
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

    def _change_line(self, change: script.EvplChange, at: datetime) -> None:
        line = _known(self.lines, change.id, "EVPL line")
        if change.to is not None:
            ramp = Ramp(start=at, end=at + change.over, to=change.to)
            self._ramps.setdefault(change.id, []).append(ramp)
        wanted: dict[str, Any] = {} if change.active is None else {"active": change.active}
        if "raw" in change.model_fields_set:
            wanted["raw"] = change.raw
        self.lines[change.id] = line.model_copy(update=wanted)


def _known(things: dict[str, T], key: str, what: str) -> T:
    try:
        return things[key]
    except KeyError:
        raise script.ScenarioError((f"there is no {what} {key} in this world",)) from None
