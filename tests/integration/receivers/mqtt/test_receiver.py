"""The MQTT receiver against Mosquitto 2 (MQTT 5 and 3.1.1) and against amqtt (3.1.1)."""

import asyncio
import contextlib
import json
import logging
import socket
from datetime import timedelta
from types import SimpleNamespace

import pytest
from amqtt.broker import Broker as AmqttBroker
from msgspec.structs import replace

from tests.eventually import eventually
from tests.fakes.incident_builder import BEGIN, InMemoryDelivery
from tests.servers.mosquitto import Mosquitto, certificates
from tests.servers.mqtt_clients import V311, connected, retained, subscribed
from tests.servers.ports import free_port
from watcher import model
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt.broker.client import Client
from watcher.receivers.mqtt.broker.connection import MqttConnection

DOCUMENT = "watcher/incidents/w-7k3m"
PDF = f"{DOCUMENT}/reports/r-1"
OLD_PDF = f"{PDF}.pdf"


@pytest.fixture
def delivery(builder):
    return InMemoryDelivery(builder, "mqtt")


@pytest.mark.broker
async def test_pdf_then_events_then_the_document_that_names_it(delivery, builder, clock, mosquitto):
    builder.diagnose()
    async with (
        subscribed(mosquitto.port) as reader,
        connected(delivery, clock, mosquitto.port) as (receiver, _),
    ):
        await delivery.deliver(receiver)
        document = json.loads((await reader.until(DOCUMENT)).payload)
        # On connect the document is brought as it is; the telling then adds the events.
        first = reader.topics.index(PDF)
        assert first < reader.topics.index(DOCUMENT)
        pdf = reader.seen[first]
        assert pdf.payload == b"%PDF-1.7 one"
        assert pdf.properties.ContentType == "application/pdf"
        [diagnosis] = document["diagnostics"]
        assert diagnosis["report"]["pdf_topic"] == PDF
        assert diagnosis["report"]["topic"] == OLD_PDF  # for programs of the last release
        assert reader.topics.index(OLD_PDF) < reader.topics.index(DOCUMENT)
    attributes = {
        message.topic.value: dict(message.properties.UserProperty)
        for message in reader.seen
        if message.topic.value in (DOCUMENT, PDF)
    }
    assert {topic: about["id"] for topic, about in attributes.items()} == {
        PDF: "r-1",
        DOCUMENT: f"w-7k3m-v{builder.incident.version}",
    }
    assert {about["source"] for about in attributes.values()} == {"/watcher"}
    assert delivery.receipt.told_through == 2
    assert delivery.receipt.parent_version == builder.incident.version
    assert delivery.receipt.due is None


@pytest.mark.broker
async def test_each_entry_is_one_event_that_is_never_retained(delivery, builder, clock, mosquitto):
    builder.add_entry(model.EntryKind.NOTED, "truck rolls", by="Ana", notify=False)
    async with (
        subscribed(mosquitto.port, "watcher/events") as reader,
        connected(delivery, clock, mosquitto.port) as (receiver, _),
    ):
        await delivery.deliver(receiver)
        await delivery.deliver(receiver)
        builder.add_entry(model.EntryKind.NOTED, "truck is there", by="Ana")
        await delivery.deliver(receiver)
        while len(reader.seen) < 3:
            await reader.until("watcher/events")
    events = [json.loads(message.payload) for message in reader.seen]
    assert [event["event_id"] for event in events] == ["w-7k3m-1", "w-7k3m-2", "w-7k3m-3"]
    assert events[1] | {"by": "Ana", "text": "truck rolls", "kind": "noted"} == events[1]
    assert reader.seen[0].properties.MessageExpiryInterval == 3600
    about = [dict(message.properties.UserProperty) for message in reader.seen]
    assert [attributes["id"] for attributes in about] == ["w-7k3m-1", "w-7k3m-2", "w-7k3m-3"]
    assert await retained(mosquitto.port, "watcher/events") is None


@pytest.mark.broker
async def test_a_resolved_document_goes_after_a_day(delivery, builder, clock, mosquitto):
    builder.diagnose()
    async with connected(delivery, clock, mosquitto.port) as (receiver, _):
        await delivery.deliver(receiver)
        assert (await retained(mosquitto.port, DOCUMENT)).payload
        clock.at = BEGIN + timedelta(minutes=31)
        builder.resolve()
        await delivery.deliver(receiver)
        assert delivery.receipt.due == builder.incident.resolved_at + timedelta(hours=24)
        left = await retained(mosquitto.port, DOCUMENT)
        assert json.loads(left.payload)["status"] == "resolved"
        assert 86_300 < left.properties.MessageExpiryInterval <= 86_340

        clock.at = delivery.receipt.due
        await delivery.deliver(receiver)
        assert delivery.receipt.due is None
        for topic in (DOCUMENT, PDF, OLD_PDF):
            assert await retained(mosquitto.port, topic) is None


