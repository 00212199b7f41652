"""How a test waits for what announces itself to nobody: it looks again until it is there."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")


async def eventually(
    check: Callable[[], Awaitable[Result] | Result], *, within: float = 45, every: float = 0.05
) -> Result:
    """Return what `check` gives once that is true; the last look's failure is the test's.

    For other processes, rows and sockets. What can be awaited is awaited.
    """
    async with asyncio.timeout(within + 1):
        deadline = asyncio.get_running_loop().time() + within
        while True:
            try:
                result = check()
                if inspect.isawaitable(result):
                    result = await result
                assert result
            except (AssertionError, LookupError, ValueError):
                if asyncio.get_running_loop().time() > deadline:
                    raise
            else:
                return result
            await asyncio.sleep(every)  # nobody says when it is there
