"""Keeps aside what could not be read as a notice, with the reason beside it.

Law: nothing that a carrier sent is thrown away because Watcher did not understand it. The same
message is kept once. What is kept has a bound all the same: the oldest goes first.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

from watcher import model, system_words
from watcher.text import clean

MOST_FILES = 1_000
MOST_BYTES = 1_000_000_000
_REASON = ".reason.txt"


def keep_rejected(
    directory: Path, content: bytes, reason: str, *, origin: str, now: datetime
) -> Path:
    """Write a message to `directory`, and why it was rejected; return where it is.

    Raises TemporaryError where it cannot be written: the message must then stay where it came from.
    """
    digest = hashlib.sha256(content).hexdigest()[:16]
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = next(directory.glob(f"*-{digest}.message"), None)
        if kept is None:
            kept = directory / f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest}.message"
            _write(kept, content)
        written = f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC  {clean(origin, 300)}\n{reason}\n"
        _write(kept.with_suffix(_REASON), written.encode())
        _prune(directory, keep=kept)
    except OSError as error:
        raise model.TemporaryError(f"{directory}: {system_words.of_error(error)}") from error
    return kept


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _prune(directory: Path, *, keep: Path) -> None:
    """Remove the oldest while there are too many; names begin with their time."""
    messages = sorted(directory.glob("*.message"))
    sizes = {message: message.stat().st_size for message in messages}
    total = sum(sizes.values())
    for number, message in enumerate(messages):
        if len(messages) - number <= MOST_FILES and total <= MOST_BYTES:
            return
        if message == keep:
            continue
        total -= sizes[message]
        for path in (message, message.with_suffix(_REASON)):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
