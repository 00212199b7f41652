"""Reads the ledger of the store, and measures this month's availability for `/metrics`.

A month is folded from the journal, so it is not measured at each scrape. Where that would take
long, with many subjects, it is left out: `watcher report` and the board have it in any case.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from watcher import engine, model
from watcher.clock import Clock
from watcher.ledger import read as ledger
from watcher.ledger.document import LedgerDocument
from watcher.ledger.ledger import Ledger
from watcher.ledger.period import Period, month_of, parse_month
from watcher.ledger.states import Condition
from watcher.metrics import Metrics
from watcher.store.store import Store

log = structlog.get_logger()

MOST_SUBJECTS = 20_000  # of which a month is folded within the daemon
Summary = TypeVar("Summary")
_GOOD = (Condition.UP, Condition.DEGRADED)
_BAD = (Condition.DOWN, Condition.PLANNED)


class LedgerReader:
    """Reads the ledger of a month or of any time from the store, by the rules in force."""

    def __init__(self, *, store: Store, rules: Callable[[], engine.Ruleset], clock: Clock) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock

    async def month(self, period: Period) -> LedgerDocument:
        """Return the document of a month."""
        queries = self._store.queries
        return await ledger.read(
            self._store.journal,
            await queries.sources(),
            await queries.ticketed(period.start),
            self._rules(),
            period,
            now=self._clock.now(),
            works=await queries.works(),
        )

    async def between(
        self, start: datetime, end: datetime, summarise: Callable[[Ledger], Summary]
    ) -> Summary:
        """Return what `summarise` makes of the ledger from `start` to `end`."""
        queries = self._store.queries
        health, works = await queries.sources(), await queries.works()
        return await ledger.read_between(
            self._store.journal, health, self._rules(), start, end, summarise=summarise, works=works
        )


async def keep_measured(
    read: Callable[[Period], Awaitable[LedgerDocument]],
    sources: Callable[[], Awaitable[Iterable[model.SourceHealth]]],
    *,
    metrics: Metrics,
    clock: Clock,
    every: timedelta,
) -> None:
    """Measure until cancelled; what the database does not answer is measured the next time."""
    while True:
        await asyncio.sleep(every.total_seconds())
        try:
            if sum(health.subjects for health in await sources()) > MOST_SUBJECTS:
                continue
            month = parse_month(month_of(clock.now(), "UTC"), "UTC")
            publish(metrics, await read(month))
        except model.WatcherError as error:
            log.warning("availability not measured", error=str(error))


def publish(metrics: Metrics, month: LedgerDocument) -> None:
    """Set the metrics of each source to those of a month."""
    for source, spent in by_source(month).items():
        for condition in Condition:
            metrics.availability_seconds.labels(source, condition.value).set(spent[condition])
        good, bad = sum(spent[what] for what in _GOOD), sum(spent[what] for what in _BAD)
        if good + bad:
            metrics.availability.labels(source).set(good / (good + bad))


def by_source(month: LedgerDocument) -> Mapping[str, Mapping[Condition, float]]:
    """Return how many seconds the circuits of each source spent in each condition, together."""
    spent: defaultdict[str, defaultdict[Condition, float]] = defaultdict(lambda: defaultdict(float))
    for circuit in month.circuits:
        for name, minutes in circuit.minutes.items():
            spent[model.source_of(circuit.subject)][Condition(name)] += 60 * minutes
    return spent
