"""How the daemon knows that it lives, hears signals, and ends its tasks in order.

Law: the watchdog is fed only while every loop turns; a stale vendor is no reason to starve it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

import structlog

from watcher import clock as time
from watcher import model, systemd

log = structlog.get_logger()

STUCK_SECONDS = 30.0  # without a turn of a loop; they turn once a second when idle
PULSE_SECONDS = 5.0  # systemd wants a sign twice in every WatchdogSec


class Turning(Protocol):
    """A loop that says when it last turned, on the monotonic clock."""

    turned_at: float


class Polling(Protocol):
    """A loop that says by when it will have turned, on the monotonic clock."""

    alive_until: float


class Pulse:
    """Whether progress is real."""

    def __init__(
        self,
        clock: time.Clock,
        *,
        loops: Mapping[str, Turning],
        pollers: Mapping[str, Polling],
    ) -> None:
        self._clock = clock
        self._loops = loops
        self._pollers = pollers

    def stuck(self) -> str:
        """Say what stands still, or nothing."""
        now = self._clock.monotonic()
        for name, loop in self._loops.items():
            if now - loop.turned_at > STUCK_SECONDS:
                return f"{name} has stood still for {now - loop.turned_at:.0f} s"
        for name, poller in self._pollers.items():
            if now > poller.alive_until:
                return f"the poller of {name} has stood still for too long"
        return ""

    async def feed(self, status: Callable[[], str]) -> None:
        """Feed systemd's watchdog and its status line, for ever, while nothing is stuck.

        A systemd that listens no more is no reason to stop watching.
        """
        complaint, deaf = "", False
        while True:
            stuck = self.stuck()
            if stuck and stuck != complaint:
                log.error("no progress", reason=stuck)
            complaint = stuck
            if not stuck:
                said = status()
                try:
                    systemd.alive(said)
                except OSError as error:
                    if not deaf:
                        log.warning("systemd does not listen", error=str(error))
                    deaf = True
                else:
                    deaf = False
            await asyncio.sleep(PULSE_SECONDS)


@contextmanager
def signals(stop: asyncio.Event, hangup: Callable[[], object]) -> Iterator[None]:
    """While the context lasts SIGTERM and SIGINT stop the daemon, and SIGHUP reads rules again."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGHUP, hangup)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


@asynccontextmanager
async def tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """Give a TaskGroup; what a person must see leaves it as itself, and not inside a group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failed:
        expected, unexpected = failed.split((model.TemporaryError, model.PermanentError))
        if expected is None or unexpected is not None:
            raise
        raise _first(expected) from failed


async def end(*running: asyncio.Task[None]) -> None:
    """Cancel tasks and wait until they have put their things away."""
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)


def _first(failed: BaseExceptionGroup) -> BaseException:
    error: BaseException = failed
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
