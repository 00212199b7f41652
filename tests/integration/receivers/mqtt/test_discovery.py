"""Home Assistant's devices, and topics that are taken away, on a broker."""

import asyncio
import json
import signal
import sys

import pytest
from msgspec.structs import replace

from tests.fakes.incident_builder import InMemoryDelivery
from tests.integration.receivers.mqtt.test_presence import DAEMON, PROTOCOLS, STATUS, offline
from tests.servers.mqtt_clients import connected, retained, subscribed
from watcher import model

DEVICES = "homeassistant/device/#"
WATCHER, VYVX, EVPL = (
    f"homeassistant/device/{name}/config"
    for name in ("watcher", "watcher_source_vyvx", "watcher_source_evpl")
)
SUMMARY, INDEX = "watcher/summary", "watcher/topics"
BOTH = {"sources": ("vyvx", "evpl"), "discovery": True}


@pytest.fixture
def delivery(builder):
    return InMemoryDelivery(builder, "mqtt")


async def until_listed(reader, *absent):
    """Wait for an index that names none of these."""
    while True:
        listed = json.loads((await reader.until(INDEX)).payload)["topics"]
        if not set(absent) & set(listed):
            return listed


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_devices_come_with_a_summary(delivery, clock, mosquitto, protocol):
    async with (
        subscribed(mosquitto.port, DEVICES) as devices,
        subscribed(mosquitto.port, SUMMARY) as summaries,
        connected(delivery, clock, mosquitto.port, protocol=protocol, **BOTH) as (receiver, _),
    ):
        await devices.until(VYVX)
        assert set(devices.topics) == {WATCHER, EVPL, VYVX}
        await delivery.deliver(receiver)
        while not (summary := json.loads((await summaries.until(SUMMARY)).payload))["open"]:
            pass
        assert summary["sources"]["vyvx"] == {"open": 1, "acknowledged": 0, "severity": "critical"}
        assert summary["sources"]["evpl"]["open"] == 0


async def test_a_source_that_goes_takes_its_topics_along(delivery, clock, mosquitto):
    async with (
        subscribed(mosquitto.port, "watcher/sources/evpl") as sources,
        subscribed(mosquitto.port, DEVICES) as devices,
        connected(delivery, clock, mosquitto.port, **BOTH) as (_, connection),
    ):
        connection.publish_source(model.SourceHealth(source="evpl"))
        await sources.until("watcher/sources/evpl")
        await devices.until(VYVX)
    async with (
        subscribed(mosquitto.port, INDEX) as reader,
        connected(delivery, clock, mosquitto.port, sources=["vyvx"], discovery=True),
    ):
        await until_listed(reader, EVPL, "watcher/sources/evpl")
    for topic in (EVPL, "watcher/sources/evpl"):
        assert await retained(mosquitto.port, topic) is None
    assert await retained(mosquitto.port, VYVX)
    async with (
        subscribed(mosquitto.port, INDEX) as reader,
        connected(delivery, clock, mosquitto.port, sources=["vyvx"]),
    ):
        await until_listed(reader, VYVX, WATCHER, SUMMARY)
    for topic in (VYVX, WATCHER, SUMMARY):
        assert await retained(mosquitto.port, topic) is None


@pytest.mark.parametrize("is_alone", [True, False])
async def test_an_instance_that_was_renamed_goes_where_there_can_be_no_other(
    delivery, clock, mosquitto, is_alone
):
    async with (
        subscribed(mosquitto.port, INDEX) as reader,
        connected(delivery, clock, mosquitto.port, is_alone=is_alone),
    ):
        await reader.until(INDEX)
    old = ("watcher/status/ops1", "watcher/clients/watcher-ops1")
    async with (
        subscribed(mosquitto.port, INDEX) as reader,
        connected(delivery, clock, mosquitto.port, is_alone=is_alone, instance="new"),
    ):
        await reader.until(INDEX)
        await until_listed(reader, *old) if is_alone else None
    assert [bool(await retained(mosquitto.port, topic)) for topic in old] == [not is_alone] * 2


async def test_a_receiver_that_was_renamed_leaves_no_document(delivery, clock, mosquitto, builder):
    builder.diagnose()
    document = "watcher/incidents/w-7k3m"
    async with connected(delivery, clock, mosquitto.port) as (receiver, _):
        for _ in range(2):
            await delivery.deliver(receiver)
    assert await retained(mosquitto.port, f"{document}/reports/r-1")
    builder.incident = replace(builder.incident, notify=("noc",))
    async with (
        subscribed(mosquitto.port, f"{document}/#") as reader,
        connected(delivery, clock, mosquitto.port, configured=["noc"]),
    ):
        await reader.until(document, b"")
        await reader.until(f"{document}/reports/r-1", b"")


SLOW_TO_NOTICE = DAEMON.replace(
    "async def main():",
    "from watcher.receivers.mqtt.broker import client\n"
    "client.KEEPALIVE_SECONDS = 1\n\nasync def main():",
)


async def test_a_leader_that_hangs_is_offline_once_the_broker_gives_up(mosquitto):
    """As one whose machine is cut off."""
    async with subscribed(mosquitto.port, f"{STATUS}/#") as reader:
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SLOW_TO_NOTICE, str(mosquitto.port), "5"
        )
        for _ in range(2):
            await reader.until(STATUS, b"online")
        daemon.send_signal(signal.SIGSTOP)
        try:
            assert {await offline(reader), await offline(reader)} == {STATUS, f"{STATUS}/ops1"}
        finally:
            daemon.kill()
            await daemon.wait()
