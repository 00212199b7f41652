"""The one loop that polls: when to ask, how long to wait after a failure, what to log.

Law: APScheduler only wakes the poller. The polls happen in `run()`, one after another, so that
anything but a TemporaryError or PermanentError leaves it and ends the process (APScheduler would
swallow it).

Wiring, with one scheduler (`AsyncIOScheduler(timezone=UTC)`) for all pollers:

    poller = Poller(source, settings, submit=ingest.submit, clock=clock, known_ids=ids)
    poller.schedule(scheduler)
    tasks.create_task(poller.run(), name=f"poll {source.name}")
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import eq
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import (  # type: ignore[import-untyped] # publishes no types
    AsyncIOScheduler,
)
from msgspec.structs import replace

from watcher import model, off_loop, ports
from watcher.backoff import Backoff, Jitter
from watcher.clock import Clock, Wakeup
from watcher.vendors import settings

LONGEST_POLL = 10  # times the timeout of one request: pages and retries included
LONGEST_BACKOFF = 4  # times the interval
PERMANENT_BACKOFF = 10  # times the interval, for what only a person can cure
JITTER = Jitter(1.0, 1.2)  # never shorter than what the vendor asked for
SHORTEST_GAP = 1.0  # seconds between two polls, however many alerts ask for one
MOST_ON_LOOP = 2_000  # readings that are compared on the loop
GRACE = 60.0  # seconds that submitting an event may take

log = structlog.get_logger()


class Poller:
    """Polls one source and submits what changed, or why nothing could be seen.

    `alive_until` is the monotonic time before which its loop turns again; past it something
    hangs, and the watchdog must not be fed. `jitter` gives a number from 0 to 1, so that sources
    and daemons do not ask in step.
    """

    def __init__(
        self,
        source: ports.Source,
        config: settings.Polled,
        *,
        submit: ports.Submit,
        clock: Clock,
        known_ids: Iterable[str] = (),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = source.name
        self._source = source
        self._config = config
        self._submit = submit
        self._clock = clock
        self._differ = Differ(source.name, known_ids)
        self._jitter = jitter
        self._wakeup = Wakeup()
        self._job: Any = None
        self._interval = config.interval.total_seconds()
        self._failures = 0
        self._logged_error = ""
        self._next_wake = 0.0  # when the scheduler wakes it, on the monotonic clock
        self._earliest = 0.0  # no wakeup counts before it; set by a failure
        self._latest = self._clock.monotonic()  # polls then even if nothing has rung
        self.alive_until = self._latest + GRACE

    def schedule(self, scheduler: AsyncIOScheduler) -> None:
        """Have the scheduler wake it at each interval; sources are apart by chance."""
        self._job = scheduler.add_job(
            self._wake,
            "interval",
            **self._spacing(),
            id=f"poll {self.name}",
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )

    def poll_now(self) -> None:
        """Poll at once, after the poll under way if there is one, and never within a backoff."""
        self._wakeup.set()

    def set_fast(self, fast: bool) -> None:  # noqa: FBT001  # the name says what it is
        """Poll at `fast_interval` instead of `interval`, or go back to it."""
        interval = (self._config.fast_interval if fast else self._config.interval).total_seconds()
        if interval != self._interval:
            self._interval = interval
            if self._job is not None:
                self._job.reschedule("interval", **self._spacing())

    def clock_stepped(self) -> None:
        """Have it wake when it would have: the scheduler sleeps until a time of day."""
        if self._job is not None:
            left = max(0.0, self._next_wake - self._clock.monotonic())
            self._job.modify(next_run_time=self._clock.now() + timedelta(seconds=left))

    async def run(self) -> None:
        """Poll forever, at once to begin with.

        Ends with whatever is no Temporary- or PermanentError.
        """
        while True:
            left = max(0.0, self._latest - self._clock.monotonic())
            self.alive_until = self._clock.monotonic() + left + GRACE
            await self._wakeup.wait(left)
            if self._clock.monotonic() < self._earliest:
                self._latest = self._earliest
                continue
            await self._poll()

    async def _wake(self) -> None:
        self._next_wake = self._clock.monotonic() + self._interval
        self._wakeup.set()

    def _spacing(self) -> dict[str, Any]:
        """Return a grid of exact intervals that begins a little early, by chance.

        APScheduler's own jitter only adds, and each interval counts from the late one before.
        """
        early = self._jitter() * min(5.0, self._interval / 10)
        self._next_wake = self._clock.monotonic() + self._interval - early
        first = self._clock.now() + timedelta(seconds=self._interval - early)
        return {"seconds": self._interval, "start_date": first}

    async def _poll(self) -> None:
        longest = LONGEST_POLL * self._config.timeout.total_seconds()
        self.alive_until = self._clock.monotonic() + longest + GRACE
        try:
            snapshot = await self._bounded(longest)
        except model.WatcherError as error:
            event = self._failed(error)
        else:
            event = await self._succeeded(snapshot)
        self.alive_until = self._clock.monotonic() + GRACE
        await self._submit(event)

    async def _bounded(self, longest: float) -> model.Snapshot:
        try:
            async with asyncio.timeout(longest) as bound:
                return await self._source.poll()
        except TimeoutError as error:
            if not bound.expired():
                raise
            raise model.TemporaryError(f"the poll took longer than {longest:g} s") from error

    async def _succeeded(self, snapshot: model.Snapshot) -> model.Event:
        if self._logged_error:
            log.info("poll recovered", source=self.name, failures=self._failures)
        self._failures, self._logged_error = 0, ""
        now = self._clock.monotonic()
        self._earliest = now + min(SHORTEST_GAP, self._config.fast_interval.total_seconds())
        self._latest = now + 2 * self._interval
        latest = self._clock.now() + self._config.clock_tolerance
        snapshot, at = without_future(snapshot, latest), self._clock.monotonic()
        return await off_loop.run_long(
            lambda: self._differ.compare(snapshot, at),
            is_long=len(snapshot.readings) > MOST_ON_LOOP and not self._differ.repeats(snapshot),
        )

    def _failed(self, error: model.WatcherError) -> model.Event:
        permanent = isinstance(error, model.PermanentError)
        text = str(error)
        comparable = _without_particulars(text)
        held_back = isinstance(error, model.HeldBackError)  # then nothing was asked that failed
        if comparable != self._logged_error and not (held_back and self._logged_error):
            log.warning("poll failed", source=self.name, error=text, permanent=permanent)
            self._logged_error = comparable
        asked = error.delay if isinstance(error, model.TemporaryError) else None
        wait = asked or 0.0
        if not held_back:
            self._failures += 1
            wait = max(wait, self._backoff(permanent=permanent))
        wait = JITTER.spread(wait, self._jitter())
        self._earliest = self._latest = self._clock.monotonic() + wait
        return model.PollFailed(source=self.name, error=text, permanent=permanent)

    def _backoff(self, *, permanent: bool) -> float:
        interval = self._config.interval.total_seconds()
        if permanent:  # a gateway under repair says 404 too, so the first retries come soon
            return Backoff(interval, PERMANENT_BACKOFF * interval).delay(self._failures)
        first = min(self._config.fast_interval.total_seconds(), interval)
        return Backoff(first, LONGEST_BACKOFF * interval).delay(self._failures)


def without_future(snapshot: model.Snapshot, latest: datetime) -> model.Snapshot:
    """Return a snapshot whose vendor's time counts as unknown if it is after `latest`."""
    if snapshot.vendor_time is None or snapshot.vendor_time <= latest:
        return snapshot

    def translate(identity: str, reading: object) -> model.Observed:
        seen = snapshot.translate(identity, reading)
        is_future = seen.vendor_time is not None and seen.vendor_time > latest
        return replace(seen, vendor_time=None) if is_future else seen

    at = model.format_timestamp(snapshot.vendor_time)
    remark = f"the vendor's time is {at}, which has not come yet: check both clocks"
    return replace(
        snapshot,
        translate=translate,
        vendor_time=None,
        remarks=(*snapshot.remarks, remark),
        future=snapshot.future + 1,
    )


