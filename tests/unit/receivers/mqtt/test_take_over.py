"""Two daemons with one client id, on a broker that gives no reason when it hangs up.

The broker is scripted, so that each connection is lost exactly where a slow one loses it.
"""

import asyncio
import contextlib
from datetime import timedelta

import aiomqtt
import msgspec
import pytest

from tests.fakes.incident_builder import InMemoryDelivery
from watcher import model
from watcher.backoff import Backoff
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt.broker import client as mqtt_client
from watcher.receivers.mqtt.broker.client import Message
from watcher.receivers.mqtt.broker.connection import MqttConnection
from watcher.receivers.mqtt.broker.limits import TRIES
from watcher.receivers.mqtt.broker.session import CLAIM_SECONDS
from watcher.receivers.mqtt.commands import CommandListener
from watcher.receivers.mqtt.receiver import MqttReceiver

CLAIM, ONLINE, STATUS = "watcher/clients/watcher", "watcher/status/ops1", "watcher/status"
IDLE = "nothing"
ANSWERS = "desk/answers"
UNREADABLE = Message(
    topic="watcher/commands/ack", payload=b"{}", retained=False, response_topic=ANSWERS
)


class ScriptedBroker:
    """Loses each connection at the next of `losses`: a topic, or IDLE once all is published."""

    def __init__(self, *losses):
        self.losses = list(losses)
        self.retained = {}
        self.published = []
        self.connects = 0
        self.settled = asyncio.Event()  # a connection is not lost any more

    def claim(self, session, connects):
        claim = {"client_id": "watcher", "instance": session, "session": session}
        self.retained[CLAIM] = msgspec.json.encode(claim | {"connects": connects})

    def build(self, *_, **__):
        self.connects += 1
        return ScriptedClient(self, self.losses.pop(0) if self.losses else None)


class ScriptedClient:
    established = True
    most_bytes = None
    words = ""
    handler = None

    def __init__(self, broker, loss):
        self.broker, self.loss, self.in_flight = broker, loss, None
        self.lost = asyncio.Event()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def subscribe_and_wait(self, topic, *, retained=False):
        self._send(topic, 0)
        if retained and self.broker.retained.get(topic):
            self.handler(Message(topic=topic, payload=self.broker.retained[topic], retained=True))

    async def publish_and_wait(self, topic, payload, *, retain, **_):
        self._send(topic, len(payload))
        self.broker.published.append(topic)
        if retain:
            self.broker.retained[topic] = payload

    async def wait_for(self, event, *, seconds):
        if event.is_set():
            return
        if self.loss == IDLE:
            self.lost.set()
        if self.loss is None and seconds != CLAIM_SECONDS:
            self.broker.settled.set()
        tasks = [asyncio.ensure_future(awaited.wait()) for awaited in (event, self.lost)]
        try:
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        if self.lost.is_set():
            raise aiomqtt.MqttError("lost")

    def _send(self, topic, size):
        if self.lost.is_set():
            raise mqtt_client.NotSentError(aiomqtt.MqttError("lost"))
        self.in_flight = (topic, size)
        if self.loss in (topic, (topic, size)):
            self.lost.set()
            raise aiomqtt.MqttError("lost")
        self.in_flight = None


@pytest.fixture
def run(clock):
    async def run(broker, *, until, start=lambda _: None):
        connection = MqttConnection(
            settings=receiver_settings.Mqtt(client_id="watcher"),
            instance="ops1",
            clock=clock,
            backoff=Backoff(first=0.0, longest=0.0),
            build_client=broker.build,
        )
        start(connection)
        task = asyncio.create_task(connection.run())
        try:
            async with asyncio.timeout(5):
                return await until(connection) or connection
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return run


def is_settled(broker):
    async def settled(_):
        await broker.settled.wait()

    return settled


async def taken_over(connection):
    while True:
        with contextlib.suppress(model.TemporaryError):
            try:
                await connection.connected()
            except model.PermanentError as error:
                return str(error)
        await asyncio.sleep(0)


