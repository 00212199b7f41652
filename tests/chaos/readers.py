"""The readers of a chaos run, with what any user has: Slack's Web API, and a subscription.

The subscriber keeps its session (clean start off, QoS 1), so it misses nothing while it is away
itself. A broker without persistence forgets the session when it restarts: from its end until the
subscription stands again the subscriber is deaf, and only the retained documents count.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.chaos.evidence import Published, now

V5 = aiomqtt.ProtocolVersion.V5
BEFORE = 0.5  # seconds: what was on its way when the broker died is lost as well


@dataclass(kw_only=True)
class Subscriber:
    """Everything that came, and when it could not come."""

    port: int
    messages: list[Published] = field(default_factory=list)
    gaps: list[tuple[float, float]] = field(default_factory=list)
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    _lost_at: float | None = None

    async def listen(self) -> None:
        """Stay subscribed until cancelled."""
        kept = Properties(PacketTypes.CONNECT)
        kept.SessionExpiryInterval = 3_600
        while True:
            try:
                async with aiomqtt.Client(
                    "127.0.0.1",
                    self.port,
                    protocol=V5,
                    identifier="reader",
                    clean_start=False,
                    properties=kept,
                    max_queued_incoming_messages=0,
                ) as client:
                    await client.subscribe("watcher/#", qos=1)
                    self._hears()
                    async for message in client.messages:
                        self.messages.append(
                            Published(
                                at=now(),
                                topic=str(message.topic),
                                payload=bytes(message.payload),
                            )
                        )
            except aiomqtt.MqttError:
                if self._lost_at is None:
                    self._lost_at = now() - BEFORE
                self.connected.clear()
            await asyncio.sleep(0.02)  # before it connects again

    def _hears(self) -> None:
        if self._lost_at is not None:
            self.gaps.append((self._lost_at, now()))
            self._lost_at = None
        self.connected.set()


@asynccontextmanager
async def subscribed(port: int) -> AsyncIterator[Subscriber]:
    """Have a subscriber while the context lasts."""
    reader = Subscriber(port=port)
    task = asyncio.create_task(reader.listen(), name="subscriber")
    try:
        await asyncio.wait_for(reader.connected.wait(), 10)
        yield reader
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def retained(port: int) -> dict[str, bytes]:
    """Read what a new subscriber is given: the newest of each topic."""
    payloads: dict[str, bytes] = {}
    async with aiomqtt.Client("127.0.0.1", port, protocol=V5) as client:
        await client.subscribe("watcher/#", qos=1)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0) as patience:
                async for message in client.messages:
                    if message.retain:  # what is published meanwhile is not
                        payloads[str(message.topic)] = bytes(message.payload)
                        patience.reschedule(asyncio.get_running_loop().time() + 0.5)
    return {topic: payload for topic, payload in payloads.items() if payload}


async def take_session(port: int, identifier: str, seconds: float) -> None:
    """Connect under somebody else's client id, until that one takes it back or for so long."""
    with contextlib.suppress(TimeoutError, aiomqtt.MqttError):
        async with asyncio.timeout(seconds):
            async with aiomqtt.Client(
                "127.0.0.1", port, protocol=V5, identifier=identifier
            ) as client:
                async for _ in client.messages:
                    pass


@dataclass(kw_only=True)
class Channel:
    """The Slack channel, read as a bot of somebody else would."""

    addresses: dict[str, Any]
    session: aiohttp.ClientSession
    _digests: dict[str, str] = field(default_factory=dict)

    async def threads(self) -> list[list[dict[str, Any]]]:
        """Read every thread, its parent first, oldest first."""
        top = [message async for message in self._pages("conversations.history")]
        parents = [
            message
            for message in top[::-1]
            if message.get("thread_ts", message["ts"]) == message["ts"]
        ]
        return [
            [message async for message in self._pages("conversations.replies", ts=parent["ts"])]
            for parent in parents
        ]

    async def files(self, threads: list[list[dict[str, Any]]]) -> dict[str, str]:
        """Download every file; the SHA-256 of each, by its id."""
        for message in (message for thread in threads for message in thread):
            for file in message.get("files", ()):
                if file["id"] not in self._digests:
                    content = await self._download(file["url_private_download"])
                    self._digests[file["id"]] = hashlib.sha256(content).hexdigest()
        return dict(self._digests)

    async def _pages(self, method: str, **arguments: str) -> AsyncIterator[dict[str, Any]]:
        channel = self.addresses["credentials"]["slack_channel"]
        cursor = ""
        while True:
            async with self.session.get(
                f"{self.addresses['slack_api_url']}{method}",
                params={
                    "channel": channel,
                    "limit": "200",
                    "include_all_metadata": "true",
                    **({"cursor": cursor} if cursor else {}),
                    **arguments,
                },
                headers=self._headers(),
            ) as answer:
                page = await answer.json()
            assert page["ok"], page
            for message in page["messages"]:
                yield message
            cursor = page["response_metadata"]["next_cursor"]
            if not cursor:
                return

    async def _download(self, url: str) -> bytes:
        async with self.session.get(url, headers=self._headers()) as answer:
            assert answer.status == 200
            return await answer.read()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.addresses['credentials']['slack_bot_token']}"}
