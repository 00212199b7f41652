"""Problems in files: where each is, what is wrong, what was expected, and the nearest valid word.

Reading goes on after a problem, so that a person sees all of them at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file; line and column count from 1."""

    file: Path
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        """Return FILE:LINE:COLUMN, as compilers print it, so that editors can jump there."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(slots=True)
class Problems:
    """Everything that is wrong with some files; false while nothing is."""

    entries: list[tuple[Place, str]] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many problems there are."""
        return len(self.entries)

    def add(self, place: Place, key: str, what: str) -> None:
        """Add one problem, on one line; a repeated one counts once."""
        text = " ".join(f"{key}: {what}".split()) if key else what
        if (place, text) not in self.entries:
            self.entries.append((place, text))

    def lines(self) -> tuple[str, ...]:
        """Return one line for each problem, in the order of files, lines and columns."""
        ordered = sorted(
            self.entries, key=lambda entry: (str(entry[0].file), entry[0].line, entry[0].column)
        )
        return tuple(f"{place}: {text}" for place, text in ordered)


def suggest(word: str, valid: Iterable[str]) -> str:
    """Return a hint with the nearest valid word, or a list of them when none is near."""
    words = sorted(set(valid))
    near = difflib.get_close_matches(word, words, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; expected one of: {', '.join(words)}" if 0 < len(words) <= 24 else ""