async def test_a_claim_that_is_lost_again_and_again_is_made_in_the_end(run):
    broker = ScriptedBroker(*[CLAIM] * TRIES, IDLE, CLAIM, CLAIM, IDLE)
    connection = await run(broker, until=is_settled(broker))
    assert CLAIM in broker.published
    assert connection.remarks() == ()


async def test_a_rival_is_found_although_it_took_over_while_we_claimed(run):
    """As RabbitMQ on a slow machine: the rival's claims come through, ours are lost."""
    broker = ScriptedBroker(*[CLAIM] * TRIES, IDLE, *[CLAIM] * TRIES, ONLINE, IDLE, IDLE)
    build = broker.build

    def rival_claims(*_, **__):
        broker.claim("ops2", broker.connects)
        return build()

    broker.build = rival_claims
    error = await run(broker, until=taken_over)
    assert "client of instance ops2 took over the session: two daemons use the client id" in error


@pytest.mark.parametrize("topic", [CLAIM, ONLINE])
async def test_a_topic_on_which_the_broker_always_hangs_up_is_set_aside(run, topic):
    broker = ScriptedBroker(*[topic] * TRIES)
    connection = await run(broker, until=is_settled(broker))
    assert topic not in broker.published
    assert [remark for remark in connection.remarks() if topic in remark]


async def test_all_forbidden_topics_together_cost_three_connections_each(run):
    broker = ScriptedBroker(*[CLAIM] * TRIES, *[ONLINE] * TRIES)
    connection = await run(broker, until=is_settled(broker))
    assert broker.connects == 2 * TRIES + 1
    assert len([remark for remark in connection.remarks() if "hung up" in remark]) == 2


async def test_nobody_waits_for_a_claim_that_never_came_through(run):
    """Two of them would take over from each other while each waits."""
    broker = ScriptedBroker((CLAIM, 83))
    started = asyncio.get_running_loop().time()
    await run(broker, until=is_settled(broker))
    assert asyncio.get_running_loop().time() - started < 1.0


async def test_a_pdf_that_was_lost_to_a_rival_is_published_in_the_end(run, clock, builder):
    """Three lost connections in a row would withhold it, also after a restart."""
    builder.diagnose()
    delivery = InMemoryDelivery(builder, "mqtt")
    pdf = "watcher/incidents/w-7k3m/reports/r-1"
    broker = ScriptedBroker(pdf, pdf, IDLE, pdf, pdf)

    async def delivered(connection):
        receiver = MqttReceiver(name="mqtt", connection=connection, reader=delivery, clock=clock)
        while not delivery.receipt.files.get("r-1", "").startswith("done"):
            with contextlib.suppress(model.TemporaryError):
                await delivery.deliver(receiver)
            await asyncio.sleep(0)

    await run(broker, until=delivered)
    assert broker.retained[pdf]


async def test_answers_that_were_lost_to_a_rival_do_not_end_response_topics(run):
    listeners = []
    broker = ScriptedBroker(*[ANSWERS, ANSWERS, IDLE] * 2)

    def listen(connection):
        listeners.append(CommandListener(connection=connection, commands=None))

    async def answered(connection):
        [listener] = listeners
        while broker.losses:
            with contextlib.suppress(model.TemporaryError):
                await connection.connected()
                await listener._handle(UNREADABLE)
            await asyncio.sleep(0)
        await broker.settled.wait()
        await listener._handle(UNREADABLE)
        assert broker.published[-1] == ANSWERS

    await run(broker, until=answered, start=listen)


async def test_it_is_known_since_when_there_is_no_connection(run, clock):
    broker, began = ScriptedBroker(IDLE), clock.now()

    async def is_cut_off(connection):
        assert connection.cut_off() is None  # nothing has failed so far
        while connection.cut_off() is None:  # noqa: ASYNC110  # nobody says so
            await asyncio.sleep(0)
        clock.at += timedelta(seconds=90)
        cut_off = connection.cut_off()
        assert cut_off.since == began
        assert "lost" in cut_off.error
        await broker.settled.wait()
        assert connection.cut_off() is None

    await run(broker, until=is_cut_off)
