"""An event loop on virtual time: one thread, no selector, and the same order each time it is run.

Time all but stands still while anything can run, and then jumps to the next timer. Tasks and
futures have a hash that counts: asyncio keeps them in sets, whose order would otherwise be that of
addresses.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import weakref
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar
from unittest import mock

OWNER: ContextVar[object] = ContextVar("OWNER", default=None)  # whose process something belongs to
TURN_SECONDS = 1e-6  # what a turn takes: time that stands still lets a library wait for nothing
_MOST_CLOSES = 100  # of what goes on waiting while it is closed
Result = TypeVar("Result")
_MANY_CANCELLED = 100  # timers that wait in vain; more than this, and most of them: clean up


class NothingLeftError(Exception):
    """Everything waits, and no timer will wake it."""


class _Future(asyncio.Future[Any]):
    number = 0
    owner: object = None  # of what a thread of its would have done

    def __hash__(self) -> int:
        return self.number


class _Task(asyncio.Task[Any]):
    number = 0
    owner: object = None

    def __hash__(self) -> int:
        return self.number


class _Listener:
    """A server that nobody can reach."""

    sockets = ()

    def close(self) -> None:
        """Do nothing."""

    async def wait_closed(self) -> None:
        """Do nothing."""


def _dispose(task: asyncio.Task[Any]) -> None:
    """Close what a task runs, now: the garbage collector would do it at some other time.

    What it does on its way out comes to nothing: everything that others see waits a turn first.
    """
    task._log_destroy_pending = False
    work: Any = task.get_coro()
    for _ in range(_MOST_CLOSES):
        try:
            work.close()
        except BaseException:  # noqa: BLE001, S112  # it waits for something; or nobody hears it
            continue
        return


def run_to_end(main: Coroutine[Any, Any, Result]) -> Result:
    """Run on a new loop. asyncio's own runner would wait for what has been killed."""
    loop = YearLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


class YearLoop(asyncio.BaseEventLoop):
    """`time` is in seconds since the loop was made."""

    _ready: Any
    _scheduled: list[Any]

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._numbers = itertools.count(1)
        self._cancelled = 0
        self._tasks: weakref.WeakValueDictionary[int, _Task] = weakref.WeakValueDictionary()
        self.dead: set[object] = set()  # owners that were killed
        self._doomed: dict[object, tuple[int, Callable[[], None]]] = {}
        self._frozen: dict[object, list[Any]] = {}
        self._handlers: dict[tuple[object, int], tuple[Any, Any, Any]] = {}
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
        context = options.get("context")
        task.owner = context.get(OWNER) if context is not None else OWNER.get()
        task.__init__(work, loop=self, **options)
        self._tasks[task.number] = task
        return task

    def kill_after(self, owner: object, steps: int, killed: Callable[[], None]) -> None:
        """End everything of an owner, as SIGKILL does, after so many of its steps."""
        self._doomed[owner] = (steps, killed)

    def kill_now(self, owner: object) -> None:
        """End everything of a doomed owner with the step that is running."""
        _, killed = self._doomed[owner]
        self._doomed[owner] = (0, killed)

    def freeze(self, owner: object) -> None:
        """Let nothing of an owner run, as SIGSTOP does."""
        self._frozen.setdefault(owner, [])

    def thaw(self, owner: object) -> None:
        """Let it go on with all that has come meanwhile."""
        self._ready.extend(self._frozen.pop(owner, []))

    def is_ending(self, owner: object = None) -> bool:
        """Return whether an owner, or that of what runs, was killed or ends with this step."""
        owner = owner or OWNER.get()
        return owner in self.dead or self._doomed.get(owner, (1,))[0] <= 0

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Say what nothing awaited, unless that was thrown away with its process."""
        left = context.get("task") or context.get("future")
        if not self.is_ending(getattr(left, "owner", None)):
            super().call_exception_handler(context)

    def _count_step(self, owner: object) -> None:
        steps, killed = self._doomed[owner]
        self._doomed[owner] = (steps - 1, killed)
        if steps > 0:
            return
        del self._doomed[owner]
        self.dead.add(owner)
        killed()
        context = copy_context()
        context.run(OWNER.set, owner)  # whatever it still starts is dead as well
        with mock.patch("sys.unraisablehook"):  # what waits on its way out is told so
            for _, task in sorted(self._tasks.items()):
                if task.owner is owner and not task.done():
                    context.run(_dispose, task)

    def run_in_executor(
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run at once: there is no other thread."""
        del executor
        done: Any = self.create_future()
        done.owner = OWNER.get()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # it belongs to who waits
            done.set_exception(error)
        return done

    async def create_server(self, *_: Any, **__: Any) -> Any:
        """Listen where nobody asks."""
        return _Listener()

    async def create_unix_server(self, *_: Any, **__: Any) -> Any:
        """Listen where nobody asks."""
        return _Listener()

    def add_signal_handler(self, number: int, callback: Any, *arguments: Any) -> None:
        """Keep what the process that is running does with a signal."""
        context = copy_context()
        self._handlers[OWNER.get(), number] = (callback, arguments, context)

    def remove_signal_handler(self, number: int) -> bool:
        """Forget it."""
        return self._handlers.pop((OWNER.get(), number), None) is not None

    def signal(self, owner: object, number: int) -> None:
        """Send a signal to a process; one that does not handle it does not notice."""
        if handler := self._handlers.get((owner, number)):
            callback, arguments, context = handler
            self.call_soon(callback, *arguments, context=context)

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
            if handle._cancelled:
                continue
            if not self._doomed and not self.dead and not self._frozen:
                handle._run()
                continue
            owner = handle._context.get(OWNER)
            if owner in self.dead:
                continue
            if owner in self._frozen:
                self._frozen[owner].append(handle)
                continue
            handle._run()
            if owner in self._doomed:
                self._count_step(owner)

    def _drop_cancelled(self) -> None:
        timers = self._scheduled
        if self._cancelled > _MANY_CANCELLED and self._cancelled * 2 > len(timers):
            timers[:] = [timer for timer in timers if not timer._cancelled]
            heapq.heapify(timers)
            self._cancelled = 0
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)
            self._cancelled -= 1
