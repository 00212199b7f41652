"""Sends a last message to the Slack channels when Watcher has lost its database.

It is the one message that no receipt can record. So that a service that systemd restarts sends it
only once, a marker file lies beside the control socket; the machine's next boot removes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol

import structlog

from watcher import model, ports, system_words

log = structlog.get_logger()

TIMEOUT_SECONDS = 10.0  # for all channels together; the process is ending


class Channel(Protocol):
    """A receiver that can send a text without a receipt."""

    name: str

    async def send(self, text: str) -> None:
        """Send it once. Raises TemporaryError or PermanentError."""


class DatabaseAlarm:
    """A callback of the daemon's exit stack: sends a text when the database ended the daemon."""

    def __init__(
        self,
        *,
        instance: str,
        channels: Iterable[Channel],
        sent_marker: Path,
        daemons: Callable[[], Awaitable[Iterable[ports.Daemon]]],
    ) -> None:
        """`daemons` returns those that use the database; it may raise TemporaryError."""
        self._instance = instance
        self._channels = tuple(channels)
        self._sent_marker = sent_marker
        self._daemons = daemons

    def reset(self) -> None:
        """Record that the database answers, so that the next failure is reported again."""
        self._sent_marker.unlink(missing_ok=True)

    async def __call__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Send the text if the database's failure ends the daemon; never swallow the error."""
        del kind, traceback
        if not isinstance(error, model.TemporaryError) or self._sent_marker.exists():
            return False
        if await self._is_replaced():
            log.info("another daemon leads", error=str(error))
            return False
        text = (
            f"Watcher on {self._instance} cannot write to its database and stops monitoring until"
            f" it can: {error}"
        )
        async with asyncio.TaskGroup() as group:
            for channel in self._channels:
                group.create_task(self._send(channel, text), name=f"alarm {channel.name}")
        return False

    async def _is_replaced(self) -> bool:
        """Whether another daemon leads, as after this one was frozen and evicted."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                daemons = await self._daemons()
        except (model.TemporaryError, TimeoutError):
            return False
        return any(daemon.leads and daemon.instance != self._instance for daemon in daemons)

    async def _send(self, channel: Channel, text: str) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await channel.send(text)
        except (model.WatcherError, TimeoutError) as error:
            log.warning("database alarm not sent", receiver=channel.name, error=str(error))
            return
        except Exception:  # the guard: the other channels must hear of it
            log.exception("database alarm not sent", receiver=channel.name)
            return
        try:
            self._sent_marker.touch()
        except OSError as error:
            log.warning("database alarm may be sent again", error=system_words.of_error(error))
