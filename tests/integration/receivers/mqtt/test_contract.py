"""What Watcher promises over MQTT, against every broker and protocol that is at hand.

A broker that is missing skips its tests with the reason, and fails them in CI.
"""

import asyncio
import contextlib
import json
from datetime import timedelta

import pytest

from tests.eventually import eventually
from tests.fakes.incident_builder import BEGIN, InMemoryDelivery
from tests.servers import rabbitmq as rabbit
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_clients import V5, V311, connected, retained, subscribed
from tests.servers.nats import Nats
from watcher import model
from watcher.backoff import Backoff
from watcher.receivers.mqtt.broker import connection as mqtt_connection
from watcher.receivers.mqtt.broker import errors
from watcher.receivers.mqtt.broker.errors import taken_over_error

DOCUMENT, STATUS, SOURCE = "watcher/incidents/w-7k3m", "watcher/status", "watcher/sources/vyvx"
PDF, OPEN = f"{DOCUMENT}/reports/r-1", "watcher/open"


class Place:
    """One broker as it is used: the daemon's settings, and how a program reads."""

    def __init__(self, port, protocol, **login):
        self.settings = {"protocol": protocol, **login}
        self.reading = {"protocol": V5 if protocol == "5" else V311, **login}
        self.port = port

    def connected(self, delivery, clock, **more):
        return connected(delivery, clock, self.port, **self.settings, **more)

    def subscribed(self, topic):
        return subscribed(self.port, topic, **self.reading)

    async def retained(self, topic):
        return await retained(self.port, topic, **self.reading)

    async def payload(self, topic):
        message = await self.retained(topic)
        return message and message.payload


@contextlib.asynccontextmanager
async def running(server):
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture(
    params=[
        "mosquitto 5",
        "mosquitto 3.1.1",
        "nats",
        pytest.param(
            "rabbitmq", marks=[pytest.mark.xdist_group("rabbitmq"), pytest.mark.timeout(300)]
        ),
    ]
)
async def place(request, tmp_path):
    name, _, protocol = request.param.partition(" ")
    if name == "rabbitmq":
        server = request.getfixturevalue("rabbitmq")
        yield Place(server.port, "3.1.1", username=rabbit.USER, password=rabbit.PASSWORD)
        return
    async with running(Nats(tmp_path) if name == "nats" else Mosquitto(tmp_path)) as server:
        yield Place(server.port, protocol or "3.1.1")


@pytest.fixture(autouse=True)
def time_for_good_bye(monkeypatch):
    monkeypatch.setattr(mqtt_connection, "CLOSE_SECONDS", 60.0)  # the machine may be busy


@pytest.fixture
def delivery(builder):
    return InMemoryDelivery(builder, "mqtt")


async def delivered(delivery, receiver):
    """Deliver until nothing is pending; the connection may not be there yet."""

    async def done():
        with contextlib.suppress(model.TemporaryError):
            await delivery.deliver(receiver)
            return True
        return False

    await eventually(done, within=60)


async def test_events_come_once_in_order_and_then_the_document_with_its_pdf(
    place, delivery, builder, clock
):
    builder.diagnose()
    async with (
        place.subscribed("watcher/#") as reader,
        place.connected(delivery, clock) as (receiver, _),
    ):
        await delivered(delivery, receiver)
        while True:
            document = json.loads((await reader.until(DOCUMENT)).payload)
            if document["diagnostics"]:
                break
        while reader.topics.count("watcher/events") < 2:
            await reader.until("watcher/events")
    events = [
        json.loads(message.payload)["event_id"]
        for message in reader.seen
        if message.topic.value == "watcher/events"
    ]
    assert events == ["w-7k3m-1", "w-7k3m-2"]
    [run] = document["diagnostics"]
    assert run["report"]["pdf_topic"] == PDF
    assert reader.topics.index(PDF) < len(reader.topics) - 1
    assert delivery.receipt.told_through == 2


async def test_who_comes_later_finds_everything_on_exact_topics(place, delivery, builder, clock):
    builder.diagnose()
    async with place.connected(delivery, clock) as (receiver, connection):
        connection.publish_source(model.SourceHealth(source="vyvx"))
        await delivered(delivery, receiver)
        async with asyncio.timeout(60):
            while not await place.payload(OPEN) or not await place.payload(SOURCE):
                pass
        [incident] = json.loads(await place.payload(OPEN))["incidents"]
        assert json.loads(await place.payload(incident["topic"]))["status"] == "open"
        assert await place.payload(PDF) == b"%PDF-1.7 one"
        assert await place.payload(STATUS) == b"online"
        assert await place.payload(f"{STATUS}/ops1") == b"online"
        assert connection.remarks() == ()
    assert await place.payload(STATUS) == b"offline"
    assert await place.payload(f"{STATUS}/ops1") == b"offline"
    assert json.loads(await place.payload(SOURCE))["sight"] == "unknown"


async def test_what_is_over_is_removed_after_a_day(place, delivery, builder, clock):
    builder.diagnose()
    async with place.connected(delivery, clock) as (receiver, _):
        await delivered(delivery, receiver)
        builder.resolve()
        await delivered(delivery, receiver)
        assert json.loads(await place.payload(DOCUMENT))["status"] == "resolved"
        clock.at = BEGIN + timedelta(days=2)
        await delivery.deliver(receiver)
        assert await place.payload(DOCUMENT) is None
        assert await place.payload(PDF) is None


async def test_two_daemons_with_one_client_id_find_out(place, delivery, clock, monkeypatch):
    """Each is slow to come back, the longer the more often it lost, as the broker may be slow."""
    reported = asyncio.get_running_loop().create_future()

    def report(*arguments):
        error = taken_over_error(*arguments)
        if not reported.done():
            reported.set_result(str(error))
        return error

    monkeypatch.setattr(errors, "taken_over_error", report)
    other = InMemoryDelivery(delivery.builder, "mqtt")
    daemon = {"client_id": "watcher", "backoff": Backoff(first=0.02, longest=5.0)}
    async with (
        place.connected(delivery, clock, **daemon) as (first, _),
        place.connected(other, clock, instance="ops2", **daemon) as (second, _),
    ):
        delivering = [
            asyncio.create_task(deliver_forever(*pair))
            for pair in ((delivery, first), (other, second))
        ]
        try:
            async with asyncio.timeout(60):
                assert "two daemons" in await reported
        finally:
            for task in delivering:
                task.cancel()
            await asyncio.gather(*delivering, return_exceptions=True)


async def deliver_forever(delivery, receiver):
    while True:
        delivery.builder.add_entry(model.EntryKind.NOTED, "x")
        with contextlib.suppress(model.WatcherError):
            await delivery.deliver(receiver)
        await asyncio.sleep(0.02)  # the pace of a worker
