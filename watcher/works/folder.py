"""Reads the files of one folder that are complete, and moves each to imported/ or rejected/.

Law: a file is moved, never deleted, and not before its notices are stored. A file that is still
being written is left alone, and what cannot be read or moved is said at every look until somebody
has put it right; the others are read all the same. One that the reader fails on is rejected after
some tries.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections import Counter
from pathlib import Path

import structlog
from msgspec import Struct

from watcher import model, system_words
from watcher.clock import Clock
from watcher.text import clean
from watcher.works.entries import UnreadError
from watcher.works.inbound import TRIES, Inbound
from watcher.works.settings import Works

IMPORTED, REJECTED = "imported", "rejected"
SETTLED = 30.0  # seconds since the last change, after which a file counts as complete at once
PARTIAL = (".tmp", ".part", ".partial", ".swp", "~")  # what programs name a file meanwhile
REASON = ".reason.txt"

log = structlog.get_logger()


class _Stamp(Struct, frozen=True):
    """What changes while a file is written."""

    file: int
    size: int
    changed: int


class Folder:
    """Keeps in memory what each file looked like last time, and which were taken already."""

    def __init__(self, config: Works, folder: Path, *, inbound: Inbound, clock: Clock) -> None:
        self._most = config.max_bytes
        self._folder = folder
        self._inbound = inbound
        self._clock = clock
        self._seen: dict[str, _Stamp] = {}
        self._taken: dict[str, tuple[_Stamp, str]] = {}  # and why it is rejected, or ""
        self._unread: Counter[tuple[str, _Stamp]] = Counter()  # attempts to read a file

    async def check(self, until: float) -> tuple[str, ...]:
        """Take what is complete, until a time on the monotonic clock; return remarks.

        Raises PermanentError or TemporaryError, after all files, for what could not be done.
        """
        stamps = await asyncio.to_thread(self._list)
        now = self._clock.now().timestamp()
        before, self._seen = self._seen, stamps
        self._taken = {n: t for n, t in self._taken.items() if stamps.get(n) == t[0]}
        self._unread = Counter({f: n for f, n in self._unread.items() if f in stamps.items()})
        problems: list[model.WatcherError] = []
        waiting = 0
        for name, stamp in sorted(stamps.items(), key=lambda f: (self._unread[f], f[1].changed)):
            settled = 0 <= SETTLED <= now - stamp.changed / 1e9
            if before.get(name) != stamp and not settled:
                continue  # it may still be written
            if self._clock.monotonic() >= until:
                waiting += 1
                continue
            try:
                await self._take(name, stamp)
            except FileNotFoundError:
                continue  # somebody has taken it away
            except model.WatcherError as error:
                problems.append(error)
        if problems:
            raise _together(problems)
        return _not_read(waiting)

    async def _take(self, name: str, stamp: _Stamp) -> None:
        if name in self._taken:
            _, reason = self._taken[name]
        else:
            reason = await self._read(name, stamp)
            self._taken[name] = (stamp, reason)
        await asyncio.to_thread(self._move, name, stamp, reason)
        del self._taken[name], self._seen[name]

    async def _read(self, name: str, stamp: _Stamp) -> str:
        """Return why a file is rejected, empty where it is not."""
        origin = f"file {clean(name)}"
        if stamp.size > self._most:
            reason = f"it has {stamp.size:,} bytes, more than {self._most:,} ([works] max_bytes)"
            return self._inbound.reject(origin, reason)
        if not stamp.size:
            return self._inbound.reject(origin, "it is empty")
        content = await asyncio.to_thread(self._content, name)
        try:
            return await self._inbound.take(content, origin)
        except UnreadError as error:
            self._unread[name, stamp] += 1
            if self._unread[name, stamp] < TRIES:
                raise UnreadError(f"{self._folder / name} is not read yet: {error}") from error
            return self._inbound.reject(origin, str(error))

    def _list(self) -> dict[str, _Stamp]:
        """Return the files that may be complete."""
        stamps = {}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name.endswith(PARTIAL):
                        continue
                    if stamp := _stamp(Path(entry.path)):
                        stamps[entry.name] = stamp
        except FileNotFoundError as error:
            raise model.PermanentError(
                f"{self._folder}: there is no such folder: set works.directory"
            ) from error
        except OSError as error:
            raise _failed(self._folder, "cannot be listed", error) from error
        return stamps

    def _content(self, name: str) -> bytes:
        path = self._folder / name
        try:
            # A name may have become a link or a pipe meanwhile: neither is followed or waited for.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise model.PermanentError(f"{path}: is not a file")
                return file.read(self._most + 1)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _failed(path, "cannot be read", error) from error

    def _move(self, name: str, stamp: _Stamp, reason: str) -> None:
        """Move a file to where it belongs; the reason lies beside a rejected one.

        One that was replaced since it was listed has not been read: it stays for the next check.
        """
        path = self._folder / name
        if _stamp(path) != stamp:
            return
        folder = self._folder / (REJECTED if reason else IMPORTED)
        try:
            folder.mkdir(mode=0o750, exist_ok=True)
            target = _free_name(folder, name)
            if reason:
                _write_reason(target.with_name(f"{target.name}{REASON}"), reason)
            path.rename(target)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not path.exists():
                return  # somebody has taken it away
            raise _failed(path, f"cannot be moved to {folder.name}/", error) from error


def _stamp(path: Path) -> _Stamp | None:
    """Return what a file looks like; None where it is gone, or is not a file any more."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return _Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def _not_read(waiting: int) -> tuple[str, ...]:
    return (f"{model.format_count(waiting, 'file')} not read yet",) if waiting else ()


def _free_name(folder: Path, name: str) -> Path:
    number = 0
    while True:
        target = folder / (f"{number}-{name}" if number else name)
        if not os.path.lexists(target):
            return target
        number += 1


def _write_reason(path: Path, reason: str) -> None:
    try:
        path.write_text(f"{reason}\n", encoding="utf-8")
    except OSError as error:  # a full disk: the file itself only changes its name
        log.warning(
            "the reason is only in the log", file=str(path), error=system_words.of_error(error)
        )


def _failed(path: Path, what: str, error: OSError) -> model.WatcherError:
    """Return our error: a person has to act where permissions or kinds of files are wrong."""
    sentence = f"{path} {what}: {system_words.of_error(error)}"
    if isinstance(error, PermissionError | NotADirectoryError | IsADirectoryError):
        return model.PermanentError(sentence)
    return model.TemporaryError(sentence)


def _together(problems: list[model.WatcherError]) -> model.WatcherError:
    """Return one error for several: permanent where one of them is."""
    first = next((p for p in problems if isinstance(p, model.PermanentError)), problems[0])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return type(first)(f"{first}{more}")
