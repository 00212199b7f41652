"""The connection to the MQTT broker: one task that keeps it open, and every publish.

Law: a publish returns when the broker has acknowledged it, or raises. Nothing is queued here, since
receipts record what is pending. On every connect `online`, the sources' health and the retained
documents are published again, because a broker may have lost all of it. What the broker refuses is
told apart by topic, so that one refused topic holds up no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
from collections.abc import Callable, Iterable, Iterator

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from watcher import model
from watcher.backoff import Backoff
from watcher.clock import Clock
from watcher.operations import documents
from watcher.operations.documents.cloud_events import CloudEvent
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt import client as mqtt_client
from watcher.receivers.mqtt import discovery, errors, reconnect, topics
from watcher.receivers.mqtt.leader import LeaderPresence
from watcher.receivers.mqtt.limits import BrokerLimits, SetAsideError, TooLargeError
from watcher.receivers.mqtt.session import CommandHandler, ConnectHandler, Session

log = structlog.get_logger()

MOST_REFUSED = 100  # topics that are remembered as refused
MOST_NAMED = 5  # of them in a remark
WAIT_SECONDS = 5.0  # how long a publish waits for the first connection after the start
CLOSE_SECONDS = 2.0  # for saying good-bye

BrokerError = model.TemporaryError | model.PermanentError


class MqttConnection:
    """The one connection to the broker of [mqtt], through which everything is published."""

    def __init__(
        self,
        *,
        settings: receiver_settings.Mqtt,
        instance: str,
        clock: Clock,
        sources: Iterable[str] = (),
        is_alone: bool = False,
        backoff: Backoff = reconnect.BACKOFF,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.prefix = settings.topic_prefix
        self.instance = instance
        self.limits = BrokerLimits()
        self._settings = settings
        self._client_id = settings.client_id or f"watcher-{instance}"
        self._presence = topics.presence(self.prefix, instance)
        self.sources = tuple(sources)
        self.discovery = settings.discovery
        self._devices = discovery.devices(settings, self.sources)
        self._session = Session(
            self,
            instance=instance,
            client_id=self._client_id,
            clock=clock,
            index=topics.Index(self.prefix, self._fixed_topics(is_alone=is_alone)),
        )
        self._leader = LeaderPresence(
            settings=settings,
            client_id=self._client_id,
            reasserted=self._session.refresh,
            jitter=jitter,
        )
        self._session.on_lead = self._leader.begin
        self._clock = clock
        self._reconnects = reconnect.Reconnects(backoff)
        self._jitter = jitter
        self._place = f"MQTT broker {settings.host}:{settings.port}"
        self._client: mqtt_client.Client | None = None  # connected, and `online` is published
        self._attempted = asyncio.Event()  # the first attempt has succeeded or failed
        self._error: BrokerError | None = None
        self._refused: dict[str, str] = {}  # topic -> why the broker does not accept it
        self._publish_lock = asyncio.Lock()

    def become_leader(self) -> None:
        """Announce from now on that this daemon is the leader."""
        for topic, payload in self._devices.items():
            self._session.retain(topic, functools.partial(bytes, payload))
        self._session.become_leader()

    def _fixed_topics(self, *, is_alone: bool) -> Iterator[str]:
        """Yield the retained topics that follow from the configuration alone.

        Those of this daemon are among them where there can be no other: it was renamed, then.
        """
        yield from self._devices
        yield from (topics.source(self.prefix, name) for name in self.sources)
        if self.discovery:
            yield topics.summary(self.prefix)
        if is_alone:
            yield self._presence
            yield topics.client(self.prefix, self._client_id)

    def on_connect(self, handle: ConnectHandler) -> None:
        """Call `handle` after every connect; it may publish."""
        self._session.connect_handlers.append(handle)

    def publish_soon(self, handle: ConnectHandler) -> None:
        """Call `handle` soon, and once a second at most; it may publish."""
        self._session.publish_soon(handle)

    def on_command(self, handle: CommandHandler) -> None:
        """Subscribe to commands once this daemon leads, and pass each to `handle`."""
        self._session.command_handler = handle

    def publish_source(self, health: model.SourceHealth) -> None:
        """Publish a source's health once there is a connection; a newer one replaces it."""
        self._session.publish_source(health)

    def publish_silences(self, silences: Iterable[model.Silence]) -> None:
        """Publish the silences that are not over once there is a connection."""
        self._session.retain(topics.silences(self.prefix), documents.silences(silences).encode)

    async def connected(self) -> BrokerLimits:
        """Wait for the connection, at the start; return what its broker takes, as far as is known.

        Raises TemporaryError or PermanentError without a connection.
        """
        await self._connected()
        return self.limits

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
            *self._session.remarks(),
            *self._leader.remarks(),
            *(f"{self._place}: {words}" for words in self.limits.remarks(self._clock.monotonic())),
            *refused[:MOST_NAMED],
            *([f"{self._place} refuses {more} more topics"] if more > 0 else []),
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

        Raises TemporaryError without a connection, AmbiguousError when it was lost meanwhile, and
        PermanentError when the broker refuses: TooLargeError for the size, SetAsideError for a
        topic on which it has hung up before.
        """
        client = await self._connected()
        properties = self._publish_properties(expiry, content_type, correlation, cloud_event)
        try:
            await self.send(client, topic, payload, retain=retain, properties=properties)
        except mqtt_client.NotSentError as error:
            raise model.TemporaryError(f"{self._place}: {error}") from error
        except aiomqtt.MqttError as error:
            raise model.AmbiguousError(f"{self._place}: {topic}: {error}") from error

    async def run(self) -> None:
        """Stay connected until cancelled; then publish `offline` and disconnect.

        Where this daemon leads, the leader's presence is ended first, or it would contradict.
        Two daemons with one client id would disconnect each other without end, so the one that
        finds the other's claim stays away for a while (decision 27).
        """
        async with asyncio.TaskGroup() as group:
            leader = group.create_task(self._leader.run(), name="mqtt leader")
            await self._keep_connected(leader)

    async def _keep_connected(self, leader: asyncio.Task[None]) -> None:
        while True:
            started = self._clock.monotonic()
            client: mqtt_client.Client | None = None
            try:
                client = mqtt_client.build(self._settings, self._client_id, will=self._presence)
                await self._stay_connected(client, leader)
            except (aiomqtt.MqttError, OSError) as error:
                delay = self._after_loss(client, error, started)
            finally:
                self._client = None
            await asyncio.sleep(delay)

    async def _stay_connected(self, client: mqtt_client.Client, leader: asyncio.Task[None]) -> None:
        async with client:
            self.limits.connected(client.most_bytes)
            try:
                await self._session.serve(client)
            except asyncio.CancelledError:
                leader.cancel()
                await asyncio.wait({leader})
                with contextlib.suppress(aiomqtt.MqttError, model.WatcherError, TimeoutError):
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await self._session.close(client)
                raise

    def opened(self, client: mqtt_client.Client) -> None:
        """Let everybody publish: the session has said `online`."""
        log.info("broker connected", broker=self._place)
        self._client, self._error = client, None
        self._attempted.set()

    def _after_loss(
        self, client: mqtt_client.Client | None, error: Exception, started: float
    ) -> float:
        """Record how a connection ended; return the seconds until the next."""
        now = self._clock.monotonic()
        taken_over = errors.is_taken_over(error)
        established = client is not None and client.established
        permanent = errors.is_permanent(error) and not established
        lasted = now - started if established else 0.0
        self.limits.ended(lasted)
        if taken_over:
            self.limits.acquit()
            rival = self._session.rival
            self._report(errors.taken_over_error(self._place, self._client_id, rival))
        elif client and established:
            self._report(self._translate_loss(client, error, now))
        else:
            self._report(
                errors.translate(
                    error,
                    self._place,
                    self._settings,
                    self._client_id,
                    words=client.words if client else "",
                    will=self._presence,
                )
            )
        return self._reconnects.pause(
            lasted,
            self._jitter(),
            permanent=permanent,
            taken_over=taken_over,
        )

    def _translate_loss(
        self, client: mqtt_client.Client, error: Exception, now: float
    ) -> model.TemporaryError:
        """Say what was in flight when the connection was lost, and learn from it."""
        words = f" (the broker says: {client.words})" if client.words else ""
        if client.in_flight is None:
            self.limits.acquit()
            return model.TemporaryError(f"{self._place}: {error}{words}")
        topic, size = client.in_flight
        certain = errors.blames_message(error)
        conclusion = self.limits.lost(topic, size, now, certain=certain)
        if conclusion:
            log.warning("broker hangs up", broker=self._place, reason=conclusion)
        return model.TemporaryError(
            f"{self._place}: the connection was lost while {topic} ({size} bytes) was being"
            f" published: {error}{words}"
        )

    async def _connected(self) -> mqtt_client.Client:
        if self._client is None and self._error is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._attempted.wait()
        if self._client is not None:
            return self._client
        if self._error is None:
            raise model.TemporaryError(f"{self._place}: not connected yet")
        raise type(self._error)(str(self._error)) from self._error

    async def send(
        self,
        client: mqtt_client.Client,
        topic: str,
        payload: bytes,
        *,
        retain: bool,
        properties: Properties | None = None,
    ) -> None:
        """Publish on this client, and learn from it.

        Raises PermanentError, or aiomqtt.MqttError when the connection is lost.
        """
        now = self._clock.monotonic()
        if reason := self.limits.set_aside(topic, now):
            raise SetAsideError(f"{self._place}: {reason}")
        if not self.fits(topic, len(payload)):
            raise TooLargeError(
                f"{self._place} accepts no message of {len(payload)} bytes on {topic}: raise its"
                " maximum packet size"
            )
        async with self._publish_lock:  # one at a time: a refusal belongs to the publish that waits
            refusal = await client.publish_and_wait(
                topic, payload, retain=retain, properties=properties
            )
        if refusal is not None:
            reason = errors.refused(self._place, topic, refusal, self._settings.username)
            self.note_refused(topic, reason)
            raise model.PermanentError(reason)
        self.limits.accepted(topic, len(payload))
        self._refused.pop(topic, None)

    async def subscribe(
        self, client: mqtt_client.Client, topic: str, *, retained: bool, purpose: str
    ) -> bool:
        """Subscribe; return whether the broker accepts it, and remember why it does not."""
        if self.limits.set_aside(topic, self._clock.monotonic()):
            return False
        async with self._publish_lock:
            refusal = await client.subscribe_and_wait(topic, retained=retained)
        if refusal is None:
            self.limits.accepted(topic, 0)
            self._refused.pop(f"subscription to {topic}", None)
            return True
        user = self._settings.username or "anonymous clients"
        self.note_refused(
            f"subscription to {topic}",
            f"{self._place} refuses the subscription to {topic}: {refusal}: allow {user} to"
            f" subscribe to it, {purpose}",
        )
        return False

    def _publish_properties(
        self,
        expiry: int | None,
        content_type: str,
        correlation: bytes | None,
        cloud_event: CloudEvent | None,
    ) -> Properties | None:
        if self._settings.protocol != "5":
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
        if expiry is not None:
            properties.MessageExpiryInterval = max(1, expiry)
        if content_type:
            properties.ContentType = content_type
        if correlation is not None:
            properties.CorrelationData = correlation
        if cloud_event is not None:
            attributes = cloud_event.attributes(source=f"/{self.prefix}")
            properties.UserProperty = list(attributes.items())
        return properties

    def _report(self, error: BrokerError) -> None:
        if str(error) != str(self._error):
            log.warning("broker connection lost", broker=self._place, error=str(error))
        self._error = error
        self._attempted.set()
