"""An event loop whose time jumps to the next deadline when nothing is left to do."""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

Result = TypeVar("Result")
START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


class _Jumping(selectors.DefaultSelector):
    ahead = 0.0

    def select(self, timeout=None):
        if timeout:
            self.ahead += timeout
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.ahead


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run without waiting: an hour of sleeps takes no time."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)


class VirtualClock:
    """The time of the running virtual loop."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()
