"""Commands over MQTT against Mosquitto 2: obeyed once, answered, refused in words, bounded."""

import asyncio
import contextlib
import json
import re
import shlex
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_clients import V5, V311, subscribed
from tests.servers.programs import program
from watcher import model
from watcher.backoff import Backoff
from watcher.clock import SystemClock, Wakeup
from watcher.operations.commands import CommandService
from watcher.receivers import settings as receiver_settings
from watcher.receivers.mqtt import commands, topics
from watcher.receivers.mqtt.broker.client import Message, Refusal
from watcher.receivers.mqtt.broker.connection import MqttConnection
from watcher.receivers.mqtt.broker.publisher import Publisher
from watcher.receivers.mqtt.commands import CommandListener

PAGE = (Path(__file__).parents[4] / "docs" / "reference" / "mqtt.md").read_text()
ACK = {"incident": "w-7k3m", "by": "ada"}


class InMemoryStore:
    """A library and an inbox in memory; a command counts as stepped once it is put in."""

    def __init__(self, builder) -> None:
        self.preview = model.SilencePreview(subjects=12, incidents=("w-7k3m",))
        self.builder = builder
        self.commands: dict[str, model.Command] = {}
        self.down = False

    async def incident_view(self, incident):
        return self.builder.incident_view() if incident == self.builder.incident.id else None

    async def outcome(self, key):
        return "" if key in self.commands else None

    async def submit(self, key, command, at):
        if self.down:
            raise model.TemporaryError("the database does not answer")
        if isinstance(command, model.Acknowledged):
            self.builder.change(status=model.IncidentStatus.ACKNOWLEDGED)
        if isinstance(command, model.Unacknowledged):
            self.builder.change(status=model.IncidentStatus.OPEN)
        return self.commands.setdefault(key, command) is command

    async def silences(self, now):
        kept = self.commands.values()
        return [entry.silence for entry in kept if isinstance(entry, model.Silenced)]


@pytest.fixture
def store(builder):
    return InMemoryStore(builder)


@contextlib.asynccontextmanager
async def obeying(store, port, *, instance="ops1", leads=True, per_minute=1_000, **keys):
    """A daemon's side, as app builds it."""
    clock = SystemClock()
    keys = receiver_settings.Mqtt(host="127.0.0.1", port=port, **{"commands": True, **keys})
    broker = MqttConnection(
        settings=keys, instance=instance, clock=clock, backoff=Backoff(first=0.02, longest=30.0)
    )

    async def preview(_):
        return store.preview

    service = CommandService(
        reader=store, inbox=store, ingest=Wakeup(), clock=clock, preview=preview
    )
    tasks = []
    if keys.commands:
        orders = CommandListener(
            connection=broker,
            commands=service,
            token=keys.commands_token.get_secret_value(),
            per_minute=per_minute,
        )
        tasks.append(asyncio.create_task(orders.run()))
    if leads:
        broker.become_leader()
    tasks.append(asyncio.create_task(broker.run()))
    try:
        yield broker
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class CommandSender:
    """Publishes commands, and reads what is answered."""

    def __init__(self, reader) -> None:
        self.reader = reader

    async def send(self, command, body, *, retain=False, properties=None) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.reader.client.publish(
            f"watcher/commands/{command}", payload, qos=1, retain=retain, properties=properties
        )

    async def read(self, topic="watcher/answers", *, greeted=True):
        """The next answer; one to a greeting may come late."""
        while True:
            message = await self.reader.until(topic)
            answer = json.loads(message.payload)
            if not greeted or answer["command"] != "hello":
                return answer, message

    async def ask(self, command, body):
        await self.send(command, body)
        answer, _ = await self.read()
        return answer


@contextlib.asynccontextmanager
async def person(port, protocol=V5):
    """Is there when somebody obeys: `PREFIX/status` comes before the subscription, a pause less."""
    async with subscribed(port, "watcher/answers/#", protocol) as reader:
        await reader.client.subscribe("desk/#", qos=1)
        someone = CommandSender(reader)
        async with asyncio.timeout(10):
            while True:  # until the subscription is there; the broker does not say when
                await someone.send("hello", {})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await someone.read(greeted=False)
                        break
        yield someone


