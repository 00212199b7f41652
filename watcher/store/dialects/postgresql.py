"""What is specific to PostgreSQL: its address, clock, transactions, upsert and error texts.

Law: no other file of the store asks which database it is on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]  # publishes no types
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Table,
    cast,
    event,
    func,
    text,
    type_coerce,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext import asyncio as engines

from watcher import model, system_words
from watcher.store import tables
from watcher.store.database import AsyncConnection

Result = TypeVar("Result")

_CONNECT_SECONDS = 5.0
# What a transaction that nobody waits for any more may take, before its connection is closed. One
# of 10,000 subjects takes about a second and a half.
_FINISH_SECONDS = 5.0
_CONNECTIONS = 5, 15  # kept, and made beyond them while there is much to do

# A daemon that is stopped inside a transaction must not keep its locks for longer than its lease.
_IDLE_IN_TRANSACTION = "4s"

_PROBE_SECONDS = 3.0
_POOLED = (
    "is behind a pooler that gives each transaction another connection, so a frozen daemon could"
    " not be cut off: set pool_mode = session for it, or connect directly"
)
_OTHER_MODE = "not allowed in statement pooling mode"  # as PgBouncer says it
_ADVICE = {  # by SQLSTATE, or its first two characters
    "28": "rejects the user or password: check [store] url",
    "3D": "does not exist: create it (CREATE DATABASE ... OWNER ...)",
    "42501": "denies permission: make the user the owner of the database",
    "25006": "is a read-only replica: name the primary in [store] url",
    "26000": _POOLED,
    "42P05": _POOLED,
    "40P01": "rolled back a transaction because of a deadlock",
    "53100": "cannot grow, its disk is full: free some space",
    "53300": "has no free connection: raise max_connections",
    "55P03": "is locked by another session: end it (see pg_stat_activity)",
    "57P": "is shutting down or restarting",
    "08": "closed the connection",
}
_FOR_A_PERSON = ("28", "3D", "42501", "26000", "42P05")


class Postgresql:
    """A database on a server, for several daemons on several hosts."""

    shared = True
    errors: tuple[type[Exception], ...] = (
        SQLAlchemyError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        OSError,
    )

    def __init__(self, url: str, *, busy_timeout: float, session: str) -> None:
        """Build the engine; nothing connects yet. Raises PermanentError for an invalid address."""
        self.name = _without_secrets(url)
        self.product = "PostgreSQL"
        self.caution = ""
        engine = engines.create_async_engine(
            "postgresql+asyncpg://",
            connect_args={
                "dsn": url,  # asyncpg reads it as libpq does, several hosts and sslmode included
                "timeout": _CONNECT_SECONDS,
            },
            pool_pre_ping=True,  # a firewall forgets connections that nobody used
            pool_size=_CONNECTIONS[0],
            max_overflow=_CONNECTIONS[1],
            hide_parameters=True,  # an error must not carry what was to be written
        )
        settings = {
            "application_name": _application(session),
            "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION,
            "lock_timeout": f"{busy_timeout * 1000:.0f}ms",
        }

        # PgBouncer refuses them where libpq sends them, while it connects.
        @event.listens_for(engine.sync_engine, "connect")
        def configure(connection: Any, record: object) -> None:
            del record
            statements = [f"SET {name} TO '{value}'" for name, value in settings.items()]
            connection.run_async(lambda driver: driver.execute("; ".join(statements)))

        # An incident view is read by several statements and has to be of one moment.
        self.reader = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        # A writer that waited for a lock has to see what the lock's holder wrote.
        self.writer = engine.execution_options(isolation_level="READ COMMITTED")
        self.write_lock: AbstractAsyncContextManager[Any] = contextlib.nullcontext()

    def insert(self, table: Table) -> postgresql.Insert:
        """Return an INSERT that accepts a clause for conflicts."""
        return postgresql.insert(table)

    def moment(self, now: datetime, ahead: timedelta = timedelta(0)) -> ColumnElement[datetime]:
        """Return `ahead` from now on the server's clock, because hosts' clocks differ."""
        del now
        clock = cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
        return type_coerce(clock + ahead // timedelta(microseconds=1), tables.Moment())

    def next_token(self, token: ColumnElement[int]) -> ColumnElement[int]:
        """Return a fencing token above this one, and above those that a failover may have lost.

        A sequence is data and is lost with it; the server's clock goes on.
        """
        clock = cast(func.extract("epoch", func.clock_timestamp()) * 1000, BigInteger)
        return func.greatest(token + 1, clock)

    def explain(self, error: BaseException) -> tuple[str, bool]:
        """Return what an error means in words, and whether waiting may help."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(cause, "sqlstate", None) or ""
        # What follows the first line may quote the row.
        words = str(getattr(cause, "__cause__", None) or cause).partition("\n")[0]
        if not state and isinstance(cause, OSError):
            advice = "cannot be reached: is it running, are host and port in [store] url right?"
            return f"database {self.name} {advice} ({system_words.of_error(cause)})", True
        advice = next(
            (advice for code, advice in _ADVICE.items() if state.startswith(code)),
            "rejected a statement" if state else "closed the connection",
        )
        return f"database {self.name} {advice} ({words})", not state.startswith(_FOR_A_PERSON)

    def lock(self, owner: str) -> bool:
        """Let other daemons in: the row of the lease says which one leads."""
        del owner
        return False

    def alone(self, owner: str) -> AbstractAsyncContextManager[None]:
        """Let others write meanwhile: the server keeps transactions apart."""
        del owner
        return contextlib.nullcontext()

    async def run_writing(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction that writes all or nothing."""
        async with self.writer.begin() as connection:
            return await _finish(connection, work)

    async def run_reading(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction that reads one consistent state."""
        async with self.reader.connect() as connection:
            return await connection.run_sync(work)

    async def probe(self) -> None:
        """Require connections of our own: no pooler gives them to others between transactions.

        While another transaction is open, one that shares its connections gets another one, or
        waits where there is only one. Raises PermanentError.
        """
        try:
            is_shared = await self._shares_connections()
        except DBAPIError as error:
            if _OTHER_MODE not in str(error.orig):
                raise
            is_shared = True
        if is_shared:
            raise model.PermanentError(f"database {self.name} {_POOLED}")

    async def _shares_connections(self) -> bool:
        backend, patience = text("SELECT pg_backend_pid()"), asyncio.timeout(_PROBE_SECONDS)
        try:
            async with self.reader.connect() as first, self.reader.connect() as second:
                before = await first.scalar(backend)
                await first.commit()
                await second.scalar(backend)  # its transaction stays open meanwhile
                async with patience:
                    return bool(before != await first.scalar(backend))
        except self.errors:  # a TimeoutError is an OSError
            if patience.expired():
                return True
            raise

    async def check(self, connection: AsyncConnection) -> None:
        """Require that a daemon can work with the database.

        Raises PermanentError for one that cannot hold every text.
        """
        encoding = await connection.scalar(text("SHOW server_encoding"))
        if encoding != "UTF8":
            raise model.PermanentError(
                f"database {self.name} keeps its text in {encoding}: create one with"
                " ENCODING 'UTF8'"
            )

    async def prepare(self, connection: AsyncConnection) -> None:
        """Lock the tables until the transaction ends. Raises what `check` raises."""
        await self.check(connection)
        await connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('watcher'))"))

    async def disconnect(self, connection: AsyncConnection, session: str) -> None:
        """Close the connections of an evicted daemon, with the locks that they hold.

        It may be stopped inside a transaction, and then others would wait for its locks.
        """
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = :name AND usename = current_user"
            ),
            {"name": _application(session)},
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.writer.dispose()


async def _finish(
    connection: engines.AsyncConnection, work: Callable[[Connection], Result]
) -> Result:
    """Run `work` to its end even where the caller is cancelled; it is rolled back then.

    asyncpg 0.32.0 waits forever for an `executemany` that was cancelled between two of its packets
    of 128 KiB: it keeps the cancellation to itself, and sends the server nothing that it would
    answer (`bind_execute_many` of its protocol.pyx).
    """
    running = asyncio.ensure_future(connection.run_sync(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        with contextlib.suppress(asyncio.CancelledError):  # once more: there is no time
            await asyncio.wait([running], timeout=_FINISH_SECONDS)
        if not running.done():
            await connection.invalidate()
            await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # of no use to a caller that has gone
        raise


def _application(session: str) -> str:
    """Return the name of a daemon's connections, for `disconnect` and for pg_stat_activity."""
    return f"watcher {session}"


def _without_secrets(url: str) -> str:
    """Return the database's name for people. Raises PermanentError for an invalid address."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise model.PermanentError("[store] url cannot be read as an address") from error
    hosts = parts.netloc.rpartition("@")[2]
    return f"{parts.path.removeprefix('/') or 'postgres'} on {hosts or 'this host'}"
