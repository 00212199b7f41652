"""The connection to the MQTT broker: one task that connects, greets, and connects again.

Law: a publish returns when the broker has acknowledged it, or raises; nothing is queued here,
because the receipts know what is owed. On every connect `online`, the sources' health and what
the greeters bring are published again: a broker may have forgotten all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Awaitable, Callable

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from watcher import model
from watcher.clock import Clock
from watcher.operations import documents
from watcher.receivers import settings
from watcher.receivers.mqtt import client as mqtt_client

log = structlog.get_logger()

FIRST_PAUSE = 1.0  # seconds before the first reconnection, doubled with each further one
LONGEST_PAUSE = 30.0
PERMANENT_PAUSE = 60.0  # a person has to mend something
TAKEN_OVER_PAUSE = 300.0  # two daemons that throw each other out: never at once again
STEADY_SECONDS = 30.0  # a connection that lasted so long forgives the failures before it
MOST_THROWN_OUT = 3  # times in a row soon after connecting: somebody else has our client id
LARGE = 10_000  # bytes
MOST_BYTES = 65_536  # of a packet that is sent to us
WAIT_SECONDS = 5.0  # how long a publish waits for the first connection after the start
ONLINE, OFFLINE = b"online", b"offline"

Greeter = Callable[[], Awaitable[None]]
Taker = Callable[[mqtt_client.Message], None]
Fault = model.TemporaryError | model.PermanentError


class MqttConnection:
    """The broker of [mqtt], as everybody here publishes to it."""

    def __init__(
        self,
        *,
        keys: settings.Mqtt,
        instance: str,
        clock: Clock,
        first_pause: float = FIRST_PAUSE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.prefix = keys.topic_prefix
        self._keys = keys
        self._client_id = keys.client_id or f"watcher-{instance}"
        self._presence = presence_topic(self.prefix, instance)
        self._clock = clock
        self._first_pause = first_pause
        self._jitter = jitter
        self._place = f"MQTT broker {keys.host}:{keys.port}"
        self._accepted: mqtt_client.Client | None = None  # by the broker
        self._client: mqtt_client.Client | None = None  # and greeted
        self._settled = asyncio.Event()  # the first attempt has succeeded or failed
        self._fault: Fault | None = None
        self._turn = asyncio.Lock()
        self._greeters: list[Greeter] = []
        self._take: Taker | None = None
        self._health: dict[str, model.SourceHealth] = {}
        self._unsent: set[str] = set()
        self._stirred = asyncio.Event()
        self._leads = self._announced = False

    def lead(self) -> None:
        """Say from now on that this daemon leads."""
        self._leads = True
        self._stirred.set()

    def on_connect(self, greet: Greeter) -> None:
        """Have this done after every connect; it may publish."""
        self._greeters.append(greet)

    def on_command(self, take: Taker) -> None:
        """Subscribe to commands as soon as this daemon leads, and hand each on; `take` is quick."""
        self._take = take

    def publish_source(self, health: model.SourceHealth) -> None:
        """Publish a source's health as soon as there is a connection; only the newest counts."""
        self._health[health.source] = health
        self._unsent.add(health.source)
        self._stirred.set()

    async def takes(self, topic: str, payload: bytes) -> bool:
        """Tell whether the broker accepts a message of this size; one that does not say does.

        Raises TemporaryError or PermanentError without a connection.
        """
        return (await self._connected()).takes(topic, payload)

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
        """Publish with QoS 1; `expiry` in seconds and what follows it count with MQTT 5.

        Raises TemporaryError without a connection, AmbiguousError when it was lost meanwhile, and
        PermanentError when the broker refuses.
        """
        client = await self._connected()
        if not client.takes(topic, payload):
            raise model.PermanentError(
                f"{self._place} takes no message of {len(payload)} bytes for {topic}: raise its"
                " maximum packet size"
            )
        async with self._turn:  # so that a refusal belongs to the publish that waits for it
            properties = self._properties(expiry, content_type, correlation)
            try:
                refusal = await client.deliver(topic, payload, retain=retain, properties=properties)
            except aiomqtt.MqttError as error:
                raise model.AmbiguousError(f"{self._place}: {topic}: {error}") from error
        if refusal is not None:
            raise model.PermanentError(
                f"{self._place} refuses {topic}: {refusal}: allow"
                f" {self._keys.username or 'anonymous clients'} to publish it"
            )

    async def run(self) -> None:
        """Be connected, for ever. When it is cancelled, say `offline` and leave.

        Two daemons with one client id would throw each other out without end. Some brokers say
        so (MQTT 5, reason 142); Mosquitto 2.0 only hangs up, again and again.
        """
        failures = thrown_out = 0
        while True:
            began = self._clock.monotonic()
            try:
                await self._stay_connected()
            except (aiomqtt.MqttError, OSError) as error:
                steady = self._clock.monotonic() - began > STEADY_SECONDS
                failures = 1 if self._accepted and steady else failures + 1
                # A broker may also hang up because a message is too large for it.
                idle = self._accepted is not None and self._accepted.carrying < LARGE
                thrown_out = thrown_out + 1 if idle and not steady else 0
                taken_over = mqtt_client.is_taken_over(error) or thrown_out >= MOST_THROWN_OUT
                self._note(
                    mqtt_client.taken_over(self._place, self._client_id)
                    if taken_over
                    else mqtt_client.translated(error, self._place, self._keys, self._client_id)
                )
                pause = self._pause(error, failures, taken_over=taken_over)
            finally:
                self._client = self._accepted = None
            await asyncio.sleep(pause)

    async def _connected(self) -> mqtt_client.Client:
        if self._client is None and self._fault is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._settled.wait()
        if self._client is not None:
            return self._client
        if self._fault is None:
            raise model.TemporaryError(f"{self._place}: not connected yet")
        raise type(self._fault)(str(self._fault)) from self._fault

    async def _stay_connected(self) -> None:
        async with mqtt_client.Client(
            self._keys.host,
            self._keys.port,
            username=self._keys.username or None,
            password=self._keys.password.get_secret_value() or None,
            identifier=self._client_id,
            protocol=mqtt_client.PROTOCOLS[self._keys.protocol],
            will=aiomqtt.Will(self._presence, OFFLINE, qos=1, retain=True),
            tls_context=mqtt_client.tls_context(self._keys),
            properties=self._bounds(),
        ) as client:
            self._accepted = client
            try:
                await self._live(client)
            except asyncio.CancelledError:
                with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                    async with asyncio.timeout(2):
                        await client.deliver(self._presence, OFFLINE, retain=True)
                raise

    async def _live(self, client: mqtt_client.Client) -> None:
        """Greet, then publish the sources' health as it changes, until the connection is lost."""
        await client.deliver(self._presence, ONLINE, retain=True)
        self._announced = False
        log.info("broker connected", broker=self._place)
        self._client, self._fault = client, None
        self._settled.set()
        owed = list(self._greeters)
        self._unsent = set(self._health)
        while True:
            self._stirred.clear()
            if self._leads and not self._announced:
                await client.deliver(leader_topic(self.prefix), ONLINE, retain=True)
                await self._listen(client)
                self._announced = True
            try:
                while self._unsent:
                    await self._send_health(next(iter(self._unsent)))
                while owed:
                    await owed[0]()
                    del owed[0]
            except model.WatcherError as error:
                log.warning("not published again", broker=self._place, error=str(error))
            again = LONGEST_PAUSE if owed or self._unsent else None
            await client.wait(self._stirred, seconds=again)

    async def _listen(self, client: mqtt_client.Client) -> None:
        if self._take is None:
            return
        client.take = self._take
        what = commands_topic(self.prefix)
        refusal = await client.listen(what)
        if refusal is not None:
            log.warning(
                "no commands are accepted",
                broker=self._place,
                error=f"it refuses the subscription to {what}: {refusal}: allow"
                f" {self._keys.username or 'anonymous clients'} to subscribe to it",
            )

    async def _send_health(self, source: str) -> None:
        health = self._health[source]
        await self.publish(
            source_topic(self.prefix, source),
            documents.source(health).encode(),
            retain=True,
            content_type="application/json",
        )
        if self._health[source] is health:
            self._unsent.discard(source)

    def _bounds(self) -> Properties | None:
        """Have nothing large sent to us: the only thing that comes are commands."""
        if self._keys.protocol != "5":
            return None
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types here
        properties.MaximumPacketSize = MOST_BYTES
        return properties

    def _properties(
        self, expiry: int | None, content_type: str, correlation: bytes | None
    ) -> Properties | None:
        if self._keys.protocol != "5":
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho has no types here
        if expiry is not None:
            properties.MessageExpiryInterval = max(1, expiry)
        if content_type:
            properties.ContentType = content_type
        if correlation is not None:
            properties.CorrelationData = correlation
        return properties

    def _pause(self, error: Exception, failures: int, *, taken_over: bool) -> float:
        if taken_over:
            return TAKEN_OVER_PAUSE * (1 + self._jitter())
        if mqtt_client.is_permanent(error):
            return PERMANENT_PAUSE * (0.75 + 0.5 * self._jitter())
        longest = min(LONGEST_PAUSE, self._first_pause * 2.0 ** min(failures - 1, 10))
        return longest * (0.5 + 0.5 * self._jitter())

    def _note(self, fault: Fault) -> None:
        if str(fault) != str(self._fault):
            log.warning("broker lost", broker=self._place, error=str(fault))
        self._fault = fault
        self._settled.set()


