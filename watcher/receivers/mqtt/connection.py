"""The connection to the MQTT broker: one task that keeps it open, and every publish.

Law: a publish returns when the broker has acknowledged it, or raises. Nothing is queued here, since
receipts record what is pending. On every connect `online`, the sources' health and the retained
documents are published again, because a broker may have lost all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterable

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from watcher import model
from watcher.backoff import Backoff, Jitter
from watcher.clock import Clock
from watcher.operations import documents
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt import client as mqtt_client
from watcher.receivers.mqtt import topics

log = structlog.get_logger()

BACKOFF = Backoff(first=1.0, longest=30.0, jitter=Jitter(0.5, 1.0))  # seconds between reconnections
PERMANENT_PAUSE = 60.0  # until a person has fixed something
_PERMANENT_JITTER = Jitter(0.75, 1.25)
TAKEN_OVER_PAUSE = 300.0  # two daemons with one client id must not reconnect at the same time
_TAKEN_OVER_JITTER = Jitter(1.0, 2.0)
STEADY_SECONDS = 30.0  # a connection that lasted this long resets the count of failures
MOST_DISCONNECTS = 3  # in a row soon after connecting: somebody else has our client id
LARGE = 10_000  # bytes
MOST_BYTES = 65_536  # of a packet that is sent to us
WAIT_SECONDS = 5.0  # how long a publish waits for the first connection after the start
ONLINE, OFFLINE = b"online", b"offline"

ConnectHandler = Callable[[], Awaitable[None]]
CommandHandler = Callable[[mqtt_client.Message], None]
BrokerError = model.TemporaryError | model.PermanentError


class MqttConnection:
    """The one connection to the broker of [mqtt], through which everything is published."""

    def __init__(
        self,
        *,
        settings: receiver_settings.Mqtt,
        instance: str,
        clock: Clock,
        backoff: Backoff = BACKOFF,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.prefix = settings.topic_prefix
        self._settings = settings
        self._client_id = settings.client_id or f"watcher-{instance}"
        self._presence = topics.presence(self.prefix, instance)
        self._clock = clock
        self._backoff = backoff
        self._jitter = jitter
        self._place = f"MQTT broker {settings.host}:{settings.port}"
        self._accepted: mqtt_client.Client | None = None  # connected
        self._client: mqtt_client.Client | None = None  # connected, and `online` is published
        self._attempted = asyncio.Event()  # the first attempt has succeeded or failed
        self._error: BrokerError | None = None
        self._publish_lock = asyncio.Lock()
        self._connect_handlers: list[ConnectHandler] = []
        self._command_handler: CommandHandler | None = None
        self._retained: dict[str, documents.Document] = {}  # by topic
        self._unsent: set[str] = set()
        self._wakeup = asyncio.Event()
        self._is_leader = self._leader_announced = False

    def become_leader(self) -> None:
        """Announce from now on that this daemon is the leader."""
        self._is_leader = True
        self._wakeup.set()

    def on_connect(self, handle: ConnectHandler) -> None:
        """Call `handle` after every connect; it may publish."""
        self._connect_handlers.append(handle)

    def on_command(self, handle: CommandHandler) -> None:
        """Subscribe to commands once this daemon leads, and pass each to `handle`."""
        self._command_handler = handle

    def publish_source(self, health: model.SourceHealth) -> None:
        """Publish a source's health once there is a connection; a newer one replaces it."""
        self._retain(topics.source(self.prefix, health.source), documents.source(health))

    def publish_silences(self, silences: Iterable[model.Silence]) -> None:
        """Publish the silences that are not over once there is a connection."""
        self._retain(topics.silences(self.prefix), documents.silences(silences))

    def _retain(self, topic: str, document: documents.Document) -> None:
        self._retained[topic] = document
        self._unsent.add(topic)
        self._wakeup.set()

    async def accepts(self, topic: str, payload: bytes) -> bool:
        """Return whether the broker accepts a message of this size; True if it names no limit.

        Raises TemporaryError or PermanentError without a connection.
        """
        return (await self._connected()).accepts(topic, payload)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool,
        expiry: int | None = None,
        content_type: str = "",
        correlation: bytes | None = None,
    ) -> None:
        """Publish with QoS 1; `expiry` (in seconds) and later parameters need MQTT 5.

        Raises TemporaryError without a connection, AmbiguousError when it was lost meanwhile, and
        PermanentError when the broker refuses.
        """
        client = await self._connected()
        if not client.accepts(topic, payload):
            raise model.PermanentError(
                f"{self._place} accepts no message of {len(payload)} bytes on {topic}: raise its"
                " maximum packet size"
            )
        async with self._publish_lock:  # one at a time: a refusal belongs to the publish that waits
            properties = self._publish_properties(expiry, content_type, correlation)
            try:
                refusal = await client.publish_and_wait(
                    topic, payload, retain=retain, properties=properties
                )
            except aiomqtt.MqttError as error:
                raise model.AmbiguousError(f"{self._place}: {topic}: {error}") from error
        if refusal is not None:
            raise model.PermanentError(
                f"{self._place} refuses {topic}: {refusal}: allow"
                f" {self._settings.username or 'anonymous clients'} to publish it"
            )

    async def run(self) -> None:
        """Stay connected until cancelled; then publish `offline` and disconnect.

        Two daemons with one client id would disconnect each other without end. Some brokers give
        that as the reason (MQTT 5, reason 142); Mosquitto 2.0 only closes the connection.
        """
        failures = disconnects = 0
        while True:
            started = self._clock.monotonic()
            try:
                await self._stay_connected()
            except (aiomqtt.MqttError, OSError) as error:
                steady = self._clock.monotonic() - started > STEADY_SECONDS
                failures = 1 if self._accepted and steady else failures + 1
                # A broker may close the connection because a message is too large for it.
                idle = self._accepted is not None and self._accepted.bytes_in_flight < LARGE
                disconnects = disconnects + 1 if idle and not steady else 0
                taken_over = mqtt_client.is_taken_over(error) or disconnects >= MOST_DISCONNECTS
                self._report(
                    mqtt_client.taken_over_error(self._place, self._client_id)
                    if taken_over
                    else mqtt_client.translate_error(
                        error, self._place, self._settings, self._client_id
                    )
                )
                delay = self._delay(error, failures, taken_over=taken_over)
            finally:
                self._client = self._accepted = None
            await asyncio.sleep(delay)

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

    async def _stay_connected(self) -> None:
        async with mqtt_client.Client(
            self._settings.host,
            self._settings.port,
            username=self._settings.username or None,
            password=self._settings.password.get_secret_value() or None,
            identifier=self._client_id,
            protocol=mqtt_client.PROTOCOLS[self._settings.protocol],
            will=aiomqtt.Will(self._presence, OFFLINE, qos=1, retain=True),
            tls_context=mqtt_client.tls_context(self._settings),
            properties=self._connect_properties(),
        ) as client:
            self._accepted = client
            try:
                await self._serve(client)
            except asyncio.CancelledError:
                with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                    async with asyncio.timeout(2):
                        await client.publish_and_wait(self._presence, OFFLINE, retain=True)
                raise

    async def _serve(self, client: mqtt_client.Client) -> None:
        """Publish what is retained, then each change of health, until the connection is lost."""
        await client.publish_and_wait(self._presence, ONLINE, retain=True)
        self._leader_announced = False
        log.info("broker connected", broker=self._place)
        self._client, self._error = client, None
        self._attempted.set()
        pending = list(self._connect_handlers)
        self._unsent = set(self._retained)
        while True:
            self._wakeup.clear()
            if self._is_leader and not self._leader_announced:
                await client.publish_and_wait(topics.leader(self.prefix), ONLINE, retain=True)
                await self._subscribe(client)
                self._leader_announced = True
            try:
                while self._unsent:
                    await self._send_retained(next(iter(self._unsent)))
                while pending:
                    await pending[0]()
                    del pending[0]
            except model.WatcherError as error:
                log.warning(
                    "retained messages not published again", broker=self._place, error=str(error)
                )
            again = self._backoff.longest if pending or self._unsent else None
            await client.wait_for(self._wakeup, seconds=again)

    async def _subscribe(self, client: mqtt_client.Client) -> None:
        if self._command_handler is None:
            return
        client.handler = self._command_handler
        topic = topics.commands(self.prefix)
        refusal = await client.subscribe_and_wait(topic)
        if refusal is not None:
            log.warning(
                "MQTT commands are not accepted",
                broker=self._place,
                error=f"it refuses the subscription to {topic}: {refusal}: allow"
                f" {self._settings.username or 'anonymous clients'} to subscribe to it",
            )

    async def _send_retained(self, topic: str) -> None:
        document = self._retained[topic]
        await self.publish(topic, document.encode(), retain=True, content_type="application/json")
        if self._retained[topic] is document:
            self._unsent.discard(topic)

    def _connect_properties(self) -> Properties | None:
        """Return the CONNECT properties: nothing but short commands is sent to us."""
        if self._settings.protocol != "5":
            return None
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types here
        properties.MaximumPacketSize = MOST_BYTES
        return properties

    def _publish_properties(
        self, expiry: int | None, content_type: str, correlation: bytes | None
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
        return properties

    def _delay(self, error: Exception, failures: int, *, taken_over: bool) -> float:
        chance = self._jitter()
        if taken_over:
            return _TAKEN_OVER_JITTER.spread(TAKEN_OVER_PAUSE, chance)
        if mqtt_client.is_permanent(error):
            return _PERMANENT_JITTER.spread(PERMANENT_PAUSE, chance)
        return self._backoff.delay(failures, chance)

    def _report(self, error: BrokerError) -> None:
        if str(error) != str(self._error):
            log.warning("broker connection lost", broker=self._place, error=str(error))
        self._error = error
        self._attempted.set()


async def check(settings: receiver_settings.Mqtt, client_id: str) -> str:
    """Connect without publishing, and say so. Raises TemporaryError or PermanentError."""
    place = f"MQTT broker {settings.host}:{settings.port}"
    try:
        async with mqtt_client.Client(
            settings.host,
            settings.port,
            username=settings.username or None,
            password=settings.password.get_secret_value() or None,
            identifier=client_id,
            protocol=mqtt_client.PROTOCOLS[settings.protocol],
            tls_context=mqtt_client.tls_context(settings),
        ):
            return f"{place} accepts the connection"
    except (aiomqtt.MqttError, OSError) as error:
        raise mqtt_client.translate_error(error, place, settings, client_id) from error
