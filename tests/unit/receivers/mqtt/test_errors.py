"""What a broker's reason is in our words, and what a person should do about it."""

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from watcher import model
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt.broker import errors
from watcher.receivers.mqtt.broker.client import NoAnswerError, Refusal

SETTINGS = receiver_settings.Mqtt()


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (135, "allow watcher to publish it"),
        (144, "no such topic name"),
        (151, "quota"),
        (154, "retained messages"),
        (155, "QoS 1"),
        (131, "allow watcher to publish it"),
    ],
)
def test_a_refused_publish_is_named_with_the_brokers_words_and_advice(code, advice):
    refusal = Refusal(code, "Reason", "ask ops")
    sentence = errors.refused("MQTT broker b:1", "watcher/events", refusal, "watcher")
    assert sentence.startswith("MQTT broker b:1 refuses watcher/events: Reason (ask ops): ")
    assert advice in sentence


def test_the_hint_of_a_broker_that_does_not_answer_names_the_other_protocol():
    for protocol, other in (("5", "3.1.1"), ("3.1.1", "5")):
        settings = receiver_settings.Mqtt(protocol=protocol)
        error = errors.translate(NoAnswerError("x"), "b", settings, "watcher-ops1")
        assert isinstance(error, model.TemporaryError)  # it may as well be about to start
        assert f'mqtt.protocol = "{other}"' in str(error)


@pytest.mark.parametrize("code", [135, 144, 149, 153, 155])
def test_a_disconnect_for_a_message_blames_that_message(code):
    reason = ReasonCode(PacketTypes.DISCONNECT, identifier=code)
    assert errors.blames_message(aiomqtt.MqttCodeError(reason))


@pytest.mark.parametrize("code", [137, 139, 141, 142])
def test_a_disconnect_for_another_reason_blames_none(code):
    reason = ReasonCode(PacketTypes.DISCONNECT, identifier=code)
    assert not errors.blames_message(aiomqtt.MqttCodeError(reason))


def test_the_number_of_a_systems_error_is_left_out():
    error = errors.translate(
        aiomqtt.MqttError("[Errno 111] Connection refused"), "MQTT broker b:1", SETTINGS, "w"
    )
    assert str(error) == "MQTT broker b:1: Connection refused"