def wished(topic, correlation):
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = topic
    properties.CorrelationData = correlation
    return properties


@pytest.mark.broker
async def test_a_command_is_answered_on_its_response_topic_with_its_correlation_data(
    store, mosquitto
):
    async with obeying(store, mosquitto.port), person(mosquitto.port) as ada:
        await ada.send("ack", ACK | {"id": "1"}, properties=wished("desk/ada", b"\x00\x07"))
        answer, message = await ada.read("desk/ada")
    assert answer == {
        "command": "ack",
        "ok": True,
        "message": "w-7k3m is acknowledged",
        "id": "1",
        "incident": "w-7k3m",
        "silence": None,
    }
    assert message.properties.CorrelationData == b"\x00\x07"
    assert message.properties.ContentType == "application/json"
    assert not message.retain
    assert list(store.commands.values()) == [model.Acknowledged(incident="w-7k3m", by="ada")]


@pytest.mark.broker
async def test_mqtt_3_has_the_response_topic_in_the_payload_or_reads_the_common_one(
    store, mosquitto
):
    async with (
        obeying(store, mosquitto.port, protocol="3.1.1"),
        person(mosquitto.port, V311) as ada,
    ):
        await ada.send("ack", ACK | {"response_topic": "watcher/answers/ada", "id": "7"})
        answer, _ = await ada.read("watcher/answers/ada")
        assert (answer["ok"], answer["id"]) == (True, "7")
        assert (await ada.ask("diagnose", ACK | {"id": "8"}))["id"] == "8"
    kinds = [type(command) for command in store.commands.values()]
    assert kinds == [model.Acknowledged, model.DiagnosisWanted]


@pytest.mark.broker
async def test_an_incident_is_given_back_annotated_and_resolved(store, mosquitto):
    async with obeying(store, mosquitto.port), person(mosquitto.port) as ada:
        asked = [
            ("ack", {}),
            ("unack", {}),
            ("note", {"text": "the fibre\nis cut"}),
            ("ticket", {"number": "INC1"}),
            ("resolve", {"text": "spare line"}),
        ]
        answers = [await ada.ask(command, ACK | more) for command, more in asked]
    assert [answer["message"] for answer in answers if not answer["ok"]] == []
    assert [answer["incident"] for answer in answers] == ["w-7k3m"] * 5
    who = {"incident": "w-7k3m", "by": "ada"}
    assert list(store.commands.values()) == [
        model.Acknowledged(**who),
        model.Unacknowledged(**who),
        model.Noted(**who, text="the fibre is cut"),
        model.TicketRecorded(**who, number="INC1"),
        model.ResolvedByHand(**who, text="spare line"),
    ]


TOKEN = {"commands_token": "correct-horse-battery"}


@pytest.mark.broker
@pytest.mark.parametrize("token", [{}, {"token": ""}, {"token": "wrong"}, {"token": "é"}])
async def test_without_the_shared_token_nothing_is_done_and_no_topic_is_chosen(
    store, mosquitto, token
):
    async with obeying(store, mosquitto.port, **TOKEN), person(mosquitto.port) as ada:
        await ada.send("ack", ACK | token, properties=wished("desk/ada", b"\x07"))
        answer, _ = await ada.read("watcher/answers")
        assert (answer["ok"], answer["message"]) == (False, "`token` is missing or wrong")
        await ada.send("ack", b"{", properties=wished("desk/ada", b"\x07"))
        assert not (await ada.read("watcher/answers"))[0]["ok"]
    assert store.commands == {}


@pytest.mark.broker
async def test_with_the_shared_token_a_command_is_carried_out_and_the_token_is_nowhere(
    store, mosquitto, capsys
):
    async with obeying(store, mosquitto.port, **TOKEN), person(mosquitto.port) as ada:
        command = ACK | {"token": "correct-horse-battery", "response_topic": "desk/ada"}
        await ada.send("ack", command)
        answer, message = await ada.read("desk/ada")
    assert answer["ok"]
    assert "correct-horse" not in f"{message.payload} {store.commands} {capsys.readouterr()}"


