"""Both sides of a broker: the daemon's connection with a receiver, and programs that subscribe."""

import asyncio
import contextlib

import aiomqtt

from watcher.backoff import Backoff
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt.broker.connection import MqttConnection
from watcher.receivers.mqtt.receiver import MqttReceiver

QUICK = Backoff(first=0.02, longest=0.2)
V5, V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311


@contextlib.asynccontextmanager
async def connected(
    delivery,
    clock,
    port,
    *,
    instance="ops1",
    leads=True,
    jitter=lambda: 0.0,
    backoff=QUICK,
    sources=(),
    is_alone=False,
    configured=None,
    **keys,
):
    """The daemon's side: the broker's task and a receiver."""
    keys = receiver_settings.Mqtt(host=keys.pop("host", "127.0.0.1"), port=port, **keys)
    broker = MqttConnection(
        settings=keys,
        instance=instance,
        clock=clock,
        sources=sources,
        is_alone=is_alone,
        backoff=backoff,
        jitter=jitter,
    )
    receiver = MqttReceiver(
        name="mqtt", connection=broker, reader=delivery, clock=clock, configured=configured
    )
    if leads:
        broker.become_leader()
    task = asyncio.create_task(broker.run())
    try:
        yield receiver, broker
    finally:
        task.cancel()
        for result in await asyncio.gather(task, return_exceptions=True):
            if not isinstance(result, asyncio.CancelledError):
                raise result


class Subscriber:
    """Everything under a filter, in the order of its arrival."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.seen: list[aiomqtt.Message] = []

    ANY = "any topic"

    async def until(self, topic: str, payload: bytes | None = None) -> aiomqtt.Message:
        async with asyncio.timeout(30):
            async for message in self.client.messages:
                self.seen.append(message)
                matches = topic in (self.ANY, message.topic.value)
                if matches and payload in (None, message.payload):
                    return message
        raise AssertionError(topic)

    @property
    def topics(self) -> list[str]:
        return [message.topic.value for message in self.seen]


@contextlib.asynccontextmanager
async def subscribed(port, what="watcher/#", protocol=V5, **more):
    more = {"hostname": "127.0.0.1", **more}
    async with aiomqtt.Client(port=port, protocol=protocol, **more) as client:
        await client.subscribe(what, qos=1)
        yield Subscriber(client)


async def retained(port, topic, **more):
    """What a new subscriber finds; None when there is nothing."""
    async with subscribed(port, topic, **more) as reader:
        await reader.client.subscribe("fence")
        await reader.client.publish("fence", b"x")
        await reader.until("fence")
        messages = [message for message in reader.seen if message.topic.value == topic]
        return messages[0] if messages else None
