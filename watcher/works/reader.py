"""Reads a carrier's message in a confined process: a mail, a calendar or a page becomes notices.

Law: what a stranger sent can stop neither the daemon nor the next message. Whatever comes, the
answer is notices or one sentence why there are none.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from pathlib import Path

import msgspec

from watcher import model
from watcher.sandbox.worker import run
from watcher.text import clean
from watcher.works import carriers
from watcher.works.entries import NO_NOTICE, UNKNOWN_MAIL, NoticeError, UnreadError

LARGEST = 10_000_000  # bytes of one message
TIMEOUT_SECONDS = 20.0
WORKER = (sys.executable, "-I", "-m", "watcher.works.notice_worker")
_MOST_ANSWER = 8_000_000
_NOTICES = msgspec.json.Decoder(tuple[model.Notice, ...])

__all__ = ["LARGEST", "NoticeError", "UnreadError", "read_notices"]


async def read_notices(
    content: bytes,
    *,
    origin: str,
    now: datetime,
    zone: str = "UTC",
    parser_python: Path | None = None,
) -> tuple[model.Notice, ...]:
    """Return the notices of one message: RFC 5322, iCalendar or HTML.

    Times without a zone of their own are on the clocks of `zone`. A mail in no form that we read is
    read by circuit-maintenance-parser, where `parser_python` has it. Raises NoticeError for what is
    not a notice or announces nothing that is still to come, UnreadError where the process that
    reads it was killed or took too long, which may be the host's fault, and PermanentError or
    TemporaryError where no message can be read.
    """
    if len(content) > LARGEST:
        raise NoticeError(f"it has {len(content):,} bytes, more than {LARGEST:,}")
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            answer = await run(
                (*WORKER, clean(origin, 300), now.isoformat(), zone), content, largest=_MOST_ANSWER
            )
            if answer.exit_code == UNKNOWN_MAIL and parser_python is not None:
                return await carriers.read_mail(parser_python, content, origin=origin, now=now)
    except TimeoutError as error:
        raise UnreadError(f"reading it took more than {TIMEOUT_SECONDS:g} s") from error
    if answer.exit_code in {NO_NOTICE, UNKNOWN_MAIL}:
        raise NoticeError(answer.problem or "it is not a notice of planned works")
    if answer.exit_code > 0:  # it never came to read: the message is not at fault
        why = answer.problem or f"exit code {answer.exit_code}"
        raise model.PermanentError(
            f"no notice can be read because the reader does not start: {why}"
        )
    if answer.too_large:
        raise NoticeError("it cannot be read: its reader gives too large an answer")
    if answer.exit_code < 0:
        raise UnreadError(
            f"the process that reads it was killed by signal {-answer.exit_code} before it answered"
        )
    try:
        return _NOTICES.decode(answer.output)
    except msgspec.DecodeError as error:
        raise NoticeError("it cannot be read") from error
