"""The store: one object that satisfies every port of ports.py that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from watcher import clock as clocks
from watcher import model
from watcher.store import migrate, sqlite
from watcher.store.accounts import Accounts
from watcher.store.database import Database
from watcher.store.leases import Leases
from watcher.store.ledger import Ledger
from watcher.store.meter import Meter
from watcher.store.queries import Queries
from watcher.store.retention import Retention
from watcher.store.workshop import Workshop

_SQLITE = "sqlite:///"


class Store(Leases, Ledger, Workshop, Accounts, Meter, Queries, Retention):
    """Everything that outlives the process. Made by `open`."""

    def __init__(self, database: Database, clock: clocks.Clock) -> None:
        self._database = database
        self._clock = clock


@asynccontextmanager
async def open(  # noqa: A001  # callers say store.open
    url: str, *, clock: clocks.Clock, busy_timeout: float = 5.0
) -> AsyncIterator[Store]:
    """Open the database at `url` (sqlite:///FILE), made or migrated where it has to be.

    `busy_timeout`, in seconds, is how long another process may hold its write lock. Raises
    PermanentError in words where a person has to act: a missing directory, missing permissions, a
    damaged file, a newer version's database; TemporaryError where waiting may help.
    """
    if not url.startswith(_SQLITE):
        raise model.PermanentError(
            "this version keeps its data in SQLite alone, PostgreSQL comes later: set"
            ' url = "sqlite:///watcher.db" in [store]'
        )
    path = Path(url.removeprefix(_SQLITE))
    sqlite.prepare_file(path)
    database = Database(path, busy_timeout=busy_timeout)
    try:
        await migrate.to_newest(database)
        yield Store(database, clock)
    finally:
        await database.close()
