"""Says through the channels that Watcher itself has lost its database.

Law: it is the one message that no receipt records, so a mark beside the control socket, which goes
with the machine's next boot, sees to it that a service that systemd restarts says it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol

import structlog

from watcher import model

log = structlog.get_logger()

SECONDS = 10.0  # for all channels together; the process is ending


class Channel(Protocol):
    """A receiver that can say something without a receipt."""

    name: str

    async def send(self, text: str) -> None:
        """Say it once. Raises TemporaryError or PermanentError."""


class DatabaseAlarm:
    """Pushed onto the daemon's exit stack: cries when the database ended it."""

    def __init__(
        self,
        *,
        instance: str,
        channels: Iterable[Channel],
        mark: Path,
        relieved: Callable[[], Awaitable[bool]],
    ) -> None:
        """`relieved` says whether another daemon leads; it raises TemporaryError if it cannot."""
        self._instance = instance
        self._relieved = relieved
        self._channels = tuple(channels)
        self._mark = mark

    def rest(self) -> None:
        """Take note that the database answers: a failure from now on is news again."""
        self._mark.unlink(missing_ok=True)

    async def __call__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Cry, if it is a failing database that ends the daemon; never swallow the error."""
        del kind, traceback
        if not isinstance(error, model.TemporaryError) or self._mark.exists():
            return False
        if await self._is_relieved():
            log.info("another daemon leads", error=str(error))
            return False
        text = (
            f"Watcher on {self._instance} cannot keep its records and stops watching until it can:"
            f" {error}"
        )
        async with asyncio.TaskGroup() as group:
            for channel in self._channels:
                group.create_task(self._cry(channel, text), name=f"alarm {channel.name}")
        return False

    async def _is_relieved(self) -> bool:
        """Whether nothing is lost: a daemon that was frozen finds its connections ended."""
        try:
            async with asyncio.timeout(SECONDS):
                return await self._relieved()
        except (model.TemporaryError, TimeoutError):
            return False

    async def _cry(self, channel: Channel, text: str) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                await channel.send(text)
        except (model.WatcherError, TimeoutError) as error:
            log.warning("alarm not said", receiver=channel.name, error=str(error))
            return
        try:
            self._mark.touch()
        except OSError as error:
            log.warning("the alarm may be said again", error=str(error))
