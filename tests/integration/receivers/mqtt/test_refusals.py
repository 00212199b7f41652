"""What a broker refuses, by its rules or its limits, holds up nothing else and is said."""

import asyncio
import contextlib
import json

import pytest
from msgspec.structs import replace

from tests.eventually import eventually
from tests.fakes.incident_builder import IncidentBuilder, InMemoryDelivery
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_clients import V5, V311, connected, retained, subscribed
from watcher import model

LIMITED = {"5": V5, "3.1.1": V311}


@contextlib.asynccontextmanager
async def broker(folder, *lines, acl=()):
    """Mosquitto with these lines in its configuration, and an acl_file for everybody."""
    if acl:
        (folder / "acl").write_text("\n".join(acl) + "\n")
        lines = (*lines, f"acl_file {folder / 'acl'}")
    mosquitto = Mosquitto(folder, *lines)
    await mosquitto.start()
    try:
        yield mosquitto
    finally:
        await mosquitto.stop()


class SeveralIncidents:
    """A reader of several incidents, each with a receipt of its own."""

    def __init__(self, count, **diagnosis):
        self.deliveries = {}
        for number in range(count):
            builder = IncidentBuilder()
            builder.timeline = [
                replace(entry, incident=f"w-{number}") for entry in builder.timeline
            ]
            builder.change(id=f"w-{number}")
            if diagnosis:
                builder.diagnose(run=f"r-{number}", **diagnosis)
            self.deliveries[f"w-{number}"] = InMemoryDelivery(builder, "mqtt")

    async def incidents(self, *, statuses=None, limit=100, announcements=False):
        return [
            incident
            for delivery in self.deliveries.values()
            for incident in await delivery.incidents(statuses=statuses)
        ]

    async def incident_view(self, incident):
        return await self.deliveries[incident].incident_view(incident)

    async def incident_views(self, incidents):
        return [await self.incident_view(incident) for incident in incidents]

    async def versions(self, incidents):
        views = await self.incident_views(incidents)
        return {view.incident.id: view.incident.version for view in views}

    async def receipts_of(self, incidents):
        return [self.deliveries[incident].receipt for incident in incidents]

    async def report_files(self, run):
        return await self.deliveries[run.replace("r-", "w-")].report_files(run)

    @property
    def pending(self):
        return [
            delivery
            for delivery in self.deliveries.values()
            if delivery.receipt.parent_version != delivery.builder.incident.version
            or delivery.receipt.due is not None
        ]

    async def deliver_all(self, receiver):
        """Deliver until nothing is pending; return the events' order and how often it failed."""
        failures = 0

        async def done():
            nonlocal failures
            for delivery in self.pending:
                try:
                    await delivery.deliver(receiver)
                except model.TemporaryError:
                    failures += 1
                except model.PermanentError:
                    return True
            return not self.pending

        await eventually(done, within=30, every=0.01)
        return failures


def storm(builder, count):
    """Let the incident be about `count` subjects, each with labels."""
    alerts = tuple(replace(builder.alert, subject=f"vyvx/{number}") for number in range(count))
    single = builder.incident_view
    builder.incident_view = lambda: replace(single(*alerts), alert_counts={"firing": count})


async def test_a_pdf_that_is_not_allowed_holds_up_neither_events_nor_document(
    builder, clock, tmp_path
):
    delivery = InMemoryDelivery(builder, "mqtt")
    allowed = ("watcher/status/#", "watcher/incidents/+", "watcher/events", "fence")
    acl = ["topic read #", *(f"topic write {topic}" for topic in allowed)]
    async with broker(tmp_path, acl=acl) as mosquitto:
        builder.diagnose()
        async with connected(delivery, clock, mosquitto.port) as (receiver, connection):
            await delivery.deliver(receiver)
            builder.resolve()
            await delivery.deliver(receiver)
            document = json.loads(
                (await retained(mosquitto.port, "watcher/incidents/w-7k3m")).payload
            )
            assert any("reports/r-1" in remark for remark in connection.remarks())
    assert document["status"] == "resolved"
    assert document["diagnostics"][0]["report"]["pdf_topic"] is None
    assert document["diagnostics"][0]["report"]["topic"] is None
    assert delivery.receipt.told_through == 3


async def test_events_go_on_where_the_document_is_not_allowed(builder, clock, tmp_path):
    delivery = InMemoryDelivery(builder, "mqtt")
    acl = ["topic read #", "topic write watcher/status/#", "topic write watcher/events"]
    async with (
        broker(tmp_path, acl=acl) as mosquitto,
        connected(delivery, clock, mosquitto.port) as (receiver, _),
    ):
        with pytest.raises(model.PermanentError, match="watcher/incidents/w-7k3m"):
            await delivery.deliver(receiver)
    assert delivery.receipt.told_through == 1


async def test_one_refused_topic_stops_no_other_after_a_restart_of_the_broker(
    builder, clock, tmp_path
):
    delivery = InMemoryDelivery(builder, "mqtt")
    acl = ["topic read #", "topic write watcher/status/#", "topic write watcher/incidents/#"]
    async with (
        broker(tmp_path, acl=[*acl, "topic write watcher/events"]) as mosquitto,
        connected(delivery, clock, mosquitto.port) as (receiver, connection),
    ):
        connection.publish_source(model.SourceHealth(source="vyvx"))
        await delivery.deliver(receiver)
        await mosquitto.stop()
        await mosquitto.start()
        async with subscribed(mosquitto.port) as reader:
            await reader.until("watcher/incidents/w-7k3m")
        assert any("watcher/sources/vyvx" in remark for remark in connection.remarks())


