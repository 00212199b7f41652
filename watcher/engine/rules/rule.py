"""The compiled shape of a rule, as the ruleset hands it to the engine.

Law: whatever a rule asks for by text (CEL, templates) arrives here as a plain callable, so the
engine knows no parser, no file and no library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Protocol

from msgspec import Struct, field

from watcher import model
from watcher.engine.rules import reservation
from watcher.engine.rules.hours import Hours, Now
from watcher.oncall.rota import Rota

Context = object  # built once per change by Ruleset.context, read by predicates alone


class ExpressionError(Exception):
    """An expression failed at run time; the message says how."""


# None: something that the expression reads is not known yet. Raises ExpressionError.
Predicate = Callable[[Context], bool | None]
# The numbers of the predicates of a list that may be true, by its subject; the others are false.
Candidates = Callable[[Context], Sequence[int]]
Template = Callable[[Mapping[str, object]], str]  # raises ExpressionError


class Transition(Struct, frozen=True, kw_only=True):
    """A level: `field` is in `to`, and its last known value before was in `from_` (None: any)."""

    field: str
    from_: frozenset[str] | None = None
    to: frozenset[str]


class Threshold(Struct, frozen=True, kw_only=True):
    """The aggregate of the samples in `(at - over, at]` passes `limit`.

    `above` False means that lower is worse. `clear` is where it must come back to; None: `limit`.
    """

    metric: str
    limit: float
    above: bool = True
    clear: float | None = None
    over: timedelta | None = None  # None: the newest sample alone
    aggregate: str = "last"  # last avg min max p95
    min_samples: int = 1
    coverage: float = 0.0  # the share of the window that samples must cover
    consecutive: int = 1


class Expression(Struct, frozen=True, kw_only=True):
    """True where the predicate is; `of_vanishing` says that it asks whether a subject vanished."""

    holds: Predicate
    of_vanishing: bool = False


class Blind(Struct, frozen=True, kw_only=True):
    """The source itself could not be seen for so long; its subject's key is the source's name."""

    after: timedelta


class NoData(Struct, frozen=True, kw_only=True):
    """Nothing newer was measured for so long, although the source could be seen."""

    after: timedelta


Condition = Transition | Threshold | Expression | Blind | NoData


class Escalation(Struct, frozen=True, kw_only=True):
    """Whom else to notify when nobody has acknowledged for so long.

    Once it is taken, so many different people have to acknowledge as `acks` says.
    """

    after: timedelta
    notify: tuple[str, ...]
    acks: int = 1
    oncall: str = ""  # a rota: who has it then is called

    @property
    def key(self) -> str:
        """What it is, whatever its place in a list: when, and whom."""
        oncall = f" oncall:{self.oncall}" if self.oncall else ""
        return f"{self.after // timedelta(seconds=1)} {','.join(self.notify)}{oncall}"

    def is_covered_by(self, key: str) -> bool:
        """Return whether the step with this key calls the same people, no sooner."""
        after, _, whom = self.key.partition(" ")
        their_after, _, their_whom = key.partition(" ")
        return their_whom == whom and int(their_after) >= int(after)


class Flapping(Struct, frozen=True, kw_only=True):
    """More than `flips` changes of the condition within this time count as flapping."""

    flips: int = 5
    within: timedelta = timedelta(minutes=10)


class Bandwidth(Struct, frozen=True, kw_only=True):
    """Raise the bandwidth of a connection to `to` Mbit/s, never above `max`.

    `connection` is a subject's key; empty: the inventory's connection of the alerting subject.
    """

    connection: str = ""
    to: float
    max: float
    approved: bool = False  # by the rule itself: nobody is asked
    revert: bool = False  # once the incident is over


class WindowAction(StrEnum):
    """What an open maintenance window does with the alerts that it matches."""

    SKIP = (
        "skip"  # their rules are not evaluated: nothing opens and nothing ends; nobody is notified
    )
    MUTE = "mute"  # they are evaluated, and nobody is notified
    RUN = "run"  # they are evaluated and people are notified; the incident is marked


class Maintenance(Struct, frozen=True, kw_only=True):
    """A window for the alerts that match all matchers, and what it does with them.

    `is_open` says whether it is open at a time, `next_edge` when that changes after a time.
    """

    name: str
    matchers: tuple[model.Matcher, ...]
    is_open: Callable[[datetime], bool]
    next_edge: Callable[[datetime], datetime | None]
    action: WindowAction = WindowAction.MUTE


class Storm(Struct, frozen=True, kw_only=True):
    """More than `incidents` new ones of a source within this time become one incident."""

    incidents: int = 20
    window: timedelta = timedelta(seconds=30)


class Rule(Struct, frozen=True, kw_only=True):
    """One rule, checked and compiled. `sources` are the configured sources that it watches."""

    name: str
    sources: frozenset[str]
    condition: Condition
    where: Predicate | None = None
    during: frozenset[model.Phase] = reservation.DURING
    hours: Hours | None = None  # None: it always applies
    now: Now | None = None  # None: its expressions do not read it
    hold: timedelta = timedelta(0)  # the rule's `for`
    keep_firing_for: timedelta = timedelta(0)
    severity: model.Severity = model.Severity.WARNING
    title: Template
    summary: Template | None = None
    diagnose: bool = False
    alternatives: bool = False  # ask what could be ordered as a backup at the subject's address
    bandwidth: Bandwidth | None = None  # the remedy that is proposed
    max_services: int = 3
    notify: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()  # names of labels
    group_wait: timedelta = timedelta(0)
    repeat: tuple[timedelta, ...] = ()  # the last one goes on for good
    ack_expires: timedelta | None = None
    escalate: tuple[Escalation, ...] = ()  # the soonest first
    flapping: Flapping | None = None
    inhibited_by: tuple[str, ...] = ()  # names of rules
    equal: tuple[str, ...] = ()  # `labels.NAME`, `subject` or `source`
    fault: str = ""  # rules with the same one describe one fault; empty: a fault of its own
    well: Predicate | None = None  # whether a subject is well; None: its source says so
    labels: Mapping[str, str] = field(default_factory=dict)  # added to its alerts' own
    runbook: str = ""
    digest: str = ""  # of what is written; equal for two rules that say the same

    @property
    def about(self) -> str:
        """The fault that its alerts are about."""
        return self.fault or self.name


class InventoryEntry(Struct, frozen=True, kw_only=True):
    """What the inventory adds to a subject."""

    service_ids: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    contacts: tuple[model.Contact, ...] = ()
    runbook: str = ""
    expected_mbps: float | None = None  # the bandwidth that was bought
    address: str = ""
    connection: str = ""  # the key of the connection beside or below it, for a remedy
    contract: str = ""  # its number, as the carrier knows it
    sla_percent: float | None = None  # the availability that the carrier has agreed to
    circuit_ids: tuple[str, ...] = ()  # what the carrier's notices call it, beside `service_ids`
    provider: str = ""  # who sends those notices; empty: the carrier of its source
    redundancy_group: str = ""  # of circuits that stand in for each other


class Inventory(Protocol):
    """What the team has written down about subjects."""

    def entry(self, key: str, labels: Mapping[str, str]) -> InventoryEntry:
        """Look a subject up by its key, then by its labels; an unknown one gets an empty entry."""

    def knows(self, key: str) -> bool:
        """Return whether the inventory names the subject by its key."""

    def knows_circuit(self, circuit: str) -> bool:
        """Return whether any entry has the circuit's id, whatever its case and spaces."""


