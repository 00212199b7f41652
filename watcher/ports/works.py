"""What fetching notices of planned works needs of the store."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol


class MailLog(Protocol):
    """Which mails have been read, so that a restart does not read a mailbox from its beginning."""

    async def cursor(self, mailbox: str) -> tuple[int, int]:
        """Return UIDVALIDITY and the last UID up to which it was read; zeros before that."""

    async def already_read(self, mails: Collection[str]) -> frozenset[str]:
        """Return which of these mails have been read, in any mailbox."""

    async def record(
        self,
        mailbox: str,
        cursor: tuple[int, int],
        mails: Collection[str],
        at: datetime,
        *,
        forget: datetime,
    ) -> None:
        """Write how far a mailbox was read, and which mails; forget those read before `forget`."""
