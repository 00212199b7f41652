"""Virtual time: an event loop whose clock jumps to the next timer when nothing else can run."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class JumpingSelector(selectors.SelectSelector):
    """Never waits: it moves the clock by what it was asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits and no timer will wake it")
        if not ready:
            self.seconds += timeout or 0.0
        return ready


class VirtualClock:
    """Tells the virtual loop's time."""

    def __init__(self) -> None:
        self.selector = JumpingSelector()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.selector.seconds)

    def monotonic(self) -> float:
        return self.selector.seconds


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def virtually(clock):
    """Run a coroutine in the clock's virtual time and give its result."""

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        loop = asyncio.SelectorEventLoop(clock.selector)
        loop.time = clock.monotonic  # type: ignore[method-assign] # this makes time jump
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(main)

    return run
