"""Commands over MQTT to real daemons: on the timeline with the name, by the one that leads."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import aiomqtt
import pytest

from tests.e2e.conftest import OFFLINE
from tests.e2e.test_two_daemons import TAKEOVER, instance
from tests.eventually import eventually
from watcher.operations import control_socket

pytestmark = pytest.mark.broker


@pytest.fixture
def home(home):
    config = home / "config.toml"
    config.write_text(config.read_text().replace("[mqtt]\n", "[mqtt]\ncommands = true\n"))
    return home


@asynccontextmanager
async def asking(port):
    """Give what sends a command and collects its answers: the first, and for a second more."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("watcher/answers", qos=1)

        async def ask(command, *, within=10, **body):
            await client.publish(f"watcher/commands/{command}", json.dumps(body), qos=1)
            answers = []
            try:
                while True:
                    async with asyncio.timeout(1 if answers else within):
                        message = await anext(client.messages)
                    answer = json.loads(message.payload)
                    if answer["command"] == command:  # one to a greeting may come late
                        answers.append(answer)
            except TimeoutError:
                return answers

        yield ask


async def opened(daemon) -> str:
    async def incident() -> str:
        answer = await control_socket.ask(daemon.home / "c.sock", "GET", "/incidents")
        return answer["incidents"][0]["id"]

    return await eventually(incident)


async def test_an_acknowledgement_over_mqtt_is_shown_in_slack_with_the_name(
    world, daemon, mosquitto
):
    async with daemon() as running, asking(mosquitto.port) as ask:
        await world.change(vyvx=OFFLINE)
        incident = await opened(running)
        [answer] = await ask("ack", incident=incident, by="ada", id="1")
        assert answer["message"] == f"{incident} is acknowledged"

        async def acknowledged() -> bool:
            [parent] = await world.parents()
            return "acknowledged by ada" in json.dumps(await world.thread(parent))

        await eventually(acknowledged)
        everything = {"matchers": ["source=vyvx"], "by": "ada"}
        [answer] = await ask("silence", **everything)
        assert "(everything)" in answer["message"]
        [answer] = await ask("silence", **everything, confirmed=True)
        listed = (await control_socket.ask(running.home / "c.sock", "GET", "/silences"))["silences"]
        assert [silence["id"] for silence in listed] == [answer["silence"]]
        [answer] = await ask("silence", matchers=["colour=red"], by="ada")
        assert answer["message"].startswith("cannot silence colour=red: matchers name rule")
        assert await running.stop() == 0


async def test_of_two_daemons_one_obeys_before_and_after_a_takeover(
    world, home, postgresql_url, mosquitto
):
    async with (
        instance(home, "ops1", postgresql_url) as ops1,
        instance(home, "ops2", postgresql_url) as ops2,
        asking(mosquitto.port) as ask,
    ):
        await world.change(vyvx=OFFLINE)
        incident = await opened(ops1)
        request = {"incident": incident, "by": "ada", "id": "1"}
        [first] = await ask("ack", **request)
        assert first["ok"]
        ops1.process.kill()
        await eventually(lambda: ask("hello", within=1), within=TAKEOVER)
        assert await ask("ack", **request) == [first]
        answer = await control_socket.ask(ops2.home / "c.sock", "GET", f"/why/{incident}")
        assert json.dumps(answer).count("acknowledged: acknowledged by ada") == 1
