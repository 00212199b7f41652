"""Scenarios of one subject under the shipped rules, and what its vendor says at each time.

Nothing here asks the engine: a scenario knows its answers, its booking and what people do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from pathlib import Path

from msgspec.structs import replace

from tests.fakes.engine_world import START, minutes
from watcher import engine, model, ruleset
from watcher.rule_tests import schema
from watcher.rule_tests.load import traits
from watcher.vendors.catalog import VENDORS
from watcher.vendors.poller import Differ

RULES = Path(__file__).parents[3] / "rules"
PRE_ROLL = minutes(15)
JUST_BEFORE = timedelta(microseconds=1)

FAILS = "fails"  # the poll is not answered
ABSENT = "absent"  # the poll does not list the subject
AWAY = "away"  # the daemon does not run
Values = tuple[model.Scalar, ...]  # of the scenario's fields, or of a metric's directions
Reading = str | Values


@dataclass(frozen=True)
class Spell:
    """What so many polls in a row say, in turn, and what happens before the first of them."""

    readings: tuple[Reading, ...]
    polls: int
    before: str = ""  # "resolve": by hand; "restart": of the daemon
    works: Works | None = None  # a notice of them is read before the first poll


@dataclass(frozen=True)
class Works:
    """What a notice says of planned works about the subject, from when it is read."""

    begins_in: timedelta
    lasts: timedelta
    identity: str = "W1"
    impact: model.WorkImpact = model.WorkImpact.OUTAGE
    status: model.WorkStatus = model.WorkStatus.CONFIRMED

    def as_read(self, at: datetime, circuit: str, sequence: int) -> model.Notice:
        """Return the notice."""
        begin = at + self.begins_in
        return model.Notice(
            provider="anybody",
            id=self.identity,
            status=self.status,
            windows=(model.WorkWindow(begin=begin, end=begin + self.lasts),),
            circuits=(model.AffectedCircuit(id=circuit, impact=self.impact),),
            sequence=sequence,
            received_at=at,
        )


@dataclass(frozen=True)
class Booking:
    """A booked window; it may be extended two minutes before its end, or go on past it."""

    start: timedelta
    lasts: timedelta
    extended_by: timedelta = timedelta(0)
    overruns: bool = False

    def end(self, at: timedelta) -> timedelta:
        """Return the end as the vendor has it at a time."""
        end = self.start + self.lasts
        return end + self.extended_by if at >= end - minutes(2) else end

    def concerns(self, at: timedelta) -> bool:
        """Return whether anybody is to hear of a fault then."""
        return self.start - PRE_ROLL <= at and (self.overruns or at < self.end(at))

    def as_read(self, at: timedelta) -> model.Booking:
        """Return what the details say at a time."""
        activated = model.Window(start=START + self.start)
        return model.Booking(
            id="1",
            scheduled=model.Window(start=START + self.start, end=START + self.end(at)),
            activated=(activated,) if self.overruns and at >= self.start else (),
        )


@dataclass(frozen=True)
class Scenario:
    """One subject: what is answers of it, when it is booked, and how long its details take."""

    key: str
    step: timedelta
    names: tuple[str, ...]  # of the fields, or of the directions of the vendor's metric
    spells: tuple[Spell, ...]
    booking: Booking | None = None
    details_after: timedelta | None = timedelta(0)  # None: they are never answered

    @cached_property
    def readings(self) -> list[Reading]:
        """What every poll says."""
        return [
            spell.readings[number % len(spell.readings)]
            for spell in self.spells
            for number in range(spell.polls)
        ]

    def reading(self, at: datetime) -> Reading:
        """Return what the vendor says at a time."""
        return self.readings[min((at - START) // self.step, len(self.readings) - 1)]

    def concerns(self, at: datetime) -> bool:
        """Return whether anybody is to hear of a fault then: an unknown schedule pages."""
        if self.booking is None or self.details_after is None:
            return True
        return self.booking.concerns(at - START)


class NamingInventory:
    """An inventory whose subjects are circuits of their own name."""

    def __init__(self, inventory: engine.Inventory) -> None:
        self._inventory = inventory

    def entry(self, key: str, labels: Mapping[str, str]) -> engine.InventoryEntry:
        entry = self._inventory.entry(key, labels)
        return replace(entry, circuit_ids=(model.id_of(key),), provider="anybody")

    def __getattr__(self, name: str) -> object:
        return getattr(self._inventory, name)


@cache
def shipped_rules() -> engine.Ruleset:
    """Load the shipped rules with a source of each kind that keeps no alarm record."""
    rules = ruleset.load(
        [str(RULES / "*.yaml")],
        inventory=RULES / "tests" / "internet_on_demand.inventory.yml",
        sources={
            kind: replace(traits(kind, schema.Source(kind=kind)), history=timedelta(0))
            for kind in VENDORS
        },
        receivers=("slack",),
    )
    return replace(rules, inventory=NamingInventory(rules.inventory))


class ScenarioRun:
    """A scenario that runs through the engine."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._source, self._id = scenario.key.split("/")
        self._metrics = VENDORS[self._source].fields.metrics
        self._differ = Differ(self._source)
        self._runner = engine.Runner(
            engine.restore(shipped_rules()), now=START, responder=self._answer
        )
        self._polled_at = START
        self._is_open: dict[str, bool] = {}
        self._details_asked = False
        self.notices: list[model.Notice] = []

    def steps(self) -> Iterator[engine.StepResult | None]:
        """Yield every step, and None after each poll of the scenario."""
        at, away = START, False
        self.notices.clear()
        yield from self._runner.take(engine.Reloaded(ruleset=shipped_rules()), START)
        for spell in self._scenario.spells:
            if spell.before == "restart":
                yield from self._restart(at)
            if spell.before == "resolve":
                yield from self._resolve(at)
            for number in range(spell.polls):
                if spell.readings[number % len(spell.readings)] is AWAY:
                    away = True
                else:
                    if away:
                        yield from self._restart(at)
                    away = False
                    if spell.works is not None and number == 0:
                        yield from self._announce(spell.works, at)
                    # What the engine asks for before it polls before this poll is compared.
                    for step in self._runner.wait(at - JUST_BEFORE):
                        self._follow(step)
                        yield step
                    for step in self._runner.take(self._poll(at), at):
                        self._follow(step)
                        yield step
                    yield None
                at += self._scenario.step

    def _follow(self, step: engine.StepResult) -> None:
        if isinstance(step.event, model.DetailsRead):
            self._details_asked = False
        for effect in step.effects:
            if isinstance(effect, model.Incident):
                self._is_open[effect.id] = effect.resolved_at is None

    def _restart(self, at: datetime) -> Iterator[engine.StepResult]:
        for step in self._runner.wait(self._runner.now):  # it ran for a moment after its last poll
            self._follow(step)
            yield step
        self._differ = Differ(self._source, [self._id])
        yield from self._runner.restart(shipped_rules(), at, unwatched_since=self._polled_at)
        if self._details_asked:  # the job outlives the daemon
            for step in self._runner.take(self._details(at), at):
                self._follow(step)
                yield step

    def _announce(self, works: Works, at: datetime) -> Iterator[engine.StepResult]:
        self.notices.append(works.as_read(at, self._id, len(self.notices)))
        for step in self._runner.take(model.NoticeRead(notice=self.notices[-1]), at):
            self._follow(step)
            yield step

    def _resolve(self, at: datetime) -> Iterator[engine.StepResult]:
        for identity in [identity for identity, is_open in self._is_open.items() if is_open]:
            for step in self._runner.take(model.ResolvedByHand(incident=identity, by="ana"), at):
                self._follow(step)
                yield step

    def _poll(self, at: datetime) -> model.Polled | model.PollFailed:
        reading = self._scenario.reading(at)
        if reading is FAILS or reading is AWAY:
            return model.PollFailed(source=self._source, error="timed out")
        self._polled_at = at
        listed = {} if isinstance(reading, str) else {self._id: reading}
        return self._differ.compare(
            model.Snapshot(
                readings=listed, translate=self._observed, samples=tuple(self._samples(reading, at))
            )
        )

    def _observed(self, _: str, reading: object) -> model.Observed:
        assert isinstance(reading, tuple)
        fields = dict(zip(self._scenario.names, reading, strict=True))
        if self._metrics:
            fields = {self._metrics[0]: max(reading)}
        return model.Observed(key=self._scenario.key, fields=fields)

    def _samples(self, reading: Reading, at: datetime) -> Iterator[model.Sample]:
        if isinstance(reading, str) or not self._metrics:
            return
        for direction, value in zip(self._scenario.names, reading, strict=True):
            yield model.Sample(
                subject=self._scenario.key,
                metric=self._metrics[0],
                direction=direction,
                at=at,
                value=float(value),
            )

    def _answer(
        self, effect: model.Effect, at: datetime
    ) -> Iterable[tuple[datetime, engine.Event]]:
        match effect:
            case model.PollNeeded(source=self._source) if self._scenario.reading(at) is not AWAY:
                yield at, self._poll(at)
            case model.DetailsNeeded() if self._scenario.details_after is not None:
                self._details_asked = True
                after = at + self._scenario.details_after
                yield after, self._details(after)
            case _:
                pass

    def _details(self, at: datetime) -> model.DetailsRead:
        booking = self._scenario.booking
        bookings = () if booking is None else (booking.as_read(at - START),)
        return model.DetailsRead(
            subject=self._scenario.key, details=model.Details(bookings=bookings)
        )
