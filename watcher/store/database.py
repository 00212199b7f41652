"""Transactions on the one database, and its errors as ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from watcher import model
from watcher.store import sqlite

_CHUNK = 500  # rows that are prepared before the event loop gets its turn again


class Database:
    """One database file. PostgreSQL will be a second choice of `self._dialect`."""

    def __init__(self, path: Path, *, busy_timeout: float) -> None:
        self.path = path
        self._dialect = sqlite
        self._engine = sqlite.make_engine(path, busy_timeout=busy_timeout)
        self._writer = self._engine.execution_options(**{sqlite.WRITES: True})
        self._lock = sqlite.FileLock(path)
        self._upserts: dict[Table, Executable] = {}
        self._inserts: dict[Table, Executable] = {}
        self._turn = asyncio.Lock()  # our own writers queue here; SQLite's queue is not fair

    @asynccontextmanager
    async def read(self, *, opening: bool = False) -> AsyncIterator[AsyncConnection]:
        """Read one consistent state. Raises as `write` does."""
        try:
            async with self._engine.connect() as connection:
                yield connection
        except self._dialect.ERRORS as error:
            raise self._translate(error, opening=opening) from error

    @asynccontextmanager
    async def write(self, *, opening: bool = False) -> AsyncIterator[AsyncConnection]:
        """Write all or nothing.

        Raises TemporaryError when the database fails; only while `opening` PermanentError where a
        person must help, because later that one means a lost claim. An error at the very end
        leaves open whether it was written.
        """
        try:
            async with self._turn, self._writer.begin() as connection:
                yield connection
        except self._dialect.ERRORS as error:
            raise self._translate(error, opening=opening) from error

    def _translate(
        self, error: Exception, *, opening: bool
    ) -> model.TemporaryError | model.PermanentError:
        words, temporary = self._dialect.explain(error, self.path)
        if opening and not temporary:
            return model.PermanentError(words)
        return model.TemporaryError(words)

    def upsert(self, table: Table) -> Executable:
        """Insert rows, or replace those with the same primary key."""
        # Building this one takes longer than running it.
        if table not in self._upserts:
            statement = self._dialect.insert(table)
            self._upserts[table] = statement.on_conflict_do_update(
                index_elements=list(table.primary_key),
                set_={
                    column.name: statement.excluded[column.name]
                    for column in table.columns
                    if not column.primary_key
                },
            )
        return self._upserts[table]

    def insert_new(self, table: Table) -> Executable:
        """Insert rows, and leave those that are there already."""
        if table not in self._inserts:
            self._inserts[table] = self._dialect.insert(table).on_conflict_do_nothing()
        return self._inserts[table]

    def hold(self, owner: str) -> bool:
        """Keep every other daemon off until `close`; True when this made us the only one.

        Raises PermanentError when another one is there.
        """
        return self._lock.acquire(owner)

    async def close(self) -> None:
        """Close every connection, and let the next daemon in."""
        await self._engine.dispose()
        self._lock.release()


async def write_rows(
    connection: AsyncConnection, statement: Executable, rows: Iterable[dict[str, Any]]
) -> None:
    """Run a statement for many rows, in chunks, so that 10,000 do not hold the event loop up."""
    rest = iter(rows)
    while chunk := list(islice(rest, _CHUNK)):
        await connection.execute(statement, chunk)
