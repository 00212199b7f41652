"""Reads other carriers' mails by circuit-maintenance-parser, in an environment of its own.

What it gets wrong of Lumen's mails does not count: those have a reader of our own (lumen.py). A
number that it makes up where a mail has none, `sequence`, is left out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from watcher import model
from watcher.sandbox.worker import run
from watcher.text import clean
from watcher.works.entries import (
    NO_NOTICE,
    Announcement,
    NoticeError,
    UnreadError,
    merge,
    window,
)
from watcher.works.forms import bcop

WORKER = Path(__file__).with_name("carriers_worker.py")
_MOST_ANSWER = 8_000_000


class _Maintenance(msgspec.Struct):
    """What the worker says of one window."""

    provider: str
    account: str
    id: str
    status: str
    circuits: tuple[tuple[str, str], ...]
    begin: int
    end: int
    stamp: int
    summary: str


class _Answer(msgspec.Struct):
    message_id: str
    maintenances: tuple[_Maintenance, ...]


_ANSWER = msgspec.json.Decoder(_Answer)


async def read_mail(
    python: Path, content: bytes, *, origin: str, now: datetime
) -> tuple[model.Notice, ...]:
    """Return the notices of a mail. Raises NoticeError and UnreadError; the caller sets the time.

    Raises PermanentError where the parser is not there: then nobody knows what the mail says.
    """
    try:
        answer = await run((str(python), "-I", str(WORKER)), content, largest=_MOST_ANSWER)
    except model.PermanentError as error:
        raise model.PermanentError(f"[works] parser_python: {error}") from error
    if answer.exit_code == NO_NOTICE:
        raise NoticeError(answer.problem)
    if answer.exit_code < 0 and not answer.too_large:
        raise UnreadError(
            f"circuit-maintenance-parser was killed by signal {-answer.exit_code}"
            " before it answered"
        )
    if answer.exit_code != 0:
        why = answer.problem or "it ended without an answer"
        if why.startswith("ModuleNotFoundError"):
            raise model.PermanentError(f"[works] parser_python: {python}: {why}")
        raise NoticeError(f"circuit-maintenance-parser cannot read it: {why}")
    try:
        read = _ANSWER.decode(answer.output)
    except msgspec.DecodeError as error:
        raise NoticeError("circuit-maintenance-parser cannot read it") from error
    announcements = [_announcement(maintenance) for maintenance in read.maintenances]
    origin = origin or f"mail {clean(read.message_id, 250)}"
    return tuple(merge(announcements, origin=origin, now=now))


def _announcement(maintenance: _Maintenance) -> Announcement:
    status = bcop.STATUSES.get(maintenance.status)
    if status is None:
        raise NoticeError(f"{maintenance.id}: its status {maintenance.status!r} is not known")
    return Announcement(
        provider=maintenance.provider,
        id=maintenance.id,
        status=status,
        window=window(_time(maintenance.begin), _time(maintenance.end), clean(maintenance.id)),
        circuits=[
            (circuit, bcop.IMPACTS.get(impact, model.WorkImpact.NO_IMPACT))
            for circuit, impact in maintenance.circuits
        ],
        stamp=_time(maintenance.stamp),
        summary=maintenance.summary,
        account=maintenance.account,
    )


def _time(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise NoticeError(f"{seconds} is not a time") from error
