"""What a command prints reaches a terminal as text: no control character of anybody else does.

Names and sentences come from vendors, Slack and MQTT. An escape sequence among them could move the
cursor, rewrite what stands above, or set the title of the window.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from watcher import text


class SafeStream:
    """A text stream that writes control characters as a mark; everything else is the stream's."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, written: str) -> int:
        """Write text."""
        return self._stream.write(text.for_terminal(written))

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
