"""Reads a carrier's message in a confined process: a mail, a calendar or a page becomes notices.

Law: what a stranger sent can stop neither the daemon nor the next message. Whatever comes, the
answer is notices or one sentence why there are none.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime

import msgspec

from watcher import model
from watcher.sandbox.worker import run
from watcher.text import clean
from watcher.works.entries import NO_NOTICE, NoticeError

LARGEST = 10_000_000  # bytes of one message
TIMEOUT_SECONDS = 20.0
WORKER = (sys.executable, "-I", "-m", "watcher.works.notice_worker")
_MOST_ANSWER = 8_000_000
_NOTICES = msgspec.json.Decoder(tuple[model.Notice, ...])

__all__ = ["LARGEST", "NoticeError", "read_notices"]


async def read_notices(
    content: bytes, *, origin: str, now: datetime, zone: str = "UTC"
) -> tuple[model.Notice, ...]:
    """Return the notices of one message: RFC 5322, iCalendar or HTML.

    Times without a zone of their own are on the clocks of `zone`. Raises NoticeError for what is
    not a notice, announces nothing that is still to come, or cannot be read within bounds.
    """
    if len(content) > LARGEST:
        raise NoticeError(f"it has {len(content):,} bytes, more than {LARGEST:,}")
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            answer = await run(
                (*WORKER, clean(origin, 300), now.isoformat(), zone), content, largest=_MOST_ANSWER
            )
    except TimeoutError as error:
        raise NoticeError(f"reading it took more than {TIMEOUT_SECONDS:g} s") from error
    if answer.exit_code == NO_NOTICE:
        raise NoticeError(answer.problem or "it is not a notice of planned work")
    if answer.exit_code != 0:
        raise NoticeError("it cannot be read: the process that reads it ended without an answer")
    try:
        return _NOTICES.decode(answer.output)
    except msgspec.DecodeError as error:
        raise NoticeError("it cannot be read") from error