@pytest.mark.broker
async def test_a_silence_says_its_id_and_its_end(store, mosquitto):
    body = {"matchers": ["labels.site=NYC", "rule!=vyvx-*"], "for": "90m", "by": "ada"}
    async with obeying(store, mosquitto.port), person(mosquitto.port) as ada:
        answer = await ada.ask("silence", body)
    [command] = store.commands.values()
    silence = command.silence
    assert answer["silence"] == silence.id
    assert answer["message"].startswith(f"{silence.id} until 20")
    assert answer["message"].endswith("Z, matches 12 subjects, 1 open incident")
    assert silence.end - silence.begin == timedelta(minutes=90)
    assert list(map(str, silence.matchers)) == body["matchers"]


@pytest.mark.broker
async def test_a_silence_of_everything_is_added_once_it_is_confirmed_and_ended(store, mosquitto):
    store.preview = model.SilencePreview(subjects=12, everything=True)
    body = {"matchers": ["subject=*"], "until": "2126-11-29T02:00Z", "by": "ada"}
    body |= {"from": "2126-11-29T01:00+01:00", "or_matchers": [["rule=a", "source=b"]]}
    async with obeying(store, mosquitto.port), person(mosquitto.port) as ada:
        answer = await ada.ask("silence", body)
        assert not answer["ok"]
        assert "matches 12 subjects (everything), 0 open incidents" in answer["message"]
        assert store.commands == {}
        identity = (await ada.ask("silence", body | {"confirmed": True}))["silence"]
        again = [await ada.ask("silence", body | {"confirmed": True, "id": "9"}) for _ in "ab"]
        assert again[0]["message"] == again[1]["message"]
        assert again[0]["message"].endswith("matches 12 subjects (everything), 0 open incidents")
        ended = await ada.ask("expire", {"silence": identity, "by": "ada", "id": "1"})
    assert (ended["ok"], ended["message"]) == (True, f"{identity} has ended")
    added, _, over = store.commands.values()
    assert added.silence.written == "subject=* or rule=a source=b"
    assert added.silence.begin == datetime(2126, 11, 29, 0, tzinfo=UTC)
    assert over == model.Unsilenced(silence=identity, by="ada")


@pytest.mark.broker
@pytest.mark.parametrize(
    ("command", "body", "words"),
    [
        ("ack", b"off", "invalid ack command: JSON is malformed"),
        ("ack", b"\xff", "invalid ack command"),
        ("ack", {"incident": "w-7k3m"}, "missing required field `by`"),
        ("ack", {"incident": "w-7k3m", "by": ""}, "`$.by`"),
        ("ack", ACK | {"by": "a\x00b"}, "`$.by`"),
        ("ack", ACK | {"then": "format C:"}, "unknown field `then`"),
        ("ack", ACK | {"incident": "w-none"}, "there is no incident w-none"),
        ("ack", ACK | {"by": "x" * 5_000}, "a command has at most 4096 bytes"),
        ("reboot", ACK, "unknown command reboot: expected ack, unack, resolve, note, silence"),
        ("unack", ACK, "w-7k3m is not acknowledged"),
        ("note", ACK, "missing required field `text`"),
        ("note", ACK | {"text": " "}, "a note needs `text` and `by`"),
        ("unsilence", {"by": "ada", "silence": "s-none"}, "there is no active silence s-none"),
        ("silence", {"by": "ada", "matchers": []}, "name `matchers` or an `incident`"),
        ("silence", {"by": "ada", "incident": "w-none"}, "there is no incident w-none"),
        ("silence", {"by": "ada", "matchers": ["a=b"], "from": "02:00"}, "with its zone"),
        ("silence", {"by": "ada", "matchers": ["a=b"], "until": "later"}, "resolved or ended"),
        ("silence", {"by": "ada", "matchers": ["a=b"], "for": "8d"}, "with `confirmed`: true"),
        ("expire", {"by": "ada", "silence": "s-none"}, "there is no active silence s-none"),
        ("expire", {"by": "ada"}, "missing required field `silence`"),
        ("silence", {"by": "ada", "matchers": ["NYC"]}, "'NYC' is not a matcher"),
        ("silence", {"by": "ada", "matchers": ["a=b"], "for": "soon"}, "'soon' is not a duration"),
        ("silence", {"by": "ada", "matchers": ["a=b"], "for": "367d"}, "lasts at most 366 days"),
        ("silence", {"by": "ada", "matchers": ["a=b"], "for": "9" * 99 + "d"}, "is longer than"),
        ("ack", ACK | {"response_topic": "watcher/status"}, "is not a valid response topic"),
        (
            "ack",
            ACK | {"response_topic": "watcher/incidents/w-7k3m"},
            "is not a valid response topic",
        ),
        ("ack", ACK | {"response_topic": "desk/#"}, "is not a valid response topic"),
        ("ack", ACK | {"response_topic": "$SYS/x"}, "is not a valid response topic"),
    ],
)
async def test_what_cannot_be_obeyed_is_refused_in_words(store, mosquitto, command, body, words):
    async with obeying(store, mosquitto.port), person(mosquitto.port) as ada:
        answer = await ada.ask(command, body)
    assert not answer["ok"]
    assert words in answer["message"]
    assert store.commands == {}


