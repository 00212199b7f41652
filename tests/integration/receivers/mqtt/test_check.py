"""`check --connect`: what it says of brokers with which the daemon cannot work."""

import asyncio
import contextlib

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.servers import rabbitmq as rabbit
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_clients import subscribed
from tests.servers.nats import Nats
from watcher import model
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt.check import check

PROTOCOLS = ("5", "3.1.1")


def settings(port, **keys):
    return receiver_settings.Mqtt(host="127.0.0.1", port=port, **keys)


@contextlib.asynccontextmanager
async def restricted(folder, *rules):
    (folder / "acl").write_text("\n".join(rules) + "\n")
    mosquitto = Mosquitto(folder, f"acl_file {folder / 'acl'}")
    await mosquitto.start()
    try:
        yield mosquitto
    finally:
        await mosquitto.stop()


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_broker_that_takes_everything_is_fine_and_keeps_nothing(mosquitto, protocol):
    sentence, remarks = await check(settings(mosquitto.port, protocol=protocol), "ops1")
    assert "accepts the connection and what is published" in sentence
    assert remarks == ()
    async with subscribed(mosquitto.port) as reader:
        await reader.client.publish("watcher/fence", b"x")
        await reader.until("watcher/fence")
        assert reader.topics == ["watcher/fence"]


async def test_a_topic_that_is_refused_is_named_with_what_to_allow(tmp_path):
    rules = ("topic read #", "topic write watcher/check/#", "topic write watcher/status/#")
    async with restricted(tmp_path, *rules) as mosquitto:
        with pytest.raises(model.PermanentError, match=r"refuses watcher/clients/.*: allow anon"):
            await check(settings(mosquitto.port), "ops1")


async def test_a_broker_that_acknowledges_what_it_drops_is_a_remark(tmp_path):
    async with restricted(tmp_path, "topic read #") as mosquitto:
        _, [remark] = await check(settings(mosquitto.port, protocol="3.1.1"), "ops1")
    assert "watcher/check/ops1" in remark
    assert "allow anonymous clients to publish and to read watcher/#" in remark


async def test_nats_is_fine_with_3_1_1_and_refuses_5_in_words(tmp_path):
    nats = Nats(tmp_path)
    await nats.start()
    try:
        assert (await check(settings(nats.port, protocol="3.1.1"), "ops1"))[1] == ()
        with pytest.raises(model.PermanentError, match=r"set mqtt\.protocol"):
            await check(settings(nats.port), "ops1")
    finally:
        await nats.stop()


@pytest.mark.xdist_group("rabbitmq")
@pytest.mark.timeout(300)  # it starts slowly on a busy machine
async def test_rabbitmq_is_fine_with_3_1_1_and_a_forbidden_topic_is_named(rabbitmq):
    keys = {"protocol": "3.1.1", "password": rabbit.PASSWORD}
    assert (await check(settings(rabbitmq.port, username=rabbit.USER, **keys), "ops1"))[1] == ()
    with pytest.raises(
        model.PermanentError, match=r"closes the connection when watcher/check/ops1"
    ):
        await check(settings(rabbitmq.port, username=rabbit.NARROW_USER, **keys), "ops1")


@contextlib.asynccontextmanager
async def answering(*packets):
    """A broker that answers a connect with these bytes and closes."""

    async def serve(reader, writer):
        await reader.read(1_000)
        writer.write(b"".join(packets))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            if packets:
                await reader.read(1_000)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_broker_that_closes_without_an_answer_gets_the_hint_at_the_protocol():
    async with answering() as port, asyncio.timeout(5):  # not the ten seconds of a timeout
        with pytest.raises(model.TemporaryError, match=r'try mqtt\.protocol = "3\.1\.1"'):
            await check(settings(port), "ops1")


def refusal(code, words=""):
    """A CONNACK of MQTT 5 with a Reason String."""
    properties = Properties(PacketTypes.CONNACK)
    if words:
        properties.ReasonString = words
    body = bytes([0, code]) + properties.pack()
    return bytes([0x20, len(body)]) + body


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (135, "mqtt.username"),
        (144, "mqtt.topic_prefix"),
        (154, "retained"),
        (155, "QoS 1"),
        (133, "mqtt.client_id"),
    ],
)
async def test_a_lasting_reason_is_permanent_with_advice_and_the_brokers_words(code, advice):
    async with answering(refusal(code, "ask\nops")) as port:
        with pytest.raises(model.PermanentError) as error:
            await check(settings(port), "ops1")
    assert advice in str(error.value)
    assert "(the broker says: ask ops)" in str(error.value)


async def test_a_reason_that_passes_is_temporary():
    async with answering(refusal(136, "busy")) as port:
        with pytest.raises(model.TemporaryError, match="busy"):
            await check(settings(port), "ops1")
