"""Why the operating system refuses something, in words for people.

The system's own words are plain. What is left out is its number for them, and what asyncio says in
their place: the name of a function and an address as Python writes it.
"""

from __future__ import annotations

import os
import re

_NUMBER = re.compile(r"\[Errno (-?\d+)\] ")


def of_error(error: OSError) -> str:
    """Return the reason."""
    if type(error).__module__ == "ssl":  # which has numbers of its own, and is slow to load
        return _of_tls(error)
    if error.errno and error.errno > 0:  # a name that is not found has a negative one
        return os.strerror(error.errno)
    written = error.strerror or str(error)
    numbers = [int(number) for number in _NUMBER.findall(written)]
    if numbers and min(numbers) > 0:  # of a host with several addresses
        return ", ".join(dict.fromkeys(map(os.strerror, numbers)))
    if written:
        return of_text(written)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    broken = isinstance(error, ConnectionError)
    return "the connection broke off" if broken else "the system gives no reason"


def of_text(text: str) -> str:
    """Return what a library says that keeps only the text of an error."""
    return _NUMBER.sub("", text)


def _of_tls(error: OSError) -> str:
    refused = getattr(error, "verify_message", "")
    reason = getattr(error, "reason", None) or "connection closed"
    return refused or f"no TLS: {reason.replace('_', ' ').lower()}"
