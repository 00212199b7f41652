"""What an RFC 5322 message holds: its readable parts, wherever they are nested.

Law: nothing of a mail is fetched, opened or run. Images, archives and other files are passed over.
"""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.utils import parseaddr, parsedate_to_datetime

from msgspec import Struct

from watcher.text import clean
from watcher.works.entries import NoticeError

MOST_PARTS = 200
_HEADER = re.compile(rb"\A(?:From |[!-9;-~]{1,60}:[ \t])")
_CALENDARS = frozenset({"text/calendar", "application/ics", "text/x-vcalendar"})


class Mail(Struct, frozen=True, kw_only=True):
    """The parts of a mail that may be a notice, and what its headers say."""

    message_id: str
    sender: str  # domain of From
    subject: str
    date: datetime | None
    calendars: tuple[bytes, ...]
    pages: tuple[str, ...]  # HTML
    texts: tuple[str, ...]


def is_mail(content: bytes) -> bool:
    """Return whether content begins as a mail does: with a header."""
    return _HEADER.match(content.lstrip(b"\r\n")) is not None and not content.lstrip().startswith(
        b"BEGIN:"
    )


def parse_mail(content: bytes) -> Mail:
    """Return what a mail holds. A broken mail holds what can be read of it.

    Raises NoticeError where it has more parts than anybody sends.
    """
    message = email.message_from_bytes(content.lstrip(b"\r\n"), policy=email.policy.compat32)
    calendars: list[bytes] = []
    pages: list[str] = []
    texts: list[str] = []
    for number, part in enumerate(message.walk()):
        if number >= MOST_PARTS:
            raise NoticeError(f"the mail has more than {MOST_PARTS} parts")
        if part.is_multipart():
            continue
        kind, name = part.get_content_type(), str(part.get_filename() or "").lower()
        if kind in _CALENDARS or name.endswith((".ics", ".ical")):
            calendars.append(_payload(part))
        elif kind == "text/html" or name.endswith((".html", ".htm")):
            pages.append(_decoded(part))
        elif kind == "text/plain" and not name:
            texts.append(_decoded(part))
    return Mail(
        message_id=clean(_header(message, "Message-ID"), 250),
        sender=parseaddr(_header(message, "From"))[1].rpartition("@")[2].casefold(),
        subject=clean(_header(message, "Subject"), 250),
        date=_date(message),
        calendars=tuple(calendars),
        pages=tuple(pages),
        texts=tuple(texts),
    )


def _payload(part: Message | EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _decoded(part: Message | EmailMessage) -> str:
    return decode(_payload(part), str(part.get_content_charset() or ""))


def decode(body: bytes, charset: str = "") -> str:
    """Return bytes as text; in a charset that nobody knows, as UTF-8 or else as Latin-1."""
    for wanted in (charset, "utf-8"):
        try:
            return body.decode(wanted)
        except (LookupError, ValueError):  # UnicodeDecodeError is a ValueError
            continue
    return body.decode("latin-1")


def _header(message: Message, name: str) -> str:
    try:
        encoded = email.header.decode_header(str(message.get(name) or ""))
        return str(email.header.make_header(encoded))
    except (LookupError, ValueError):  # a charset that nobody knows, or broken base64
        return str(message.get(name) or "")


def _date(message: Message) -> datetime | None:
    try:
        written = parsedate_to_datetime(str(message.get("Date") or ""))
        return (written if written.tzinfo else written.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
