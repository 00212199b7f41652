"""`python -I -m watcher.works.notice_worker ORIGIN NOW ZONE`: a message on stdin becomes notices.

A process of its own, confined, because what a stranger sends may be slow, huge or worse. The answer
is JSON; what is not a notice ends it with exit code 3 and a sentence on stderr.
"""

from __future__ import annotations

import html
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from watcher import model, text
from watcher.sandbox.confine import confine
from watcher.works.entries import (
    NO_NOTICE,
    UNKNOWN_MAIL,
    Announcement,
    NoticeError,
    UnknownMailError,
    merge,
)
from watcher.works.forms import bcop, lumen, mail

_ARCHIVES = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\xfd7zXZ": "an xz archive",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "a file of Outlook or Office (.msg)",
}


def parse(content: bytes, *, origin: str, now: datetime, zone: ZoneInfo) -> list[model.Notice]:
    """Return the notices of a mail, a calendar or a page. Raises NoticeError."""
    if not content.strip():
        raise NoticeError("it is empty")
    for magic, name in _ARCHIVES.items():
        if content.startswith(magic):
            raise NoticeError(f"it is {name}, not a mail, a calendar or an HTML page")
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:6].upper() == b"BEGIN:":
        entries = bcop.parse_calendar(content.lstrip(b"\xef\xbb\xbf \t\r\n"), zone=zone)
        if not entries:
            raise NoticeError(_PLAIN_CALENDAR)
        return merge(entries, origin=origin, now=now)
    if mail.is_mail(content):
        return _of_mail(mail.parse_mail(content), origin, now, zone)
    entries = lumen.parse_page(mail.decode(content))
    if not entries:
        raise NoticeError(
            "it is neither a mail, nor an iCalendar file with X-MAINTNOTE properties,"
            " nor a page of a form that is known"
        )
    return merge(entries, origin=origin, now=now)


_PLAIN_CALENDAR = "its calendar has no event with X-MAINTNOTE properties"


def _of_mail(message: mail.Mail, origin: str, now: datetime, zone: ZoneInfo) -> list[model.Notice]:
    """Return the notices of a mail: of its calendars, or else of its pages."""
    if message.message_id and not origin:
        origin = f"mail {message.message_id}"
    entries: list[Announcement] = []
    for calendar in message.calendars:
        entries += bcop.parse_calendar(calendar, zone=zone, sender=message.sender)
    if not entries:
        pages = _latest(message.pages) or _latest(map(_as_page, message.texts))
        entries = [replace(entry, stamp=entry.stamp or message.date) for entry in pages]
    if not entries:
        subject = f" ({message.subject!r})" if message.subject else ""
        plain = f": {_PLAIN_CALENDAR}" if message.calendars else ""
        raise UnknownMailError(f"the mail{subject} is not a notice of planned works{plain}")
    return merge(entries, origin=origin, now=now)


def _latest(pages: Iterable[str]) -> list[Announcement]:
    """Return what pages say; of a maintenance that several speak of, what was written last.

    A mail may have several notices attached, or quote the one before.
    """
    entries = [entry for page in pages for entry in lumen.parse_page(page)]
    written = {entry.id: _OLDEST for entry in entries}
    for entry in entries:
        written[entry.id] = max(written[entry.id], entry.stamp or _OLDEST)
    return [entry for entry in entries if (entry.stamp or _OLDEST) == written[entry.id]]


def _as_page(plain: str) -> str:
    """Return a text with its lines kept apart, or as it is where it is HTML."""
    return plain if "<table" in plain.casefold() else html.escape(plain).replace("\n", "<br>\n")


_OLDEST = datetime.min.replace(tzinfo=UTC)


def main() -> None:
    """Answer what is asked, once."""
    origin, now, zone_name = sys.argv[1:]
    zone = ZoneInfo(zone_name)
    content = sys.stdin.buffer.read()
    confine(reads=True)  # zones and character sets are loaded as a message names them
    try:
        notices = parse(content, origin=origin, now=datetime.fromisoformat(now), zone=zone)
    except NoticeError as error:
        sys.stderr.write(text.clean(str(error), 300))
        sys.exit(UNKNOWN_MAIL if isinstance(error, UnknownMailError) else NO_NOTICE)
    except RecursionError:
        sys.stderr.write("it is nested too deeply")
        sys.exit(NO_NOTICE)
    except Exception as error:  # noqa: BLE001  # whatever a message brings about is its own end alone
        sys.stderr.write(f"it cannot be read: {type(error).__name__}")
        sys.exit(NO_NOTICE)
    sys.stdout.buffer.write(msgspec.json.encode(notices))


if __name__ == "__main__":
    main()
