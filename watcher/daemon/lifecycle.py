"""The daemon's lifecycle: watchdog, signals, tasks, systemd's notifications and the heartbeat.

Law: the watchdog is fed only while every loop makes progress; a vendor that does not answer is not
a reason to starve it. An error that nothing awaited is one line of the log, never asyncio's report.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol

import aiohttp
import structlog
from yarl import URL

from watcher import model, system_words
from watcher.clock import Clock
from watcher.http import exchange

log = structlog.get_logger()

STUCK_SECONDS = 30.0  # without a pass of a loop; an idle loop makes one a second
FEED_SECONDS = 5.0  # systemd expects a notification twice in every WatchdogSec
READY_SECONDS = 2.0  # without this message systemd ends the daemon, so it is worth a moment
HEARTBEAT_SECONDS = 60.0
_HEARTBEAT_TIMEOUT = 10.0
LARGE_BLOCK = 256 * 1024
_M_MMAP_THRESHOLD = -3  # in glibc's malloc.h


class Loop(Protocol):
    """A loop with the time of its last pass, on the monotonic clock."""

    last_pass_at: float


class PollingLoop(Protocol):
    """A loop with the time by which its next pass is due, on the monotonic clock."""

    alive_until: float


class Watchdog:
    """Checks that every loop makes progress, and tells systemd so."""

    def __init__(
        self,
        clock: Clock,
        *,
        loops: Mapping[str, Loop],
        pollers: Mapping[str, PollingLoop],
    ) -> None:
        self._clock = clock
        self._loops = loops
        self._pollers = pollers

    def stuck(self) -> str:
        """Return which loop makes no progress, in words; empty if all do."""
        now = self._clock.monotonic()
        for name, loop in self._loops.items():
            if now - loop.last_pass_at > STUCK_SECONDS:
                return f"{name} has made no progress for {now - loop.last_pass_at:.0f} s"
        for name, poller in self._pollers.items():
            if now > poller.alive_until:
                return f"the poller of {name} has made no progress for too long"
        return ""

    async def feed(self, status: Callable[[], str]) -> None:
        """Feed systemd's watchdog and its status line until cancelled, while nothing is stuck.

        When systemd stops listening, watching goes on.
        """
        last_logged, unreachable = "", False
        while True:
            stuck = self.stuck()
            if stuck and stuck != last_logged:
                log.error("no progress", reason=stuck)
            last_logged = stuck
            if not stuck:
                line = status()
                try:
                    notify_alive(line)
                except OSError as error:
                    if not unreachable:
                        log.warning("systemd is not listening", error=system_words.of_error(error))
                    unreachable = True
                else:
                    unreachable = False
            await asyncio.sleep(FEED_SECONDS)


@contextmanager
def signals(stop: asyncio.Event, hangup: Callable[[], object]) -> Iterator[None]:
    """Within the context SIGTERM and SIGINT set `stop`, and SIGHUP calls `hangup`."""
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
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """Open a TaskGroup that raises an expected error as itself, not inside an ExceptionGroup."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failed:
        expected, unexpected = failed.split(model.WatcherError)
        if expected is None or unexpected is not None:
            raise
        raise _first(expected) from failed


def return_large_blocks() -> None:
    """Have memory of LARGE_BLOCK and more returned to the system as soon as it is freed.

    The C library does so up to the size of the largest such block that was freed, and keeps smaller
    ones from then on. After one poll of 100,000 services, of 6 MB, that is all of them: what lies
    between small objects that stay is never given back. Other C libraries have no such setting.
    """
    import ctypes  # noqa: PLC0415  # 4 ms, for the daemon alone

    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)


def log_unawaited_errors() -> None:
    """Log errors that nothing awaited in one line each, also once the running loop has ended.

    They surface when the garbage collector finds them, which may be after the daemon's last line.
    A library that gives up a connection leaves such an error behind, as asyncpg does when a connect
    is cancelled (findings/asyncpg-cancelled-connect.sh). That says nothing to an operator: what
    needed the connection has reported it.
    """
    asyncio.get_running_loop().set_exception_handler(_log_unawaited)


def _log_unawaited(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error, future = context.get("exception"), context.get("future")
    task = context.get("task", future)
    name = task.get_name() if isinstance(task, asyncio.Task) else ""
    if error is None:
        log.error("something was left unfinished", what=_first_line(context["message"]), task=name)
        return
    reason = f"{type(error).__name__}: {_first_line(error)}"
    # A task is our own work; its error counts, whatever it is.
    if isinstance(error, OSError) and future is not None and not name:
        log.debug("a connection that was given up has ended", error=reason)
        return
    place = [f"{at.filename}:{at.lineno}" for at in traceback.extract_tb(error.__traceback__, -1)]
    log.error("an error that nothing awaited", error=reason, task=name, raised_at=", ".join(place))


def _first_line(message: object) -> str:
    return str(message).partition("\n")[0]


async def cancel(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait until they have cleaned up."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _first(failed: BaseExceptionGroup) -> BaseException:
    error: BaseException = failed
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def notify_ready() -> None:
    """Tell systemd that start-up is over. Raises OSError, after 2 s TimeoutError."""
    _notify("READY=1", patience=READY_SECONDS)


def notify_stopping() -> None:
    """Tell systemd that the shutdown has started."""
    _notify("STOPPING=1")


def notify_alive(status: str) -> None:
    """Tell systemd that there is progress; `systemctl status` shows the line."""
    _notify("WATCHDOG=1\nSTATUS=" + " ".join(status.split()))


def _notify(message: str, *, patience: float = 0.0) -> None:
    """Send a message, waiting `patience` seconds for room; without it a full queue drops it."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as systemd:
        systemd.settimeout(patience)
        try:
            systemd.sendto(message.encode(), address)
        except BlockingIOError:
            return


async def send_heartbeats(
    session: aiohttp.ClientSession, url: str, *reasons: Callable[[], str]
) -> None:
    """Fetch `url` once a minute until cancelled, while there are no `reasons` to send none.

    The address is a secret, because it can silence the heartbeat's alarm: no log names it.
    """
    failing = False
    while True:
        if not any(reason() for reason in reasons):
            try:
                reply = await exchange.exchange(
                    session,
                    "GET",
                    URL(url),
                    headers={},
                    within=_HEARTBEAT_TIMEOUT,
                    cap=0,
                    place="heartbeat",
                    hide_url=True,
                )
                failed = reply.status >= 400
            except (model.TemporaryError, ValueError):
                failed = True
            if failed and not failing:
                log.warning("heartbeat URL not responding; its service will raise an alarm")
            failing = failed
        await asyncio.sleep(HEARTBEAT_SECONDS)
