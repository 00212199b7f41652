"""SQLite for asyncio: SQLAlchemy's synchronous engine, in threads of ours.

A transaction that people wait for is one function, and so one change of threads; of the others
each statement is one (docs/decisions/0047 and 0049). Law: what a thread has begun is finished, even
where the caller is cancelled, so that a connection is never left in the middle of a statement.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, Executable, ScalarResult, event

from watcher import off_loop

Result = TypeVar("Result")


class ThreadedEngine:
    """Runs transactions of an engine in some threads, at most `connections` of them at a time."""

    def __init__(self, engine: Engine, name: str, *, threads: int, connections: int) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(threads, name)
        self._free = asyncio.Semaphore(connections)
        # Open, and in no transaction: to take one out of the pool for each takes longer than a
        # statement.
        self._idle: list[Connection] = []

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one transaction, as one piece."""

        def run() -> Result:
            connection = self.take()
            try:
                with connection.begin():
                    result = work(connection)
            except BaseException:
                connection.close()  # the next one is a new one
                raise
            self.give_back(connection)
            return result

        async with self._free:
            return await off_loop.run(run, self._threads)

    def take(self) -> Connection:
        """Return a connection that nobody else uses, in one of the threads."""
        return self._idle.pop() if self._idle else self._engine.connect()

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next one who takes it."""
        self._idle.append(connection)

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[ThreadedConnection]:
        """Open a connection; what is not committed at the end is rolled back."""
        async with self._free:
            connection = ThreadedConnection(self, self._threads)
            try:
                yield connection
            finally:
                await connection.close()

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[ThreadedConnection]:
        """Open a transaction that is committed at the end, unless an error ends it."""
        async with self.connect() as connection:
            await connection.run_sync(lambda opened: opened.begin())
            yield connection
            await connection.run_sync(lambda opened: opened.commit())

    async def dispose(self) -> None:
        """Close the connections, then end the threads."""
        await off_loop.run(self.close_connections, self._threads)
        self._threads.shutdown()

    def close_connections(self) -> None:
        """Close those that nobody uses, in one of the threads."""
        while self._idle:
            self._idle.pop().close()
        self._engine.dispose()


class ThreadedConnection:
    """A connection whose statements are awaited; what they return has been read as a whole."""

    def __init__(self, engine: ThreadedEngine, threads: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._threads = threads
        self._connection: Connection | None = None  # made in a thread, with the first statement

    async def run_sync(self, work: Callable[[Connection], Result]) -> Result:
        """Run a function of the connection in a thread."""

        def run() -> Result:
            if self._connection is None:
                self._connection = self._engine.take()
            return work(self._connection)

        return await off_loop.run(run, self._threads)

    async def execute(
        self, statement: Executable, parameters: Any = None
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement, for each of the parameters if they are a list."""

        def run(connection: Connection) -> Any:
            result = connection.execute(statement, parameters)
            return result.freeze()() if result.returns_rows else result

        return await self.run_sync(run)

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """Return the first value of the first row; None without one."""
        return await self.run_sync(lambda connection: connection.scalar(statement, parameters))

    async def scalars(self, statement: Executable, parameters: Any = None) -> ScalarResult[Any]:
        """Return the first value of each row."""
        return (await self.execute(statement, parameters)).scalars()

    async def close(self) -> None:
        """Roll back what is not committed, and give the connection back."""
        if (connection := self._connection) is None:
            return

        def give_back() -> None:
            connection.rollback()
            self._engine.give_back(connection)

        await off_loop.run(give_back, self._threads)


def begin_with(engine: Engine, statement: str) -> None:
    """Begin each transaction with a statement of ours; the driver's own comes too late."""

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        cursor = connection.connection.cursor()  # SQLAlchemy's way to it takes as long again
        cursor.execute(statement)
        cursor.close()
