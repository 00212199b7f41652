"""What happens in a simulated time: the vendor's truth, and what breaks.

A plan is data, made before anything runs: nothing in it depends on what Watcher does. `facts` are
true at the vendor whether anybody asks or not, and `faults` are what breaks between the vendor,
Watcher and people. All times are true time, whatever a daemon's wall clock says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tests.year.faults import Fault

Direction = Literal["in", "out"]
QuirkKind = Literal["late", "missing", "filling", "corrected", "future"]
WorkStatus = Literal["TENTATIVE", "CONFIRMED", "RE-SCHEDULED", "CANCELLED", "COMPLETED"]
NOC = "C00000NOC1"  # the channel of the receiver `noc`
DUTY = "C0000DUTY1"  # and of `duty`
AHEAD = "C000AHEAD1"  # and of `ahead`, which reads of planned works alone
CALLS_PER_SECOND = 10  # that one daemon may ask of Vyvx
COOLDOWN = timedelta(minutes=15)  # between two diagnoses of a service
GRACE = timedelta(minutes=10)  # after planned works
STORM_WINDOW = timedelta(seconds=30)  # in which outages are counted that may be a storm
BOSS = "C0000BOSS1"  # and of `boss`


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as data, so that the oracle needs no YAML: it holds while the state is in `to`."""

    name: str
    to: tuple[str, ...]
    hold: timedelta = timedelta()  # `for`
    keep: timedelta = timedelta()  # `keep_firing_for`
    escalate: timedelta = timedelta()  # until `duty` is notified as well; 0: never
    boss: timedelta = timedelta()  # until `boss` is; 0: never
    fault: str = ""  # rules of one fault share an incident
    severity: Literal["info", "warning", "critical"] = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One reservation of Vyvx, or one connection of Internet On-Demand, that is watched."""

    id: str
    name: str
    vendor: Literal["vyvx", "iod"] = "vyvx"

    @property
    def subject(self) -> str:
        """What Watcher calls it."""
        return f"{self.vendor}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A circuit's state from `at` on; each is online at the beginning."""

    at: datetime
    circuit: str  # its id
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A rule about the load of lines, in percent: over a window, or by each sample."""

    name: str
    above: float
    clear: float
    over: timedelta = timedelta()  # the mean of this window
    consecutive: int = 1
    keep: timedelta = timedelta()  # `keep_firing_for`


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One EVPL line, measured in both directions every five minutes."""

    id: str
    lag: timedelta = timedelta(minutes=2)  # until a sample is published

    @property
    def subject(self) -> str:
        """What Watcher calls it."""
        return f"evpl/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A line's load in one direction from `at` on, give or take 2 %; 30 % at the beginning."""

    at: datetime
    line: str  # its id
    direction: Direction
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """What Orange does with a line's samples of `[at, until)`.

    - `late`: publishes them at `until`, all at once
    - `missing`: never publishes them
    - `filling`: publishes each at a part of its value, and the whole five minutes later
    - `corrected`: says 40 minutes later that each was `percent`
    - `future`: publishes meanwhile, beside them, one of the day after that says `percent`
    """

    at: datetime
    until: datetime
    line: str
    kind: QuirkKind
    percent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoData:
    """A rule: a line is silent when there has been no newer sample of it for `after`."""

    line: str  # its id
    after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Somebody does something about the newest incident of a circuit, `times` times at once."""

    at: datetime
    circuit: str
    what: Literal["ack", "unack", "note"]
    times: int = 1
    by: str = "ana"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Somebody asks at `at` for a circuit to be silenced from `begin` until `until`."""

    at: datetime
    begin: datetime
    until: datetime
    circuit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsilence:
    """Somebody ends the silence of a circuit that was asked for at `asked`."""

    at: datetime
    circuit: str
    asked: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """All rules escalate otherwise from `at` on: every daemon gets SIGHUP."""

    at: datetime
    escalate: timedelta = timedelta()
    boss: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Each day from `start` to `end`, minutes after midnight on the clocks of `zone`.

    An `end` that is not after `start` is on the next day.
    """

    circuit: str  # or a line
    start: int
    end: int
    zone: str = "Europe/Paris"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """Whom `noc` mentions: `turns` hand over each day at `handovers`, minutes after midnight."""

    turns: tuple[str, ...]
    handovers: tuple[int, ...]
    start: datetime  # the day from which on the first of them has it
    zone: str = "Europe/Paris"


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A circuit is booked from `begin` until `end`, as the vendor says from `at` on.

    One with the number of an earlier one takes its place: an extension. A circuit without any is
    watched all the time.
    """

    at: datetime
    circuit: str
    begin: datetime
    end: datetime
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A carrier's notice of planned works, which comes at `at`; the highest `sequence` counts."""

    at: datetime
    works: str  # its id
    begin: datetime
    end: datetime
    circuits: tuple[str, ...]  # their ids
    sequence: int = 1
    status: WorkStatus = "CONFIRMED"
    impact: Literal["OUTAGE", "NO-IMPACT"] = "OUTAGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """Somebody presses a button in Slack, `times` times, below the newest message on a circuit.

    With `is_stale` it is one of those that the message had first. With `is_sent_again` Slack
    delivers the press twice. Nobody presses what is not there.
    """

    at: datetime
    circuit: str
    what: Literal["acknowledge", "unacknowledge", "packet"] = "acknowledge"
    times: int = 1
    is_stale: bool = False
    is_sent_again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Somebody silences a circuit in Slack, by the form of its newest message, or ends that.

    It lasts for a `length`, or until a time; `resolved` is until the incident is. With
    `is_sent_again` Slack delivers the form twice.
    """

    at: datetime
    circuit: str
    what: Literal["silence", "unsilence"] = "silence"
    length: Literal["30m", "1h", "4h", "resolved"] = "1h"
    until: datetime | None = None
    is_sent_again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Somebody presses a button below the newest announcement of works on a circuit."""

    at: datetime
    circuit: str
    what: Literal["dismiss", "acknowledge"] = "dismiss"
    is_sent_again: bool = False  # Slack delivers the press twice


Fact = (
    Status
    | Load
    | Quirk
    | Press
    | Silence
    | Unsilence
    | Reload
    | Booking
    | Notice
    | Click
    | Form
    | Remark
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that happens, `facts` and `faults` in the order of `at`."""

    seed: int
    begin: datetime
    end: datetime
    rules: tuple[Rule, ...] = ()
    circuits: tuple[Circuit, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    lines: tuple[Line, ...] = ()
    windows: tuple[Window, ...] = ()  # of maintenance: nobody is notified of its circuit
    hours: Window | None = None  # of the rule of its circuit, which has no other one
    line_hours: Window | None = None  # the same of a line and the first threshold
    no_data: NoData | None = None
    rota: Rota | None = None
    facts: tuple[Fact, ...] = ()
    faults: tuple[Fault, ...] = ()
    diagnoses: bool = False  # the rules have Service Diagnostics run
    calls_per_month: int = 0  # that Vyvx may be asked; 0: no budget
    storm: int = 20  # more outages of one vendor than this at once are one incident
    daemons: int = 1  # on one database
    interval: timedelta = timedelta(seconds=60)
    fast_interval: timedelta = timedelta(seconds=10)
    line_interval: timedelta = timedelta(minutes=15)
    works_interval: timedelta = timedelta(minutes=1)  # for notices; at least `interval`
    settle: timedelta = timedelta()  # how old a line's sample must be
    retention: timedelta = timedelta(days=90)  # how long the database keeps what is over
    history: timedelta = timedelta(minutes=15)  # how often the vendor's alarm records are read
    idle: timedelta = timedelta(seconds=1)  # how often a loop looks for work that woke nobody
    watch: timedelta = timedelta(seconds=24)  # and, at least, the writer and who watches the clock

    def circuits_of(self, vendor: str) -> tuple[Circuit, ...]:
        """Return the circuits of a vendor."""
        return tuple(circuit for circuit in self.circuits if circuit.vendor == vendor)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """The notices of planned works."""
        return tuple(fact for fact in self.facts if isinstance(fact, Notice))

    @property
    def has_buttons(self) -> bool:
        """Whether anybody presses a button."""
        return any(isinstance(fact, Click | Form | Remark) for fact in self.facts)

    @property
    def statuses(self) -> Iterator[Status]:
        """The states of circuits."""
        return (fact for fact in self.facts if isinstance(fact, Status))


def service_of(circuit: Circuit) -> str:
    """Return what Service Diagnostics calls a circuit."""
    return f"SVC{circuit.id}"
