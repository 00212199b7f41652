"""The embedded MQTT broker of the demo."""

import asyncio

import aiomqtt

from watcher import simulator
from watcher.simulator import mqtt_broker

V311 = aiomqtt.ProtocolVersion.V311


async def take(client, count):
    taken = []
    async with asyncio.timeout(5):
        async for message in client.messages:
            taken.append((str(message.topic), message.payload, message.retain))
            if len(taken) == count:
                break
    return taken


async def test_a_subscriber_sees_what_is_published():
    async with (
        mqtt_broker.serve() as port,
        aiomqtt.Client("127.0.0.1", port, protocol=V311) as client,
    ):
        await client.subscribe("watcher/#", qos=1)
        await client.publish("watcher/events", b"{}", qos=1)

        assert await take(client, 1) == [("watcher/events", b"{}", False)]


async def test_a_retained_message_waits_for_later_subscribers():
    report = b"%PDF-" + bytes(2_000_000)
    async with mqtt_broker.serve() as port:
        async with aiomqtt.Client("127.0.0.1", port, protocol=V311) as first:
            await first.publish("watcher/incidents/I1/reports/R1.pdf", report, qos=1, retain=True)
        async with aiomqtt.Client("127.0.0.1", port, protocol=V311) as second:
            await second.subscribe("#", qos=1)

            assert await take(second, 1) == [("watcher/incidents/I1/reports/R1.pdf", report, True)]


async def test_the_last_will_of_a_client_that_is_cut_off_is_published():
    async with mqtt_broker.serve() as port, aiomqtt.Client("127.0.0.1", port) as watcher:
        await watcher.subscribe("watcher/status", qos=1)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_connect(b"cut", b"watcher/status", b"offline"))
        await reader.readexactly(4)
        writer.transport.abort()

        assert await take(watcher, 1) == [("watcher/status", b"offline", False)]


async def test_the_broker_closes_while_clients_are_connected():
    async with mqtt_broker.serve() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_connect(b"stays", b"watcher/status", b"offline"))
        await reader.readexactly(4)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_the_page_of_topics_knows_what_has_passed(http):
    async with simulator.Simulator(simulator.load("quiet")) as sim:
        async with aiomqtt.Client("127.0.0.1", sim.mqtt_port, protocol=V311) as client:
            await client.publish("watcher/incidents/I1", b'{"id":"I1"}', qos=1, retain=True)
        body = {"count": 0}
        async with asyncio.timeout(5):
            while not body["count"]:
                async with http.get(f"{sim.page_url}page/topics?after=0") as answer:
                    body = await answer.json()

    (message,) = body["messages"]
    assert (message["topic"], message["kind"]) == ("watcher/incidents/I1", "json")
    assert [topic["topic"] for topic in body["topics"]] == ["watcher/incidents/I1"]


def _connect(name, topic, will):
    """A CONNECT packet with a last will: MQTT 3.1.1, section 3.1."""

    def text(value):
        return len(value).to_bytes(2, "big") + value

    flags = 0b0000_1110  # will, QoS 1, clean session
    body = text(b"MQTT") + bytes([4, flags, 0, 60]) + text(name) + text(topic) + text(will)
    return bytes([0x10, len(body)]) + body
