"""Transactions on the one database, its errors as ours, and how a row is claimed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Insert,
    ScalarResult,
    Select,
    Table,
    case,
    func,
    or_,
    select,
)

from watcher import clock, model

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

_CHUNK = 500  # rows that are prepared at a time


Result = TypeVar("Result")
Row = TypeVar("Row")


class AsyncConnection(Protocol):
    """A transaction whose statements are awaited, one by one."""

    async def execute(
        self, statement: Executable, parameters: Any = None, /
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement, for each of the parameters if they are a list."""

    async def scalar(self, statement: Executable, parameters: Any = None, /) -> Any:
        """Return the first value of the first row; None without one."""

    async def scalars(self, statement: Executable, parameters: Any = None, /) -> ScalarResult[Any]:
        """Return the first value of each row."""

    async def run_sync(self, work: Callable[[Connection], Result], /) -> Result:
        """Run a function of the synchronous connection."""


class AsyncEngine(Protocol):
    """Opens transactions. SQLAlchemy's own, or one that loads a third less of SQLAlchemy."""

    def connect(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open one that is rolled back at its end."""

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Open one that is committed at its end, unless an error ends it."""


class Dialect(Protocol):
    """What differs between the databases; sqlite.py and postgresql.py implement it."""

    name: str  # as errors and people call the database; no secret in it
    product: str  # the database's own name and version
    caution: str  # what a person must not do with it; empty: nothing
    shared: bool  # whether several daemons may use it
    errors: tuple[type[Exception], ...]
    write_lock: AbstractAsyncContextManager[Any]

    @property
    def reader(self) -> AsyncEngine:
        """Return the engine of transactions that read one consistent state."""

    @property
    def writer(self) -> AsyncEngine:
        """Return the engine of transactions that write all or nothing."""

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Return an INSERT that accepts a clause for conflicts."""

    def moment(self, now: datetime, ahead: timedelta = timedelta(0)) -> ColumnElement[datetime]:
        """Return `ahead` from now, on the clock that leases are measured on."""

    def next_token(self, token: ColumnElement[int]) -> ColumnElement[int]:
        """Return a fencing token above this one, and above those that a failover may have lost."""

    def explain(self, error: BaseException) -> tuple[str, bool]:
        """Return what an error means in words, and whether waiting may help."""

    def lock(self, owner: str) -> bool:
        """Keep other daemons out, where only one may be there; return True when that is new."""

    def alone(self, owner: str) -> AbstractAsyncContextManager[None]:
        """Keep daemons out meanwhile, where only one process may write. Raises PermanentError."""

    async def run_writing(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction that writes all or nothing; `write_lock` is held."""

    async def run_reading(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction that reads one consistent state."""

    async def probe(self) -> None:
        """Require that connections are this process's own. Raises PermanentError."""

    async def check(self, connection: AsyncConnection) -> None:
        """Require that a daemon can work with the database. Raises PermanentError."""

    async def prepare(self, connection: AsyncConnection) -> None:
        """Lock the tables until the transaction ends. Raises PermanentError."""

    async def disconnect(self, connection: AsyncConnection, session: str) -> None:
        """Close the connections of an evicted daemon, with the locks that they hold."""

    async def close(self) -> None:
        """Close every connection."""


class Database:
    """One database; `session` identifies this process among those that use it."""

    def __init__(self, dialect: Dialect, session: str) -> None:
        self.name = dialect.name
        self.session = session
        self.dialect = dialect
        # By how much this process' clock was set in all. A time that was read before a transaction
        # had to wait for its turn is on the clock of then: it moves by what was added meanwhile.
        self.stepped = timedelta(0)
        # How often this process has written what a loop may look for; see idle.py.
        self.writes = 0
        self._upserts: dict[Table, Insert] = {}
        self._inserts: dict[Table, Executable] = {}
        self._texts: dict[Table, str] = {}

    @asynccontextmanager
    async def read(self, *, opening: bool = False) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that reads one consistent state. Raises what `write` raises."""
        try:
            async with self.dialect.reader.connect() as connection:
                yield connection
        except self.dialect.errors as error:
            raise self._translate(error, opening=opening) from error

    @asynccontextmanager
    async def write(
        self, *, opening: bool = False, claims: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that writes all or nothing; `claims`: it adds nothing to look for.

        Raises TemporaryError when the database fails. PermanentError, where a person has to help,
        only while `opening`, because later it means a lost claim. After an error at the very end
        it is unknown whether anything was written.
        """
        try:
            async with self.dialect.write_lock, self.dialect.writer.begin() as connection:
                yield connection
        except self.dialect.errors as error:
            raise self._translate(error, opening=opening) from error
        finally:
            if not claims:
                self.writes += 1

    async def run_reading(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one transaction that reads, as one piece. Raises what `read` raises.

        For what people wait for: on SQLite it is one change of threads, and not several for each
        statement. `work` touches nothing but the connection, as it may run in another thread.
        """
        try:
            return await self.dialect.run_reading(work)
        except self.dialect.errors as error:
            raise self._translate(error, opening=False) from error

    async def run_writing(
        self, work: Callable[[Connection], Result], *, claims: bool = False
    ) -> Result:
        """Run `work` in one transaction that writes, as `run_reading` does; `claims` as in `write`.

        Raises what `write` raises, and what `work` raises, of which nothing is written then. Once
        it has begun, it is finished even where the caller is cancelled.
        """
        try:
            async with self.dialect.write_lock:
                return await self.dialect.run_writing(work)
        except self.dialect.errors as error:
            raise self._translate(error, opening=False) from error
        finally:
            if not claims:
                self.writes += 1

    async def probe(self) -> None:
        """Require that connections are our own. Raises PermanentError and TemporaryError."""
        try:
            await self.dialect.probe()
        except self.dialect.errors as error:
            raise self._translate(error, opening=True) from error

    def _translate(
        self, error: Exception, *, opening: bool
    ) -> model.TemporaryError | model.PermanentError:
        words, temporary = self.dialect.explain(error)
        if opening and not temporary:
            return model.PermanentError(words)
        return model.TemporaryError(words)

    def upsert(self, table: Table) -> Insert:
        """Return a statement that inserts rows, or replaces those with the same primary key."""
        # Kept, because building it takes longer than running it.
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

    def write_texts(
        self, connection: Connection, table: Table, rows: Iterable[tuple[str, ...]]
    ) -> None:
        """Insert or replace rows of a table that has columns of text alone, in their order.

        The driver is given them as they are: what SQLAlchemy does with the parameters of a row
        takes longer than to write it, and a storm has 30,000 of them.
        """
        if table not in self._texts:
            self._texts[table] = str(self.upsert(table).compile(dialect=connection.dialect))
        for chunk in _chunks(rows):
            connection.exec_driver_sql(self._texts[table], chunk)

    def insert_new(self, table: Table) -> Executable:
        """Return a statement that inserts rows, and leaves those that exist as they are."""
        if table not in self._inserts:
            self._inserts[table] = self.dialect.insert(table).on_conflict_do_nothing()
        return self._inserts[table]


def write_rows(
    connection: Connection, statement: Executable, rows: Iterable[dict[str, Any]]
) -> None:
    """Run a statement for many rows, in chunks, so that not all of 10,000 are held at once."""
    for chunk in _chunks(rows):
        connection.execute(statement, chunk)


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(rows)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


def new_claim() -> int:
    """Return a claim's token: never used before, so that it fences even a row that was replaced."""
    return int(clock.token(), 16) >> 1  # 63 bits, a signed column's width


def is_free(
    lease_until: ColumnElement[datetime], now: ColumnElement[datetime]
) -> ColumnElement[bool]:
    """Match rows that nobody has claimed, or whose claim has expired."""
    return or_(lease_until.is_(None), lease_until <= now)


def next_claimable(
    due: ColumnElement[datetime],
    lease_until: ColumnElement[datetime],
    *conditions: ColumnElement[bool],
) -> Select[datetime]:
    """Return a query for when the first of the rows that are not claimable now will be."""
    return select(func.min(case((lease_until > due, lease_until), else_=due))).where(*conditions)
