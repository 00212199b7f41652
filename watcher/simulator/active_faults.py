"""The faults under way: which vendor misbehaves now, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watcher.simulator import scenario


@dataclass(kw_only=True, slots=True)
class _Active:
    """A fault under way; `left` and `ahead` count the requests that it will hit and let pass."""

    fault: scenario.Fault
    until: datetime | None
    left: int | None
    ahead: int


class ActiveFaults:
    """Every vendor's faults, oldest first."""

    def __init__(self) -> None:
        self._active: list[_Active] = []

    def start(self, fault: scenario.Fault, at: datetime) -> None:
        """Start a fault at an instant."""
        until = None if fault.span is None else at + fault.span
        self._active.append(_Active(fault=fault, until=until, left=fault.times, ahead=fault.skip))

    def clear(self, vendor: str) -> None:
        """End a vendor's faults, or those of all."""
        self._active = [
            active for active in self._active if vendor not in {active.fault.vendor, "all"}
        ]

    def take(self, call: str, now: datetime) -> scenario.Fault | None:
        """Return the fault that hits this call (`vendor.endpoint`), if any; it counts as a hit."""
        vendor, _, endpoint = call.partition(".")
        self._active = [
            active
            for active in self._active
            if (active.until is None or now < active.until) and active.left != 0
        ]
        for active in self._active:
            endpoint_hit = active.fault.endpoint
            if active.fault.vendor != vendor or endpoint_hit not in {
                "",
                endpoint,
                endpoint.split(".")[-1],
            }:
                continue
            if active.ahead:
                active.ahead -= 1
                continue
            if active.left is not None:
                active.left -= 1
            return active.fault
        return None

    def describe(self) -> list[dict[str, str]]:
        """Return vendor and kind of each."""
        return [
            {"vendor": active.fault.vendor, "kind": active.fault.kind} for active in self._active
        ]
