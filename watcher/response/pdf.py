"""Decodes and checks the PDF that Service Diagnostics puts into its reply.

Law: whatever the vendor sends, the outcome is either bytes that begin as a PDF and are no larger
than 10 MB, or a sentence for the thread that says why there is none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from watcher import model

MAX_BYTES = 10_000_000
_PREFIX = re.compile(r"\s*data:[^,]{0,200}?base64\s*,?", re.IGNORECASE)
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


class UnusableError(ValueError):
    """There is no PDF in this text; the message says why, for the people in the thread."""


def decode(text: str) -> bytes:
    """Decode `data:application/pdf;base64,...`. Raises UnusableError.

    The prefix, its comma and the padding may be missing; white space and the URL-safe alphabet
    (RFC 4648 section 5) are accepted.
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
    if not content.startswith(b"%PDF-"):
        raise UnusableError("what the vendor's reply holds as PDF is not one")
    return content


def describe(
    content: bytes, *, run: str, service_id: str, pages: int, preview: bool
) -> model.Report:
    """Name and measure a decoded PDF."""
    return model.Report(
        run=run,
        filename=filename(service_id, run),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        pages=pages,
        preview=preview,
    )


def filename(service_id: str, run: str) -> str:
    """Name the file in characters that are safe in every file system, header and topic."""
    parts = ("diagnostics", _UNSAFE.sub("-", service_id)[:60], _UNSAFE.sub("-", run)[:60])
    return "-".join(part.strip("-") for part in parts if part.strip("-")) + ".pdf"


def _too_large() -> str:
    return f"the PDF in the vendor's reply is larger than {MAX_BYTES // 1_000_000} MB"
