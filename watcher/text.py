"""Vendors' free text, made fit for people: one line, printable, bounded."""

from __future__ import annotations


def clean(text: str, longest: int = 200) -> str:
    """Put text on one line, drop what cannot be printed, cut it at `longest` characters."""
    text = "".join(c if c.isprintable() else " " for c in text[: longest * 4])
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def written(value: object) -> str:
    """Take a text, or a number that a vendor sent in its place; anything else is empty."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
