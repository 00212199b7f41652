"""Times in HTTP headers: dates, and how long to wait."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_DELAY = 3_600.0  # seconds; a Retry-After beyond an hour is taken for a mistake
_SECONDS = re.compile(r"\s*(\d+)(\.\d+)?\s*", re.ASCII)
_MOST_DIGITS = 9


def parse_http_date(text: str) -> datetime | None:
    """Parse an HTTP date (RFC 9110, 5.6.7); None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def parse_retry_after(text: str, now: datetime) -> float | None:
    """Parse Retry-After in either form (RFC 9110, 10.2.3), in seconds, at most LONGEST_DELAY.

    None when it is neither. What asks for longer is tried again after LONGEST_DELAY: a mistake of
    the other side must not keep us quiet for days.
    """
    if seconds := _SECONDS.fullmatch(text):
        whole = seconds[1].lstrip("0") or "0"
        if len(whole) > _MOST_DIGITS:
            return LONGEST_DELAY
        return min(float(whole + (seconds[2] or "")), LONGEST_DELAY)
    moment = parse_http_date(text)
    if moment is None:
        return None
    return min(max(0.0, (moment - now).total_seconds()), LONGEST_DELAY)
