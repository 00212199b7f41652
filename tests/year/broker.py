"""An MQTT broker that keeps retained messages and wills, and the client that speaks to it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, Self

import aiomqtt

from tests.year.faults import BrokerFault
from tests.year.loop import OWNER
from tests.year.world import World
from watcher.receivers.mqtt.broker.client import OFFLINE, Message


class Broker:
    """Who is connected, what is retained, and the trace of what a subscriber to all sees."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.retained: dict[str, bytes] = {}
        self.clients: dict[str, Client] = {}
        self._seen: dict[str, bytes] = {}
        loop = asyncio.get_running_loop()
        for fault in world.plan.faults:
            if isinstance(fault, BrokerFault):
                loop.call_at((fault.at - world.plan.begin).total_seconds(), self._restart, fault)

    def build(self, settings: Any, client_id: str, *, will: str = "") -> Client:
        """Return a client, as watcher's `build` does."""
        del settings
        return Client(self, client_id, will)

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Pass a message on to all who have subscribed."""
        if retain:
            self.retained[topic] = payload
        if self._seen.get(topic) != payload or not retain:
            self._seen[topic] = payload
            self.world.record("mqtt", topic=topic, payload=payload.decode())
        for client in list(self.clients.values()):
            if client.wants(topic):
                client.deliver(Message(topic=topic, payload=payload, retained=False))

    def record_retained(self) -> None:
        """Note what a subscriber would get who comes now."""
        topics = {topic: payload.decode() for topic, payload in sorted(self.retained.items())}
        self.world.record("retained", topics=topics)

    def _restart(self, fault: BrokerFault) -> None:
        """Go away, with every connection and perhaps with what is retained; speak no will."""
        self.world.record("broker gone", forgets=fault.forgets)
        clients, self.clients = self.clients, {}
        for client in clients.values():
            client.end()
        if fault.forgets:
            self.retained.clear()
            self._seen.clear()

    def lose(self, owner: object) -> None:
        """Speak the wills of a daemon's clients, which have gone without a word."""
        for client in [client for client in self.clients.values() if client.owner is owner]:
            del self.clients[client.identity]
            client.end()
            if client.will:
                self.publish(client.will, OFFLINE, retain=True)


class Client:
    """Stands in for watcher's own client."""

    handler: Callable[[Message], None] | None = None
    most_bytes: int | None = None
    established = False
    in_flight: tuple[str, int] | None = None
    words = ""

    def __init__(self, broker: Broker, identity: str, will: str) -> None:
        self.identity = identity
        self.will = will
        self.topics: set[str] = set()
        self.owner = OWNER.get()
        self._broker = broker
        self._loop = asyncio.get_running_loop()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._context = contextvars.copy_context()

    async def __aenter__(self) -> Self:
        await self._broker.world.travel()
        if self._broker.world.spoilt(BrokerFault):
            raise aiomqtt.MqttError("connection refused")
        if rival := self._broker.clients.pop(self.identity, None):
            rival.end()
        self._broker.clients[self.identity] = self
        self.established = True
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._broker.clients.get(self.identity) is self:
            del self._broker.clients[self.identity]

    def wants(self, topic: str) -> bool:
        """Return whether it has subscribed to a topic, or to all that its level has."""
        return topic in self.topics or f"{topic.rpartition('/')[0]}/+" in self.topics

    def end(self) -> None:
        """Let the client know that it is no longer connected."""
        if not self._lost.done():
            self._lost.set_result(None)

    def deliver(self, message: Message) -> None:
        """Hand a message over, a little later."""
        if self.handler:
            self._loop.call_later(0.01, self.handler, message, context=self._context)

    async def publish_and_wait(
        self, topic: str, payload: bytes, *, retain: bool, properties: object = None
    ) -> None:
        """Publish, and wait for the acknowledgement."""
        del properties
        await self._travel()
        self._broker.publish(topic, payload, retain=retain)
        await self._travel()

    async def subscribe_and_wait(self, topic: str, *, retained: bool = False) -> None:
        """Subscribe, and wait for the acknowledgement."""
        await self._travel()
        self.topics.add(topic)
        if retained and topic in self._broker.retained:
            payload = self._broker.retained[topic]
            self.deliver(Message(topic=topic, payload=payload, retained=True))
        await self._travel()

    async def wait_for(self, event: asyncio.Event, *, seconds: float | None) -> None:
        """Wait for the event, for at most `seconds`. Raises aiomqtt.MqttError on a disconnect."""
        waiting = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait(
                {waiting, self._lost}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiting.cancel()
        self._require_connection()

    async def _travel(self) -> None:
        self._require_connection()
        await self._broker.world.travel()
        self._require_connection()

    def _require_connection(self) -> None:
        if self._lost.done():
            raise aiomqtt.MqttError("the connection was lost")
