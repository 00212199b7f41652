"""The store: one object that satisfies every port of ports/ that asks for one."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from watcher import model
from watcher.clock import Clock, token
from watcher.store import migrate
from watcher.store.commits import CommitLog
from watcher.store.counters import CallCounter, UnservedAddresses
from watcher.store.database import Database, Dialect
from watcher.store.dialects import sqlite, sqlite_backup
from watcher.store.jobs import BandwidthChanges, JobQueue
from watcher.store.journal import Journal, Retention
from watcher.store.leadership import Leadership
from watcher.store.outbox import Outbox
from watcher.store.queries import Queries

_SQLITE = "sqlite:///"
_POSTGRESQL = "postgresql://"


class Store(
    Leadership,
    CommitLog,
    Journal,
    JobQueue,
    BandwidthChanges,
    Outbox,
    CallCounter,
    UnservedAddresses,
    Queries,
    Retention,
):
    """Everything that outlives the process. Made by `open`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock


@asynccontextmanager
async def open(  # noqa: A001  # callers say store.open
    url: str, *, clock: Clock, busy_timeout: float = 5.0
) -> AsyncIterator[Store]:
    """Open the database at `url`, made or migrated where it has to be.

    `url` is sqlite:///FILE, or postgresql://... as libpq reads it. `busy_timeout`, in seconds, is
    how long another process may hold a lock. Raises PermanentError in words where a person has to
    act: a missing directory, missing permissions, a damaged file, a newer version's database;
    TemporaryError where waiting may help.
    """
    session = token()
    dialect = _dialect(url, busy_timeout=busy_timeout, session=session)
    try:
        database = Database(dialect, session)
        await migrate.to_newest(database)
        opened = Store(database, clock)
        try:
            yield opened
        finally:
            with contextlib.suppress(model.TemporaryError):  # then the others wait for its lease
                await opened.leave()
    finally:
        await dialect.close()


@asynccontextmanager
async def open_to_read(
    url: str, *, clock: Clock, busy_timeout: float = 5.0
) -> AsyncIterator[Store]:
    """Open a database that is there, beside a daemon that may be running, to read from it.

    Raises PermanentError where there is none, or where this version did not write it.
    """
    if url.startswith(_SQLITE):
        sqlite.see_file(Path(url.removeprefix(_SQLITE)))
    session = token()
    dialect = _dialect(url, busy_timeout=busy_timeout, session=session)
    try:
        database = Database(dialect, session)
        await migrate.see_newest(database)
        yield Store(database, clock)
    finally:
        await dialect.close()


def back_up(url: str, file: Path, *, busy_timeout: float = 5.0) -> int:
    """Copy the database to a file, beside a daemon that may be running; the bytes of the copy.

    Raises InvalidConfigError for a database on a server, which has a tool of its own; else as
    `backup.copy` does.
    """
    if not url.startswith(_SQLITE):
        words = (
            "[store] url names a server, which is copied by its own tool: run"
            f" pg_dump --format=custom --file={shlex.quote(str(file))} DATABASE, as its owner"
        )
        raise model.InvalidConfigError((words,))
    return sqlite_backup.copy(Path(url.removeprefix(_SQLITE)), file, busy_timeout=busy_timeout)


def _dialect(url: str, *, busy_timeout: float, session: str) -> Dialect:
    if url.startswith(_SQLITE):
        return sqlite.Sqlite(Path(url.removeprefix(_SQLITE)), busy_timeout=busy_timeout)
    if not url.startswith(_POSTGRESQL):
        raise model.PermanentError("[store] url is neither sqlite:///FILE nor postgresql://...")
    try:
        from watcher.store.dialects import postgresql  # noqa: PLC0415  # its driver is an extra
    except ModuleNotFoundError as error:
        raise model.PermanentError(
            'the driver of PostgreSQL is not installed: pip install "watcher[postgresql]"'
        ) from error
    return postgresql.Postgresql(url, busy_timeout=busy_timeout, session=session)
