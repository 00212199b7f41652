"""Opens the database, and composes the store of one class for each group of tables."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from watcher import model
from watcher.clock import Clock, token
from watcher.store import migrate
from watcher.store.commits import CommitLog, Inbox
from watcher.store.counters import CallCounter, MailLog, SelfCheckLog, UnservedAddresses
from watcher.store.database import Database, Dialect
from watcher.store.dialects import sqlite, sqlite_backup
from watcher.store.idle import IdleLooks
from watcher.store.jobs import JobQueue
from watcher.store.journal import Journal, Retention
from watcher.store.leadership import Leadership
from watcher.store.outbox import Outbox
from watcher.store.queries import Listings, Queries

UNIT_STATE = Path("/var/lib/watcher")  # StateDirectory= of the shipped unit
_SQLITE = "sqlite:///"
_POSTGRESQL = "postgresql://"


class Store:
    """Everything that outlives the process, by part; `open` makes it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        looks = IdleLooks(database, clock)
        self.leadership = Leadership(database, clock, looks)
        self.commits = CommitLog(database)
        self.inbox = Inbox(database, looks)
        self.journal = Journal(database)
        self.retention = Retention(database)
        self.outbox = Outbox(database, looks)
        self.jobs = JobQueue(database, looks)
        self.call_counter = CallCounter(database)
        self.unserved_addresses = UnservedAddresses(database)
        self.mail_log = MailLog(database)
        self.self_checks = SelfCheckLog(database)
        self.queries = Queries(database, clock)
        self.listings = Listings(database)


@asynccontextmanager
async def open(  # noqa: A001  # callers say store.open
    url: str, *, clock: Clock, busy_timeout: float = 5.0
) -> AsyncIterator[Store]:
    """Open the database at `url`; create or migrate it if need be.

    `url` is sqlite:///FILE, or postgresql://... as libpq reads it. `busy_timeout`, in seconds, is
    how long another process may hold a lock. Raises PermanentError in words where a person has to
    act: a missing directory, missing permissions, a damaged file, a newer version's database;
    TemporaryError where waiting may help.
    """
    session = token()
    dialect = _dialect(url, busy_timeout=busy_timeout, session=session)
    try:
        database = Database(dialect, session)
        await database.probe()
        await migrate.to_newest(database)
        opened = Store(database, clock)
        try:
            yield opened
        finally:
            with contextlib.suppress(model.TemporaryError):  # then others wait for its lease to end
                await opened.leadership.leave()
    finally:
        await dialect.close()


@asynccontextmanager
async def open_to_read(
    url: str, *, clock: Clock, busy_timeout: float = 5.0
) -> AsyncIterator[Store]:
    """Open an existing database for reading, while a daemon may be running on it.

    Raises PermanentError where there is none, or where another version wrote it.
    """
    if url.startswith(_SQLITE):
        sqlite.require_file(Path(url.removeprefix(_SQLITE)))
    session = token()
    dialect = _dialect(url, busy_timeout=busy_timeout, session=session)
    try:
        database = Database(dialect, session)
        await migrate.require_newest(database)
        yield Store(database, clock)
    finally:
        await dialect.close()


async def inspect(url: str, *, busy_timeout: float = 5.0) -> str:
    """Return what a daemon would find at `url`, in words, and change nothing.

    Raises what `open` would raise.
    """
    file = Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None
    if file is not None:
        with sqlite.permitted(file):
            is_there = file.exists()
            awaits_unit = file.parent == UNIT_STATE and not file.parent.exists()
        if awaits_unit:
            return f"{UNIT_STATE} does not exist yet: the systemd unit creates it when it starts"
        if not is_there:
            sqlite.require_room(file)
            return f"{file} does not exist yet: the daemon creates it"
    session = token()
    dialect = _dialect(url, busy_timeout=busy_timeout, session=session)
    try:
        database = Database(dialect, session)
        await database.probe()
        tables = await migrate.describe(database)
    finally:
        await dialect.close()
    return f"{dialect.product}, {dialect.name}: {tables}"


def caution(url: str) -> str:
    """Return what a person must not do with the database; empty: nothing that is not obvious."""
    return sqlite.note() if url.startswith(_SQLITE) else ""


@asynccontextmanager
async def open_alone(url: str, *, clock: Clock, busy_timeout: float = 5.0) -> AsyncIterator[Store]:
    """Open an existing database to write a little, while no daemon has it.

    Several processes may write to a database on a server. Raises what `open_to_read` raises, and
    PermanentError while a daemon has the file.
    """
    async with (
        open_to_read(url, clock=clock, busy_timeout=busy_timeout) as opened,
        opened.database.dialect.alone("a command"),
    ):
        yield opened


def is_file(url: str) -> bool:
    """Whether the database is a file of this machine, and not on a server."""
    return url.startswith(_SQLITE)


def back_up(url: str, file: Path, *, now: datetime, busy_timeout: float = 5.0) -> tuple[Path, int]:
    """Copy the database to a file while a daemon may be running on it; return it and its size.

    In a folder the file is named by the time `now`.
    Raises InvalidConfigError for a database on a server, which has a tool of its own, and what
    sqlite_backup.copy raises.
    """
    if not url.startswith(_SQLITE):
        words = (
            "[store] url is a PostgreSQL server, which has its own backup tool: run"
            f" pg_dump --format=custom --file={shlex.quote(str(file))} DATABASE, as its owner"
        )
        raise model.InvalidConfigError((words,))
    with sqlite.permitted(file):
        file = sqlite_backup.dated(file / "watcher.db", now) if file.is_dir() else file
    size = sqlite_backup.copy(Path(url.removeprefix(_SQLITE)), file, busy_timeout=busy_timeout)
    return file, size


def restore(url: str, file: Path, *, now: datetime) -> Path | None:
    """Put a backup in the place of the database, while no daemon runs; return where that is now.

    Raises InvalidConfigError for a database on a server, and what sqlite_backup.restore raises.
    """
    if not url.startswith(_SQLITE):
        words = (
            "[store] url is a PostgreSQL server, which has its own tool: stop every daemon and run"
            f" pg_restore --clean --if-exists --dbname=DATABASE {shlex.quote(str(file))}"
        )
        raise model.InvalidConfigError((words,))
    return sqlite_backup.restore(
        Path(url.removeprefix(_SQLITE)), file, now=now, revisions=migrate.all_revisions()
    )


def _dialect(url: str, *, busy_timeout: float, session: str) -> Dialect:
    if url.startswith(_SQLITE):
        return sqlite.Sqlite(Path(url.removeprefix(_SQLITE)), busy_timeout=busy_timeout)
    if not url.startswith(_POSTGRESQL):
        raise model.PermanentError("[store] url is neither sqlite:///FILE nor postgresql://...")
    try:
        from watcher.store.dialects import postgresql  # noqa: PLC0415  # its driver is an extra
    except ModuleNotFoundError as error:
        raise model.PermanentError(
            'the PostgreSQL driver is not installed: pip install "watcher[postgresql]"'
        ) from error
    return postgresql.Postgresql(url, busy_timeout=busy_timeout, session=session)
