"""Runs what takes long beside the event loop.

A thread takes its turns with the loop every few milliseconds as long as it runs Python; one call
into C keeps Python's lock until it returns, so what takes long is cut into pieces there.

Law: what a thread uses, nobody else uses meanwhile. The engine's state has Turns for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import TypeVar

Result = TypeVar("Result")


async def run(work: Callable[[], Result], threads: Executor | None = None) -> Result:
    """Return what `work` returns, from a thread, in which nobody else may use what it uses.

    It runs to its end even where the caller is cancelled: a thread cannot be stopped. None: one of
    the loop's threads.
    """
    running = asyncio.get_running_loop().run_in_executor(threads, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # of no use to a caller that has gone
        raise


async def run_long(work: Callable[[], Result], *, is_long: bool) -> Result:
    """Return what `work` returns: from a thread where it takes long, else from here."""
    return await run(work) if is_long else work()


def free(objects: list[Result]) -> None:
    """Free many objects that nobody else has, one at a time: all at once is one call into C."""
    while objects:
        objects.pop()


class _Uncollected:
    """Counts who makes millions of objects now, all of which are needed until they are done."""

    def __init__(self) -> None:
        self._users = 0

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Look for no garbage meanwhile: among so many objects, each look takes up to a second."""
        self._users += 1
        gc.disable()
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                gc.enable()


uncollected = _Uncollected()


class Turns:
    """Lets one user at a time have something, on the loop or in a thread beside it."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @property
    def in_use(self) -> bool:
        """Whether a thread may be using it now."""
        return self._lock.locked()

    async def use(self, work: Callable[[], Result], *, is_long: Callable[[], bool]) -> Result:
        """Return what `work` returns, from a thread where it takes long; wait for one's turn."""
        async with self._lock:
            return await run_long(work, is_long=is_long())
