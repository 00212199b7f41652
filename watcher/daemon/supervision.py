"""Keeps a task of one receiver running when something nobody expected ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from watcher import model
from watcher.backoff import Backoff
from watcher.delivery import UnexpectedErrors

log = structlog.get_logger()

BACKOFF = Backoff(first=1.0, longest=60.0)  # seconds between two runs of what failed


def _ignore(_: model.PermanentError | None) -> None:
    """Nobody has to know beside the log."""


async def supervise(
    name: str,
    run: Callable[[], Coroutine[Any, Any, None]],
    *,
    report: Callable[[model.PermanentError | None], None] = _ignore,
    backoff: Backoff = BACKOFF,
) -> None:
    """Run until cancelled, and again after a pause when an unexpected exception has ended it.

    An error of the model's goes through, as `run` raises it on purpose. `report` is given what
    people should know of a failure, and None when the next run starts.
    """
    unexpected, failures = UnexpectedErrors(name), 0
    while True:
        try:
            # Each run is a task of its own: in CPython 3.11.2 (Debian 12) a task group that failed
            # leaves its task half cancelled, and the next timeout in it ends the task.
            return await asyncio.create_task(run(), name=name)
        except model.WatcherError:
            raise
        except Exception as error:  # noqa: BLE001  # the guard: logged, and reported
            failures += 1
            pause = backoff.delay(failures)
            report(unexpected.as_fault(error))
            log.error("restarting after an unexpected error", part=name, seconds=pause)
        await asyncio.sleep(pause)
        report(None)
