"""The bands of states on a subject's page: the last 24 hours by hour, the last 30 days by day.

They are folded from the journal, for all subjects at once, and kept for a while. A page does not
wait long for them: it says that they are being read.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog
from msgspec import Struct

from watcher import model
from watcher.clock import Clock
from watcher.ledger.ledger import Ledger

PATIENCE_SECONDS = 2.0
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

Cells = tuple[str, ...]
Summarise = Callable[[Ledger], dict[str, Cells]]
ReadLedgerBetween = Callable[[datetime, datetime, Summarise], Awaitable[dict[str, Cells]]]

log = structlog.get_logger()


class Band(Struct, frozen=True, kw_only=True):
    """The worst condition of each hour or day of a subject up to `at`, in their order."""

    title: str
    cells: tuple[tuple[str, str], ...]  # the name of each, and its condition
    at: datetime


class Bands:
    """Reads both bands of all subjects, one reading at a time."""

    def __init__(self, *, read: ReadLedgerBetween, clock: Clock) -> None:
        self._clock = clock
        reading = asyncio.Lock()
        self._kept = tuple(
            _Kept(*of, kept_for=timedelta(seconds=kept_for), read=read, reading=reading)
            for of, kept_for in (
                (("The last 24 hours", _HOUR, 24), 30),
                (("The last 30 days", _DAY, 30), 300),
            )
        )

    async def of(self, key: str) -> list[Band]:
        """Return the bands of a subject, as far as they can be read in time."""
        tasks = [asyncio.ensure_future(kept.refresh(self._clock.now())) for kept in self._kept]
        await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
        return [band for kept in self._kept if (band := kept.band(key)) is not None]


class _Kept:
    """One band of every subject."""

    def __init__(
        self,
        title: str,
        step: timedelta,
        count: int,
        *,
        kept_for: timedelta,
        read: ReadLedgerBetween,
        reading: asyncio.Lock,
    ) -> None:
        self._title = title
        self._step = step
        self._count = count
        self._kept_for = kept_for
        self._read = read
        self._reading = reading
        self._at: datetime | None = None
        self._names: tuple[str, ...] = ()
        self._cells: Mapping[str, Cells] = {}

    async def refresh(self, now: datetime) -> None:
        """Read it, unless it is new enough."""
        async with self._reading:
            if self._at is not None and now - self._kept_for < self._at <= now:
                return
            last = _floor(now, self._step)
            starts = [last - self._step * back for back in reversed(range(self._count))]
            parts = [(start, start + self._step) for start in starts]
            try:
                self._cells = await self._read(starts[0], now, functools.partial(_cells, parts))
            except model.WatcherError as error:
                log.warning("the states of the past were not read", error=str(error))
                return
            pattern = "%H:%M UTC" if self._step < _DAY else "%Y-%m-%d"
            self._names = tuple(start.strftime(pattern) for start in starts)
            self._at = now

    def band(self, key: str) -> Band | None:
        """Return the band of a subject; None while it is not read."""
        if self._at is None:
            return None
        cells = self._cells.get(key, ())
        return Band(
            title=self._title, cells=tuple(zip(self._names, cells, strict=False)), at=self._at
        )


def _cells(parts: list[tuple[datetime, datetime]], ledger: Ledger) -> dict[str, Cells]:
    cells: dict[int, Cells] = {}  # of each course, by its identity
    for course in (circuit.course for circuit in ledger.circuits):
        if id(course) not in cells:
            cells[id(course)] = tuple(worst.value for worst in course.worst_of(parts))
    return {circuit.key: cells[id(circuit.course)] for circuit in ledger.circuits}


def _floor(at: datetime, step: timedelta) -> datetime:
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (at - midnight) // step * step
