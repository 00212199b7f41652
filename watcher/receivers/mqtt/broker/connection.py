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
from datetime import timedelta

import aiomqtt
import structlog

from watcher import model, ports
from watcher.backoff import Backoff
from watcher.clock import Clock
from watcher.operations import documents
from watcher.operations.documents.cloud_events import CloudEvent
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt import discovery, topics
from watcher.receivers.mqtt.broker import client as mqtt_client
from watcher.receivers.mqtt.broker import errors, reconnect
from watcher.receivers.mqtt.broker.leader import LeaderPresence
from watcher.receivers.mqtt.broker.limits import BrokerLimits
from watcher.receivers.mqtt.broker.publisher import Publisher
from watcher.receivers.mqtt.broker.session import CommandHandler, ConnectHandler, Session

log = structlog.get_logger()

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
        build_client: mqtt_client.BuildClient = mqtt_client.build,
    ) -> None:
        self.prefix = settings.topic_prefix
        self.instance = instance
        self.publisher = Publisher(settings, clock)
        self._place = self.publisher.place
        self._settings = settings
        self._client_id = settings.client_id or f"watcher-{instance}"
        self._presence = topics.presence(self.prefix, instance)
        self.sources = tuple(sources)
        self.discovery = settings.discovery
        self._devices = discovery.devices(settings, self.sources)
        self._session = Session(
            self.publisher,
            opened=self._opened,
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
            build_client=build_client,
        )
        self._session.on_lead = self._leader.begin
        self._clock = clock
        self._reconnects = reconnect.Reconnects(backoff)
        self._jitter = jitter
        self._build_client = build_client
        self._client: mqtt_client.Client | None = None  # connected, and `online` is published
        self._attempted = asyncio.Event()  # the first attempt has succeeded or failed
        self._error: BrokerError | None = None
        self._lost_at = 0.0  # on the monotonic clock; counts while there is an error

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
        return self.publisher.limits

    def remarks(self) -> tuple[str, ...]:
        """Return in words what does not arrive at the broker although there is a connection."""
        return (
            *self._session.remarks(),
            *self._leader.remarks(),
            *self.publisher.remarks(),
        )

    def cut_off(self) -> ports.CutOff | None:
        """Return since when there is no connection; None while the first is still being made."""
        if self._client is not None or self._error is None:
            return None
        lasted = timedelta(seconds=self._clock.monotonic() - self._lost_at)
        return ports.CutOff(since=self._clock.now() - lasted, error=str(self._error))

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
        try:
            await self.publisher.publish(
                client,
                topic,
                payload,
                retain=retain,
                expiry=expiry,
                content_type=content_type,
                correlation=correlation,
                cloud_event=cloud_event,
            )
        except mqtt_client.NotSentError as error:
            raise model.TemporaryError(f"{self._place}: {error}") from error
        except aiomqtt.MqttError as error:
            raise model.AmbiguousError(
                f"{self._place}: {topic}: {errors.words_of(error)}"
            ) from error

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
                client = self._build_client(self._settings, self._client_id, will=self._presence)
                await self._stay_connected(client, leader)
            except (aiomqtt.MqttError, OSError) as error:
                delay = self._after_loss(client, error, started)
            finally:
                self._client = None
            await asyncio.sleep(delay)

    async def _stay_connected(self, client: mqtt_client.Client, leader: asyncio.Task[None]) -> None:
        async with client:
            self.publisher.limits.connected(client.most_bytes)
            try:
                await self._session.serve(client)
            except asyncio.CancelledError:
                leader.cancel()
                await asyncio.wait({leader})
                with contextlib.suppress(aiomqtt.MqttError, model.WatcherError, TimeoutError):
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await self._session.close(client)
                raise

    def _opened(self, client: mqtt_client.Client) -> None:
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
        self.publisher.limits.ended(lasted)
        if taken_over:
            self.publisher.limits.acquit()
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
            self.publisher.limits.acquit()
            return model.TemporaryError(f"{self._place}: {errors.words_of(error)}{words}")
        topic, size = client.in_flight
        certain = errors.blames_message(error)
        conclusion = self.publisher.limits.lost(topic, size, now, certain=certain)
        if conclusion:
            log.warning("broker hangs up", broker=self._place, reason=conclusion)
        return model.TemporaryError(
            f"{self._place}: the connection was lost while {topic} ({size} bytes) was being"
            f" published: {errors.words_of(error)}{words}"
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

    def _report(self, error: BrokerError) -> None:
        if str(error) != str(self._error):
            log.warning("broker connection lost", broker=self._place, error=str(error))
        if self._error is None:
            self._lost_at = self._clock.monotonic()
        self._error = error
        self._attempted.set()
