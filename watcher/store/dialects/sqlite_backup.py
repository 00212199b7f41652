"""Backs up SQLite's file while a daemon goes on writing to it, and puts a backup in its place.

A copy gets its name once it is complete, has been read back and is on the disk; it never replaces
a file. What a restore takes the place of stays beside it, under a name with the time.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from watcher import model, system_words
from watcher.store.dialects import sqlite


class _Words(Struct, frozen=True, kw_only=True):
    """What is said where a copy fails, and what to do about the file that is copied."""

    failed: str
    name: str  # of the file that is copied; empty: it is the database
    advice: Mapping[int, str]  # by SQLite's code
    not_ours: str


_BACKING_UP = _Words(
    failed="no backup was made",
    name="",
    advice=sqlite.ADVICE,
    not_ours="is not a Watcher database: check url in [store]",
)
_OF_A_BACKUP = sqlite.ADVICE | {
    sqlite3.SQLITE_NOTADB: "is not a SQLite database: name one of `watcher backup`",
    sqlite3.SQLITE_CORRUPT: "is damaged: name another backup",
}


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
            f"{file} cannot be created ({system_words.of_error(error)}): check that its directory"
            " exists, and its permissions"
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
        raise model.PermanentError(
            f"{file} cannot be saved ({system_words.of_error(error)})"
        ) from error
    finally:
        part.unlink(missing_ok=True)
        os.close(handle)  # not before: it would take SQLite's locks on the copy away


def dated(file: Path, now: datetime) -> Path:
    """Return a name of `file` with the time in it, which no file has yet."""
    name = f"{file.stem}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    for number in itertools.count():
        candidate = file.with_name(f"{name}{f'-{number}' if number else ''}{file.suffix}")
        if not candidate.exists():
            return candidate
    raise AssertionError  # numbers do not end


def restore(
    database: Path, file: Path, *, now: datetime, revisions: Collection[str]
) -> Path | None:
    """Put the backup `file` in the place of a database that no daemon uses.

    Return what the database that was there is called now, with its log; None where none was. The
    new one belongs to whom the old one, or else the folder, belongs to.
    Raises PermanentError or TemporaryError in words; then everything is as it was.
    """
    words = _Words(
        failed=f"{file} was not restored",
        name="it",
        advice=_OF_A_BACKUP,
        not_ours="is not a Watcher database: name one of `watcher backup`",
    )
    with sqlite.permitted(file):
        if not file.is_file():
            there = "is not a file" if file.exists() else "does not exist"
            raise model.PermanentError(f"backup {file} {there}: name one of `watcher backup`")
    with sqlite.permitted(database):
        if not database.parent.is_dir():
            raise model.PermanentError(f"the directory {database.parent} does not exist")
        owner = (database if database.exists() else database.parent).stat()
        if database.exists() and database.samefile(file):
            raise model.PermanentError(f"{file} is the database itself: name a backup")
    lock = sqlite.FileLock(database)
    lock.acquire("watcher restore")
    try:
        part = database.with_name(f".{database.name}.partial")
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _fill(file, part, busy_timeout=5, words=words)
            _require_known(part, words, revisions)
            os.fchown(handle, owner.st_uid, owner.st_gid)
            os.fsync(handle)
            before = _set_aside(database, now)
            part.rename(database)
            _sync_folder(database.absolute().parent)
        finally:
            part.unlink(missing_ok=True)
            os.close(handle)
    except OSError as error:
        raise model.PermanentError(f"{words.failed} ({system_words.of_error(error)})") from error
    finally:
        lock.release()
    return before


def _require_known(part: Path, words: _Words, revisions: Collection[str]) -> None:
    with contextlib.closing(_connect(f"{part.absolute().as_uri()}?mode=ro")) as copy_:
        (revision,) = copy_.execute("SELECT version_num FROM alembic_version").fetchone() or ("",)
    if revision not in revisions:
        raise model.PermanentError(
            f"{words.failed}: it is of a newer Watcher (its tables are at revision"
            f" {revision or 'none'}, this version knows {max(revisions)})"
        )


def _set_aside(database: Path, now: datetime) -> Path | None:
    """Give the database and its log another name; its index is made again where it is opened."""
    if not database.exists():
        return None
    before = dated(database.with_name(f"{database.stem}-before{database.suffix}"), now)
    log, index = (database.with_name(database.name + end) for end in ("-wal", "-shm"))
    if log.exists():  # first: a database without its log would lose what is in it
        log.rename(before.with_name(before.name + "-wal"))
    database.rename(before)
    index.unlink(missing_ok=True)
    return before


def _require_absent(file: Path) -> None:
    with sqlite.permitted(file):
        is_there = file.exists() or file.is_symlink()
    if is_there:
        raise model.PermanentError(
            f"{file} exists already, and a backup overwrites nothing: name another file"
        )


def _fill(
    database: Path,
    part: Path,
    *,
    busy_timeout: float,
    words: _Words = _BACKING_UP,
) -> None:
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
            _require_ours(source, database, words)
            _require_space(source, part, words)
            target.execute("PRAGMA journal_mode = OFF")
            target.execute("PRAGMA synchronous = OFF")  # it is synced as a whole
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
            (outcome,) = target.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
        path, name = (part, "") if full else (database, words.name)
        why, temporary = sqlite.explain(path, error, words.advice, name=name)
        kind = model.TemporaryError if temporary else model.PermanentError
        raise kind(f"{words.failed}: {why}") from error
    if outcome != "ok":
        raise model.PermanentError(
            f"{words.failed}: {words.name or f'database {database}'}"
            f" {words.advice[sqlite3.SQLITE_CORRUPT]} ({outcome})"
        )


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, isolation_level=None)


def _require_ours(source: sqlite3.Connection, database: Path, words: _Words) -> None:
    tables = source.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    if ("alembic_version",) not in tables:
        name = words.name or f"database {database}"
        raise model.PermanentError(f"{words.failed}: {name} {words.not_ours}")


def _require_space(source: sqlite3.Connection, part: Path, words: _Words) -> None:
    (pages,) = source.execute("PRAGMA page_count").fetchone()
    (size,) = source.execute("PRAGMA page_size").fetchone()
    free = shutil.disk_usage(part.parent).free
    if free < pages * size:
        raise model.TemporaryError(
            f"{words.failed}: it needs {pages * size} bytes, and {part.parent} has {free} left:"
            " free some space, or name another disk"
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
