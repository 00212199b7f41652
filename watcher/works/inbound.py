"""One message of a carrier, whichever way it came: read, put into the inbox, or rejected.

Law: a notice is in the inbox, durably, before its mail counts as read or its file is moved. The
same notice again changes nothing, so a crash in between loses nothing and adds nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from watcher import model
from watcher.clock import Clock
from watcher.works.reader import NoticeError, read_notices

log = structlog.get_logger()

Put = Callable[[str, model.NoticeRead, datetime], Awaitable[bool]]  # ports.Inbox.submit
Count = Callable[[str], None]  # of one outcome

TRIES = 3  # before a message that cannot be read now is rejected
READ, REJECTED = "read", "rejected"
OUTCOMES = (READ, REJECTED)
REMEMBERED = timedelta(days=1)  # how long a rejection is remarked on
MOST_REMEMBERED = 1_000


class Reader(Protocol):
    """Reads the notices of one message; `reader.read_notices`."""

    async def __call__(
        self, content: bytes, *, origin: str, now: datetime, zone: str
    ) -> Sequence[model.Notice]:
        """Return the notices. Raises NoticeError with the reason where it is none."""


def inbox_key(notice: model.Notice) -> str:
    """Return the key of a notice in the inbox: the same content comes in once."""
    return f"notice/{notice.digest}"


class Inbound:
    """Takes messages; `count` is called with each outcome, `wake` when there is something to do."""

    def __init__(
        self,
        *,
        put: Put,
        wake: Callable[[], None],
        clock: Clock,
        zone: str,
        count: Count,
        read: Reader = read_notices,
    ) -> None:
        self._read = read
        self._put = put
        self._wake = wake
        self._clock = clock
        self._zone = zone
        self._count = count
        self._rejected_at: deque[float] = deque(maxlen=MOST_REMEMBERED)  # on the monotonic clock

    async def take(self, content: bytes, origin: str) -> str:
        """Take one message; return why it is rejected, empty where it is not.

        Raises UnreadError where it cannot be read now, TemporaryError where its notices cannot be
        stored.
        """
        now = self._clock.now()
        try:
            notices = await self._read(content, origin=origin, now=now, zone=self._zone)
        except NoticeError as error:
            return self.reject(origin, str(error))
        for notice in notices:
            if await self._put(inbox_key(notice), model.NoticeRead(notice=notice), now):
                log.info("notice of planned works", work=notice.key, status=notice.status.value)
                self._count(READ)
        self._wake()
        return ""

    def reject(self, origin: str, reason: str) -> str:
        """Say that a message is rejected, and why; return the reason."""
        log.warning("not a notice of planned works", origin=origin, reason=reason)
        self._count(REJECTED)
        self._rejected_at.append(self._clock.monotonic())
        return reason

    def remarks(self) -> tuple[str, ...]:
        """Return how many messages were rejected of late: somebody should look at them."""
        elapsed = self._clock.monotonic()
        ages = [timedelta(seconds=elapsed - at) for at in self._rejected_at]
        recent = [age for age in ages if age < REMEMBERED]
        if not recent:
            return ()
        messages = "1 message was" if len(recent) == 1 else f"{len(recent):,} messages were"
        first = (self._clock.now() - max(recent)).astimezone(UTC)
        return (f"{messages} rejected since {first:%Y-%m-%d %H:%M} UTC: see rejected/",)
