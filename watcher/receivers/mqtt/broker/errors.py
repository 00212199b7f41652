"""Errors of the broker's connection, translated into ours: what happened, and what to do."""

from __future__ import annotations

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from watcher import model, system_words
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt.broker import client as mqtt_client

_TAKEN_OVER = 142
_ADVICE = {  # reasons that last until a person fixes something
    132: "it does not support MQTT {protocol}: set mqtt.protocol",
    133: "it refuses the client id {client_id}: set mqtt.client_id",
    134: "wrong user or password: set mqtt.username and mqtt.password",
    135: "not authorised: set mqtt.username and mqtt.password, or allow this client",
    138: "this client is banned: ask the broker's administrator",
    140: "it requires another authentication method than a password",
    144: "it refuses the topic of the last will: set mqtt.topic_prefix, or allow {will}",
    154: "it keeps no retained messages, which Watcher needs: enable them on the broker",
    155: "it does not support QoS 1, which Watcher needs: enable it on the broker",
}
_AUTH = frozenset({134, 135, 138, 140})
_PUBLISH_ADVICE = {
    135: "allow {user} to publish it",
    144: "it takes no such topic name: set mqtt.topic_prefix, or allow it on the broker",
    151: "a quota of the broker is used up",
    154: "it keeps no retained messages, which Watcher needs: enable them on the broker",
    155: "it does not support QoS 1, which Watcher needs: enable it on the broker",
}
_ABOUT_A_MESSAGE = frozenset({135, 144, 149, 151, 153, 154, 155})  # as reasons to disconnect
_NO_ANSWER = (
    "it closed the connection without an answer, as brokers do that do not support MQTT"
    ' {protocol}: try mqtt.protocol = "{other}"'
)


class TakenOverError(aiomqtt.MqttError):
    """Another client has claimed our client id."""


def is_taken_over(error: Exception) -> bool:
    """Whether another client with the same id has taken over the session."""
    return isinstance(error, TakenOverError) or _reason_code(error) == _TAKEN_OVER


def taken_over_error(place: str, client_id: str, rival: str = "") -> model.PermanentError:
    """Return the error for two clients with one id."""
    who = f" of instance {rival}" if rival else ""
    return model.PermanentError(
        f"{place}: another client{who} took over the session: two daemons use the client id"
        f" {client_id}; give each its own mqtt.client_id"
    )


def blames_message(error: Exception) -> bool:
    """Whether the broker disconnected because of the message in flight, and said so (MQTT 5)."""
    return _reason_code(error) in _ABOUT_A_MESSAGE


def is_permanent(error: Exception) -> bool:
    """Whether it lasts until a person fixes something."""
    untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)  # aiomqtt keeps only the text
    return untrusted or _reason_code(error) in _ADVICE or not isinstance(error, aiomqtt.MqttError)


def translate(
    error: Exception,
    place: str,
    settings: receiver_settings.Mqtt,
    client_id: str,
    *,
    words: str = "",
    will: str = "",
) -> model.TemporaryError | model.PermanentError:
    """Return our error for one of aiomqtt's; `words` are the broker's own, if it sent any."""
    suffix = f" (the broker says: {words})" if words else ""
    advice = _ADVICE.get(_reason_code(error) or 0)
    if advice:
        sentence = advice.format(protocol=settings.protocol, client_id=client_id, will=will)
        refusal = model.PermanentError(f"{place}: {sentence}{suffix}")
        is_auth = _reason_code(error) in _AUTH
        return refusal.because(model.FailureReason.AUTH) if is_auth else refusal
    if isinstance(error, mqtt_client.NoAnswerError):
        other = "3.1.1" if settings.protocol == "5" else "5"
        hint = _NO_ANSWER.format(protocol=settings.protocol, other=other)
        return model.TemporaryError(f"{place}: {hint}{suffix}")
    if not is_permanent(error):
        return model.TemporaryError(f"{place}: {words_of(error)}{suffix}")
    if isinstance(error, aiomqtt.MqttError):
        return model.PermanentError(
            f"{place}: its certificate is not trusted ({error}): set mqtt.tls.ca_file"
        )
    return model.PermanentError(
        f"{place}: mqtt.tls: {words_of(error)}"
    )  # a file that cannot be read


def words_of(error: Exception) -> str:
    """Return what an error says, without the number that the system has for it."""
    if isinstance(error, OSError):
        return system_words.of_error(error)
    return system_words.of_text(str(error))


def refused(place: str, topic: str, refusal: mqtt_client.Refusal, user: str) -> str:
    """Return the sentence for a publish that the broker refuses with a reason (MQTT 5)."""
    advice = _PUBLISH_ADVICE.get(refusal.code, _PUBLISH_ADVICE[135])
    who = user or "anonymous clients"
    return f"{place} refuses {topic}: {refusal}: {advice.format(user=who)}"


def _reason_code(error: Exception) -> int | None:
    code = getattr(error, "rc", None)
    return code.value if isinstance(code, ReasonCode) else None
