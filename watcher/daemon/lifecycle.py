"""How the daemon knows that it lives, hears signals, and ends its tasks in order.

Law: the watchdog is fed only while every loop turns; a stale vendor is no reason to starve it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

import aiohttp
import structlog

from watcher import model
from watcher.clock import Clock

log = structlog.get_logger()

STUCK_SECONDS = 30.0  # without a turn of a loop; they turn once a second when idle
PULSE_SECONDS = 5.0  # systemd wants a sign twice in every WatchdogSec


class Turning(Protocol):
    """A loop that says when it last turned, on the monotonic clock."""

    turned_at: float


class Polling(Protocol):
    """A loop that says by when it will have turned, on the monotonic clock."""

    alive_until: float


class Watchdog:
    """Whether progress is real."""

    def __init__(
        self,
        clock: Clock,
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
                    alive(said)
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
        expected, unexpected = failed.split(model.WatcherError)
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


READY_SECONDS = 2.0  # without this message systemd ends the daemon, so it is worth a moment


def ready() -> None:
    """Start-up is over. Raises TimeoutError, too, when systemd takes nothing for 2 s."""
    _send("READY=1", patience=READY_SECONDS)


def stopping() -> None:
    """Shut-down has begun."""
    _send("STOPPING=1")


def alive(status: str) -> None:
    """Real progress was made, due twice in every WatchdogSec; `systemctl status` shows the line."""
    _send("WATCHDOG=1\nSTATUS=" + " ".join(status.split()))


def _send(message: str, *, patience: float = 0.0) -> None:
    """Send a message, waiting `patience` seconds for room; with none a full queue loses it."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        notify.settimeout(patience)
        try:
            notify.sendto(message.encode(), address)
        except BlockingIOError:
            return


EVERY_SECONDS = 60.0
_TIMEOUT = aiohttp.ClientTimeout(total=10)


async def beat(session: aiohttp.ClientSession, url: str, stuck: Callable[[], str]) -> None:
    """Fetch `url` once a minute, for ever, while `stuck` has nothing to say.

    The address is a secret: whoever knows it can silence the alarm, so no log names it.
    """
    failing = False
    while True:
        if not stuck():
            try:
                async with session.get(url, timeout=_TIMEOUT, allow_redirects=False) as response:
                    failed = response.status >= 400
            except (aiohttp.ClientError, TimeoutError):
                failed = True
            if failed and not failing:
                log.warning("the heartbeat's address does not answer; its service will raise alarm")
            failing = failed
        await asyncio.sleep(EVERY_SECONDS)