def _undetermined(_: Mapping[str, model.Scalar]) -> model.FaultDomain:
    return model.FaultDomain.UNDETERMINED


def _nowhere(_: Mapping[str, str]) -> str:
    return ""


def _by_rules(_: Mapping[str, model.Scalar], __: float | None) -> bool | None:
    return True  # only the conditions of rules say what is wrong


class SourceTraits(Struct, frozen=True, kw_only=True):
    """What the engine has to know of a configured source; its vendor's folder provides it.

    `states` are the words of the field `state`, from good to bad; in those of `down` (of `state` or
    `status`) a subject carries nothing, in those of `unused` it need not. `likely_domain` estimates
    the side of a fault from a subject's fields. `well` says from its fields, and from the bandwidth
    that was bought, whether it is well; None: they do not tell. `units` are those of metrics, and
    `place` says from a subject's labels where it is measured.
    """

    name: str
    kind: str
    blind_after: timedelta
    granularity: timedelta = timedelta(minutes=5)
    clock_tolerance: timedelta = timedelta(minutes=10)  # how far ahead of now a sample may be
    settle: timedelta = timedelta(0)  # how old samples are when they are first passed on
    detailed: bool = False  # whether a subject's details can be fetched
    history: timedelta = timedelta(0)  # how often the vendor's own record is read; 0: never
    pre_roll: timedelta = reservation.PRE_ROLL
    states: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    likely_domain: Callable[[Mapping[str, model.Scalar]], model.FaultDomain] = _undetermined
    well: Callable[[Mapping[str, model.Scalar], float | None], bool | None] = _by_rules
    carrier: str = "the vendor"  # as people call it
    units: Mapping[str, str] = field(default_factory=dict)
    place: Callable[[Mapping[str, str]], str] = _nowhere
    changes_bandwidth: bool = False  # whether the bandwidth of its subjects can be changed

    @property
    def good_state(self) -> str:
        """The state of a subject that nothing is wrong with."""
        return self.states[0] if self.states else model.UNKNOWN

    def badness(self, state: model.Scalar) -> int:
        """Rank a state; a word that is not in `states` comes before all others."""
        return self.states.index(state) if state in self.states else -1

    def is_worse(self, state: model.Scalar, before: model.Scalar) -> bool:
        """Whether people must notice the move; two words that have no order count as worse."""
        if state in self.states and before in self.states:
            return self.badness(state) > self.badness(before)
        return True


class WorksPolicy(Struct, frozen=True, kw_only=True):
    """How planned works are taken.

    A fault is planned until `grace` after the end of a window. `providers` are further names of
    carriers, casefolded, each with the carrier's own name. `receivers` are notified of works ahead,
    with times on the clocks of `zone` beside UTC.
    """

    grace: timedelta = timedelta(minutes=10)
    providers: Mapping[str, str] = field(default_factory=dict)
    receivers: tuple[str, ...] = ()
    zone: tzinfo | None = None


def _all(predicates: Sequence[Predicate]) -> Candidates:
    numbers = range(len(predicates))
    return lambda _: numbers


class Ruleset(Struct, frozen=True, kw_only=True):
    """Everything that decides beside the state: rules in order, sources, inventory, context."""

    rules: Sequence[Rule]
    sources: Mapping[str, SourceTraits]
    inventory: Inventory
    context: Callable[[Mapping[str, object]], Context]
    candidates: Callable[[Sequence[Predicate]], Candidates] = _all  # sees at once what is false
    maintenance: Sequence[Maintenance] = ()
    storm: Storm = Storm()
    quiet: frozenset[str] = frozenset()  # receivers that nothing is suppressed for
    rotas: Mapping[str, Rota] = field(default_factory=dict)  # by name
    works: WorksPolicy = field(default_factory=WorksPolicy)
    version: str = ""  # a digest of the files it was read from
