"""Exceptions that nobody expected, in the work of one receiver: logged once, and made its fault.

A fault of Watcher, or of a library, that one receiver's answer brings to light must not end the
daemon: the other receivers would not be notified, and the next start would meet the same answer.
"""

from __future__ import annotations

from watcher import model
from watcher.logs import TracebackOnce


class UnexpectedErrors:
    """The unexpected exceptions of one part, `name`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tracebacks = TracebackOnce()

    def as_fault(self, error: Exception) -> model.PermanentError:
        """Return what people read; log the traceback when its place is new."""
        what = self._tracebacks.log(error, part=self._name)
        return model.PermanentError(
            f"{self._name}: internal error ({what}): see the traceback in Watcher's log, and"
            " report it"
        )