@pytest.mark.broker
async def test_what_a_clock_that_was_ahead_removed_is_not_put_back_for_good(
    delivery, builder, clock, mosquitto
):
    builder.resolve()
    async with connected(delivery, clock, mosquitto.port) as (receiver, _):
        clock.at = builder.incident.resolved_at + timedelta(hours=25)
        await delivery.deliver(receiver)
        clock.at -= timedelta(hours=24)
        await receiver._publish_again()  # as after each connect
        assert await retained(mosquitto.port, DOCUMENT) is None


@pytest.mark.broker
async def test_presence_follows_the_daemon(delivery, clock, mosquitto):
    status = "watcher/status/ops1"
    async with connected(delivery, clock, mosquitto.port), subscribed(mosquitto.port) as reader:
        await reader.until(status, b"online")
        await reader.until("watcher/status", b"online")
    assert (await retained(mosquitto.port, status)).payload == b"offline"  # it said good-bye


@pytest.mark.broker
async def test_the_last_will_speaks_for_a_daemon_that_cannot(delivery, clock, mosquitto):
    async with (
        subscribed(mosquitto.port) as reader,
        connected(delivery, clock, mosquitto.port) as (_, broker),
    ):
        await reader.until("watcher/status/ops1", b"online")
        await reader.until("watcher/status", b"online")
        broker._client._client.socket().shutdown(socket.SHUT_RDWR)  # as when a line breaks
        await reader.until("watcher/status/ops1", b"offline")
        await reader.until("watcher/status/ops1", b"online")


@pytest.mark.broker
async def test_after_a_restart_of_the_broker_everything_retained_is_back(
    delivery, builder, clock, mosquitto
):
    builder.diagnose()
    health = model.SourceHealth(source="vyvx", last_success=BEGIN, subjects=3)
    async with connected(delivery, clock, mosquitto.port) as (receiver, broker):
        broker.publish_source(health)
        await delivery.deliver(receiver)
        await mosquitto.stop()
        builder.add_entry(model.EntryKind.NOTED, "truck rolls", by="Ana")
        with pytest.raises(model.TemporaryError):
            await delivery.deliver(receiver)
        await mosquitto.start()
        async with subscribed(mosquitto.port) as reader:
            everything = {"watcher/status/ops1", "watcher/status", "watcher/sources/vyvx"}
            everything |= {DOCUMENT, PDF}
            while not everything <= set(reader.topics):
                await reader.until(reader.ANY)
            await delivery.deliver(receiver)
            event = json.loads((await reader.until("watcher/events")).payload)
            assert event["text"] == "truck rolls"
    assert reader.topics.count("watcher/events") == 1


@pytest.mark.broker
async def test_an_older_document_never_replaces_a_newer_one(delivery, builder, clock, mosquitto):
    async with connected(delivery, clock, mosquitto.port) as (receiver, _):
        await delivery.deliver(receiver)
        older = builder.incident_view()
        builder.change(severity=model.Severity.WARNING)
        await receiver._publish_again()
        await receiver.deliver(older, replace(delivery.receipt, parent_version=0), delivery)
        left = json.loads((await retained(mosquitto.port, DOCUMENT)).payload)
    assert left["version"] == builder.incident.version


@pytest.mark.broker
async def test_an_incident_that_is_not_for_this_receiver_is_not_brought_back(
    delivery, builder, clock, mosquitto
):
    builder.change(notify=("noc",))
    async with connected(delivery, clock, mosquitto.port) as (receiver, broker):
        await broker.publish("watcher/x", b"", retain=False)  # connected
        await receiver._publish_again()
    assert await retained(mosquitto.port, DOCUMENT) is None


@pytest.mark.broker
async def test_a_sources_newest_health_is_retained(delivery, clock, mosquitto):
    async with (
        subscribed(mosquitto.port, "watcher/sources/#") as reader,
        connected(delivery, clock, mosquitto.port) as (_, broker),
    ):
        broker.publish_source(model.SourceHealth(source="vyvx"))
        blind = model.SourceHealth(
            source="vyvx", sight=model.Visibility.BLIND, failing_since=BEGIN, error="timeout"
        )
        broker.publish_source(blind)
        while True:
            seen = json.loads((await reader.until("watcher/sources/vyvx")).payload)
            if seen["sight"] == "blind":
                break
        assert seen["failing_since"] == "2026-11-21T03:10:22.125Z"


