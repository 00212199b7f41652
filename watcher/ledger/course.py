"""What became of a circuit over a period, whichever circuit it is. Pure.

Most of many circuits have the same: it is worked out once for all of which the same is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from watcher import engine, model
from watcher.ledger import spans
from watcher.ledger.history import Reading
from watcher.ledger.spans import Span
from watcher.ledger.states import BAD, CircuitState, Condition, Evidence, Windows, states_of
from watcher.model import FaultDomain

_WORST_FIRST = (
    *(Condition.DOWN, Condition.DEGRADED, Condition.PLANNED),
    *(Condition.BLIND, Condition.UP, Condition.UNUSED),
)


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a circuit was bad without a gap, with what the vendor recorded of it.

    `planned` is how much of it works had announced. `states` are the vendor's words as they came.
    """

    start: datetime
    end: datetime
    worst: Condition
    domain: FaultDomain
    states: tuple[str, ...]
    planned: timedelta = timedelta(0)
    lasts: bool = False  # it goes on after the period
    unseen_end: bool = False  # it lasted longer, perhaps: from its end on nothing is known
    recorded: tuple[model.AlarmRecord, ...] = ()

    @property
    def length(self) -> timedelta:
        """How long it lasted within the period."""
        return self.end - self.start


class Course(Struct, frozen=True, kw_only=True):
    """What became of a circuit: `spans` cover the period.

    `lengths` say how long each condition held, `by_domain` on whose side the bad time was likely.
    `corrected_at` is when a reading of the vendor's record last changed it after its end.
    """

    spans: tuple[Span[CircuitState], ...]
    lengths: Mapping[Condition, timedelta]
    by_domain: Mapping[FaultDomain, timedelta]
    outages: tuple[Outage, ...]
    corrected_at: datetime | None = None

    @property
    def in_service(self) -> timedelta:
        """How long the circuit was in service, known or not."""
        return sum(
            (length for what, length in self.lengths.items() if what is not Condition.UNUSED),
            timedelta(0),
        )

    def of(self, *conditions: Condition) -> timedelta:
        """Return how long any of these conditions held."""
        return sum((self.lengths.get(what, timedelta(0)) for what in conditions), timedelta(0))

    def availability(self, *, count_planned: bool) -> float | None:
        """Return the share of known time in service that the circuit was not down, in percent.

        A degraded circuit is available. Planned time counts as down, or is left out. None where
        nothing is known.
        """
        bad = self.of(Condition.DOWN)
        good = self.of(Condition.UP, Condition.DEGRADED)
        if count_planned:
            bad += self.of(Condition.PLANNED)
        observed = good + bad
        return 100 * (good / observed) if observed else None

    def worst_of(self, parts: Windows) -> Iterator[Condition]:
        """Yield the worst condition within each part of the period, in order, as far as it goes."""
        ahead = deque(self.spans)
        for _, end in parts:
            held = []
            while ahead and ahead[0].start < end:
                held.append(ahead[0].value.condition)
                if ahead[0].end > end:
                    break
                ahead.popleft()
            if held:
                yield min(held, key=_WORST_FIRST.index)

    @property
    def carrier_down(self) -> timedelta:
        """How long it was down, unannounced, and not by a fault on the source's side."""
        return sum(
            (
                span.length
                for span in self.spans
                if span.value.condition is Condition.DOWN
                and span.value.domain is not FaultDomain.SOURCE
            ),
            timedelta(0),
        )

    @property
    def carrier_availability(self) -> float | None:
        """The availability without planned works, and without what is the source's own fault."""
        observed = self.of(Condition.UP, Condition.DEGRADED, Condition.DOWN)
        return 100 * (1 - self.carrier_down / observed) if observed else None


def course_of(
    evidence: Evidence,
    sight: Sequence[tuple[datetime, bool]],
    traits: engine.SourceTraits,
    period: tuple[datetime, datetime],
) -> Course:
    """Return what became of a circuit of which this is known."""
    _, end = period
    states = states_of(evidence, sight, traits, period)
    late = [reading.at for reading in evidence.readings if reading.at > end and reading.start < end]
    return Course(
        spans=tuple(states),
        lengths=spans.totals(Span(span.start, span.end, span.value.condition) for span in states),
        by_domain=spans.totals(
            Span(span.start, span.end, span.value.domain)
            for span in states
            if span.value.condition in BAD
        ),
        outages=tuple(_outages(states, evidence.readings, end)),
        corrected_at=max(late, default=None),
    )


def _outages(
    states: Sequence[Span[CircuitState]], readings: Iterable[Reading], end: datetime
) -> Iterator[Outage]:
    run: list[Span[CircuitState]] = []
    for span in states:
        if span.value.condition in (*BAD, Condition.PLANNED):
            run.append(span)
        elif run:
            unseen_end = span.value.condition is Condition.BLIND
            yield _outage(run, readings, end, unseen_end=unseen_end)
            run = []
    if run:
        yield _outage(run, readings, end)


def _outage(
    run: Sequence[Span[CircuitState]],
    readings: Iterable[Reading],
    end: datetime,
    *,
    unseen_end: bool = False,
) -> Outage:
    start, over = run[0].start, run[-1].end
    alarms: dict[tuple[str, datetime | None], model.AlarmRecord] = {}
    for reading in sorted(readings, key=lambda reading: reading.at):
        for alarm in reading.alarms:
            if (alarm.start is None or alarm.start < over) and (
                alarm.end is None or alarm.end > start
            ):
                alarms[alarm.state, alarm.start] = alarm
    conditions = {span.value.condition for span in run}
    unplanned = conditions & {*BAD}
    worst = (
        Condition.DOWN
        if Condition.DOWN in unplanned
        else Condition.DEGRADED
        if unplanned
        else Condition.PLANNED
    )
    domains = [span.value.domain for span in run if span.value.domain is not FaultDomain.NONE]
    certain = [domain for domain in domains if domain is not FaultDomain.UNDETERMINED]
    return Outage(
        start=start,
        end=over,
        worst=worst,
        domain=(certain or domains or [FaultDomain.UNDETERMINED])[-1],
        states=tuple(dict.fromkeys(span.value.word for span in run if span.value.word)),
        planned=sum(
            (span.length for span in run if span.value.condition is Condition.PLANNED),
            timedelta(0),
        ),
        lasts=over == end,
        unseen_end=unseen_end,
        recorded=tuple(alarms.values()),
    )
