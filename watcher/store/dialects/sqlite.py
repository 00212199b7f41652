"""What is specific to SQLite: its file, lock, pragmas, transactions, upsert and error texts.

Law: no other file of the store asks which database it is on.
Law: one process writes, on one connection, and that one alone checkpoints. Everything that only
reads opens the file read-only (docs/decisions/0028).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    literal,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from watcher import model, system_words
from watcher.store import tables
from watcher.store.database import AsyncConnection
from watcher.store.dialects.sqlite_threads import ThreadedEngine, begin_with

Result = TypeVar("Result")

_FIXED = (3, 51, 3), (3, 50, 7), (3, 44, 6)  # the first, and the branches that got the fix as well
_ROOM = 131_072  # bytes that a start needs; without them SQLite's mapped index is a SIGBUS
_READING_THREADS, _READING_CONNECTIONS = 2, 15
_RETRY_SECONDS = 0.05  # between two tries to take the lock

ADVICE = {
    sqlite3.SQLITE_BUSY: "is locked by another process: end it (fuser names it)",
    sqlite3.SQLITE_FULL: "cannot grow, its disk is full: free some space",
    sqlite3.SQLITE_IOERR: "could not be read or written: check for disk errors and quotas",
    sqlite3.SQLITE_READONLY: "is not writable: check its owner, permissions and mount",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check the permissions of it and of its directory",
    sqlite3.SQLITE_NOTADB: "is not a SQLite database: name another file in [store] url",
    sqlite3.SQLITE_CORRUPT: "is damaged: stop the daemon, keep a copy of it, restore a backup",
}
_FOR_A_PERSON = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CORRUPT,
}


class Sqlite:
    """One file, and one daemon on it."""

    shared = False
    # A listener's own statements fail with the driver's error, all others with SQLAlchemy's.
    errors: tuple[type[Exception], ...] = (SQLAlchemyError, sqlite3.Error)

    def __init__(self, path: Path, *, busy_timeout: float) -> None:
        """Create the file if need be. Raises PermanentError or TemporaryError in words."""
        _prepare_file(path)
        self.name = str(path)
        self.product = f"SQLite {sqlite3.sqlite_version}"
        self.caution = caution(sqlite3.sqlite_version_info)
        self.reader = _make_engine(path, busy_timeout=busy_timeout, writes=False)
        self.writer = _make_engine(path, busy_timeout=busy_timeout, writes=True)
        # Our own writers queue here; SQLite's queue is not fair.
        self.write_lock: AbstractAsyncContextManager[Any] = asyncio.Lock()
        self._path = path
        self._lock = FileLock(path)
        self._patience = busy_timeout

    def insert(self, table: Table) -> sqlite.Insert:
        """Return an INSERT that accepts a clause for conflicts."""
        return sqlite.insert(table)

    def moment(self, now: datetime, ahead: timedelta = timedelta(0)) -> ColumnElement[datetime]:
        """Return `ahead` from now on this host's clock: there is no other host."""
        return literal(now + ahead, tables.Moment())

    def next_token(self, token: ColumnElement[int]) -> ColumnElement[int]:
        """Return a fencing token above this one: no commit of one file is lost."""
        return token + 1

    def explain(self, error: BaseException) -> tuple[str, bool]:
        """Return what an error means in words, and whether waiting may help."""
        return explain(self._path, error)

    def lock(self, owner: str) -> bool:
        """Lock the file for this daemon; return False when it had the lock already.

        Raises PermanentError when another daemon has it.
        """
        return self._lock.acquire(owner)

    @contextlib.asynccontextmanager
    async def alone(self, owner: str) -> AsyncIterator[None]:
        """Keep every daemon out meanwhile. Raises PermanentError when one keeps the file."""
        is_new = await self._lock.wait(owner, self._patience)
        try:
            yield
        finally:
            if is_new:
                self._lock.release()

    async def run_writing(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction that writes all or nothing; `write_lock` is held."""
        return await self.writer.run(work)

    async def run_reading(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction that reads one consistent state."""
        return await self.reader.run(work)

    async def probe(self) -> None:
        """Do nothing: nobody stands between a process and its file."""

    async def check(self, connection: AsyncConnection) -> None:
        """Do nothing: opening the file has shown what there is to see."""

    async def prepare(self, connection: AsyncConnection) -> None:
        """Do nothing: BEGIN IMMEDIATE has locked the tables."""

    async def disconnect(self, connection: AsyncConnection, session: str) -> None:
        """Do nothing: a dead daemon's connections ended with its process."""

    async def close(self) -> None:
        """Close every connection, and let the next daemon in."""
        await self.reader.dispose()
        await self.writer.dispose()
        self._lock.release()


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _ROOM
    except OSError:
        return False


def _require_disk(path: Path) -> None:
    """Require a little free space beside the file. Raises TemporaryError."""
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            os.posix_fallocate(file.fileno(), 0, _ROOM)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise _translate(error, path) from error


def caution(version: tuple[int, ...]) -> str:
    """Return what a person must not do with the database under this version of SQLite."""
    fixed = version >= _FIXED[0] or any(
        version[:2] == branch[:2] and version >= branch for branch in _FIXED[1:]
    )
    if fixed:
        return ""
    first, *others = (".".join(map(str, branch)) for branch in _FIXED)
    return (
        "can lose commits when a second program writes or checkpoints the file (fixed in"
        f" {first}, {', '.join(others)}). Watcher does neither from a second process: copy the"
        " database with `watcher backup`, read it with `sqlite3 -readonly`, and keep Litestream"
        " and the like away from it"
    )


def explain(
    path: Path, error: BaseException, advices: Mapping[int, str] = ADVICE, *, name: str = ""
) -> tuple[str, bool]:
    """Return what an error means in words, and whether waiting may help.

    The sentence is about `name`, or else about the database of this path.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the rest is the extended code
    if code == sqlite3.SQLITE_IOERR and _is_full(path.parent):
        code = sqlite3.SQLITE_FULL  # as it comes from the index, which is mapped
    advice = advices.get(code, "rejected a statement")
    return f"{name or f'database {path}'} {advice} ({cause})", code not in _FOR_A_PERSON


def note() -> str:
    """Return the caution about the version at work, with its name; empty: none."""
    words = caution(sqlite3.sqlite_version_info)
    return words and f"SQLite {sqlite3.sqlite_version} {words}"


def require_room(path: Path) -> None:
    """Require that a database file can be created. Raises PermanentError."""
    _require_folder(path)
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        raise model.PermanentError(
            f"database {path} {ADVICE[sqlite3.SQLITE_CANTOPEN]}: this user may not create it"
        )


@contextlib.contextmanager
def permitted(path: Path) -> Iterator[None]:
    """Raise PermanentError where this user may not look at `path`, as into a service's state."""
    try:
        yield
    except PermissionError as error:
        raise model.PermanentError(
            f"this user may not open {error.filename or path}: try with sudo"
        ) from error


def require_file(path: Path) -> None:
    """Require that there is a database file. Raises PermanentError."""
    with permitted(path):
        is_there = path.is_file()
    if not is_there:
        raise model.PermanentError(f"database {path} does not exist: check url in [store]")


def _prepare_file(path: Path) -> None:
    """Create a database file that only its owner can read, or check the existing one.

    SQLite gives its -wal and -shm files the permissions of the file itself.
    Raises PermanentError or TemporaryError in words.
    """
    _require_folder(path)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise model.PermanentError(
                f"database {path} is not a file: name a file in [store] url"
            ) from None
        if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
            raise model.PermanentError(
                f"database {path} {ADVICE[sqlite3.SQLITE_READONLY]}"
            ) from None
    except OSError as error:
        raise _translate(error, path) from error
    _require_disk(path)


def _require_folder(path: Path) -> None:
    with permitted(path):
        is_there = path.parent.is_dir()
    if not is_there:
        raise model.PermanentError(
            f"the directory {path.parent} of the database does not exist: create it, or name"
            " another one in [store] url"
        )


def _translate(error: OSError, path: Path) -> model.TemporaryError | model.PermanentError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return model.TemporaryError(f"database {path} {ADVICE[sqlite3.SQLITE_FULL]}")
    return model.PermanentError(
        f"database {path} cannot be created ({system_words.of_error(error)}): check the"
        f" permissions of {path.parent}"
    )


def _make_engine(path: Path, *, busy_timeout: float, writes: bool) -> ThreadedEngine:
    """Return an engine; `busy_timeout` in seconds is how long another process may hold a lock.

    The one that writes has one connection. The other cannot write: SQLite refuses it.
    """
    mode = "rw" if writes else "ro"
    address = URL.create(
        "sqlite+pysqlite",
        database=path.absolute().as_uri(),
        query={"uri": "true", "mode": mode},
    )
    connections = 1 if writes else _READING_CONNECTIONS
    engine = create_engine(
        address,
        connect_args={"timeout": busy_timeout},
        hide_parameters=True,  # an error must not carry what was to be written
        pool_size=connections,
        max_overflow=0,
    )
    # A transaction that reads and then wants to write may find that it cannot be upgraded; one
    # that takes the write lock at once waits for it instead.
    begin_with(engine, "BEGIN IMMEDIATE" if writes else "BEGIN")
    _set_pragmas(engine, writes=writes)
    threads = 1 if writes else _READING_THREADS
    name = "sqlite writer" if writes else "sqlite reader"
    return ThreadedEngine(engine, name, threads=threads, connections=connections)


def _set_pragmas(engine: Engine, *, writes: bool) -> None:
    """Have each new connection set its pragmas, and leave transactions to us."""
    pragmas = [
        "synchronous=FULL",  # a power cut loses nothing that was committed
        "cache_size=-16000",  # KiB; 10,000 incidents at once fit
    ]
    if writes:
        # The log shrinks again after a large commit.
        pragmas = ["journal_mode=WAL", "journal_size_limit=67108864", *pragmas]
    else:
        pragmas.append("wal_autocheckpoint=0")

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: object) -> None:
        del record
        connection.isolation_level = None  # BEGIN is ours; the driver's own comes too late
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


