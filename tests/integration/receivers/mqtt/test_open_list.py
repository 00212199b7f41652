"""`PREFIX/open` lists what is open, wherever it is read from."""

import asyncio
import json

import msgspec
import pytest

from tests.fakes.incident_builder import InMemoryDelivery
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_clients import connected, retained, subscribed
from watcher.operations.documents import OpenDocument

OPEN = "watcher/open"


@pytest.fixture
def delivery(builder):
    return InMemoryDelivery(builder, "mqtt")


async def until_open(reader, count):
    async with asyncio.timeout(10):
        while True:
            document = msgspec.json.decode((await reader.until(OPEN)).payload, type=OpenDocument)
            if document.count == count:
                return document


async def test_what_is_open_is_listed_with_its_topic_until_it_is_resolved(
    delivery, builder, clock, mosquitto
):
    async with (
        subscribed(mosquitto.port, OPEN) as reader,
        connected(delivery, clock, mosquitto.port) as (receiver, _),
    ):
        await delivery.deliver(receiver)
        [incident] = (await until_open(reader, 1)).incidents
        assert incident.topic == "watcher/incidents/w-7k3m"
        assert (incident.severity, incident.status) == ("critical", "open")
        assert await retained(mosquitto.port, incident.topic)
        builder.resolve()
        await delivery.deliver(receiver)
        document = await until_open(reader, 0)
        assert document.incidents == []
    assert json.loads((await retained(mosquitto.port, OPEN)).payload)["incidents"] == []


async def test_an_incident_that_is_not_for_this_receiver_is_not_listed(
    delivery, builder, clock, mosquitto
):
    builder.change(notify=("noc",))
    async with (
        subscribed(mosquitto.port, OPEN) as reader,
        connected(delivery, clock, mosquitto.port),
    ):
        assert (await until_open(reader, 0)).instance == "ops1"


async def test_a_list_that_is_too_long_for_the_broker_is_cut_and_says_so(
    delivery, builder, clock, tmp_path
):
    mosquitto = Mosquitto(tmp_path, "max_packet_size 2000")
    await mosquitto.start()
    incident = builder.incident

    async def incidents(*, statuses=None, limit=100, announcements=False):
        return [incident] * 30

    delivery.incidents = incidents
    try:
        async with (
            subscribed(mosquitto.port, OPEN) as reader,
            connected(delivery, clock, mosquitto.port),
        ):
            document = await until_open(reader, 30)
    finally:
        await mosquitto.stop()
    assert document.truncated
    assert 1 <= len(document.incidents) < 30
