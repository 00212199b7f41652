"""Reads all services, and keeps them for a moment: several walls ask at once."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from watcher import engine, model, ports
from watcher.clock import Clock
from watcher.web import middleware
from watcher.web.announced import AnnouncedWorks
from watcher.web.subjects import services

MOST_READ = 20_000  # subjects
_CHUNK = 1_000  # subjects of one reading
_KEPT_FOR = timedelta(seconds=3)
_COUNTS_KEPT_FOR = timedelta(seconds=10)
_SHARE = 20  # counts are kept for this many times as long as they took to read
_PATIENCE_SECONDS = 1.0  # of the board, which shows the counts of before rather than wait
_OPEN = (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED)


class Kept(Struct, frozen=True, kw_only=True):
    """All services as they were last read; `whole` unless there are too many."""

    at: datetime
    services: tuple[services.Service, ...]
    whole: bool
    took: timedelta


class Counts(Struct, frozen=True, kw_only=True):
    """How many services of each source are in which state, the worst first."""

    at: datetime | None = None
    by_source: Mapping[str, Mapping[str, int]]


class ServiceReader:
    """Reads all services of all sources, as the page of services lists them."""

    def __init__(
        self,
        *,
        reader: ports.IncidentReader,
        listings: ports.ListingReader,
        rules: Callable[[], engine.Ruleset],
        announced: AnnouncedWorks,
        clock: Clock,
        read_limit: middleware.ReadLimit,
    ) -> None:
        self._reader = reader
        self._listings = listings
        self._rules = rules
        self._announced = announced
        self._clock = clock
        self._read_limit = read_limit
        self._kept: Kept | None = None
        self.readings: middleware.Readings[Kept] = middleware.Readings("reading services")
        self._counts = Counts(by_source={})

    async def all(self, kept_for: timedelta = _KEPT_FOR) -> Kept:
        """Return them as they were at most so long ago."""
        now, kept = self._clock.now(), self._kept
        if kept is not None and now - kept_for < kept.at <= now:
            return kept
        return await self.readings.join(None, self._read)

    async def counts(self) -> Counts:
        """Return how many there are, of each source and state.

        Counting many takes time: they are read the less often the longer it takes, and who asks
        meanwhile, or when they cannot be read, gets the counts of before.
        """
        took = self._kept.took if self._kept is not None else timedelta(0)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                kept = await self.all(max(_COUNTS_KEPT_FOR, _SHARE * took))
        except (TimeoutError, model.WatcherError):
            return self._counts
        if kept.at != self._counts.at:
            self._counts = Counts(at=kept.at, by_source=count(kept.services))
        return self._counts

    async def _read(self) -> Kept:
        now, started = self._clock.now(), self._clock.monotonic()
        subjects: list[model.Subject] = []
        whole = False
        while not whole and len(subjects) < MOST_READ:
            after = subjects[-1].key if subjects else ""
            async with self._read_limit.slot():
                chunk = await self._reader.subjects(after=after, limit=_CHUNK)
            subjects += chunk
            whole = len(chunk) < _CHUNK
        async with self._read_limit.slot():
            health = {health.source: health for health in await self._reader.sources()}
            live = await self._reader.incidents(statuses=_OPEN, limit=_CHUNK)
            firing = await self._listings.firing()
            works = await self._announced.by_subject()
        rules, by_id = self._rules(), {incident.id: incident for incident in live}
        involved: defaultdict[str, list[model.Incident]] = defaultdict(list)
        for key, incident in firing:
            if incident in by_id:
                involved[key].append(by_id[incident])

        def describe() -> tuple[services.Service, ...]:
            return tuple(
                services.describe(
                    subject,
                    rules,
                    health,
                    services.worst_of(involved.get(subject.key, ())),
                    now,
                    works=works.get(subject.key, ()),
                )
                for subject in subjects
            )

        described = await asyncio.to_thread(describe)
        took = timedelta(seconds=self._clock.monotonic() - started)
        self._kept = Kept(at=now, services=described, whole=whole, took=took)
        return self._kept


def count(kept: tuple[services.Service, ...]) -> Mapping[str, Mapping[str, int]]:
    """Return how many services of each source are in each state, the worst state first."""
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for service in kept:
        counted[service.source][service.says] += 1
    return {
        source: {word: states[word] for word in services.WORDS.values() if states[word]}
        for source, states in counted.items()
    }
