"""Parses what Service Diagnostics found out of a reply whose field names nobody has published.

Law: hostile or strange text costs a bounded number of short, printable lines and never an error.
The API's page names "dispositions" and "next suggested actions" without their fields, so strings
are taken from under keys that sound like them. Source: Lumen Service Diagnostics (v2).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from itertools import chain, islice

from msgspec import Struct

from watcher import model, text
from watcher.model.diagnoses import Outcome, outcome

MAX_LINES = 20  # of findings, and again of actions
MAX_LENGTH = 300  # characters of one line
_MAX_DEPTH = 20
_MAX_ENTRIES = 2_000  # objects and lists looked at in one reply
_MAX_FIELDS = 200  # values looked at in one of them

_DISPOSITION = re.compile("disposition", re.IGNORECASE)
_ACTION = re.compile("action|recommend", re.IGNORECASE)
_FINDING = re.compile("status|result|summary", re.IGNORECASE)
_PDF = re.compile("pdf", re.IGNORECASE)
_NAME = re.compile(r"((test|check)_?)?(name|title)|test|check", re.IGNORECASE)


class Findings(Struct, frozen=True, kw_only=True):
    """The vendor's verdict, what supports it, and what it suggests to do."""

    disposition: str = ""
    findings: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


class _Entry(Struct, frozen=True):
    """One object or list of the reply; `kind` and `name` are those of what it lies under."""

    value: dict[object, object] | list[object]
    key: str = ""
    kind: re.Pattern[str] | None = None
    name: str = ""
    depth: int = 0

    def fields(self) -> Iterator[tuple[str, object]]:
        """Yield the values with their names; those of a list are named as the list is."""
        if isinstance(self.value, dict):
            named = ((str(key), value) for key, value in self.value.items())
        else:
            named = ((self.key, value) for value in self.value)
        return islice(named, _MAX_FIELDS)


def parse_findings(reply: object) -> Findings:
    """Collect the lines of a decoded reply, each once: failed checks first, else in its order.

    The first disposition is the verdict; further ones are findings. Results beside the name of
    their test are given with it: `Power at site: Failed, no AC input`.
    """
    disposition = ""
    findings: dict[Outcome, dict[str, None]] = {kind: {} for kind in Outcome}
    actions: dict[str, None] = {}
    for entry in _entries(reply):
        for kind, line in _lines(entry):
            if kind is _DISPOSITION and not disposition:
                disposition = line
            elif line and line != disposition:
                lines = actions if kind is _ACTION else findings[outcome(line)]
                if len(lines) < MAX_LINES:
                    lines[line] = None
    ordered = islice(chain.from_iterable(findings.values()), MAX_LINES)
    return Findings(disposition=disposition, findings=tuple(ordered), actions=tuple(actions))


def find_pdf(reply: object) -> str | None:
    """Return the text of the encoded PDF: the first string under a key that says pdf."""
    for entry in _entries(reply):
        for key, value in entry.fields():
            if _PDF.search(key) and isinstance(value, str) and value.strip():
                return value
    return None


def _entries(reply: object) -> Iterator[_Entry]:
    """Yield objects and lists, each before what it holds, as many and as deep as the bounds allow.

    `data` is documented as a list and may be an object. The stack is ours, so that no reply
    exhausts Python's.
    """
    data = reply.get("data", reply) if isinstance(reply, dict) else reply
    stack = [_Entry(data)] if isinstance(data, dict | list) else []
    for _ in range(_MAX_ENTRIES):
        if not stack:
            return
        entry = stack.pop()
        yield entry
        if entry.depth < _MAX_DEPTH:
            stack.extend(reversed(list(_inside(entry))))


def _inside(entry: _Entry) -> Iterator[_Entry]:
    name = _name(entry)
    for key, value in entry.fields():
        if isinstance(value, dict | list):
            kind = _kind(key) or entry.kind
            yield _Entry(value, key, kind, name if kind else "", entry.depth + 1)


def _lines(entry: _Entry) -> Iterator[tuple[re.Pattern[str], str]]:
    name = _name(entry)
    by_kind: dict[re.Pattern[str], list[str]] = {}
    for key, value in entry.fields():
        kind = _kind(key) or entry.kind
        if kind and isinstance(value, str) and value != name and not _is_pdf(key, value):
            line = text.clean(value, MAX_LENGTH)
            if line:
                by_kind.setdefault(kind, []).append(line)
    if not by_kind and entry.kind and name != entry.name:
        yield entry.kind, text.clean(name, MAX_LENGTH)
    for kind, lines in by_kind.items():
        if name and kind is not _DISPOSITION:
            yield kind, text.clean(f"{name}: {', '.join(lines)}", MAX_LENGTH)
        else:
            yield from ((kind, line) for line in lines)


def _name(entry: _Entry) -> str:
    """Return what an entry calls itself, or else what it lies under."""
    names = (v for k, v in entry.fields() if isinstance(v, str) and _NAME.fullmatch(k))
    return next(names, "") or entry.name


def _kind(key: str) -> re.Pattern[str] | None:
    return next((kind for kind in (_DISPOSITION, _ACTION, _FINDING) if kind.search(key)), None)


def _is_pdf(key: str, value: str) -> bool:
    return bool(_PDF.search(key)) or value.startswith("data:")


MAX_BYTES = 10_000_000
LATEST_START = 1024  # bytes that may precede a PDF, as viewers open it all the same
_SIGNATURE = b"%PDF-"
_PREFIX = re.compile(r"\s*data:[^,]{0,200}?base64\s*,?", re.IGNORECASE)
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


class UnusableError(ValueError):
    """There is no PDF in this text; the message says why, for the people in the thread."""


def decode_pdf(text: str) -> bytes:
    """Decode `data:application/pdf;base64,...`. Raises UnusableError.

    The prefix, its comma and the padding may be missing; white space and the URL-safe alphabet
    (RFC 4648 section 5) are accepted. So is something short before the PDF, such as a line feed or
    a byte order mark: Adobe's and every other viewer looks for its start in the first 1,024 bytes.
    """
    if len(text) > MAX_BYTES * 2:  # before anything is copied
        raise UnusableError(_too_large())
    prefix = _PREFIX.match(text)
    try:
        encoded = text[prefix.end() if prefix else 0 :].encode("ascii")
        encoded = encoded.translate(_URL_SAFE, delete=b" \t\r\n\v\f").rstrip(b"=")
        if len(encoded) * 3 // 4 > MAX_BYTES:
            raise UnusableError(_too_large())
        content = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise UnusableError("the PDF in the vendor's reply is not valid base64") from error
    if _SIGNATURE not in content[: LATEST_START + len(_SIGNATURE)]:
        raise UnusableError("what the vendor's reply has as its PDF is not a PDF")
    return content


def describe_pdf(
    content: bytes, *, run: str, service_id: str, pages: int, preview: bool
) -> model.Report:
    """Return the name and size of a decoded PDF."""
    return model.Report(
        run=run,
        filename=pdf_filename(service_id, run),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        pages=pages,
        preview=preview,
    )


def pdf_filename(service_id: str, run: str) -> str:
    """Return a file name that is safe in every file system, header and topic."""
    parts = ("diagnostics", _UNSAFE.sub("-", service_id)[:60], _UNSAFE.sub("-", run)[:60])
    return "-".join(part.strip("-") for part in parts if part.strip("-")) + ".pdf"


def _too_large() -> str:
    return f"the PDF in the vendor's reply is larger than {MAX_BYTES // 1_000_000} MB"
