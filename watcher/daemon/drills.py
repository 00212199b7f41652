"""Runs drills on a schedule, and records what comes of every drill.

A receiver that is not notified in time fails the drill. Until one succeeds the metric, the status
and the board say so, and where drills are scheduled the heartbeat is withheld, so that its service
raises the alarm. The result is in the store, for the next leader. A drill that has none was begun
by another leader, or by a person: it is looked after like our own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import timedelta
from typing import Protocol

import structlog
from msgspec.structs import replace

from watcher import model, ports
from watcher.clock import Clock, Wakeup

log = structlog.get_logger()

BY = "watcher"
FIRST = timedelta(minutes=1)  # after a start, where there has been no drill yet
RECHECK_SECONDS = 1.0  # between two looks at the receipts
_CHECK_SECONDS = 60.0  # s; between two looks for what is due, or was started elsewhere


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
    """Where receipts and the last result are read."""

    async def receipts(self, incident: str) -> list[model.Receipt]:
        """Return what each receiver has been notified of."""

    async def self_checks(self) -> model.SelfChecks:
        """Return what came of the last drill."""


class Results(Protocol):
    """Where the result is kept."""

    async def record_drill(self, result: model.DrillResult) -> None:
        """Keep this one in place of the last."""


class ScheduledDrills:
    """Runs a drill every so often, and records the result of each, also of those by hand.

    Without `every` there are only those by hand. `wakeup` is set when one is started here.
    """

    def __init__(
        self,
        *,
        starter: Starter,
        listings: Listings,
        reader: Reader,
        results: Results,
        receivers: Collection[str],
        every: timedelta,
        within: timedelta,
        clock: Clock,
        wakeup: Wakeup,
    ) -> None:
        self._starter = starter
        self._listings = listings
        self._reader = reader
        self._results = results
        self._receivers = frozenset(receivers)
        self._every = every
        self._within = within
        self._clock = clock
        self._wakeup = wakeup
        self._last: model.DrillResult | None = None

    async def recall(self) -> None:
        """Read what the last leader has recorded; to be awaited before the first heartbeat."""
        self._last = (await self._reader.self_checks()).drill

    def trouble(self) -> str:
        """Return why the last drill failed, where drills are scheduled: a reason for an alarm."""
        return self._last.failure if self._last and self._every else ""

    async def run(self) -> None:
        """Drill whenever it is due, until cancelled."""
        await self.recall()
        started = self._clock.monotonic()
        while True:
            drills = await self._listings.incidents(ports.IncidentFilter(drills=True), limit=1)
            newest = drills[0] if drills else None
            if newest and (self._last is None or self._last.incident != newest.id):
                await self._watch(newest)
                continue
            wait = _CHECK_SECONDS
            if self._every and newest:
                wait = (newest.opened_at + self._every - self._clock.now()).total_seconds()
            elif self._every:
                wait = started + FIRST.total_seconds() - self._clock.monotonic()
            if wait > 0:
                await self._wakeup.wait(min(wait, _CHECK_SECONDS))
            elif not await self._start():
                await asyncio.sleep(_CHECK_SECONDS)

    async def _start(self) -> bool:
        """Start a drill; return whether there is one now."""
        try:
            await self._starter.start_drill([], by=BY)
        except model.WatcherError as error:
            last = self._last or model.DrillResult(incident="", at=self._clock.now())
            failure = f"the drill could not be started: {error}"
            await self._note(replace(last, at=self._clock.now(), failure=failure))
            return False
        return True

    async def _watch(self, drill: model.Incident) -> None:
        """Wait for what comes of a drill, and note it."""
        pending = await self._wait(drill)
        before = self._last.late if self._last else {}
        late = {
            name: why
            for name, why in sorted({**before, **pending}.items())
            if name in self._receivers and (name in pending or name not in drill.receivers)
        }
        span, named = model.format_duration(self._within), [f"{n} ({w})" for n, w in late.items()]
        await self._note(
            model.DrillResult(
                incident=drill.id,
                at=drill.opened_at,
                receivers=drill.receivers,
                late=late,
                failure=f"not notified within {span}: {', '.join(named)}" if late else "",
            )
        )

    async def _wait(self, drill: model.Incident) -> dict[str, str]:
        """Wait until all receivers were notified; return those that were not, and why."""
        pending = {name: "no attempt yet" for name in drill.receivers if name in self._receivers}
        left = self._within - max(timedelta(0), self._clock.now() - drill.opened_at)
        end = self._clock.monotonic() + left.total_seconds()
        while True:
            for receipt in await self._reader.receipts(drill.id):
                if receipt.told_through and receipt.parent_version:
                    pending.pop(receipt.receiver, None)
                elif receipt.receiver in pending and receipt.error:
                    pending[receipt.receiver] = receipt.error
            if not pending or self._clock.monotonic() >= end:
                return pending
            await asyncio.sleep(RECHECK_SECONDS)

    async def _note(self, result: model.DrillResult) -> None:
        before, self._last = self._last, result
        if before is not None and replace(before, at=result.at) == result:
            pass  # it was said: a start that fails is tried again once a minute
        elif result.failure:
            log.error("drill failed", incident=result.incident, reason=result.failure)
        else:
            log.info("drill succeeded", incident=result.incident, receivers=list(result.receivers))
        await self._results.record_drill(result)
