"""Problems in files: where each is, what is wrong, what was expected, and the nearest valid word.

Reading goes on after a problem, so that a person sees all of them at once.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, field

from watcher.config_words import suggest

__all__ = ["Place", "Problems", "shown", "suggest"]


def shown(path: Path) -> Path:
    """Return a path as somebody reads it from where they stand; a daemon stands at the root."""
    here = Path.cwd()
    return path.relative_to(here) if here != Path("/") and path.is_relative_to(here) else path


class Place(Struct, frozen=True):
    """A place in a file; line and column count from 1, line 0 is the file as a whole."""

    file: Path
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Return FILE:LINE:COLUMN, as compilers print it, so that editors can jump there."""
        position = f":{self.line}:{self.column}" if self.line else ""
        return f"{shown(self.file)}{position}"


class Problems(Struct):
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