class FileLock:
    """A lock beside the database file, held for as long as the process lives or until released.

    It is not on the database file itself: closing any descriptor of that one would take SQLite's
    own locks away. The kernel frees it with the process, so kill -9 leaves nothing behind.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._file: int | None = None

    def acquire(self, owner: str) -> bool:
        """Take the lock at once; return False when it was ours. Raises PermanentError."""
        if self._file is not None:
            return False
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _translate(error, self._path) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(file, 0)
            os.pwrite(file, f"{owner}, process {os.getpid()}".encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(file, 200, 0).decode(errors="replace") or "not named"
            os.close(file)
            raise model.PermanentError(
                f"another daemon ({holder}) already uses database {self._database}: stop it, or"
                " give this one its own file in [store] url"
            ) from error
        except OSError as error:
            os.close(file)
            raise _translate(error, self._path) from error
        self._file = file
        return True

    async def wait(self, owner: str, patience: float) -> bool:
        """Take the lock within `patience` seconds, as `acquire` does. Raises PermanentError."""
        for _ in range(int(patience / _RETRY_SECONDS)):
            with contextlib.suppress(model.PermanentError):
                return self.acquire(owner)
            await asyncio.sleep(_RETRY_SECONDS)
        return self.acquire(owner)

    def release(self) -> None:
        """Release the lock; the file stays, because removing it would let two daemons lock it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
