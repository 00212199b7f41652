"""Text that is not our own, made safe to show: one line, printable, bounded."""

from __future__ import annotations

from collections.abc import Mapping


def clean(text: str, longest: int = 200) -> str:
    """Return text on one line, without unprintable characters, at most `longest` characters."""
    text = "".join(c if c.isprintable() else " " for c in text[: longest * 4])
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def for_terminal(text: str) -> str:
    """Return text of several lines without what a terminal would obey, or show in another order."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _mark(c) for c in text)


def escaped_json(document: str) -> str:
    """Return a JSON document with what a terminal would obey in JSON's own escapes."""
    if document.replace("\n", "").isprintable():
        return document
    return "".join(c if c.isprintable() or c == "\n" else _escape(c) for c in document)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _mark(character: str) -> str:
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def as_text(value: object) -> str:
    """Return a text, or a number sent in its place, as text; empty for anything else."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


class TemplateLabels:
    """Labels in a template: a missing one reads ""; no method hides a label of the same name."""

    __slots__ = ("_labels",)

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels

    def __getitem__(self, name: str) -> str:
        """Return a label; empty where there is none."""
        return self._labels.get(name, "")