@pytest.mark.broker
async def test_an_incident_that_is_over_is_refused_and_so_is_a_database_that_is_down(
    store, mosquitto
):
    async with obeying(store, mosquitto.port), person(mosquitto.port) as ada:
        store.down = True
        assert (await ada.ask("ack", ACK))["message"] == "the database does not answer"
        store.down = False
        store.builder.resolve()
        message = (await ada.ask("ack", ACK))["message"]
        assert message.startswith("w-7k3m is already resolved: recovered at 03:40:22 UTC")


@pytest.mark.broker
async def test_a_command_that_comes_in_twice_is_obeyed_once_and_answered_twice(store, mosquitto):
    async with obeying(store, mosquitto.port), person(mosquitto.port) as ada:
        again = ACK | {"id": "0b9f"}
        first = await ada.ask("diagnose", again)
        store.builder.resolve()  # meanwhile: the wish was granted all the same
        assert await ada.ask("diagnose", again) == first
        silence = {"matchers": ["rule=x"], "by": "ada", "id": "0ba0"}
        first = await ada.ask("silence", silence)
        assert (await ada.ask("silence", silence))["silence"] == first["silence"]
    assert len(store.commands) == 2


@pytest.mark.broker
async def test_retained_commands_are_ignored_when_they_wait_and_when_they_come(store, mosquitto):
    async with subscribed(mosquitto.port, "desk/#") as early:
        await CommandSender(early).send("ack", ACK, retain=True)
    async with obeying(store, mosquitto.port), person(mosquitto.port) as ada:
        await ada.send("ack", ACK, retain=True)
        assert (await ada.ask("ack", ACK | {"incident": "w-none"}))["ok"] is False
    assert store.commands == {}


@pytest.mark.broker
async def test_mqtt_3_ignores_the_retained_command_that_waits(store, mosquitto):
    async with subscribed(mosquitto.port, "desk/#") as early:
        await CommandSender(early).send("ack", ACK, retain=True)
    async with (
        obeying(store, mosquitto.port, protocol="3.1.1"),
        person(mosquitto.port, V311) as ada,
    ):
        assert (await ada.ask("ack", ACK | {"incident": "w-none"}))["ok"] is False
    assert store.commands == {}


@pytest.mark.broker
async def test_the_subscription_is_back_after_a_reconnect(store, mosquitto):
    async with obeying(store, mosquitto.port) as broker:
        async with person(mosquitto.port):
            broker._client._client.socket().shutdown(socket.SHUT_RDWR)  # as when a line breaks
        async with person(mosquitto.port) as ada:  # what is sent before that is lost, as ever
            assert (await ada.ask("ack", ACK))["ok"]
        await mosquitto.stop()
        await mosquitto.start()
        async with person(mosquitto.port) as ada:
            assert (await ada.ask("diagnose", ACK))["ok"]


