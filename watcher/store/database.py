"""Transactions on the one database, and its errors as ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from watcher import model

_CHUNK = 500  # rows that are prepared before the event loop gets its turn again


class Dialect(Protocol):
    """What the databases do differently; sqlite.py and postgresql.py say the rest."""

    name: str  # as errors and people call the database; no secret in it
    shared: bool  # whether several daemons may use it
    errors: tuple[type[Exception], ...]
    reader: AsyncEngine
    writer: AsyncEngine
    turn: AbstractAsyncContextManager[Any]

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Begin an INSERT that may say what to do on a conflict."""

    def moment(self, now: datetime, ahead: timedelta = timedelta(0)) -> ColumnElement[datetime]:
        """Tell the time that leases are measured on, so much ahead."""

    def explain(self, error: BaseException) -> tuple[str, bool]:
        """Say in words what an error meant, and whether waiting may cure it."""

    def hold(self, owner: str) -> bool:
        """Keep every other daemon off, where only one may be there; True when that is new."""

    async def prepare(self, connection: AsyncConnection) -> None:
        """Be alone with the tables until the transaction ends, or raise PermanentError."""

    async def cut_off(self, connection: AsyncConnection, session: str) -> None:
        """End the connections of a daemon that was given up, with the locks that they hold."""

    async def close(self) -> None:
        """Close every connection."""


class Database:
    """One database. `session` is this process among those that use it."""

    def __init__(self, dialect: Dialect, session: str) -> None:
        self.name = dialect.name
        self.session = session
        self.dialect = dialect
        self._upserts: dict[Table, Executable] = {}
        self._inserts: dict[Table, Executable] = {}

    @asynccontextmanager
    async def read(self, *, opening: bool = False) -> AsyncIterator[AsyncConnection]:
        """Read one consistent state. Raises as `write` does."""
        try:
            async with self.dialect.reader.connect() as connection:
                yield connection
        except self.dialect.errors as error:
            raise self._translate(error, opening=opening) from error

    @asynccontextmanager
    async def write(self, *, opening: bool = False) -> AsyncIterator[AsyncConnection]:
        """Write all or nothing.

        Raises TemporaryError when the database fails; only while `opening` PermanentError where a
        person must help, because later that one means a lost claim. An error at the very end
        leaves open whether it was written.
        """
        try:
            async with self.dialect.turn, self.dialect.writer.begin() as connection:
                yield connection
        except self.dialect.errors as error:
            raise self._translate(error, opening=opening) from error

    def _translate(
        self, error: Exception, *, opening: bool
    ) -> model.TemporaryError | model.PermanentError:
        words, temporary = self.dialect.explain(error)
        if opening and not temporary:
            return model.PermanentError(words)
        return model.TemporaryError(words)

    def upsert(self, table: Table) -> Executable:
        """Insert rows, or replace those with the same primary key."""
        # Building this one takes longer than running it.
        if table not in self._upserts:
            statement = self.dialect.insert(table)
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
            self._inserts[table] = self.dialect.insert(table).on_conflict_do_nothing()
        return self._inserts[table]


async def write_rows(
    connection: AsyncConnection, statement: Executable, rows: Iterable[dict[str, Any]]
) -> None:
    """Run a statement for many rows, in chunks, so that 10,000 do not hold the event loop up."""
    rest = iter(rows)
    while chunk := list(islice(rest, _CHUNK)):
        await connection.execute(statement, chunk)
