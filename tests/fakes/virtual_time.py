"""Virtual time: an event loop whose clock jumps to the next timer when nothing else can run."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

Result = TypeVar("Result")
START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


class VirtualClock:
    """A clock that stands still, except while its loop runs: an hour of sleeps takes no time."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def run(self, main: Coroutine[Any, Any, Result]) -> Result:
        with asyncio.Runner(loop_factory=lambda: _Loop(self)) as runner:
            return runner.run(main)


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run in virtual time; `running_clock` is its clock."""
    return VirtualClock().run(main)


def running_clock() -> VirtualClock:
    return asyncio.get_running_loop().clock


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_JumpingSelector(clock))
        self.clock = clock

    def time(self) -> float:
        return self.clock.seconds


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: it moves the clock by what it was asked to wait."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits and no timer will wake it")
        if not ready:
            self._clock.seconds += timeout or 0.0
        return ready