async def check(keys: settings.Mqtt, client_id: str) -> str:
    """Connect and publish nothing. Raises TemporaryError or PermanentError."""
    place = f"MQTT broker {keys.host}:{keys.port}"
    try:
        async with mqtt_client.Client(
            keys.host,
            keys.port,
            username=keys.username or None,
            password=keys.password.get_secret_value() or None,
            identifier=client_id,
            protocol=mqtt_client.PROTOCOLS[keys.protocol],
            tls_context=mqtt_client.tls_context(keys),
        ):
            return f"{place} accepts the connection"
    except (aiomqtt.MqttError, OSError) as error:
        raise mqtt_client.translated(error, place, keys, client_id) from error


_LONGEST_PART = 200
_STRANGE = re.compile(r"[^A-Za-z0-9_-]")
_NOT_PUBLISHED_TO = re.compile(r"[+#\x00-\x1f\x7f]")


def slug(part: str) -> str:
    """Make an id fit to be one level of a topic, for every subscriber's sake."""
    return _STRANGE.sub("_", part)[:_LONGEST_PART] or "_"


def presence_topic(prefix: str, instance: str) -> str:
    """Retained `online`; the last will says `offline`."""
    return f"{prefix}/status/{slug(instance)}"


def leader_topic(prefix: str) -> str:
    """Retained `online` by the daemon that leads."""
    return f"{prefix}/status"


