"""Faults in files: each says where, what, what was expected, and the nearest right word.

Law: reading goes on after a fault, so that a person is told all of them at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; line and column count from 1."""

    file: Path
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        """Write it as compilers do, so that editors can jump there."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(slots=True)
class Problems:
    """Everything that is wrong, in the order of files and lines."""

    found: list[tuple[Place, str]] = field(default_factory=list)

    def add(self, place: Place, key: str, what: str) -> None:
        """Write down one fault, on one line."""
        text = " ".join(f"{key}: {what}".split()) if key else what
        if (place, text) not in self.found:
            self.found.append((place, text))

    def lines(self) -> tuple[str, ...]:
        """Write all faults, one line each."""
        ordered = sorted(
            self.found, key=lambda fault: (str(fault[0].file), fault[0].line, fault[0].column)
        )
        return tuple(f"{place}: {text}" for place, text in ordered)


def suggest(word: str, known: Iterable[str]) -> str:
    """Name the nearest known word, or list them when they are few and none is near."""
    words = sorted(set(known))
    near = difflib.get_close_matches(word, words, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; expected one of: {', '.join(words)}" if 0 < len(words) <= 24 else ""
