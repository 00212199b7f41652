"""Times as vendors write them in their documents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from watcher.http.exchange import Reply
from watcher.http.headers import parse_http_date


def parse_time(*candidates: object) -> datetime | None:
    """Parse the first candidate that is an ISO 8601 time; None when no candidate is.

    A time without an offset is taken to be UTC. Digits alone are not a time, though some of them
    can be read as one: 1712011200000 is April 2024 in milliseconds, and not a day in 1712.
    """
    for candidate in candidates:
        if not isinstance(candidate, str) or candidate.strip().isdigit():
            continue
        try:
            moment = datetime.fromisoformat(candidate.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def parse_vendor_time(root: dict[str, Any], reply: Reply) -> datetime | None:
    """Return when the vendor made this reply; its field may be in one of four places."""
    data = root.get("data")
    inner = data if isinstance(data, dict) else {}
    return parse_time(
        inner.get("time"), inner.get("timestamp"), root.get("time"), root.get("timestamp")
    ) or parse_http_date(reply.headers.get("Date", ""))
