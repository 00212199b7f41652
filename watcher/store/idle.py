"""Spares looks at the database that would find nothing.

The loops look once a second. Where this process alone writes the database, nothing new can be there
before it has written something or the next row is due, so most of these looks need no query. On a
shared database another daemon may have written: one query looks for all loops at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import ColumnElement, select

from watcher.clock import Clock
from watcher.store.database import Database

MOST_SPARED = 9  # looks in a row: a stranger's row in the file is found with the next one
SHARED_FOR = timedelta(seconds=0.5)  # one look at a shared database serves other loops

What = tuple[str, ...]  # what is looked for: the table, and whose rows
Condition = Callable[[datetime], ColumnElement[bool]]  # whether there may be some at that time


class _Nothing(Struct):
    """A look that found nothing: the writes before it, and when a row is due that it saw."""

    writes: int
    until: datetime | None
    spared: int = 0


class _SharedLook(Struct):
    """For each thing that was looked for, whether there may be some."""

    at: datetime
    writes: int
    answers: dict[What, bool]

    def serves(self, what: What, now: datetime, writes: int) -> bool:
        """Return whether it asked for this a moment ago, after all that was written here."""
        age = now - self.at
        is_recent = timedelta(0) <= age < SHARED_FOR
        return what in self.answers and is_recent and writes == self.writes


class IdleLooks:
    """Remembers which looks found nothing, for all loops of one process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._nothing: dict[What, _Nothing] = {}
        self._conditions: dict[What, Condition] = {}
        self._looking = asyncio.Lock()
        self._last: _SharedLook | None = None

    async def spare(self, what: What, now: datetime | None = None) -> bool:
        """Return whether a look for `what` would find nothing."""
        nothing = self._nothing.get(what)
        if nothing is None:
            return False
        if nothing.writes == self._database.writes and await self._is_idle(what, nothing, now):
            return True
        self._nothing.pop(what, None)
        return False

    def found_nothing(
        self, what: What, *, writes: int, may_be: Condition, until: datetime | None = None
    ) -> None:
        """Remember a look that was made after so many writes; the next row is due at `until`.

        On a shared database `may_be` says from then on whether it is worth looking again.
        """
        self._nothing[what] = _Nothing(writes, until)
        self._conditions[what] = may_be

    async def _is_idle(self, what: What, nothing: _Nothing, now: datetime | None) -> bool:
        if self._database.dialect.shared:
            return not await self._may_be(what, now or self._clock.now())
        is_due = nothing.until is not None and (now is None or nothing.until <= now)
        if is_due or nothing.spared >= MOST_SPARED:
            return False
        nothing.spared += 1
        return True

    async def _may_be(self, what: What, now: datetime) -> bool:
        """Return whether there may be some in a shared database, by the look of all loops."""
        async with self._looking:
            last, writes = self._last, self._database.writes
            if last is None or not last.serves(what, now, writes):
                asked = tuple(self._conditions)
                query = select(*(may_be(now) for may_be in self._conditions.values()))
                row = await self._database.run_reading(lambda c: c.execute(query).one())
                answers = dict(zip(asked, row, strict=True))
                self._last = last = _SharedLook(at=now, writes=writes, answers=answers)
        return last.answers.pop(what)  # who asks again wants to know it now
