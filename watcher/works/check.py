"""`watcher check --connect`: whether the mailbox and the folder can be read; nothing is taken."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path

from watcher import model
from watcher.clock import Clock
from watcher.works import imap
from watcher.works.folder import IMPORTED, REJECTED
from watcher.works.settings import Imap, Works

Outcome = tuple[str, tuple[str, ...]]  # a sentence, and remarks


def attempts(config: Works, clock: Clock) -> dict[str, Awaitable[Outcome]]:
    """Return what to try, by its key in the settings."""
    attempts: dict[str, Awaitable[Outcome]] = {}
    if config.imap.host:
        attempts["works.imap"] = check_mailbox(config, clock)
    if config.directory is not None:
        attempts["works.directory"] = check_folder(config.directory)
    return attempts


async def check_mailbox(config: Works, clock: Clock) -> Outcome:
    """Log in and open the folder. Raises TemporaryError or PermanentError with what to change."""
    settings: Imap = config.imap
    async with imap.session(settings, config.timeout.total_seconds()) as session:
        folder = await session.examine(settings.mailbox)
        since = (clock.now() - settings.since - timedelta(days=1)).date()
        recent = len(await session.search(since=since))
    sentence = f"{settings.mailbox} has {folder.mails} mails, {recent} of them recent enough"
    if folder.validity:
        return sentence, ()
    return sentence, ("the server gives no UIDVALIDITY: each check lists every mail again",)


async def check_folder(folder: Path) -> Outcome:
    """Look whether files can be read from a folder and moved inside it. Raises PermanentError."""
    return await asyncio.to_thread(_check_folder, folder)


def _check_folder(folder: Path) -> Outcome:
    if not folder.is_dir():
        raise model.PermanentError(f"{folder}: there is no such folder")
    for inside in (folder, folder / IMPORTED, folder / REJECTED):
        if inside.exists() and not os.access(inside, os.R_OK | os.W_OK | os.X_OK):
            raise model.PermanentError(f"{inside}: files cannot be read from it and moved in it")
    waiting = sum(1 for path in folder.iterdir() if path.is_file())
    return f"{folder} can be read; waiting: {model.format_count(waiting, 'file')}", ()
