"""Brokers that close the connection: for what they dislike, when they restart, for a rival."""

import contextlib

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from tests.eventually import eventually
from tests.fakes.incident_builder import InMemoryDelivery
from tests.servers import rabbitmq as rabbit
from tests.servers.mqtt_clients import V311, connected, subscribed
from tests.servers.nats import Nats
from watcher import model
from watcher.receivers.mqtt.broker.errors import is_taken_over

DOCUMENT = "watcher/incidents/w-7k3m"


@pytest.fixture
def delivery(builder):
    return InMemoryDelivery(builder, "mqtt")


async def deliver_until(delivery, receiver, done):
    """Deliver again and again, as the delivery worker does, until `done`."""

    async def delivered():
        with contextlib.suppress(model.WatcherError):
            await delivery.deliver(receiver)
        return done()

    await eventually(delivered, within=60)


def claim_is_wrong(delivery) -> bool:
    return "took over" in delivery.receipt.error


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_three_restarts_of_the_broker_are_no_take_over(delivery, clock, mosquitto, protocol):
    async with connected(delivery, clock, mosquitto.port, protocol=protocol) as (receiver, _):
        await delivery.deliver(receiver)
        for _ in range(4):
            await mosquitto.stop()
            await mosquitto.start()
            delivery.builder.add_entry(model.EntryKind.NOTED, "x")
            await deliver_until(
                delivery,
                receiver,
                lambda: delivery.receipt.told_through == len(delivery.builder.timeline),
            )
            assert not claim_is_wrong(delivery)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_two_daemons_with_one_client_id_are_a_clear_error(
    delivery, clock, mosquitto, protocol
):
    keys = {"protocol": protocol, "client_id": "watcher"}
    async with connected(delivery, clock, mosquitto.port, **keys) as (receiver, _):
        await delivery.deliver(receiver)
        other = InMemoryDelivery(delivery.builder, "mqtt")
        async with connected(other, clock, mosquitto.port, instance="ops2", **keys) as (second, _):

            async def complaint():
                delivery.builder.add_entry(model.EntryKind.NOTED, "x")
                for sender, target in ((delivery, receiver), (other, second)):
                    with contextlib.suppress(model.WatcherError):
                        await sender.deliver(target)
                errors = {delivery.receipt.error, other.receipt.error}
                return [error for error in errors if "two daemons" in error]

            [error] = await eventually(complaint, within=60, every=0.01)
    assert "use the client id watcher; give each its own mqtt.client_id" in error
    assert "of instance ops" in error


async def test_a_tool_with_our_client_id_that_is_gone_again_costs_no_minutes(
    delivery, clock, mosquitto
):
    async with connected(delivery, clock, mosquitto.port) as (receiver, _):
        await delivery.deliver(receiver)
        async with aiomqtt.Client("127.0.0.1", mosquitto.port, identifier="watcher-ops1"):
            pass
        delivery.builder.add_entry(model.EntryKind.NOTED, "x")
        await deliver_until(delivery, receiver, lambda: delivery.receipt.told_through == 2)


def test_a_broker_that_names_the_reason_of_a_take_over_is_believed_at_once():
    reason = ReasonCode(PacketTypes.DISCONNECT, identifier=142)
    assert is_taken_over(aiomqtt.MqttCodeError(reason))
    assert not is_taken_over(aiomqtt.MqttError("lost"))


@pytest.fixture
async def nats(tmp_path):
    server = Nats(tmp_path)
    await server.start()
    yield server
    await server.stop()


async def test_a_topic_on_which_nats_hangs_up_is_set_aside_and_all_others_go_on(
    delivery, clock, nats
):
    async with (
        subscribed(nats.port, "desk/#", V311) as reader,
        connected(delivery, clock, nats.port, protocol="3.1.1") as (_, connection),
    ):
        refusals = []

        async def publish(topic):
            try:
                await connection.publish(topic, b"x", retain=False)
            except model.WatcherError as error:
                refusals.append(error)
                return isinstance(error, model.PermanentError)
            return True

        await eventually(lambda: publish("desk/an answer"), within=60)
        await eventually(lambda: publish("desk/an-answer"), within=60)
        assert await publish("desk/an answer")  # at once: it is not sent
        await reader.until("desk/an-answer")
        assert "desk/an answer" in str(refusals[0])
        assert [remark for remark in connection.remarks() if "desk/an answer" in remark]
        assert not any("took over" in str(error) for error in refusals)


@pytest.mark.xdist_group("rabbitmq")
@pytest.mark.timeout(300)  # it starts slowly on a busy machine
async def test_a_topic_that_rabbitmq_forbids_holds_up_no_document(delivery, clock, rabbitmq):
    keys = {"protocol": "3.1.1", "username": rabbit.NARROW_USER, "password": rabbit.PASSWORD}
    async with (
        subscribed(
            rabbitmq.port, DOCUMENT, V311, username=rabbit.USER, password=rabbit.PASSWORD
        ) as reader,
        connected(delivery, clock, rabbitmq.port, **keys) as (receiver, connection),
    ):
        await deliver_until(
            delivery, receiver, lambda: "in a row while watcher/events" in delivery.receipt.error
        )
        version = delivery.builder.incident.version
        while f'"version":{version}' not in (await reader.until(DOCUMENT)).payload.decode():
            pass
        assert "took over" not in delivery.receipt.error
        assert any("watcher/events" in remark for remark in connection.remarks())
    assert delivery.receipt.told_through == 0