def _without_particulars(text: str) -> str:
    """Leave out what differs from one answer to the next: request ids and figures."""
    return re.sub(r"\d+", "#", text.partition(" (request ")[0])


TIMES_REPORTED = 3  # an absent subject, in this many complete polls; the engine needs two


MOST_NEW = 20_000  # subjects in an hour, or twice as many as are known if that is more
TOO_MANY_NEW = "new ids are not watched yet: so many in an hour are taken for the vendor's mistake"


class NewcomerLimit:
    """Bounds how fast ids that were never seen come in: each costs rows that are kept for a while.

    A vendor whose ids change from poll to poll would fill the database otherwise. What is in excess
    comes in later, if it is still listed. The first answer is taken whole.
    """

    def __init__(self) -> None:
        self._room: float | None = None  # None before the first answer
        self._at = 0.0

    def excess(self, added: Sequence[str], *, existing: int, at: float) -> frozenset[str]:
        """Return which of these ids have to wait; `existing` is how many were listed before."""
        most = float(max(MOST_NEW, 2 * existing))
        if self._room is None:
            self._room, self._at = max(most, 2.0 * len(added)), at
            return frozenset()
        self._room = min(self._room + (at - self._at) / 3_600 * most, most)
        self._at = at
        admitted = int(min(self._room, len(added)))
        self._room -= admitted
        return frozenset(added[admitted:])


