"""An event loop on virtual time: one thread, no selector, and the same order each time it is run.

Time all but stands still while anything can run, and then jumps to the next timer. Tasks and
futures have a hash that counts: asyncio keeps them in sets, whose order would otherwise be that of
addresses.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

OWNER: ContextVar[object] = ContextVar("OWNER", default=None)  # whose process something belongs to
TURN_SECONDS = 1e-6  # what a turn takes: time that stands still lets a library wait for nothing
_MANY_CANCELLED = 100  # timers that wait in vain; more than this, and most of them: clean up


class NothingLeftError(Exception):
    """Everything waits, and no timer will wake it."""


class _Future(asyncio.Future[Any]):
    number = 0

    def __hash__(self) -> int:
        return self.number


class _Task(asyncio.Task[Any]):
    number = 0

    def __hash__(self) -> int:
        return self.number


class _Listener:
    """A server that nobody can reach."""

    sockets = ()

    def close(self) -> None:
        """Do nothing."""

    async def wait_closed(self) -> None:
        """Do nothing."""


class YearLoop(asyncio.BaseEventLoop):
    """`time` is in seconds since the loop was made."""

    _ready: Any
    _scheduled: list[Any]

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._numbers = itertools.count(1)
        self._cancelled = 0
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        """Return the virtual time."""
        return self._now

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future that sets keep in the order of creation."""
        future = _Future(loop=self)
        future.number = next(self._numbers)
        return future

    def _make_task(self, _: Any, work: Any, **options: Any) -> asyncio.Task[Any]:
        task = _Task.__new__(_Task)
        task.number = next(self._numbers)  # before asyncio puts it into a set
        task.__init__(work, loop=self, **options)  # type: ignore[misc]
        return task

    def run_in_executor(
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run at once: there is no other thread."""
        del executor
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to who waits
            done.set_exception(error)
        return done

    async def create_server(self, *_: Any, **__: Any) -> Any:
        """Listen where nobody asks."""
        return _Listener()

    async def create_unix_server(self, *_: Any, **__: Any) -> Any:
        """Listen where nobody asks."""
        return _Listener()

    def add_signal_handler(self, *_: Any) -> None:
        """Do nothing: signals are for real processes."""

    def remove_signal_handler(self, _: Any) -> bool:
        """Do nothing."""
        return False

    def _write_to_self(self) -> None:
        """Do nothing: nobody sleeps in a selector."""

    def _process_events(self, _: Any) -> None:
        """Do nothing: there are no sockets."""

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        del handle
        self._cancelled += 1

    def _run_once(self) -> None:
        ready = self._ready
        self._now += TURN_SECONDS
        self._drop_cancelled()
        if not ready:
            if not self._scheduled:
                raise NothingLeftError
            self._now = max(self._now, self._scheduled[0].when())
        while self._scheduled and self._scheduled[0].when() <= self._now:
            ready.append(heapq.heappop(self._scheduled))
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _drop_cancelled(self) -> None:
        timers = self._scheduled
        if self._cancelled > _MANY_CANCELLED and self._cancelled * 2 > len(timers):
            timers[:] = [timer for timer in timers if not timer._cancelled]
            heapq.heapify(timers)
            self._cancelled = 0
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)
            self._cancelled -= 1
