"""Backs up SQLite's file while a daemon goes on writing to it.

A copy gets its name once it is complete, has been read back and is on the disk; it never replaces
a file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from watcher import model
from watcher.store.dialects import sqlite


def copy(database: Path, file: Path, *, busy_timeout: float) -> int:
    """Copy a database as it is at one moment, and return the size of the copy in bytes.

    Only its owner can read the copy. Raises PermanentError or TemporaryError in words; then no
    copy is left. A killed process leaves a file beside `file` that starts with a dot and ends in
    `.partial`.
    """
    sqlite.require_file(database)
    try:
        _require_absent(file)
        handle, name = tempfile.mkstemp(
            prefix=f".{file.name}.", suffix=".partial", dir=file.absolute().parent
        )
    except OSError as error:
        raise model.PermanentError(
            f"{file} cannot be created ({error.strerror}): check that its directory exists, and its"
            " permissions"
        ) from error
    part = Path(name)
    try:
        _fill(database, part, busy_timeout=busy_timeout)
        os.fsync(handle)
        _require_absent(file)
        part.rename(file)
        _sync_folder(file.absolute().parent)
        return file.stat().st_size
    except OSError as error:
        raise model.PermanentError(f"{file} cannot be saved ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)
        os.close(handle)  # not before: it would take SQLite's locks on the copy away


def _require_absent(file: Path) -> None:
    if file.exists() or file.is_symlink():
        raise model.PermanentError(
            f"{file} exists already, and a backup overwrites nothing: name another file"
        )


def _fill(database: Path, part: Path, *, busy_timeout: float) -> None:
    """Write one consistent state into `part`, as one file without a log, and check it."""
    try:
        with (
            contextlib.closing(_connect(f"{database.absolute().as_uri()}?mode=ro")) as source,
            contextlib.closing(_connect(part.as_uri())) as target,
        ):
            source.execute(f"PRAGMA busy_timeout = {busy_timeout * 1000:.0f}")
            # One state for all that follows. In WAL mode a reader blocks no writer, and a backup
            # in one step need not start again when something is written.
            source.execute("BEGIN")
            _require_ours(source, database)
            _require_space(source, part)
            target.execute("PRAGMA journal_mode = OFF")
            target.execute("PRAGMA synchronous = OFF")  # it is synced as a whole
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
            (outcome,) = target.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
        words, temporary = sqlite.explain(part if full else database, error)
        kind = model.TemporaryError if temporary else model.PermanentError
        raise kind(f"no backup was made: {words}") from error
    if outcome != "ok":
        raise model.PermanentError(
            f"no backup was made: database {database} {sqlite.ADVICE[sqlite3.SQLITE_CORRUPT]}"
            f" ({outcome})"
        )


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, isolation_level=None)


def _require_ours(source: sqlite3.Connection, database: Path) -> None:
    tables = source.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    if ("alembic_version",) not in tables:
        raise model.PermanentError(
            f"database {database} is not a Watcher database: check url in [store]"
        )


def _require_space(source: sqlite3.Connection, part: Path) -> None:
    (pages,) = source.execute("PRAGMA page_count").fetchone()
    (size,) = source.execute("PRAGMA page_size").fetchone()
    free = shutil.disk_usage(part.parent).free
    if free < pages * size:
        raise model.TemporaryError(
            f"no backup was made: it needs {pages * size} bytes, and {part.parent} has {free} left:"
            " free some space, or name another disk"
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