def _changed(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Return the ids that are new, or whose reading differs from before.

    Vendors list what they list in one order, poll after poll: then no id has to be looked up.
    """
    if before is now:
        return []
    if len(before) == len(now) and all(map(eq, before, now)):
        pairs = zip(now, before.values(), now.values(), strict=True)
        return [i for i, old, new in pairs if old is not new and old != new]
    return [i for i, reading in now.items() if i not in before or before[i] != reading]


class Differ:
    """Remembers one source's last readings, and which subjects are missing since when.

    `known_ids` are the ids of the subjects that the store remembers: those that went away while the
    daemon was down are reported as absent. A snapshot's readings must not change afterwards.
    """

    def __init__(self, source: str, known_ids: Iterable[str] = ()) -> None:
        self._source = source
        self._readings: Mapping[str, object] = {}
        self._newcomers = NewcomerLimit()
        # Ids that are not in the readings, and how often each was reported absent.
        self._missing: dict[str, int] = dict.fromkeys(known_ids, 0)

    def repeats(self, snapshot: model.Snapshot) -> bool:
        """Return whether a snapshot's readings are those of the last one: nothing is compared."""
        return snapshot.readings is self._readings and not self._missing

    def compare(self, snapshot: model.Snapshot, at: float = 0.0) -> model.Polled:
        """Return what is new or changed since the last snapshot, and what is no longer listed.

        `at` is the time on the monotonic clock.
        """
        before = self._readings
        now = self._carried_over(snapshot)
        absent: list[str] = []
        remarks = snapshot.remarks
        changed = _changed(before, now)
        if changed or len(now) != len(before):
            added = [i for i in changed if i not in before and i not in self._missing]
            existing = len(before) + len(self._missing)
            if excess := self._newcomers.excess(added, existing=existing, at=at):
                now = {i: reading for i, reading in now.items() if i not in excess}
                changed = [i for i in changed if i not in excess]
                remarks = (*remarks, f"{len(excess)} {TOO_MANY_NEW}")
            self._mark_missing(before, now, changed)
        if self._missing and snapshot.complete:
            absent = self._report(snapshot.unreadable)
        self._readings = now
        return model.Polled(
            source=self._source,
            seen=tuple(snapshot.translate(i, now[i]) for i in changed),
            absent=tuple(f"{self._source}/{i}" for i in absent),
            unreadable=tuple(f"{self._source}/{i}" for i in snapshot.unreadable),
            samples=snapshot.samples,
            complete=snapshot.complete,
            total=len(snapshot.readings) + len(snapshot.unreadable),
            remarks=remarks,
            future=snapshot.future,
            unread_values=snapshot.unread_values,
        )

    def _carried_over(self, snapshot: model.Snapshot) -> Mapping[str, object]:
        """Keep the last reading of what this snapshot could not read or does not cover."""
        if not snapshot.complete:
            return {**self._readings, **snapshot.readings}
        kept = {i: self._readings[i] for i in snapshot.unreadable if i in self._readings}
        return {**kept, **snapshot.readings} if kept else snapshot.readings

    def _mark_missing(
        self, before: Mapping[str, object], now: Mapping[str, object], changed: list[str]
    ) -> None:
        added = [i for i in changed if i not in before]
        for i in added:
            self._missing.pop(i, None)
        if len(before) + len(added) != len(now):
            gone = [i for i in before if i not in now]
            self._missing.update(dict.fromkeys(gone, 0))

    def _report(self, unreadable: Iterable[str]) -> list[str]:
        named = set(unreadable)
        absent = [i for i in self._missing if i not in named]
        for i in absent:
            self._missing[i] += 1
            if self._missing[i] == TIMES_REPORTED:
                del self._missing[i]
        return absent
