"""aiomqtt's client with three additions, and its errors translated into ours.

aiomqtt waits for its whole timeout when the connection is lost during a publish, drops the reason
of a refused publish, and drops the properties with which the broker accepts a connection.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import aiomqtt
from msgspec import Struct
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from watcher import text
from watcher.receivers import settings as receiver_settings

PROTOCOLS = {"5": aiomqtt.ProtocolVersion.V5, "3.1.1": aiomqtt.ProtocolVersion.V311}
ONLINE, OFFLINE = b"online", b"offline"
KEEPALIVE_SECONDS = 30  # a broker gives up, and speaks the will, after one and a half of these
PUBLISH_SECONDS = 60.0  # enough for a PDF of some megabytes over a slow line

T = TypeVar("T")
_FAILED = 128  # reason codes from here on are refusals (MQTT 5, section 2.4)


class NoAnswerError(aiomqtt.MqttError):
    """The broker closed the connection without an answer to the connect."""


class NotSentError(aiomqtt.MqttError):
    """The connection was lost before the message could be sent, so that it explains nothing."""

    def __init__(self, loss: aiomqtt.MqttError) -> None:
        super().__init__(str(loss))
        self.rc = getattr(loss, "rc", None)


class Refusal(Struct, frozen=True):
    """Why a broker refused a publish or a subscription (MQTT 5), with its own words if any."""

    code: int
    name: str
    words: str = ""

    def __str__(self) -> str:
        """Return the reason as a person reads it."""
        return f"{self.name} ({self.words})" if self.words else self.name


class Message(Struct, frozen=True, kw_only=True):
    """One that was subscribed to; the last two fields are set with MQTT 5 only."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str = ""
    correlation: bytes | None = None


