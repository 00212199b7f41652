"""Slack's Socket Mode: one task that keeps a socket open and hands on what comes in through it.

Law: an envelope is acknowledged as soon as it is taken, within Slack's 3 seconds. A new socket is
there before an old one ends, so an envelope may come twice: whoever takes it obeys it once.
Source: docs.slack.dev, Using Socket Mode. slack-sdk's own client starts tasks that nobody awaits,
and catches everything that they raise.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import aiohttp
import msgspec
import structlog

from watcher import model
from watcher.clock import Clock
from watcher.receivers.slack.api import SlackApi

log = structlog.get_logger()

FIRST_PAUSE = 1.0  # seconds before the first reconnection, doubled with each further one
LONGEST_PAUSE = 60.0
PERMANENT_PAUSE = 300.0  # a person has to mend something
STEADY_SECONDS = 60.0  # a socket that lasted so long forgives the failures before it
OPEN_SECONDS = 20.0
PING_SECONDS = 15.0  # a socket whose other side is gone is noticed within these and a half
CLOSE_SECONDS = 2.0
LEAVING_SECONDS = 30.0  # how long an old socket is read after Slack has said that it ends


class Envelope(msgspec.Struct, frozen=True):
    """What Slack sends; `payload` is still JSON, and `reason` says why a socket will end."""

    type: str
    envelope_id: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    reason: str = ""


class SlackSocket:
    """`take` gets each envelope, and says whether it will be worked on.

    One that is not taken is not acknowledged: Slack tells the person that it failed.
    """

    def __init__(
        self,
        *,
        api: SlackApi,
        session: aiohttp.ClientSession,
        take: Callable[[Envelope], bool],
        clock: Clock,
        first_pause: float = FIRST_PAUSE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._api = api
        self._session = session
        self._take = take
        self._clock = clock
        self._first_pause = first_pause
        self._jitter = jitter
        self._trouble = ""

    async def run(self) -> None:
        """Be connected, for ever. What goes wrong is in the log, once until it changes."""
        failures = 0
        async with asyncio.TaskGroup() as reading:
            while True:
                began = self._clock.monotonic()
                pause = LONGEST_PAUSE
                try:
                    socket = await self._open()
                except model.PermanentError as error:
                    failures, pause = failures + 1, PERMANENT_PAUSE
                    self._note(str(error))
                except model.TemporaryError as error:
                    failures += 1
                    pause = max(error.delay or 0.0, self._backoff(failures))
                    self._note(str(error))
                else:
                    leaving = asyncio.Event()
                    reading.create_task(self._read(socket, leaving), name="slack socket")
                    await leaving.wait()
                    steady = self._clock.monotonic() - began > STEADY_SECONDS
                    failures = 0 if steady else failures + 1
                    pause = self._backoff(failures) if failures > 1 else 0.0
                await asyncio.sleep(pause * (0.75 + 0.5 * self._jitter()))

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
            # In our own words: the address has a ticket in it.
            raise model.TemporaryError(
                f"Slack's socket cannot be opened: {type(error).__name__}"
            ) from error

    async def _read(self, socket: aiohttp.ClientWebSocketResponse, leaving: asyncio.Event) -> None:
        """Read one socket to its end; `leaving` is set as soon as another one is needed."""
        try:
            async with asyncio.timeout(None) as patience:
                async for message in socket:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        continue
                    if await self._hear(message.data, socket):
                        leaving.set()
                        until = asyncio.get_running_loop().time() + LEAVING_SECONDS
                        patience.reschedule(until)
        except (aiohttp.ClientError, OSError, TimeoutError):
            pass  # it is lost or has been left; the next one is on its way
        finally:
            leaving.set()
            await socket.close()

    async def _hear(self, text: str, socket: aiohttp.ClientWebSocketResponse) -> bool:
        """Take one message; tell whether this socket is about to end."""
        try:
            envelope = msgspec.json.decode(text, type=Envelope)
        except (msgspec.DecodeError, UnicodeError) as error:
            log.warning("Slack sent no envelope", error=str(error)[:200])
            return False
        if envelope.type == "hello":
            self._note("")
        if envelope.type == "disconnect":
            if envelope.reason == "link_disabled":
                self._note("Socket Mode is switched off: switch it on in the settings of the app")
            return True
        if envelope.envelope_id and self._take(envelope):
            await socket.send_json({"envelope_id": envelope.envelope_id})
        return False

    def _backoff(self, failures: int) -> float:
        return min(LONGEST_PAUSE, self._first_pause * 2.0 ** min(failures - 1, 16))

    def _note(self, trouble: str) -> None:
        """Write into the log what begins and what is over."""
        if trouble and trouble != self._trouble:
            log.warning("no buttons in Slack", error=trouble)
        elif self._trouble and not trouble:
            log.info("buttons in Slack work again")
        self._trouble = trouble
