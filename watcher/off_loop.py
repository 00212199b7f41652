"""Runs what takes long beside the event loop.

A thread takes its turns with the loop every few milliseconds as long as it runs Python; one call
into C keeps Python's lock until it returns, so what takes long is cut into pieces there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def run(work: Callable[[], Result]) -> Result:
    """Return what `work` returns, from a thread, in which nobody else may use what it uses.

    It runs to its end even where the caller is cancelled: a thread cannot be stopped.
    """
    running = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # of no use to a caller that has gone
        raise
