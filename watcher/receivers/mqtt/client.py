"""aiomqtt's client with three additions, and its errors translated into ours.

aiomqtt waits for its whole timeout when the connection is lost during a publish, drops the reason
of a refused publish, and drops the properties with which the broker accepts a connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiomqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from watcher import model
from watcher.receivers import settings as receiver_settings

PROTOCOLS = {"5": aiomqtt.ProtocolVersion.V5, "3.1.1": aiomqtt.ProtocolVersion.V311}
PUBLISH_SECONDS = 60.0  # enough for a PDF of some megabytes over a slow line

_FAILED = 128  # reason codes from here on are refusals (MQTT 5, section 2.4)
_TAKEN_OVER = 142
_ADVICE = {
    132: "it does not support MQTT {protocol}: set mqtt.protocol",
    133: "it refuses the client id {client_id}: set mqtt.client_id",
    134: "wrong user or password: set mqtt.username and mqtt.password",
    135: "not authorised: set mqtt.username and mqtt.password, or allow this client",
    138: "this client is banned: ask the broker's administrator",
    140: "it requires another authentication method than a password",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
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
    bytes_in_flight = 0  # of a publish; kept when the connection is lost during it
    _refusal: ReasonCode | None = None

    def accepts(self, topic: str, payload: bytes) -> bool:
        """Whether a message of this size, with some room for its properties, is accepted."""
        size = len(payload) + len(topic.encode()) + 128
        return self.most_bytes is None or size <= self.most_bytes

    async def publish_and_wait(
        self, topic: str, payload: bytes, *, retain: bool, properties: Properties | None = None
    ) -> ReasonCode | None:
        """Publish with QoS 1, one at a time; return the broker's reason if it refused.

        Raises aiomqtt.MqttError, at once when the connection is lost.
        """
        self._refusal = None
        self.bytes_in_flight = len(payload)
        sending = asyncio.ensure_future(
            self.publish(
                topic, payload, qos=1, retain=retain, properties=properties, timeout=PUBLISH_SECONDS
            )
        )
        await self._wait_first(sending)
        await sending
        self.bytes_in_flight = 0
        return self._refusal

    async def subscribe_and_wait(self, topic: str) -> ReasonCode | None:
        """Subscribe with QoS 1, without retained messages; return the broker's reason to refuse.

        Raises aiomqtt.MqttError, at once when the connection is lost.
        """
        options = SubscribeOptions(
            qos=1,
            retainAsPublished=True,
            retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND,
        )
        subscribing = asyncio.ensure_future(
            self.subscribe(topic, options=options)
            if self._client.protocol == PROTOCOLS["5"].value
            else self.subscribe(topic, qos=1)
        )
        await self._wait_first(subscribing)
        [reason] = await subscribing
        return reason if isinstance(reason, ReasonCode) and reason.value >= _FAILED else None

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
            cause = self._disconnected.exception()
            raise (
                cause
                if isinstance(cause, aiomqtt.MqttError)
                else aiomqtt.MqttError("the connection was lost")
            ) from cause

    def _on_connect(
        self,
        client: Any,
        userdata: Any,
        flags: Any,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        self.most_bytes = getattr(properties, "MaximumPacketSize", None)
        super()._on_connect(client, userdata, flags, reason_code, properties)

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
            self._refusal = reason_code
        super()._on_publish(client, userdata, mid, reason_code, properties)


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


def is_taken_over(error: Exception) -> bool:
    """Whether another client with the same id has taken over the session."""
    return _reason_code(error) == _TAKEN_OVER


def taken_over_error(place: str, client_id: str) -> model.PermanentError:
    """Return the error for two clients with one id."""
    return model.PermanentError(
        f"{place}: another client took over the session: two daemons use the client id"
        f" {client_id}; give each its own mqtt.client_id"
    )


def is_permanent(error: Exception) -> bool:
    """Whether it lasts until a person fixes something."""
    untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)  # aiomqtt keeps only the text
    return untrusted or _reason_code(error) in _ADVICE or not isinstance(error, aiomqtt.MqttError)


def translate_error(
    error: Exception, place: str, settings: receiver_settings.Mqtt, client_id: str
) -> model.TemporaryError | model.PermanentError:
    """Return our error for one of aiomqtt's: what happened, and what to do."""
    if not is_permanent(error):
        return model.TemporaryError(f"{place}: {error}")
    advice = _ADVICE.get(_reason_code(error) or 0)
    if advice:
        words = advice.format(protocol=settings.protocol, client_id=client_id)
        return model.PermanentError(f"{place}: {words}")
    if isinstance(error, aiomqtt.MqttError):
        return model.PermanentError(
            f"{place}: its certificate is not trusted ({error}): set mqtt.tls.ca_file"
        )
    return model.PermanentError(f"{place}: mqtt.tls: {error}")  # a file that cannot be read


def _reason_code(error: Exception) -> int | None:
    code = getattr(error, "rc", None)
    return code.value if isinstance(code, ReasonCode) else None
