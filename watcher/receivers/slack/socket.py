"""Slack's Socket Mode: one task that keeps a socket open and hands on the envelopes it receives.

An envelope is acknowledged within Slack's 3 seconds, on the socket that it came by; who accepts it
says when, and with which answer. A new socket is opened before the old one closes, so an envelope
may come twice and must be carried out once.
Source: docs.slack.dev, Using Socket Mode. slack-sdk's own client starts tasks that nobody awaits,
and catches everything that they raise.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import msgspec
import structlog

from watcher import model
from watcher.backoff import Backoff, Jitter
from watcher.clock import Clock
from watcher.receivers.slack.api import SlackApi

log = structlog.get_logger()

BACKOFF = Backoff(first=1.0, longest=60.0)  # seconds between reconnections
PERMANENT_PAUSE = 300.0  # until a person has fixed something
_SPREAD = Jitter(0.75, 1.25)  # of every pause
STEADY_SECONDS = 60.0  # a socket that lasted this long resets the count of failures
OPEN_SECONDS = 20.0
PING_SECONDS = 15.0  # a dead connection is noticed within one and a half of these
CLOSE_SECONDS = 2.0
CLOSING_SECONDS = 30.0  # how long an old socket is read after Slack has announced its end


class Envelope(msgspec.Struct, frozen=True):
    """What Slack sends; `payload` is undecoded JSON, `reason` is why a socket will be closed."""

    type: str
    envelope_id: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    reason: str = ""


Acknowledge = Callable[[Mapping[str, Any] | None], Awaitable[None]]
"""Acknowledges one envelope, with an answer where its kind has one."""


class SlackSocket:
    """Passes each envelope to `accept`, with what acknowledges it.

    One that is never acknowledged Slack shows the person as failed.
    """

    def __init__(
        self,
        *,
        api: SlackApi,
        session: aiohttp.ClientSession,
        accept: Callable[[Envelope, Acknowledge], Awaitable[None]],
        clock: Clock,
        backoff: Backoff = BACKOFF,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._api = api
        self._session = session
        self._accept = accept
        self._clock = clock
        self._backoff = backoff
        self._jitter = jitter
        self._problem = ""

    async def run(self) -> None:
        """Stay connected until cancelled. A problem is logged once, until it changes."""
        failures = 0
        async with asyncio.TaskGroup() as reading:
            while True:
                started = self._clock.monotonic()
                try:
                    socket = await self._open()
                except model.PermanentError as error:
                    failures, pause = failures + 1, PERMANENT_PAUSE
                    self._report(str(error))
                except model.TemporaryError as error:
                    failures += 1
                    pause = max(error.delay or 0.0, self._backoff.delay(failures))
                    self._report(str(error))
                else:
                    closing = asyncio.Event()
                    reading.create_task(self._read(socket, closing), name="slack socket")
                    await closing.wait()
                    steady = self._clock.monotonic() - started > STEADY_SECONDS
                    failures = 0 if steady else failures + 1
                    pause = self._backoff.delay(failures) if failures > 1 else 0.0
                await asyncio.sleep(_SPREAD.spread(pause, self._jitter()))

    async def _open(self) -> aiohttp.ClientWebSocketResponse:
        """Open a socket. Raises TemporaryError or PermanentError."""
        address = await self._api.socket_url()
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                return await self._session.ws_connect(
                    address,
                    heartbeat=PING_SECONDS,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            # Without the original text: the address contains a ticket.
            raise model.TemporaryError(
                f"Cannot open Slack's socket: {type(error).__name__}"
            ) from error

    async def _read(self, socket: aiohttp.ClientWebSocketResponse, closing: asyncio.Event) -> None:
        """Read one socket to its end; `closing` is set as soon as another one is needed."""
        try:
            async with asyncio.timeout(None) as deadline:
                async for message in socket:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        continue
                    if await self._handle(message.data, socket):
                        closing.set()
                        until = asyncio.get_running_loop().time() + CLOSING_SECONDS
                        deadline.reschedule(until)
        except (aiohttp.ClientError, OSError, TimeoutError):
            pass  # lost, or closed on purpose; the next one is being opened
        finally:
            closing.set()
            await socket.close()

    async def _handle(self, text: str, socket: aiohttp.ClientWebSocketResponse) -> bool:
        """Handle one message; return whether this socket is about to be closed."""
        try:
            envelope = msgspec.json.decode(text, type=Envelope)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            log.warning("invalid envelope from Slack", error=str(error)[:200])
            return False
        if envelope.type == "hello":
            self._report("")
        if envelope.type == "disconnect":
            if envelope.reason == "link_disabled":
                self._report("Socket Mode is off: turn it on in the app's settings")
            return True
        if envelope.envelope_id:
            await self._accept(envelope, _acknowledgement(envelope.envelope_id, socket))
        return False

    def _report(self, problem: str) -> None:
        """Log when a problem starts, changes or is over."""
        if problem and problem != self._problem:
            log.warning("Slack buttons unavailable", error=problem)
        elif self._problem and not problem:
            log.info("Slack buttons available again")
        self._problem = problem


def _acknowledgement(envelope_id: str, socket: aiohttp.ClientWebSocketResponse) -> Acknowledge:
    async def acknowledge(answer: Mapping[str, Any] | None) -> None:
        payload = {"payload": answer} if answer is not None else {}
        try:
            await socket.send_json({"envelope_id": envelope_id, **payload})
        except (aiohttp.ClientError, OSError) as error:
            log.warning("Slack's socket closed before the answer", error=type(error).__name__)

    return acknowledge
