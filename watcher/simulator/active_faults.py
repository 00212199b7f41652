"""The faults under way: which vendor misbehaves now, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watcher.simulator import scenario


@dataclass(kw_only=True, slots=True)
class _Active:
    """A fault under way; `left` and `ahead` count requests that it will hit and let pass."""

    fault: scenario.Fault
    until: datetime | None
    left: int | None
    ahead: int


class Trouble:
    """Every vendor's faults, oldest first."""

    def __init__(self) -> None:
        self._active: list[_Active] = []

    def begin(self, fault: scenario.Fault, at: datetime) -> None:
        """Let a vendor misbehave from an instant on."""
        until = None if fault.span is None else at + fault.span
        self._active.append(_Active(fault=fault, until=until, left=fault.times, ahead=fault.skip))

    def clear(self, vendor: str) -> None:
        """End a vendor's faults, or those of all."""
        self._active = [one for one in self._active if vendor not in {one.fault.vendor, "all"}]

    def strike(self, call: str, now: datetime) -> scenario.Fault | None:
        """Take the fault that hits this call (`vendor.endpoint`), if any; it counts as a hit."""
        vendor, _, endpoint = call.partition(".")
        self._active = [
            one for one in self._active if (one.until is None or now < one.until) and one.left != 0
        ]
        for one in self._active:
            wanted = one.fault.endpoint
            if one.fault.vendor != vendor or wanted not in {"", endpoint, endpoint.split(".")[-1]}:
                continue
            if one.ahead:
                one.ahead -= 1
                continue
            if one.left is not None:
                one.left -= 1
            return one.fault
        return None

    def told(self) -> list[dict[str, str]]:
        """Say which there are."""
        return [{"vendor": one.fault.vendor, "kind": one.fault.kind} for one in self._active]
