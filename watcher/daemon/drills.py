"""Drills on a schedule: is everybody still notified? What came of the last one is not kept quiet.

A receiver that is not notified in time fails the drill. Until one succeeds the metric says so, and
the status with the board, and the heartbeat is withheld, so that its service raises the alarm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Protocol

import structlog

from watcher import model, ports
from watcher.clock import Clock
from watcher.metrics import Metrics

log = structlog.get_logger()

BY = "watcher"
FIRST = timedelta(minutes=1)  # after a start, where there has been no drill yet
RECHECK_SECONDS = 1.0  # between two looks at the receipts
_CHECK_SECONDS = 60.0  # s; between two looks whether one is due: a person's drill counts as well


class Starter(Protocol):
    """What starts a drill."""

    async def start_drill(
        self, receivers: Collection[str], *, by: str, page: bool = False
    ) -> model.Incident:
        """Open a test incident for all receivers."""


class Listings(Protocol):
    """Where the newest drill is found."""

    async def incidents(self, wanted: ports.IncidentFilter, *, limit: int) -> list[model.Incident]:
        """Return the newest incidents that fit."""


class Reader(Protocol):
    """Where receipts are read."""

    async def receipts(self, incident: str) -> list[model.Receipt]:
        """Return what each receiver has been notified of."""


class ScheduledDrills:
    """Runs a drill every so often; `report` is given why the last one failed, empty if it did not.

    `trouble` is the same.
    """

    def __init__(
        self,
        *,
        starter: Starter,
        listings: Listings,
        reader: Reader,
        every: timedelta,
        within: timedelta,
        clock: Clock,
        metrics: Metrics,
        report: Callable[[str], None],
    ) -> None:
        self.trouble = ""
        self._starter = starter
        self._listings = listings
        self._reader = reader
        self._every = every
        self._within = within
        self._clock = clock
        self._metrics = metrics
        self._report = report

    async def run(self) -> None:
        """Drill whenever it is due, until cancelled."""
        started = self._clock.now()
        while True:
            newest = await self._listings.incidents(ports.IncidentFilter(drills=True), limit=1)
            due = newest[0].opened_at + self._every if newest else started + FIRST
            wait = (due - self._clock.now()).total_seconds()
            if wait > 0:
                await asyncio.sleep(min(wait, _CHECK_SECONDS))
                continue
            await self._drill()
            await asyncio.sleep(_CHECK_SECONDS)

    async def _drill(self) -> None:
        """Run one drill, and say what came of it."""
        try:
            incident = await self._starter.start_drill([], by=BY)
            pending = await self._wait(incident)
        except model.WatcherError as error:
            self._note(f"the drill could not be started: {error}")
            return
        for receiver in incident.receivers:
            self._metrics.drill_failed.labels(receiver).set(receiver in pending)
        late = ", ".join(f"{name} ({why})" for name, why in sorted(pending.items()))
        span = model.format_duration(self._within)
        self._note(f"not notified within {span} in the last drill: {late}" if late else "")

    async def _wait(self, incident: model.Incident) -> dict[str, str]:
        """Wait until all receivers were notified; return those that were not, and why."""
        pending = dict.fromkeys(incident.receivers, "no attempt yet")
        end = self._clock.monotonic() + self._within.total_seconds()
        while True:
            for receipt in await self._reader.receipts(incident.id):
                if receipt.told_through and receipt.parent_version:
                    pending.pop(receipt.receiver, None)
                elif receipt.receiver in pending and receipt.error:
                    pending[receipt.receiver] = receipt.error
            if not pending or self._clock.monotonic() >= end:
                return pending
            await asyncio.sleep(RECHECK_SECONDS)

    def _note(self, trouble: str) -> None:
        self.trouble = trouble
        self._report(trouble)
        if trouble:
            log.error("drill failed", reason=trouble)
        else:
            log.info("drill succeeded")
