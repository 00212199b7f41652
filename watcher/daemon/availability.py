"""Measures this month's availability for `/metrics`, every now and then.

A month is folded from the journal, so it is not measured at each scrape. Where that would take
long, with many subjects, it is left out: `watcher report` and the board have it in any case.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta

import structlog

from watcher import model
from watcher.clock import Clock
from watcher.ledger.document import LedgerDocument
from watcher.ledger.period import Period, month_of, parse_month
from watcher.ledger.states import Condition
from watcher.metrics import Metrics

log = structlog.get_logger()

MOST_SUBJECTS = 20_000  # of which a month is folded within the daemon
_GOOD = (Condition.UP, Condition.DEGRADED)
_BAD = (Condition.DOWN, Condition.PLANNED)


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


def publish(metrics: Metrics, ledger: LedgerDocument) -> None:
    """Set the metrics of each source to those of a month."""
    for source, spent in by_source(ledger).items():
        for condition in Condition:
            metrics.availability_seconds.labels(source, condition.value).set(spent[condition])
        good, bad = sum(spent[what] for what in _GOOD), sum(spent[what] for what in _BAD)
        if good + bad:
            metrics.availability.labels(source).set(good / (good + bad))


def by_source(ledger: LedgerDocument) -> Mapping[str, Mapping[Condition, float]]:
    """Return how many seconds the circuits of each source spent in each condition, together."""
    spent: defaultdict[str, defaultdict[Condition, float]] = defaultdict(lambda: defaultdict(float))
    for circuit in ledger.circuits:
        for name, minutes in circuit.minutes.items():
            spent[model.source_of(circuit.subject)][Condition(name)] += 60 * minutes
    return spent