@pytest.mark.broker
async def test_the_silences_that_are_not_over_are_retained(delivery, clock, mosquitto):
    silence = model.Silence(
        id="s-1",
        matchers=(model.Matcher(name="subject", value="*"),),
        begin=BEGIN,
        end=None,
        until=model.SilenceUntil.RESOLVED,
        incident="w-1",
        by="ann",
    )
    async with (
        subscribed(mosquitto.port, "watcher/silences") as reader,
        connected(delivery, clock, mosquitto.port) as (_, broker),
    ):
        broker.publish_silences((silence,))
        (shown,) = json.loads((await reader.until("watcher/silences")).payload)["silences"]
        assert (shown["matchers"], shown["by"], shown["end"]) == ([["subject=*"]], "ann", None)
        assert (shown["until"], shown["incident"]) == ("resolved", "w-1")
        broker.publish_silences(())
        empty = await reader.until("watcher/silences")
        assert json.loads(empty.payload) == {"silences": []}
    async with subscribed(mosquitto.port, "watcher/silences") as reader:
        kept = await reader.until("watcher/silences")
        assert kept.retain


async def test_a_connection_that_is_lost_before_a_write_is_no_error_in_the_log(caplog):
    client = Client("127.0.0.1", 1)
    ours, theirs = socket.socketpair()
    paho = SimpleNamespace(want_write=lambda: True, loop_write=lambda: None)
    client._on_socket_register_write(paho, None, ours)
    ours.close()
    theirs.close()
    for _ in range(3):  # turns of the loop: the request comes one turn later
        await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.broker
async def test_a_pdf_too_large_for_the_broker_is_left_out_of_the_document(
    delivery, builder, clock, tmp_path
):
    mosquitto = Mosquitto(tmp_path, "max_packet_size 20000")
    await mosquitto.start()
    try:
        builder.diagnose(pdf=b"%PDF-" + bytes(30_000))
        async with connected(delivery, clock, mosquitto.port) as (receiver, _):
            await delivery.deliver(receiver)
            left = json.loads((await retained(mosquitto.port, DOCUMENT)).payload)
            assert left["diagnostics"][0]["report"]["topic"] is None
            assert left["diagnostics"][0]["report"]["size"] == 30_005
            assert await retained(mosquitto.port, PDF) is None
    finally:
        await mosquitto.stop()


@pytest.mark.broker
async def test_a_broker_that_hangs_up_on_a_pdf_gets_the_rest_without_it(
    delivery, builder, clock, tmp_path
):
    # MQTT 3.1.1 cannot say what its limit is.
    mosquitto = Mosquitto(tmp_path, "max_packet_size 20000")
    await mosquitto.start()
    try:
        builder.diagnose(pdf=b"%PDF-" + bytes(30_000))
        async with connected(delivery, clock, mosquitto.port, protocol="3.1.1") as (receiver, _):

            async def delivered():
                with contextlib.suppress(model.TemporaryError):
                    await delivery.deliver(receiver)
                return delivery.receipt.parent_version == builder.incident.version

            await eventually(delivered, within=10)
            left = json.loads((await retained(mosquitto.port, DOCUMENT)).payload)
            assert left["diagnostics"][0]["report"]["topic"] is None
    finally:
        await mosquitto.stop()


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_wrong_password_is_said_and_the_right_one_works(
    delivery, clock, tmp_path, protocol
):
    mosquitto = Mosquitto(tmp_path, users={"watcher": "right"})
    await mosquitto.start()
    keys = {"protocol": protocol, "username": "watcher"}
    try:
        async with connected(delivery, clock, mosquitto.port, password="wrong", **keys) as (
            receiver,
            _,
        ):
            with pytest.raises(model.PermanentError, match=r"set mqtt\.username and mqtt\.pass"):
                await delivery.deliver(receiver)
        async with connected(delivery, clock, mosquitto.port, password="right", **keys) as (
            receiver,
            _,
        ):
            await delivery.deliver(receiver)
    finally:
        await mosquitto.stop()
    assert delivery.receipt.told_through == 1


