"""The real store on SQLite in memory, without threads: what it runs in them is done at once.

All of the SQL is the store's own. A transaction runs from BEGIN to COMMIT without giving up the
loop, so one connection serves readers and the writer; before and after each write the loop may run
something else, which is where a daemon can die.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, create_engine, pool
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from tests.year.world import World
from watcher import model
from watcher.clock import Clock, token
from watcher.store import migrate, tables
from watcher.store.database import Database
from watcher.store.dialects import sqlite, sqlite_threads
from watcher.store.dialects.sqlite_threads import ThreadedEngine
from watcher.store.store import Store

Result = TypeVar("Result")
_COMPILED: dict[Any, Any] = {}  # SQLAlchemy's statements, compiled once for all that run here
_MANY = 1000  # transactions at a time; one that has begun is over before another begins


class _Cursor(sqlite3.Cursor):
    def execute(self, *arguments: Any) -> Any:
        self.connection.before(arguments[0])
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        self.connection.before(arguments[0])
        return super().executemany(*arguments)


class _Connection(sqlite3.Connection):
    """`before` is called with each statement, and those around COMMIT; it may raise."""

    before: Callable[[str], None] = staticmethod(lambda _: None)

    def commit(self) -> None:
        self.before("COMMIT")
        super().commit()
        self.before("COMMITTED")

    def close(self) -> None:
        """Roll back alone: the database lives in it, and SQLAlchemy closes what has failed."""
        if self.in_transaction:
            self.rollback()

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)


class Disk:
    """What of a database outlives a daemon; and its engines, which know its statements by heart."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", factory=_Connection, isolation_level=None)
        writer = self._engine()
        sqlite_threads.begin_with(writer, "BEGIN")  # fails within another one
        self.reader = _threadless(self._engine())  # which reads between two writes
        self.writer = _threadless(writer)

    def _engine(self) -> Engine:
        engine = create_engine(
            "sqlite://", creator=lambda: self.connection, poolclass=pool.StaticPool
        )
        return engine.execution_options(compiled_cache=_COMPILED)

    def close(self) -> None:
        """End it: nobody uses it any more."""
        self.reader.close_connections()
        self.writer.close_connections()
        sqlite3.Connection.close(self.connection)


class _Turn:
    """Where writers queue. A transaction holds the loop, so nobody has to wait here."""

    async def __aenter__(self) -> None:
        await asyncio.sleep(0)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0)


def _threadless(engine: Engine) -> ThreadedEngine:
    """Return an engine whose work is done at once: the loop has no other thread."""
    return ThreadedEngine(engine, "never started", threads=1, connections=_MANY)


class _InMemory(sqlite.Sqlite):
    """SQLite as the store knows it, on a disk of ours."""

    def __init__(self, disk: Disk, world: World) -> None:
        self.shared = world.plan.daemons > 1
        self._server_time = world.now
        self.name = "in memory"
        self.product = f"SQLite {sqlite3.sqlite_version}"
        self.caution = ""
        self.reader = disk.reader
        self.writer = disk.writer
        self.write_lock = _Turn()
        self._path = Path("in memory")
        self._locked = False

    def lock(self, owner: str) -> bool:
        del owner
        if self.shared:
            return False
        was, self._locked = self._locked, True
        return not was

    @asynccontextmanager
    async def alone(self, owner: str) -> AsyncIterator[None]:
        del owner
        yield

    async def run_writing(self, work: Callable[[Connection], Result]) -> Result:
        await asyncio.sleep(0)  # who dies here has written nothing
        return await super().run_writing(work)

    def moment(self, now: datetime, ahead: timedelta = timedelta(0)) -> ColumnElement[datetime]:
        """Return `ahead` from now: on the server's clock, where there is a server."""
        return super().moment(self._server_time() if self.shared else now, ahead)

    async def close(self) -> None:
        """Leave the connection open: the database lives in it."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A disk, as the daemon sees it that has opened it."""

    disk: Disk
    now: Callable[[], datetime]
    lease_now: Callable[[], datetime]  # the clock that leases are measured on

    def ask(self, query: str, **values: object) -> Any:
        """Return the one value of a query, without SQLAlchemy."""
        values["now"] = _MOMENT.process_bind_param(self.now(), _DIALECT)
        values["lease_now"] = _MOMENT.process_bind_param(self.lease_now(), _DIALECT)
        return sqlite3.Connection.execute(self.disk.connection, query, values).fetchone()[0]


_OPENED: ContextVar[_Opened] = ContextVar("_OPENED")  # by the daemon whose task is running
_MOMENT, _DIALECT = tables.Moment(), SQLiteDialect()
_WAITING = "SELECT EXISTS (SELECT 1 FROM inbox WHERE consumed_at IS NULL)"
_LEFT = "max(due - :now, coalesce(lease_until - :lease_now, due - :now))"  # until a claim
_PENDING = f"SELECT EXISTS (SELECT 1 FROM receipts WHERE {_LEFT} <= 0)"  # noqa: S608  # ours
_WORK = f"SELECT EXISTS (SELECT 1 FROM jobs WHERE kind = :kind AND {_LEFT} <= 0)"  # noqa: S608  # ours
_NEXT = {table: f"SELECT min({_LEFT}) FROM {table}" for table in ("jobs", "receipts")}  # noqa: S608  # ours


def seconds_to_next(table: str) -> float | None:
    """Return in how many seconds a row of jobs or receipts can be claimed; None: never."""
    left = _OPENED.get().ask(_NEXT[table])
    return None if left is None else left / 1e6


def _ask_first(opened: _Opened, read: Any, query: str) -> Any:
    """Return `read` for where there may be something; a loop that idles mostly finds nothing.

    It spares SQLAlchemy's work and changes nothing: an empty answer is the one that `read` gives.
    """

    async def ask(*arguments: Any, **options: Any) -> Any:
        is_there = opened.ask(query, kind=options.get("kind"))
        return await read(*arguments, **options) if is_there else []

    return ask


def opener(disk: Disk, world: World) -> Any:
    """Return what opens the store on a disk, as store.open does."""

    @asynccontextmanager
    async def open_store(url: str, *, clock: Clock) -> AsyncIterator[Store]:
        del url
        database = Database(_InMemory(disk, world), token())
        await migrate.to_newest(database)
        store: Any = Store(database, clock)
        opened = _Opened(disk, clock.now, world.now if database.dialect.shared else clock.now)
        _OPENED.set(opened)
        store.inbox.read = _ask_first(opened, store.inbox.read, _WAITING)
        store.outbox.claim = _ask_first(opened, store.outbox.claim, _PENDING)
        store.jobs.claim = _ask_first(opened, store.jobs.claim, _WORK)
        try:
            yield store
        finally:
            with contextlib.suppress(model.TemporaryError):
                await store.leadership.leave()

    return open_store
