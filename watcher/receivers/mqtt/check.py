"""`watcher check --connect`: whether the broker takes what the daemon publishes.

It connects as the daemon does, with a last will, and publishes to a topic of its own, which it
clears again. What the daemon clears when an incident is over is cleared here for names that do not
exist: no subscriber sees that, and the broker's access rules apply to it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import aiomqtt

from watcher import model
from watcher.clock import token
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt import topics
from watcher.receivers.mqtt.broker import client as mqtt_client
from watcher.receivers.mqtt.broker import errors

ECHO_SECONDS = 3.0
_NAME = "watcher-check"
_DOCUMENT_BYTES = 2_000  # of an ordinary incident document

Outcome = tuple[str, tuple[str, ...]]  # a sentence, and remarks


async def check(settings: receiver_settings.Mqtt, instance: str) -> Outcome:
    """Try the broker of [mqtt]. Raises TemporaryError or PermanentError with what to change."""
    place = f"MQTT broker {settings.host}:{settings.port}"
    client_id = f"{settings.client_id or f'watcher-{instance}'}-check"
    own = topics.check(settings.topic_prefix, instance)
    client: mqtt_client.Client | None = None
    try:
        client = mqtt_client.build(settings, client_id, will=own)
        async with client:
            remarks = await _try_topics(client, settings, place, own)
    except (aiomqtt.MqttError, OSError) as error:
        words = client.words if client else ""
        if client and client.established and client.in_flight:
            topic, size = client.in_flight
            raise model.PermanentError(
                f"{place} closes the connection when {topic} ({size} bytes) is published or"
                f" subscribed to{f' (it says: {words})' if words else ''}: allow"
                f" {settings.username or 'anonymous clients'} to publish and to read"
                f" {settings.topic_prefix}/#"
            ) from error
        raise errors.translate(error, place, settings, client_id, words=words, will=own) from error
    return f"{place} accepts the connection and what is published", remarks


async def _try_topics(
    client: mqtt_client.Client, settings: receiver_settings.Mqtt, place: str, own: str
) -> tuple[str, ...]:
    arrived = asyncio.Event()
    sent = b'"' + token().encode() + b"-" * _DOCUMENT_BYTES + b'"'

    def notice(message: mqtt_client.Message) -> None:
        if message.payload == sent:
            arrived.set()

    client.handler = notice
    refusal = await client.subscribe_and_wait(own)
    for topic, payload, retain in _messages(settings.topic_prefix, own, sent):
        reason = await client.publish_and_wait(topic, payload, retain=retain)
        if reason is not None:
            raise model.PermanentError(errors.refused(place, topic, reason, settings.username))
    if refusal is not None:
        return (f"it refuses the subscription to {own} ({refusal}): deliveries are not verified",)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ECHO_SECONDS):
            await client.wait_for(arrived, seconds=ECHO_SECONDS)
    if not arrived.is_set():
        remark = (
            f"it acknowledged a message on {own} but did not deliver it: an MQTT 3.1.1 broker"
            " acknowledges what its access rules drop; allow"
            f" {settings.username or 'anonymous clients'} to publish and to read"
            f" {settings.topic_prefix}/#"
        )
        return (remark,)
    return ()


def _messages(prefix: str, own: str, sent: bytes) -> Iterator[tuple[str, bytes, bool]]:
    """Yield what is published: topic, payload, and whether it is retained."""
    yield own, sent, True
    yield own, b"", True
    for topic in (
        topics.presence(prefix, _NAME),
        topics.client(prefix, _NAME),
        topics.source(prefix, _NAME),
        topics.incident(prefix, _NAME),
        topics.report(prefix, _NAME, _NAME),
    ):
        yield topic, b"", True
