"""What a command prints reaches a terminal as text: no control character of anybody else does.

Names and sentences come from vendors, Slack and MQTT. An escape sequence among them could move the
cursor, rewrite what stands above, or set the title of the window.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from watcher import text

RED, GREEN, YELLOW, GREY = "31", "32", "33", "90"


class SafeStream:
    """A text stream that writes control characters as a mark; everything else is the stream's."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, written: str) -> int:
        """Write text."""
        return self._stream.write(text.for_terminal(written))

    def paint(self, written: str, colour: str) -> None:
        """Write text in a colour, which is the one thing that a terminal obeys here."""
        shown = text.for_terminal(written)
        self._stream.write(f"\x1b[{colour}m{shown}\x1b[0m" if self.has_colours() else shown)

    def rewrite_line(self, written: str) -> None:
        """Write over the line that the cursor is in; nothing unless somebody looks."""
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[K{text.for_terminal(written)}")
            self._stream.flush()

    def has_colours(self) -> bool:
        """Return whether somebody looks who wants colours."""
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return self._stream.isatty() and not plain

    def writelines(self, lines: list[str]) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """Return whatever else the stream has."""
        return getattr(self._stream, name)


@contextmanager
def safe_output() -> Iterator[None]:
    """Within the context stdout and stderr are safe."""
    stdout, stderr = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = SafeStream(stdout), SafeStream(stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = stdout, stderr


def write(*parts: str | tuple[str, str]) -> None:
    """Write one line of parts; a pair is a text and its colour."""
    for part in parts:
        if isinstance(part, str):
            sys.stdout.write(part)
        elif isinstance(sys.stdout, SafeStream):
            sys.stdout.paint(*part)
        else:
            sys.stdout.write(part[0])
    sys.stdout.write("\n")
    sys.stdout.flush()


def progress(written: str) -> None:
    """Show how far something is, in a line that the next one replaces."""
    if isinstance(sys.stderr, SafeStream):
        sys.stderr.rewrite_line(written)


def width() -> int | None:
    """Return how many columns the terminal has; None where nobody looks."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