@pytest.mark.broker
async def test_of_two_daemons_the_one_that_leads_obeys_and_then_its_follower(store, mosquitto):
    async with obeying(store, mosquitto.port, instance="ops2", leads=False) as other:
        async with obeying(store, mosquitto.port), person(mosquitto.port) as ada:
            await ada.ask("ack", ACK)
            await ada.ask("diagnose", ACK)
            asked = [json.loads(message.payload)["command"] for message in ada.reader.seen]
            assert [command for command in asked if command != "hello"] == ["ack", "diagnose"]
        other.become_leader()
        async with person(mosquitto.port) as ada:
            assert (await ada.ask("ack", ACK))["ok"]


@pytest.mark.broker
async def test_without_the_setting_no_command_is_subscribed_to(store, tmp_path):
    log = tmp_path / "broker.log"
    mosquitto = Mosquitto(tmp_path, f"log_dest file {log}", "log_type subscribe")
    await mosquitto.start()
    try:
        async with obeying(store, mosquitto.port, commands=False) as broker:
            await broker.publish("watcher/x", b"", retain=False)  # connected
            async with subscribed(mosquitto.port, "desk/#") as ada:
                await CommandSender(ada).send("ack", ACK)
                await broker.publish("desk/x", b"", retain=False)
                await ada.until("desk/x")
        subscriptions = re.findall(r"(watcher-ops1|auto-\S+) \d (\S+)", log.read_text())
        ours = {what for who, what in subscriptions if who == "watcher-ops1"}
        assert ours == {
            "watcher/clients/watcher-ops1",
            "watcher/status/ops1",
            "watcher/topics",
        }
    finally:
        await mosquitto.stop()
    assert store.commands == {}


@pytest.mark.broker
async def test_a_flood_is_bounded_and_notifications_go_on(store, mosquitto):
    async with (
        obeying(store, mosquitto.port, per_minute=20) as broker,
        person(mosquitto.port) as ada,
    ):
        for number in range(400):
            await ada.send("diagnose", ACK | {"id": str(number)})
        async with asyncio.timeout(5):
            await broker.publish("desk/incident", b"delivered", retain=False)
            await ada.reader.until("desk/incident")
    assert 0 < len(store.commands) <= 25


@pytest.mark.broker
async def test_a_large_message_is_no_burden_and_does_not_end_the_connection(store, mosquitto):
    async with obeying(store, mosquitto.port), person(mosquitto.port) as ada:
        await ada.send("ack", b" " * 1_000_000)
        assert (await ada.ask("ack", ACK))["ok"]


async def test_a_broker_that_forbids_the_subscription_is_said_with_what_to_do(clock):
    # Mosquitto's acl_file grants every subscription, and then delivers nothing.
    class Client:
        async def subscribe_and_wait(self, topic, *, retained):
            return Refusal(135, "Not authorized")

    broker = MqttConnection(
        settings=receiver_settings.Mqtt(commands=True), instance="ops1", clock=clock
    )
    broker.on_command(print)
    with structlog.testing.capture_logs() as logged:
        for _ in range(2):
            await broker._session._subscribe_commands(Client())
    [entry] = logged
    assert "Not authorized: allow anonymous clients to subscribe to it, or no" in entry["reason"]
    assert broker.remarks() == (entry["reason"],)