def incident_topic(prefix: str, identity: str) -> str:
    """Retained incident document."""
    return f"{prefix}/incidents/{slug(identity)}"


def report_topic(prefix: str, identity: str, run: str) -> str:
    """Retained PDF of one diagnostics run."""
    return f"{incident_topic(prefix, identity)}/reports/{slug(run)}.pdf"


def events_topic(prefix: str) -> str:
    """Timeline entries, never retained."""
    return f"{prefix}/events"


def source_topic(prefix: str, name: str) -> str:
    """Retained health of a source."""
    return f"{prefix}/sources/{slug(name)}"


def commands_topic(prefix: str) -> str:
    """Filter of the commands that are accepted."""
    return f"{prefix}/commands/+"


def answers_topic(prefix: str) -> str:
    """Answers to commands that name no response topic, never retained."""
    return f"{prefix}/answers"


def takes_answers(prefix: str, topic: str) -> bool:
    """Whether a stranger may have an answer there: not where only Watcher itself speaks."""
    if not topic or len(topic) > _LONGEST_PART or topic.startswith("$"):
        return False
    ours = f"{topic}/".startswith(f"{prefix}/")
    return not _NOT_PUBLISHED_TO.search(topic) and (
        not ours or f"{topic}/".startswith(f"{answers_topic(prefix)}/")
    )
