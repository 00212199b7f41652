"""What is sent to the broker, one message at a time, and what is learned from what it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache

import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from watcher import model
from watcher.clock import Clock
from watcher.operations.documents.cloud_events import CloudEvent
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt.broker import errors
from watcher.receivers.mqtt.broker.client import Client
from watcher.receivers.mqtt.broker.limits import BrokerLimits, SetAsideError, TooLargeError

log = structlog.get_logger()

MOST_REFUSED = 100  # topics that are remembered as refused
MOST_NAMED = 5  # of them in a remark


class Publisher:
    """Publishes and subscribes on a connection that is there; what it learns outlives it."""

    def __init__(self, settings: receiver_settings.Mqtt, clock: Clock) -> None:
        self.place = f"MQTT broker {settings.host}:{settings.port}"
        self.prefix = settings.topic_prefix
        self.limits = BrokerLimits()
        self._settings = settings
        self._clock = clock
        self._refused: dict[str, str] = {}  # topic -> why the broker does not accept it
        self._lock = asyncio.Lock()  # one at a time: a refusal belongs to the publish that waits

    @property
    def takes_suffixes(self) -> bool:
        """Whether a dot in a topic is safe: brokers that mind it speak 3.1.1 alone."""
        return self._settings.protocol == "5"

    def takes_report(self, topic: str, size: int) -> bool:
        """Return whether a PDF of this many bytes may be published."""
        most = self._settings.max_report_bytes
        return (not most or size <= most) and self.fits(topic, size)

    def fitting(self, topic: str) -> Callable[[int], bool]:
        """Return what says whether a number of bytes fits on a topic."""
        return lambda size: self.fits(topic, size)

    def fits(self, topic: str, size: int) -> bool:
        """Return whether the broker takes this many bytes on a topic, as far as is known."""
        return self.limits.fits(topic, size, self._clock.monotonic())

    def remarks(self) -> tuple[str, ...]:
        """Return in words what does not arrive at the broker although there is a connection."""
        refused = list(self._refused.values())
        more = len(refused) - MOST_NAMED
        return (
            *(f"{self.place}: {words}" for words in self.limits.remarks(self._clock.monotonic())),
            *refused[:MOST_NAMED],
            *([f"{self.place} refuses {more} more topics"] if more > 0 else []),
        )

    def note_refused(self, topic: str, reason: str) -> None:
        """Remember for `watcher status` that something is not published; log it once."""
        if self._refused.get(topic) != reason:
            log.warning("not published", topic=topic, reason=reason)
        if topic in self._refused or len(self._refused) < MOST_REFUSED:
            self._refused[topic] = reason

    def forget_refused(self, topic: str) -> None:
        """Forget a topic that nothing is published on any more."""
        self._refused.pop(topic, None)

    async def publish(
        self,
        client: Client,
        topic: str,
        payload: bytes,
        *,
        retain: bool,
        expiry: int | None = None,
        content_type: str = "",
        correlation: bytes | None = None,
        cloud_event: CloudEvent | None = None,
    ) -> None:
        """Publish with QoS 1; `expiry` (in seconds) and later parameters need MQTT 5.

        Raises aiomqtt.MqttError when the connection is lost, and PermanentError when the broker
        refuses: TooLargeError for the size, SetAsideError for a topic on which it has hung up
        before.
        """
        now = self._clock.monotonic()
        if reason := self.limits.set_aside(topic, now):
            raise SetAsideError(f"{self.place}: {reason}")
        if not self.fits(topic, len(payload)):
            raise TooLargeError(
                f"{self.place} accepts no message of {len(payload)} bytes on {topic}: raise its"
                " maximum packet size"
            )
        properties = self._properties(expiry, content_type, correlation, cloud_event)
        async with self._lock:
            refusal = await client.publish_and_wait(
                topic, payload, retain=retain, properties=properties
            )
        if refusal is not None:
            reason = errors.refused(self.place, topic, refusal, self._settings.username)
            self.note_refused(topic, reason)
            raise model.PermanentError(reason)
        self.limits.accepted(topic, len(payload))
        self._refused.pop(topic, None)

    async def subscribe(self, client: Client, topic: str, *, retained: bool, purpose: str) -> bool:
        """Subscribe; return whether the broker accepts it, and remember why it does not.

        Raises aiomqtt.MqttError when the connection is lost.
        """
        if self.limits.set_aside(topic, self._clock.monotonic()):
            return False
        async with self._lock:
            refusal = await client.subscribe_and_wait(topic, retained=retained)
        if refusal is None:
            self.limits.accepted(topic, 0)
            self._refused.pop(f"subscription to {topic}", None)
            return True
        user = self._settings.username or "anonymous clients"
        self.note_refused(
            f"subscription to {topic}",
            f"{self.place} refuses the subscription to {topic}: {refusal}: allow {user} to"
            f" subscribe to it, {purpose}",
        )
        return False

    def _properties(
        self,
        expiry: int | None,
        content_type: str,
        correlation: bytes | None,
        cloud_event: CloudEvent | None,
    ) -> Properties | None:
        if self._settings.protocol != "5":
            return None
        if correlation is None and cloud_event is None:
            return _shared_properties(expiry, content_type)
        properties = _make_properties(expiry, content_type)
        if correlation is not None:
            properties.CorrelationData = correlation
        if cloud_event is not None:
            attributes = cloud_event.attributes(source=f"/{self.prefix}")
            properties.UserProperty = list(attributes.items())
        return properties


def _make_properties(expiry: int | None, content_type: str) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
    if expiry is not None:
        properties.MessageExpiryInterval = max(1, expiry)
    if content_type:
        properties.ContentType = content_type
    return properties


_shared_properties = lru_cache(maxsize=100)(_make_properties)  # paho takes long to make them