@pytest.mark.broker
async def test_a_topic_that_is_not_allowed_is_said(delivery, clock, tmp_path):
    (tmp_path / "acl").write_text("user watcher\ntopic write watcher/status/#\n")
    mosquitto = Mosquitto(tmp_path, f"acl_file {tmp_path / 'acl'}", users={"watcher": "right"})
    await mosquitto.start()
    keys = {"username": "watcher", "password": "right"}
    try:
        async with connected(delivery, clock, mosquitto.port, **keys) as (receiver, _):
            with pytest.raises(model.PermanentError, match="allow watcher to publish it"):
                await delivery.deliver(receiver)
    finally:
        await mosquitto.stop()
    assert delivery.receipt.told_through == 0


@pytest.mark.broker
async def test_tls_with_an_authority_of_ones_own(delivery, clock, tmp_path):
    ca = certificates(tmp_path)
    lines = [f"certfile {tmp_path / 'server.pem'}", f"keyfile {tmp_path / 'server.key'}"]
    mosquitto = Mosquitto(tmp_path, f"cafile {ca}", *lines)
    await mosquitto.start()
    try:
        async with connected(delivery, clock, mosquitto.port, tls={"ca_file": ca}) as (receiver, _):
            await delivery.deliver(receiver)
        delivery.builder.add_entry(model.EntryKind.NOTED, "x")
        async with connected(delivery, clock, mosquitto.port, tls=True) as (receiver, _):
            with pytest.raises(model.PermanentError, match=r"mqtt\.tls\.ca_file"):
                await delivery.deliver(receiver)
    finally:
        await mosquitto.stop()
    assert delivery.receipt.told_through == 1


async def test_a_certificate_file_that_is_missing_is_said(delivery, clock, tmp_path):
    tls = {"ca_file": tmp_path / "none.pem"}
    async with connected(delivery, clock, free_port(), tls=tls) as (receiver, _):
        with pytest.raises(model.PermanentError, match=r"mqtt\.tls"):
            await delivery.deliver(receiver)


async def test_without_a_broker_nothing_is_delivered_and_nothing_is_lost(delivery, clock):
    async with connected(delivery, clock, free_port()) as (receiver, _):
        with pytest.raises(model.TemporaryError, match="MQTT broker"):
            await delivery.deliver(receiver)
    assert delivery.receipt.told_through == 0


@pytest.fixture
async def amqtt():
    logging.getLogger("transitions").setLevel(logging.WARNING)
    port = free_port()
    broker = AmqttBroker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {}},
        }
    )
    await broker.start()
    yield port
    await broker.shutdown()


async def test_mqtt_3_1_1_carries_the_same(delivery, builder, clock, amqtt):
    builder.diagnose()
    async with (
        subscribed(amqtt, protocol=V311) as reader,
        connected(delivery, clock, amqtt, protocol="3.1.1") as (receiver, _),
    ):
        await delivery.deliver(receiver)
        await reader.until(DOCUMENT)
        assert reader.seen[reader.topics.index(PDF)].payload == b"%PDF-1.7 one"
        clock.at = BEGIN + timedelta(days=2)
        builder.resolve()
        await delivery.deliver(receiver)
        await reader.until(DOCUMENT, b"")
        await reader.until(PDF, b"")
        assert await retained(amqtt, DOCUMENT, protocol=V311) is None


async def test_what_another_daemon_published_during_a_connect_is_not_undone(
    builder, delivery, clock, mosquitto
):
    """Theirs is newer than what was read before it, and must not be replaced by that."""
    kept = delivery.incident_view
    reads = []

    async def read(incident):
        view = await kept(incident)
        reads.append(view.incident.version)
        if len(reads) == 1:
            builder.add_entry(model.EntryKind.NOTED, "truck rolls", by="Ana")
        return view

    delivery.incident_view = read
    async with (
        subscribed(mosquitto.port) as reader,
        connected(delivery, clock, mosquitto.port),
    ):
        first = json.loads((await reader.until(DOCUMENT)).payload)
    assert first["version"] == max(reads) > reads[0]


async def test_who_stands_by_says_that_it_is_there_and_not_that_it_leads(
    delivery, clock, mosquitto
):
    keys = receiver_settings.Mqtt(host="127.0.0.1", port=mosquitto.port)
    broker = MqttConnection(settings=keys, instance="ops2", clock=clock)
    async with subscribed(mosquitto.port) as reader:
        task = asyncio.create_task(broker.run())
        await reader.until("watcher/status/ops2", b"online")
        assert await retained(mosquitto.port, "watcher/status") is None
        broker.become_leader()
        await reader.until("watcher/status", b"online")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
