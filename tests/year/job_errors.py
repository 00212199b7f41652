"""What the scheduler says of jobs: that one has failed is for the trace, unless it was killed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from tests.year.loop import YearLoop
from tests.year.world import World

_LOGGER = logging.getLogger("apscheduler")


class _JobErrors(logging.Handler):
    """Records errors; warnings go where they go without it."""

    def __init__(self, world: World, loop: YearLoop) -> None:
        super().__init__(logging.WARNING)
        self._world = world
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        """Take in a line; a coroutine that is thrown away with its process says nothing."""
        if self._loop.is_ending():
            return
        if record.levelno < logging.ERROR:
            logging.getLogger().handle(record)
            return
        error = record.exc_info[1] if record.exc_info else None
        text = f"{record.getMessage()}: {type(error).__name__}: {error}"
        self._world.record("job failed", text=text)


@contextmanager
def recorded(world: World, loop: YearLoop) -> Iterator[None]:
    """Record the jobs that fail."""
    handler, propagated = _JobErrors(world, loop), _LOGGER.propagate
    _LOGGER.addHandler(handler)
    _LOGGER.propagate = False
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.propagate = propagated