class Client(aiomqtt.Client):
    """One connection. `most_bytes` is the largest packet the broker accepts, if it says so."""

    handler: Callable[[Message], None] | None = None  # gets each message; must not raise
    most_bytes: int | None = None
    established = False  # the broker has accepted the connection
    in_flight: tuple[str, int] | None = None  # topic and bytes; kept when the connection is lost
    words = ""  # the broker's Reason String for refusing or closing the connection
    _refusal: Refusal | None = None

    async def publish_and_wait(
        self, topic: str, payload: bytes, *, retain: bool, properties: Properties | None = None
    ) -> Refusal | None:
        """Publish with QoS 1, one at a time; return the broker's reason if it refused.

        Raises aiomqtt.MqttError, at once when the connection is lost.
        """
        self._refusal = None
        self._start(topic, len(payload))
        sending = asyncio.ensure_future(
            self.publish(
                topic, payload, qos=1, retain=retain, properties=properties, timeout=PUBLISH_SECONDS
            )
        )
        await self._wait_first(sending)
        await sending
        self.in_flight = None
        return self._refusal

    async def subscribe_and_wait(self, topic: str, *, retained: bool = False) -> Refusal | None:
        """Subscribe with QoS 1; return the broker's reason to refuse.

        Only MQTT 5 can leave out what is retained, and mark new messages that were published as
        retained; with `retained`, the mark means that a message was there before. Raises
        aiomqtt.MqttError, at once when the connection is lost.
        """
        options = SubscribeOptions(
            qos=1,
            retainAsPublished=not retained,
            retainHandling=SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
            if retained
            else SubscribeOptions.RETAIN_DO_NOT_SEND,
        )
        self._start(topic, 0)
        subscribing = asyncio.ensure_future(
            self.subscribe(topic, options=options)
            if self._client.protocol == PROTOCOLS["5"].value
            else self.subscribe(topic, qos=1)
        )
        await self._wait_first(subscribing)
        [reason] = await subscribing
        self.in_flight = None
        if isinstance(reason, ReasonCode) and reason.value >= _FAILED:
            return Refusal(reason.value, str(reason))
        return None

    def _start(self, topic: str, size: int) -> None:
        """Note what is in flight. Raises NotSentError if the connection is lost already."""
        if self._disconnected.done():
            raise NotSentError(self._loss()) from self._disconnected.exception()
        self.in_flight = (topic, size)

    async def wait_for(self, event: asyncio.Event, *, seconds: float | None) -> None:
        """Wait for the event, for at most `seconds`. Raises aiomqtt.MqttError on a disconnect."""
        await self._wait_first(asyncio.ensure_future(event.wait()), seconds=seconds)

    async def _wait_first(self, task: asyncio.Future[Any], *, seconds: float | None = None) -> None:
        try:
            await asyncio.wait(
                {task, self._disconnected},
                timeout=seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            if not task.done():
                task.cancel()
        if self._disconnected.done() and not (task.done() and not task.cancelled()):
            raise self._loss() from self._disconnected.exception()

    def _loss(self) -> aiomqtt.MqttError:
        """Return the error of a connection that was lost."""
        cause = self._disconnected.exception()
        if isinstance(cause, aiomqtt.MqttError):
            return cause
        return aiomqtt.MqttError("the connection was lost")

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109  # aiomqtt's
        """Wait as aiomqtt does, but be cancelled also when the answer comes at that moment.

        `asyncio.wait_for` returns the answer then, up to Python 3.11, and who has cancelled the
        task waits for its end forever.
        """
        seconds = self.timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(None if seconds == math.inf else seconds):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError("Operation timed out") from None

    def _on_connect(
        self,
        client: Any,
        userdata: Any,
        flags: Any,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        self.most_bytes = getattr(properties, "MaximumPacketSize", None)
        self.words = _words(properties)
        self.established = reason_code.value == 0
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: Any,
        userdata: Any,
        flags: Any,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        """Keep the broker's words; fail a connect at once, where aiomqtt waits for its timeout.

        See findings/aiomqtt-connect-closed-without-connack.sh.
        """
        self.words = _words(properties) or self.words
        if not self._connected.done():
            self._connected.set_exception(NoAnswerError("closed without an answer"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:  # noqa: ARG002  # paho's
        """Pass a message on; aiomqtt would queue it without a limit."""
        if self.handler is None:
            return
        properties = getattr(message, "properties", None)
        self.handler(
            Message(
                topic=message.topic,
                payload=message.payload,
                retained=message.retain,
                response_topic=getattr(properties, "ResponseTopic", ""),
                correlation=getattr(properties, "CorrelationData", None),
            )
        )

    def _on_socket_register_write(
        self,
        client: Any,
        userdata: Any,  # noqa: ARG002  # the signature is paho's
        sock: Any,
    ) -> None:
        """Send the rest once the socket is writable, unless it is closed by then.

        aiomqtt registers the file descriptor by number, one iteration of the loop later; if the
        connection was lost in between, that number may belong to another socket.
        """

        def send() -> None:
            try:
                client.loop_write()
            except OSError as error:
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def watch() -> None:
            if sock.fileno() >= 0 and client.want_write():
                self._loop.add_writer(sock.fileno(), send)

        self._loop.call_soon_threadsafe(watch)  # paho may be connecting in a thread

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if reason_code.value >= _FAILED:
            self._refusal = Refusal(reason_code.value, str(reason_code), _words(properties))
        super()._on_publish(client, userdata, mid, reason_code, properties)


def _words(properties: Properties | None) -> str:
    """Return the broker's Reason String, as one short line."""
    return text.clean(getattr(properties, "ReasonString", ""), 200)


class BuildClient(Protocol):
    """Makes a client for one connection, as `build` does."""

    def __call__(
        self, settings: receiver_settings.Mqtt, client_id: str, *, will: str = ""
    ) -> Client:
        """Return a client that is not connected yet."""


def build(
    settings: receiver_settings.Mqtt, client_id: str, *, will: str = "", most_bytes: int = 65_536
) -> Client:
    """Return a client of the broker; `will` is the topic on which it leaves `offline`.

    `most_bytes` is the largest packet that may be sent to it (MQTT 5). Raises OSError for a
    certificate that cannot be read.
    """
    properties = None
    if settings.protocol == "5":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no types here
        properties.MaximumPacketSize = most_bytes
    return Client(
        settings.host,
        settings.port,
        username=settings.username or None,
        password=settings.password.get_secret_value() or None,
        identifier=client_id,
        protocol=PROTOCOLS[settings.protocol],
        keepalive=KEEPALIVE_SECONDS,
        will=aiomqtt.Will(will, OFFLINE, qos=1, retain=True) if will else None,
        tls_context=tls_context(settings),
        properties=properties,
    )


class _Socket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  ssl's signature
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def tls_context(settings: receiver_settings.Mqtt) -> ssl.SSLContext | None:
    """Return the TLS settings, read at every connect so that renewed certificates are used.

    Raises OSError.
    """
    tls = settings.tls
    if tls is False:
        return None
    context = ssl.create_default_context(cafile=None if tls is True else tls.ca_file)
    context.sslsocket_class = _Socket
    if tls is not True and tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context
