"""Whole transactions on SQLite in one change of threads, on the daemon's one writing connection.

aiosqlite changes threads four times for each statement, which costs more than the statement. What
people wait for therefore runs as one function in a thread, on the same connection
(docs/decisions/0028 and 0049).
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, QueuePool, StaticPool, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine

Result = TypeVar("Result")

_READERS = 2  # connections, each in a thread


class _Connection(sqlite3.Connection):
    """Ends its transaction before it is closed.

    SQLite keeps a closed connection, and its lock, for as long as a cursor of it is alive; one on
    which a statement was cancelled may be until garbage is collected.
    """

    def close(self) -> None:
        if self.in_transaction:
            self.rollback()
        super().close()


class WritingConnection:
    """Remembers the one connection of the writing engine, from when it is made until it is closed.

    `make` is that engine's factory.
    """

    def __init__(self) -> None:
        self.driver: sqlite3.Connection | None = None

    def follow(self, engine: AsyncEngine) -> None:
        """Forget the connection before the engine's pool closes it."""

        @event.listens_for(engine.sync_engine, "close")
        def close(*_: object) -> None:
            self.driver = None

    def make(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        """Open a connection, as sqlite3.connect() asks for it."""
        kwargs.pop("factory", None)
        self.driver = _Connection(*args, **kwargs)
        return self.driver


class WholeTransactions:
    """Runs functions of a connection, each in one transaction and in one thread."""

    def __init__(self, writer: AsyncEngine, writing: WritingConnection, reader: Engine) -> None:
        writing.follow(writer)
        self._writer = writer
        self._writing = writing
        self._reader = reader
        self._engine: tuple[sqlite3.Connection, Engine] | None = None
        self._writing_thread = ThreadPoolExecutor(1, "sqlite writer")
        self._reading_threads = ThreadPoolExecutor(_READERS, "sqlite reader")

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Write all that `work` writes, or nothing; nobody else may begin a write meanwhile."""
        pool = cast("QueuePool", self._writer.pool)
        if self._writing.driver is None or pool.checkedout():
            # None has been made, or a statement was cancelled: then the library closes the
            # connection, and until it is back in the pool it may still roll back.
            async with self._writer.connect():
                pass
        engine = self._engine_now()

        def run() -> Result:
            with engine.begin() as connection:
                return work(connection)

        return await _finish(self._writing_thread, run)

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Read one consistent state."""

        def run() -> Result:
            with self._reader.connect() as connection:
                return work(connection)

        return await _finish(self._reading_threads, run)

    def close(self) -> None:
        """End the threads and close the reading connections; the writing one is the engine's."""
        self._writing_thread.shutdown()
        self._reading_threads.shutdown()
        self._reader.dispose()

    def _engine_now(self) -> Engine:
        """Return an engine on the connection of the writing engine, which may be a new one."""
        driver = self._writing.driver
        if self._engine is None or self._engine[0] is not driver:
            engine = create_engine(
                "sqlite+pysqlite://",
                creator=lambda: driver,
                poolclass=StaticPool,  # it never closes what is not its own
                hide_parameters=True,
            )
            begin_with(engine, "BEGIN IMMEDIATE")
            self._engine = (driver, engine) if driver is not None else None
            return engine
        return self._engine[1]


def begin_with(engine: Engine, statement: str) -> None:
    """Begin each transaction with a statement of ours; the driver's own comes too late."""

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)


async def _finish(threads: ThreadPoolExecutor, run: Callable[[], Result]) -> Result:
    """Run to the end, even where the caller is cancelled: a thread cannot be stopped."""
    running = asyncio.get_running_loop().run_in_executor(threads, run)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # of no use to a caller that has gone
        raise
