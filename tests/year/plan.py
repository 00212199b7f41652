"""What happens in a simulated year: the vendors' truth, what people do, and what breaks.

A plan is data, drawn from one seed before anything runs: nothing in it depends on what Watcher
does. `facts` are true at the vendor whether anybody asks or not, `deeds` are what people do, and
`faults` are what breaks between them and Watcher. All times are true time, whatever a daemon's wall
clock says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

VYVX, EVPL, IOD = "vyvx", "evpl", "iod"  # names of the sources in the configuration
NOC, DUTY = "C00000NOC1", "C0000DUTY1"  # channels of the receivers `noc` and `duty`

SourceName = Literal["vyvx", "evpl", "iod"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the rule file, as data, so that the oracle needs no YAML.

    A `state` rule holds while the circuit's state is in `to`; a `load` rule from the sample that
    passes `above` until one passes `clear` back; a `blind` rule while its source cannot be seen.
    """

    name: str
    source: SourceName
    kind: Literal["state", "load", "blind"]
    severity: Literal["info", "warning", "critical"]
    fault: str = ""
    to: tuple[str, ...] = ()
    above: float = 0.0
    clear: float = 0.0
    hold: timedelta = timedelta()  # `for`, or how long a source has to be blind
    keep: timedelta = timedelta()  # `keep_firing_for`
    diagnose: bool = False
    escalate_after: timedelta | None = None  # to the receiver `duty`


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the installation is set up; what is not named here is Watcher's default."""

    daemons: int = 1
    rules: tuple[Rule, ...] = ()
    intervals: tuple[tuple[SourceName, timedelta], ...] = ()
    fast_interval: timedelta = timedelta(seconds=10)
    blind_after: timedelta = timedelta(minutes=3)
    cooldown: timedelta = timedelta(minutes=15)  # of diagnostics, for one service
    runs_per_hour: int = 10
    calls_per_month: int = 0  # of each account; 0: no budget
    zone: str = "Europe/Paris"  # of maintenance windows and the rota
    rota: tuple[str, ...] = ()  # people who take turns, from one `handover` to the next
    handover: str = "mon 09:00"
    storm_incidents: int = 20
    storm_window: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One thing that is watched; `id` is the vendor's, `labels` are the inventory's."""

    id: str
    source: SourceName
    name: str
    labels: tuple[tuple[str, str], ...] = ()
    service_id: str = ""  # what diagnostics examines; empty: it cannot
    circuit_id: str = ""  # as carriers name it in their notices

    @property
    def key(self) -> str:
        """Return the subject's key."""
        return f"{self.source}/{self.id}"


# --- Facts: what is true at the vendor from `at` on ----------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A circuit's state: of vyvx `state` (and `ingress`), of iod `status`."""

    at: datetime
    circuit: str  # its key
    state: str
    ingress: str = "online"


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A vyvx reservation's booked window; a later one of the same circuit replaces it."""

    at: datetime
    circuit: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A value that evpl publishes at `at`. One of the same `measured_at` corrects the one before.

    `measured_at` may be long before `at` (late) or after it (from the future).
    """

    at: datetime
    circuit: str
    measured_at: datetime
    value: float  # percent
    direction: Literal["in", "out"] = "in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Whether the vendor lists the circuit. Every circuit is listed from the beginning."""

    at: datetime
    circuit: str
    listed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A carrier announces, moves or cancels planned works; the newest `sequence` counts."""

    at: datetime
    work: str
    sequence: int
    circuits: tuple[str, ...]  # keys
    begin: datetime
    end: datetime
    cancelled: bool = False


Fact = Status | Booking | Sample | Listing | Notice


# --- Deeds: what people do -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A person presses a button below the newest message about a circuit, if there is one.

    `doubled`: Slack delivers it twice. `stale`: it is below the oldest message about the circuit.
    A press with nothing to press is left out.
    """

    at: datetime
    person: str
    circuit: str
    button: Literal["acknowledge", "silence", "diagnose"]
    doubled: bool = False
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceAdded:
    """A person silences a circuit, as `watcher silence add` does."""

    at: datetime
    person: str
    circuit: str
    span: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A person writes a note to the newest incident of a circuit, if there is one."""

    at: datetime
    person: str
    circuit: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """The rules are read again; `rules` are the new ones. A `broken` file is refused whole."""

    at: datetime
    rules: tuple[Rule, ...] = ()
    broken: bool = False


Deed = Press | SilenceAdded | Note | Reload


# --- Faults: what breaks -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """A daemon dies between two of its steps and is started again after `down`.

    `after`: so many turns of its event loop later than `at`, so that it is between any two awaits.
    `clean`: by SIGTERM. `step`: its machine's clock is set by so much while it is down.
    """

    at: datetime
    daemon: int = 0
    after: int = 0
    down: timedelta = timedelta(seconds=2)
    clean: bool = False
    step: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A daemon stands still until `until` and then goes on as if nothing had been."""

    at: datetime
    until: datetime
    daemon: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorFault:
    """A vendor's answers are spoilt until `until`.

    `down`: 503. `slow`: later than the timeout. `too_many`: 429. `partial`: half an answer, or half
    of the pages. `refused`: 401. `garbage`: HTML.
    """

    at: datetime
    until: datetime
    source: SourceName | Literal["diagnostics"]
    kind: Literal["down", "slow", "too_many", "partial", "refused", "garbage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackFault:
    """Slack misbehaves until `until`; `method` empty means each of its methods.

    `down`: 503. `rate_limited`: 429 with `retry_after` seconds. `answer_lost`: it does what it was
    asked and drops the connection. `edit_forbidden`: chat.update answers `cant_update_message`.
    """

    at: datetime
    until: datetime
    kind: Literal["down", "rate_limited", "answer_lost", "edit_forbidden"]
    method: str = ""
    retry_after: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFault:
    """The broker restarts without persistence, drops the session, or is away until `until`."""

    at: datetime
    until: datetime
    kind: Literal["restart", "session_lost", "away"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFault:
    """Until `until` the store refuses to commit, or commits and the answer is lost."""

    at: datetime
    until: datetime
    kind: Literal["refuses", "answer_lost"]
    daemon: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WallStep:
    """A machine's time of day is set by `by`, forwards or backwards; elapsed time goes on."""

    at: datetime
    by: timedelta
    daemon: int = 0


Fault = Crash | Freeze | VendorFault | SlackFault | BrokerFault | StoreFault | WallStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that happens, each list in the order of `at`.

    `quiet` is when the last fault is over: from then to the end Watcher has the time to say what it
    owes.
    """

    seed: int
    begin: datetime
    end: datetime
    quiet: datetime
    options: Options = field(default_factory=Options)
    circuits: tuple[Circuit, ...] = ()
    facts: tuple[Fact, ...] = ()
    deeds: tuple[Deed, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def days(self) -> float:
        """Return how long it is, in days."""
        return (self.end - self.begin) / timedelta(days=1)
