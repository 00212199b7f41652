"""Spares looks at the database that would find nothing.

The loops look once a second. Where this process alone writes the database, nothing new can be there
before it has written something or the next row is due, so most of these looks need no query. On a
shared database each of them is made: another daemon may have written.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime

from watcher.dataclass import dataclass
from watcher.store.database import Database

MOST_SPARED = 9  # looks in a row: a stranger's row in the file is found with the next one


@dataclass(slots=True)
class _Nothing:
    """A look that found nothing: the writes before it, and when a row is due that it saw."""

    writes: int
    until: datetime | None
    spared: int = 0


class IdleLooks:
    """Remembers which looks found nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._nothing: dict[Hashable, _Nothing] = {}

    def spare(self, what: Hashable, now: datetime | None = None) -> bool:
        """Return whether a look for `what` would find nothing."""
        nothing = self._nothing.get(what)
        if nothing is None:
            return False
        is_due = nothing.until is not None and (now is None or nothing.until <= now)
        if is_due or nothing.writes != self._database.writes or nothing.spared >= MOST_SPARED:
            del self._nothing[what]
            return False
        nothing.spared += 1
        return True

    def found_nothing(self, what: Hashable, *, writes: int, until: datetime | None = None) -> None:
        """Remember a look that was made after so many writes; the next row is due at `until`."""
        if not self._database.dialect.shared:
            self._nothing[what] = _Nothing(writes, until)
