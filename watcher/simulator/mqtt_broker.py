"""An MQTT broker in this process (3.1.1, loopback), and a tap that sees what passes through it.

The broker's own log is silenced while it runs, and restored afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import aiomqtt
from amqtt.broker import Broker  # type: ignore[import-untyped]  # publishes no types

from watcher.clock import Clock

_MOST_MESSAGES = 300
_LISTENER = "default"
_CONFIG = {
    # The listening socket is ours, so that a free port can be asked for and learnt.
    "listeners": {_LISTENER: {"type": "external"}},
    "plugins": {
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
    },
    "timeout_disconnect_delay": 0,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TappedMessage:
    """One message that passed through the broker."""

    number: int
    at: datetime
    topic: str
    payload: bytes
    retain: bool


@dataclass(kw_only=True)
class Tap:
    """The latest messages, and the latest of each topic."""

    clock: Clock
    latest: deque[TappedMessage] = field(default_factory=lambda: deque(maxlen=_MOST_MESSAGES))
    topics: dict[str, TappedMessage] = field(default_factory=dict)
    count: int = 0

    @contextlib.asynccontextmanager
    async def listen(self, port: int) -> AsyncIterator[None]:
        """Record every message that passes from entry to exit."""
        async with aiomqtt.Client(
            "127.0.0.1", port, identifier="simulator-tap", protocol=aiomqtt.ProtocolVersion.V311
        ) as client:
            await client.subscribe("#", qos=1)
            recording = asyncio.create_task(self._record_all(client), name="simulator tap")
            try:
                yield
            finally:
                recording.cancel()
                await asyncio.gather(recording, return_exceptions=True)

    async def _record_all(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self._record(str(message.topic), message.payload, retain=message.retain)

    def _record(self, topic: str, payload: object, *, retain: bool) -> None:
        content = payload if isinstance(payload, bytes) else b""
        self.count += 1
        passed = TappedMessage(
            number=self.count, at=self.clock.now(), topic=topic, payload=content, retain=retain
        )
        self.latest.append(passed)
        self.topics[topic] = passed


@contextlib.asynccontextmanager
async def serve(port: int = 0) -> AsyncIterator[int]:
    """Run a broker on loopback; yields its port, a free one when asked for 0."""
    with _silenced("amqtt", "transitions"):
        broker = Broker(_CONFIG)
        await broker.start()
        sessions: set[asyncio.Task[None]] = set()

        async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await broker.stream_connected(reader, writer, listener_name=_LISTENER)
            finally:
                # amqtt leaves a connection open whose client never said CONNECT.
                writer.close()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            session = asyncio.create_task(
                serve_client(reader, writer), name="simulator mqtt session"
            )
            sessions.add(session)
            session.add_done_callback(sessions.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", port)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            await broker.shutdown()
            for session in sessions:
                session.cancel()
            await asyncio.gather(*sessions, return_exceptions=True)
            await server.wait_closed()


@contextlib.contextmanager
def _silenced(*names: str) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
