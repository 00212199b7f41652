"""aiomqtt's client with what it leaves out, and its errors in our own terms.

It waits out its whole timeout when the connection is lost during a publish, drops the reason of a
refused one, and does not hand on what the broker says when it accepts a connection.
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
from watcher.receivers import settings

PROTOCOLS = {"5": aiomqtt.ProtocolVersion.V5, "3.1.1": aiomqtt.ProtocolVersion.V311}
PUBLISH_SECONDS = 60.0  # a PDF of some megabytes over a slow line

_FAILED = 128  # reason codes from here on are refusals (MQTT 5, section 2.4)
_TAKEN_OVER = 142
_ADVICE = {
    132: "it does not speak MQTT {protocol}: set mqtt.protocol",
    133: "it refuses the client id {client_id}: set mqtt.client_id",
    134: "wrong user or password: set mqtt.username and mqtt.password",
    135: "not authorised: set mqtt.username and mqtt.password, or allow this client",
    138: "this client is banned: ask the broker's administrator",
    140: "it wants another way to log in than a password",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One that was subscribed to; the last two are there with MQTT 5 alone."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str = ""
    correlation: bytes | None = None


class Client(aiomqtt.Client):
    """One connection. `most_bytes` is the largest packet that the broker takes, if it said so."""

    take: Callable[[Message], None] | None = None  # of what is subscribed to; must not raise
    most_bytes: int | None = None
    carrying = 0  # bytes on their way; stays so when the connection is lost meanwhile
    _refusal: ReasonCode | None = None

    def takes(self, topic: str, payload: bytes) -> bool:
        """Whether a message of this size, with some room for its properties, is accepted."""
        size = len(payload) + len(topic.encode()) + 128
        return self.most_bytes is None or size <= self.most_bytes

    async def deliver(
        self, topic: str, payload: bytes, *, retain: bool, properties: Properties | None = None
    ) -> ReasonCode | None:
        """Publish with QoS 1, one at a time; the broker's reason if it refused.

        Raises aiomqtt.MqttError, at once when the connection is lost.
        """
        self._refusal = None
        self.carrying = len(payload)
        sending = asyncio.ensure_future(
            self.publish(
                topic, payload, qos=1, retain=retain, properties=properties, timeout=PUBLISH_SECONDS
            )
        )
        await self._first(sending)
        await sending
        self.carrying = 0
        return self._refusal

    async def listen(self, what: str) -> ReasonCode | None:
        """Subscribe with QoS 1, to what is not retained; the broker's reason if it refused.

        Raises aiomqtt.MqttError, at once when the connection is lost.
        """
        options = SubscribeOptions(
            qos=1,
            retainAsPublished=True,
            retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND,
        )
        subscribing = asyncio.ensure_future(
            self.subscribe(what, options=options)
            if self._client.protocol == PROTOCOLS["5"].value
            else self.subscribe(what, qos=1)
        )
        await self._first(subscribing)
        [reason] = await subscribing
        return reason if isinstance(reason, ReasonCode) and reason.value >= _FAILED else None

    async def wait(self, event: asyncio.Event, *, seconds: float | None) -> None:
        """Wait for the event or for so long. Raises aiomqtt.MqttError when it is disconnected."""
        await self._first(asyncio.ensure_future(event.wait()), seconds=seconds)

    async def _first(self, task: asyncio.Future[Any], *, seconds: float | None = None) -> None:
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
        """Hand on what came in; aiomqtt would keep it, without end."""
        if self.take is None:
            return
        properties = getattr(message, "properties", None)
        self.take(
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
        """Have the rest sent once the socket takes bytes, unless it is closed by then.

        aiomqtt asks for it by number, a turn of the loop later; a connection that was lost has
        given that number back.
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
    """Closes itself when the handshake fails, which paho leaves to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  ssl's signature
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def tls_context(keys: settings.Mqtt) -> ssl.SSLContext | None:
    """Read the certificates, at every connect, so that renewed ones count. Raises OSError."""
    tls = keys.tls
    if tls is False:
        return None
    context = ssl.create_default_context(cafile=None if tls is True else tls.ca_file)
    context.sslsocket_class = _Socket
    if tls is not True and tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def is_taken_over(error: Exception) -> bool:
    """Whether another client with the same id has thrown this one out."""
    return _reason(error) == _TAKEN_OVER


def taken_over(place: str, client_id: str) -> model.PermanentError:
    """Say that two clients use one id."""
    return model.PermanentError(
        f"{place}: another client took over the session: two daemons use the client id"
        f" {client_id}; give each its own mqtt.client_id"
    )


def is_permanent(error: Exception) -> bool:
    """Whether a person has to mend something."""
    untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)  # aiomqtt keeps only the text
    return untrusted or _reason(error) in _ADVICE or not isinstance(error, aiomqtt.MqttError)


def translated(
    error: Exception, place: str, keys: settings.Mqtt, client_id: str
) -> model.TemporaryError | model.PermanentError:
    """Say in words what happened and what to do."""
    if not is_permanent(error):
        return model.TemporaryError(f"{place}: {error}")
    advice = _ADVICE.get(_reason(error) or 0)
    if advice:
        words = advice.format(protocol=keys.protocol, client_id=client_id)
        return model.PermanentError(f"{place}: {words}")
    if isinstance(error, aiomqtt.MqttError):
        return model.PermanentError(
            f"{place}: its certificate is not trusted ({error}): set mqtt.tls.ca_file"
        )
    return model.PermanentError(f"{place}: mqtt.tls: {error}")  # a file that cannot be read


def _reason(error: Exception) -> int | None:
    code = getattr(error, "rc", None)
    return code.value if isinstance(code, ReasonCode) else None
