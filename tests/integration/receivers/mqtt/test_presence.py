"""What a subscriber may believe of a daemon that stopped, died, or was replaced."""

import asyncio
import json
import signal
import sys

import pytest

from tests.eventually import eventually
from tests.fakes.incident_builder import InMemoryDelivery
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_clients import V5, V311, connected, retained, subscribed
from watcher import model

STATUS, SOURCE = "watcher/status", "watcher/sources/vyvx"
PROTOCOLS = {"5": V5, "3.1.1": V311}


@pytest.fixture
def delivery(builder):
    return InMemoryDelivery(builder, "mqtt")


async def until_sight(reader, sight):
    while True:
        document = json.loads((await reader.until(SOURCE)).payload)
        if document["sight"] == sight:
            return document


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_daemon_that_stops_says_that_nobody_watches(delivery, clock, mosquitto, protocol):
    keys = {"protocol": protocol}
    async with (
        subscribed(mosquitto.port) as reader,
        connected(delivery, clock, mosquitto.port, **keys) as (_, connection),
    ):
        connection.publish_source(model.SourceHealth(source="vyvx", last_success=clock.now()))
        document = await until_sight(reader, "seen")
        assert document["instance"] == "ops1"
        assert document["at"] == "2026-11-21T03:10:25.125Z"
        assert document["valid_until"] == "2026-11-21T03:25:25.125Z"
        if protocol == "5":
            assert reader.seen[-1].properties.MessageExpiryInterval == 900
    left = json.loads((await retained(mosquitto.port, SOURCE)).payload)
    assert (left["sight"], left["valid_until"]) == ("unknown", left["at"])
    assert (await retained(mosquitto.port, STATUS)).payload == b"offline"
    assert (await retained(mosquitto.port, f"{STATUS}/ops1")).payload == b"offline"


@pytest.mark.parametrize("denial", [b"offline", b""], ids=["late will", "removed"])
async def test_a_daemon_contradicts_who_says_that_it_is_not_there(
    delivery, clock, mosquitto, denial
):
    async with (
        subscribed(mosquitto.port, f"{STATUS}/ops1") as reader,
        connected(delivery, clock, mosquitto.port),
    ):
        await reader.until(f"{STATUS}/ops1", b"online")
        await reader.client.publish(f"{STATUS}/ops1", denial, qos=1, retain=True)
        await reader.until(f"{STATUS}/ops1", denial)
        await reader.until(f"{STATUS}/ops1", b"online")
        assert (await retained(mosquitto.port, f"{STATUS}/ops1")).payload == b"online"


DAEMON = """
import asyncio, sys
from watcher.clock import SystemClock
from watcher.receivers import settings
from watcher.receivers.mqtt.broker.connection import MqttConnection

async def main():
    mqtt = settings.Mqtt(host="127.0.0.1", port=int(sys.argv[1]), protocol=sys.argv[2])
    connection = MqttConnection(settings=mqtt, instance="ops1", clock=SystemClock())
    connection.become_leader()
    await connection.run()

asyncio.run(main())
"""


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_the_wills_speak_for_a_leader_that_was_killed(mosquitto, protocol):
    async with subscribed(mosquitto.port, "watcher/status/#") as reader:
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-c", DAEMON, str(mosquitto.port), protocol
        )
        for _ in range(2):  # by the daemon's connection, and by the leader's own
            await reader.until(STATUS, b"online")
        daemon.send_signal(signal.SIGKILL)
        await daemon.wait()
        left = {await offline(reader), await offline(reader)}
    assert left == {STATUS, f"{STATUS}/ops1"}


async def offline(reader):
    return (await reader.until(reader.ANY, b"offline")).topic.value


async def test_a_will_that_comes_late_does_not_deny_the_leader(delivery, clock, mosquitto):
    async with (
        subscribed(mosquitto.port) as reader,
        connected(delivery, clock, mosquitto.port) as (_, connection),
    ):
        connection.publish_source(model.SourceHealth(source="vyvx"))
        await until_sight(reader, "seen")
        await reader.until("watcher/status", b"online")
        await until_denials_are_noticed(reader)
        await until_sight(reader, "seen")  # an old leader's farewell may have replaced that as well


async def until_denials_are_noticed(reader):
    """Say `offline` until somebody contradicts: the leader's connection may not be there yet."""
    async with asyncio.timeout(10):
        while True:
            await reader.client.publish(STATUS, b"offline", qos=1, retain=True)
            await reader.until(STATUS, b"offline")
            try:
                async with asyncio.timeout(0.3):
                    await reader.until(STATUS, b"online")
                    return
            except TimeoutError:
                continue


async def test_a_standby_that_stops_does_not_speak_for_the_leader(delivery, clock, mosquitto):
    async with (
        subscribed(mosquitto.port) as reader,
        connected(delivery, clock, mosquitto.port),
    ):
        await reader.until(STATUS, b"online")
        async with connected(delivery, clock, mosquitto.port, instance="ops2", leads=False):
            await reader.until(f"{STATUS}/ops2", b"online")
        await reader.until(f"{STATUS}/ops2", b"offline")
        assert (await retained(mosquitto.port, STATUS)).payload == b"online"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_presence_that_does_not_arrive_is_named(delivery, clock, tmp_path, protocol):
    """A 3.1.1 broker acknowledges what its rules drop; with MQTT 5 it says so."""
    (tmp_path / "acl").write_text("topic read #\ntopic write watcher/incidents/#\n")
    mosquitto = Mosquitto(tmp_path, f"acl_file {tmp_path / 'acl'}")
    await mosquitto.start()
    try:
        async with connected(delivery, clock, mosquitto.port, protocol=protocol) as (_, connection):
            await connection.connected()
            clock.at = clock.at.replace(minute=20)
            connection.publish_source(model.SourceHealth(source="vyvx"))
            await eventually(lambda: "watcher/status/ops1" in "".join(connection.remarks()))
    finally:
        await mosquitto.stop()


async def test_a_presence_that_arrives_is_no_remark(delivery, clock, mosquitto):
    async with (
        subscribed(mosquitto.port) as reader,
        connected(delivery, clock, mosquitto.port) as (_, connection),
    ):
        await reader.until("watcher/status", b"online")
        clock.at = clock.at.replace(minute=20)
        connection.publish_source(model.SourceHealth(source="vyvx"))
        await until_sight(reader, "seen")
        assert connection.remarks() == ()
