"""Ids that people can read out, derived from content, so that a replay repeats them."""

from __future__ import annotations

import hashlib

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: nobody reads l for 1 or o for 0


def short_id(prefix: str, *content: str) -> str:
    """Derive an id of eight letters (40 bits) from content."""
    number = int.from_bytes(hashlib.sha256("\0".join(content).encode()).digest()[:5])
    return f"{prefix}-" + "".join(_ALPHABET[number >> shift & 31] for shift in range(0, 40, 5))