@pytest.mark.parametrize("protocol", LIMITED)
async def test_a_document_over_the_limit_comes_with_fewer_alerts_and_says_so(
    builder, clock, tmp_path, protocol
):
    storm(builder, 90)
    delivery = InMemoryDelivery(builder, "mqtt")
    async with (
        broker(tmp_path, "max_packet_size 12000") as mosquitto,
        connected(delivery, clock, mosquitto.port, protocol=protocol) as (receiver, _),
    ):
        losses = 0

        async def delivered():
            nonlocal losses
            try:
                await delivery.deliver(receiver)
            except model.TemporaryError:
                losses += 1
            return delivery.receipt.parent_version == builder.incident.version

        await eventually(delivered, within=20, every=0.01)
        document = json.loads((await retained(mosquitto.port, "watcher/incidents/w-7k3m")).payload)
    assert document["truncated"] is True
    assert 10 < len(document["alerts"]) < 45
    assert document["alert_counts"] == {"firing": 90}
    assert delivery.receipt.told_through == 1


async def test_a_broker_that_takes_next_to_nothing_is_named_and_nothing_stays_pending(
    builder, clock, tmp_path
):
    delivery = InMemoryDelivery(builder, "mqtt")
    async with (
        broker(tmp_path, "max_packet_size 400") as mosquitto,
        connected(delivery, clock, mosquitto.port) as (receiver, connection),
    ):
        await delivery.deliver(receiver)
        assert any("document on" in remark for remark in connection.remarks())
    assert delivery.receipt.parent_version == builder.incident.version


async def test_large_pdfs_starve_no_events_and_cost_three_connections_in_all(clock, tmp_path):
    several = SeveralIncidents(6, pdf=b"%PDF-" + bytes(1_200_000))
    async with broker(tmp_path, "max_packet_size 100000") as mosquitto:
        async with (
            subscribed(mosquitto.port, protocol=V311) as reader,
            connected(several, clock, mosquitto.port, protocol="3.1.1") as (receiver, _),
        ):
            await asyncio.wait_for(several.deliver_all(receiver), 30)
            async with asyncio.timeout(10):
                while reader.topics.count("watcher/events") < 12:
                    await reader.until(reader.ANY)
        assert reader.topics.count("watcher/status/ops1") <= 8  # online, and 3 x offline, online
        for delivery in several.deliveries.values():
            assert delivery.receipt.files == {
                run: words for run, words in delivery.receipt.files.items() if "withheld" in words
            }

        # Another process: what was learned stands in the receipts.
        delivery = several.deliveries["w-5"]
        delivery.builder.diagnose(run="r-5", pdf=b"%PDF-" + bytes(1_300_000))
        async with (
            subscribed(mosquitto.port, "watcher/status/ops1", V311) as reader,
            connected(several, clock, mosquitto.port, protocol="3.1.1") as (receiver, _),
        ):
            delivery.receipt = replace(delivery.receipt, files={})
            assert await several.deliver_all(receiver) == 0
            await reader.until("watcher/status/ops1", b"online")
        assert [message.payload for message in reader.seen] in (
            [b"online"],
            [b"offline", b"online"],
        )


async def test_a_pdf_of_any_size_arrives_where_the_broker_takes_it(clock, mosquitto):
    several = SeveralIncidents(2, pdf=b"%PDF-" + bytes(1_200_000))
    async with connected(several, clock, mosquitto.port, protocol="3.1.1") as (receiver, _):
        await several.deliver_all(receiver)
        document = json.loads((await retained(mosquitto.port, "watcher/incidents/w-1")).payload)
        [run] = document["diagnostics"]
        pdf = await retained(mosquitto.port, run["report"]["pdf_topic"])
    assert len(pdf.payload) == 1_200_005


async def test_a_pdf_over_the_configured_size_is_left_out(builder, clock, mosquitto):
    delivery = InMemoryDelivery(builder, "mqtt")
    builder.diagnose(pdf=b"%PDF-" + bytes(2_000))
    async with connected(delivery, clock, mosquitto.port, max_report_bytes=2_000) as (
        receiver,
        connection,
    ):
        await delivery.deliver(receiver)
        document = json.loads((await retained(mosquitto.port, "watcher/incidents/w-7k3m")).payload)
        assert any("mqtt.max_report_bytes" in remark for remark in connection.remarks())
    assert document["diagnostics"][0]["report"]["pdf_topic"] is None


async def test_a_document_over_the_limit_holds_up_no_other_incident(clock, tmp_path):
    several = SeveralIncidents(3)
    storm(several.deliveries["w-0"].builder, 90)
    async with (
        broker(tmp_path, "max_packet_size 12000") as mosquitto,
        subscribed(mosquitto.port, "watcher/incidents/+", protocol=V311) as reader,
        connected(several, clock, mosquitto.port, protocol="3.1.1") as (receiver, _),
    ):
        await several.deliver_all(receiver)
        async with asyncio.timeout(10):
            while len(set(reader.topics)) < 3:
                await reader.until(reader.ANY)
    assert all(delivery.receipt.told_through == 1 for delivery in several.deliveries.values())
