"""The syntax of IMAP (RFC 9051, 9): strings and folders as they are sent, answers as they come."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import date

from watcher import model
from watcher.text import clean

Line = list[bytes]  # text and literals in turn: text, literal, text ...

LITERAL = re.compile(rb"~?\{(\d{1,12})\+?\}\Z")
CODE = re.compile(r"\[([A-Z-]+)(?: ([^\]]*))?\]", re.IGNORECASE)
_TOKEN = re.compile(
    rb'\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|((?:[^\s()\[\]"{]|\[[^\]]*\](?:<\d+>)?)+))'
)
_SAFE = re.compile(r"[\x20-\x7e]*\Z")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def encode_date(day: date) -> str:
    """Return a day as a search has it: 1-Feb-2026."""
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"


def encode_mailbox(name: str) -> str:
    """Return a folder's name in the modified UTF-7 of RFC 3501, 5.1.3."""

    def encoded(match: re.Match[str]) -> str:
        if match[0] == "&":
            return "&-"
        coded = base64.b64encode(match[0].encode("utf-16-be")).decode().rstrip("=")
        return f"&{coded.replace('/', ',')}-"

    return re.sub(r"&|[^\x20-\x7e]+", encoded, name)


def encode_string(text: str) -> str | bytes:
    """Return a string as it is sent: quoted, or bytes where it has to be a literal."""
    if _SAFE.match(text):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if "\0" in text:
        raise model.PermanentError("works.imap: a name or password with a NUL cannot be sent")
    return text.encode()


def words(line: Line, longest: int = 300) -> str:
    """Return a line as text, without what cannot be shown."""
    return clean(b" ".join(line).decode("utf-8", "replace"), longest)


def figure(text: str | bytes | None) -> int:
    """Return a number; 0 for what is none."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else 0


def message_id(header: bytes) -> str:
    """Return the id in a header, which may be folded; empty without one."""
    name, _, value = header.decode("utf-8", "replace").partition(":")
    return clean(value, 500) if name.strip().lower() == "message-id" else ""


def fetched(line: Line) -> Mapping[str, bytes] | None:
    """Return what `* 12 FETCH (UID 5 BODY[] ...)` says, by name; None for any other line.

    A value that is a list is left out: nobody asks for one.
    """
    start = re.match(rb"\* \d+ FETCH (?=\()", line[0], re.IGNORECASE)
    if start is None:
        return None
    items: dict[str, bytes] = {}
    name = ""
    for depth, value in _values(line, start.end()):
        if depth > 1:
            name = ""
        elif name:
            items[name], name = value, ""
        else:
            name = value.decode("ascii", "replace").upper()
    return items


def _values(line: Line, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield each string, number and word, with how many parentheses are open around it."""
    depth = 0
    for number, part in enumerate(line):
        if number % 2:
            yield depth, part
            continue
        at = 0 if number else start
        while match := _TOKEN.match(part, at):
            at = match.end()
            opened, closed, quoted, atom = match.groups()
            depth += bool(opened) - bool(closed)
            if quoted is not None:
                yield depth, re.sub(rb"\\(.)", rb"\1", quoted)
            elif opened and depth > 1:
                yield depth, b""  # so that an empty list is seen as well
            elif atom:
                yield depth, b"" if atom.upper() == b"NIL" else atom
