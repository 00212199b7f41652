"""What happens in a simulated time: the vendor's truth, and what breaks.

A plan is data, made before anything runs: nothing in it depends on what Watcher does. `facts` are
true at the vendor whether anybody asks or not, and `faults` are what breaks between the vendor,
Watcher and people. All times are true time, whatever a daemon's wall clock says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tests.year.faults import Fault

NOC = "C00000NOC1"  # the channel of the receiver `noc`


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as data, so that the oracle needs no YAML: it holds while the state is in `to`."""

    name: str
    to: tuple[str, ...]
    hold: timedelta = timedelta()  # `for`
    keep: timedelta = timedelta()  # `keep_firing_for`
    severity: Literal["info", "warning", "critical"] = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One reservation of Vyvx that is watched."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A circuit's state from `at` on; each is online at the beginning."""

    at: datetime
    circuit: str  # its id
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that happens, `facts` and `faults` in the order of `at`."""

    seed: int
    begin: datetime
    end: datetime
    rules: tuple[Rule, ...]
    circuits: tuple[Circuit, ...]
    facts: tuple[Status, ...] = ()
    faults: tuple[Fault, ...] = ()
    daemons: int = 1  # on one database
    interval: timedelta = timedelta(seconds=60)
    fast_interval: timedelta = timedelta(seconds=10)
    idle: timedelta = timedelta(seconds=1)  # how often a loop looks for work that woke nobody
