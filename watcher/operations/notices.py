"""Carriers' messages that somebody hands over: read, and put into the inbox as notices.

Law: a message is taken whole, kept aside with a reason, or refused for now; never anything else.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from msgspec import Struct

from watcher import model
from watcher.clock import Clock
from watcher.operations.commands import CommandService
from watcher.text import clean
from watcher.works.inbound import READ, REJECTED, Count, inbox_key
from watcher.works.reader import NoticeError, read_notices
from watcher.works.rejected import keep_rejected

log = structlog.get_logger()
MOST_BYTES = 64_000_000  # of a message; what is too large to be read is still kept aside
STANDARD_INPUT = "standard input"


class Taken(Struct, frozen=True, kw_only=True, gc=False):
    """What became of a message: its notices, or why there are none and where it is kept."""

    notices: tuple[model.Notice, ...] = ()
    rejected: str = ""
    kept: str = ""


class NoticeIntake:
    """Takes messages that are handed over by hand or by a mail rule; `count` gets each outcome."""

    def __init__(
        self,
        *,
        commands: CommandService,
        clock: Clock,
        rejected: Path,
        count: Count,
        zone: str = "UTC",
        parser_python: Path | None = None,
    ) -> None:
        self._commands = commands
        self._clock = clock
        self._rejected = rejected
        self._count = count
        self._zone = zone
        self._parser_python = parser_python

    async def take(self, content: bytes, *, origin: str = "") -> Taken:
        """Read a message and wait until the engine has its notices.

        Raises CommandRejectedError where the leader does not take them, and TemporaryError where a
        message that is not a notice cannot be kept aside: it is still the caller's then.
        """
        now = self._clock.now()
        try:
            notices = await read_notices(
                content,
                origin=origin,
                now=now,
                zone=self._zone,
                parser_python=self._parser_python,
            )
        except NoticeError as error:
            reason, whence = str(error), clean(origin, 300) or STANDARD_INPUT
            kept = await asyncio.to_thread(
                keep_rejected, self._rejected, content, reason, origin=whence, now=now
            )
            log.warning(
                "not a notice of planned works", origin=whence, reason=reason, kept=str(kept)
            )
            self._count(REJECTED)
            return Taken(rejected=reason, kept=str(kept))
        for notice in notices:
            if await self._commands.submit(
                inbox_key(notice),
                model.NoticeRead(notice=notice),
                f"the notice of {notice.key}",
            ):
                self._count(READ)
        return Taken(notices=notices)
