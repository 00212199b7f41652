"""Exceptions that nobody expected, in the work of one receiver: logged once, and made its fault.

A fault of Watcher, or of a library, that one receiver's answer brings to light must not end the
daemon: the other receivers would not be notified, and the next start would meet the same answer.
"""

from __future__ import annotations

import traceback

import structlog

from watcher import model

log = structlog.get_logger()

_MOST_PLACES = 100  # of which a traceback has been logged


class UnexpectedErrors:
    """The unexpected exceptions of one part, `name`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._logged: set[str] = set()

    def as_fault(self, error: Exception) -> model.PermanentError:
        """Return what people read; log the traceback when its place is new.

        The sentence has no text of the exception, which may repeat what was received or a secret.
        """
        what = f"{type(error).__name__} at {_place(error)}"
        if what not in self._logged and len(self._logged) < _MOST_PLACES:
            self._logged.add(what)
            log.error("unexpected error", part=self._name, what=what, exc_info=error)
        return model.PermanentError(
            f"{self._name}: internal error ({what}): see the traceback in Watcher's log, and"
            " report it"
        )


def _place(error: BaseException) -> str:
    """Return file and line where it was raised; of a group, where its first exception was."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__, -1)
    if not frames:
        return "an unknown place"
    return "/".join(frames[-1].filename.split("/")[-2:]) + f":{frames[-1].lineno}"