def test_where_only_watcher_speaks_nobody_has_an_answer():
    for topic in ("desk/1", "watcher/answers", "watcher/answers/1", "watchers/x", "d\u00e9sk/1"):
        assert topics.accepts_answers("watcher", topic), topic
    for topic in ("", "watcher", "watcher/status", "watcher/answersx", "a/+", "#", "$SYS/a", "a\n"):
        assert not topics.accepts_answers("watcher", topic), topic
    for topic in ("a\u0085", "a\ufffe", "a\ud800", "a b", "a\u00a0b", "\u00e9" * 101, "a" * 201):
        assert not topics.accepts_answers("watcher", topic), ascii(topic)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_odd_response_topics_cost_no_connection(store, mosquitto, protocol):
    async with obeying(store, mosquitto.port, protocol=protocol), person(mosquitto.port) as ada:
        await ada.reader.client.subscribe("watcher/status/ops1", qos=1)
        for topic in ("a\u0085", "a\uffff", "desk/x y", "\u00e9" * 150, "desk/+"):
            answer = await ada.ask("ack", ACK | {"response_topic": topic})
            assert not answer["ok"]
        assert (await ada.ask("ack", ACK))["ok"]
        assert b"offline" not in [message.payload for message in ada.reader.seen]


async def test_response_topics_on_which_the_broker_hangs_up_are_given_up_together(store):
    """Each topic is another, so none of them is set aside by itself."""

    class HangingUp:
        prefix = "watcher"

        def __init__(self):
            self.topics = []
            self.publisher = Publisher(receiver_settings.Mqtt(host="127.0.0.1"), SystemClock())

        def on_command(self, handle):
            self.handle = handle

        async def publish(self, topic, payload, **_):
            self.topics.append(topic)
            if topic.startswith("desk/"):
                raise model.AmbiguousError("the connection was lost")

    connection = HangingUp()
    service = CommandService(reader=store, inbox=store, ingest=Wakeup(), clock=SystemClock())
    listener = CommandListener(connection=connection, commands=service)
    for number in range(5):
        body = ACK | {"response_topic": f"desk/a.{number}"}
        await listener._handle(
            Message(topic="watcher/commands/ack", payload=json.dumps(body).encode(), retained=False)
        )
    assert connection.topics == ["desk/a.0", "desk/a.1", "desk/a.2", *["watcher/answers"] * 2]


@pytest.mark.parametrize("name", [name for name in commands.REQUESTS if name != "expire"])
def test_the_commands_of_the_page_are_read(name):
    [example] = re.findall(rf"-t watcher/commands/{name} .*?-m '(.*?)'", PAGE, re.DOTALL)
    assert commands.parse_request(name, example.encode()).by


def test_the_answer_of_the_page_is_what_is_published():
    [example] = re.findall(r"```json answer\n(.*?)```", PAGE, re.DOTALL)
    read = msgspec.convert(json.loads(example), commands.Answer)
    assert json.loads(msgspec.json.encode(read)) == json.loads(example)


@pytest.mark.broker
async def test_the_command_lines_of_the_page_work(store, mosquitto):
    for name in ("mosquitto_pub", "mosquitto_rr"):
        program(name, "mosquitto-clients")
    store.builder.change(id="w-7k3mq2xd")
    block = PAGE[PAGE.index("## Commands") :]
    lines = re.findall(r"^mosquitto_(?:pub|rr) .*?'$", block, re.MULTILINE | re.DOTALL)
    assert len(lines) == 8
    async with obeying(store, mosquitto.port), person(mosquitto.port) as ada:
        for line in lines:
            silences = [silence.id for silence in await store.silences(None)]
            line = line.replace("s-1f0a9c3e", *silences) if silences else line  # noqa: PLW2901  # the same line, as typed
            words = shlex.split(line.replace("\\\n", ""))
            words[words.index("localhost") : words.index("localhost") + 1] = [
                "127.0.0.1",
                "-p",
                str(mosquitto.port),
            ]
            process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
            async with asyncio.timeout(10):
                logged, _ = await process.communicate()
            assert process.returncode == 0
            answer = json.loads(logged) if words[0] == "mosquitto_rr" else (await ada.read())[0]
            assert answer["ok"], answer
    kinds = [type(command) for command in store.commands.values()]
    assert kinds == [
        model.Acknowledged,
        model.Silenced,
        model.Unsilenced,
        model.DiagnosisWanted,
        model.TicketRecorded,
        model.Noted,
        model.Unacknowledged,
        model.ResolvedByHand,
    ]
