"""Vendors' timestamps: read as aware UTC whatever their offset, written as they ask for them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from watcher.vendors import wire


def read(*candidates: object) -> datetime | None:
    """Read the first ISO 8601 text that is one; empty, open or unreadable ones give None.

    A time without an offset is taken for UTC.
    """
    for candidate in candidates:
        if not isinstance(candidate, str) or not candidate:
            continue
        try:
            moment = datetime.fromisoformat(candidate.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def read_http(text: str) -> datetime | None:
    """Read an HTTP date (RFC 9110, 5.6.7); None when it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_vendor_time(root: dict[str, Any], reply: wire.Reply) -> datetime | None:
    """Find when the vendor made this answer; its own field may stand in one of four places."""
    data = root.get("data")
    inner = data if isinstance(data, dict) else {}
    return read(
        inner.get("time"), inner.get("timestamp"), root.get("time"), root.get("timestamp")
    ) or read_http(reply.headers.get("Date", ""))


def write(moment: datetime) -> str:
    """Write `2023-08-28T14:40:38.041Z`, the form that Lumen and Orange both take."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
