"""Text that is not our own, made safe to show: one line, printable, bounded."""

from __future__ import annotations


def clean(text: str, longest: int = 200) -> str:
    """Return text on one line, without unprintable characters, at most `longest` characters."""
    text = "".join(c if c.isprintable() else " " for c in text[: longest * 4])
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def as_text(value: object) -> str:
    """Return a text, or a number sent in its place, as text; empty for anything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
