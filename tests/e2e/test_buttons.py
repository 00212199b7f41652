"""What people press in Slack, against a running daemon and the simulated Slack's Socket Mode."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import eventually
from watcher.operations import control_socket


@pytest.fixture
def pressable(home, world):
    """An installation with an app token."""
    config = home / "config.toml"
    token = world.addresses["credentials"]["slack_app_token"]
    config.write_text(config.read_text().replace("[slack]", f'[slack]\napp_token = "{token}"'))
    return home


async def post(world, lever, **what):
    address = f"{world.addresses['control_url']}/{lever}"
    async with world.session.post(address, json=what) as response:
        return await response.json()


async def down(world):
    await world.change(vyvx={"id": "1234567", "state": "online"})
    await world.change(vyvx={"id": "1234567", "state": "offline"})

    async def parent():
        (message,) = await world.parents()
        return message

    return await eventually(parent)


def actions(message):
    blocks = [block for block in message["blocks"] if block["type"] == "actions"]
    return [button["action_id"] for block in blocks for button in block["elements"]]


async def press(world, message, action, **who):
    channel = world.addresses["credentials"]["slack_channel"]

    async def acknowledged():
        answer = await post(
            world, "press", channel=channel, ts=message["ts"], action_id=action, **who
        )
        assert answer == {"acknowledged": True}, answer
        return True

    await eventually(acknowledged, within=20)


async def replies(world, words):
    async def matching():
        (parent,) = await world.parents()
        return [reply for reply in await world.thread(parent) if words in reply["text"]]

    return await eventually(matching, within=20)


async def incidents(world, home):
    return (await control_socket.ask(home / "c.sock", "GET", "/incidents"))["incidents"]


async def test_a_press_is_on_the_timeline_in_slack_and_durable_under_the_persons_name(
    pressable, world, daemon
):
    async with daemon() as first:
        parent = await down(world)
        assert actions(parent) == ["acknowledge", "silence", "diagnose", "packet"]
        await press(world, parent, "acknowledge", name="ann", times=2)
        (reply,) = await replies(world, "acknowledged by ann")
        assert "ann" in reply["text"]

        async def edited():
            (message,) = await world.parents()
            return "Acknowledged by *ann*" in json.dumps(message)

        await eventually(edited)
        await press(world, parent, "diagnose", name="bob")
        await replies(world, "requested Service Diagnostics (by bob)")
        assert len(await replies(world, "acknowledged by ann")) == 1
        first.process.kill()
        await first.process.wait()
    (pressable / "c.sock").unlink()
    async with daemon():

        async def acknowledged():
            (incident,) = await incidents(world, pressable)
            return incident["acknowledged_by"] == "ann"

        await eventually(acknowledged)
        await world.change(vyvx={"id": "1234567", "state": "online"})

        async def green():
            (message,) = await world.parents()
            return message["text"].startswith("\N{LARGE GREEN CIRCLE}") and not actions(message)

        await eventually(green)
    assert "xapp-simulated" not in first.log.read_text()


async def test_a_silence_is_shown_in_the_thread_with_what_it_mutes(pressable, world, daemon):
    async with daemon():
        parent = await down(world)
        await press(world, parent, "silence", name="ann")
        (reply,) = await replies(world, "silenced for 1 h")
        assert "rule=vyvx-service-down subject=vyvx/1234567" in json.dumps(reply)
        (incident,) = await incidents(world, pressable)
        assert incident["flags"] == ["silenced"]


async def test_the_carrier_packet_is_for_who_presses_and_the_thread_says_who_has_it(
    pressable, world, daemon
):
    async with daemon():
        parent = await down(world)
        await replies(world, "SVC1")  # Service Diagnostics
        await press(world, parent, "packet", name="ann")
        await replies(world, "took the carrier packet (by ann)")

        async def whispered():
            address = f"{world.addresses['control_url']}/whispers"
            async with world.session.get(address) as response:
                return (await response.json())["whispers"]

        (packet,) = await eventually(whispered)
        text = json.dumps(packet)
        assert "Service ids: SVC1" in text
        assert "vyvx/1234567" in text


async def test_the_slash_command_lists_what_is_open(pressable, world, daemon):
    async with daemon():
        await down(world)

        async def answered():
            assert (await post(world, "command", command="/watcher"))["acknowledged"]
            address = f"{world.addresses['control_url']}/whispers"
            async with world.session.get(address) as response:
                return "*1 open incident*" in await response.text()

        await eventually(answered)


async def test_a_socket_that_drops_is_replaced(pressable, world, daemon):
    async with daemon():
        parent = await down(world)
        await press(world, parent, "acknowledge", name="ann")
        await post(world, "disconnect", warn=False)
        await press(world, parent, "acknowledge", name="bob")
        await replies(world, "acknowledged by bob")


async def test_without_an_app_token_there_are_no_buttons_and_no_connection(home, world, daemon):
    async with daemon():
        parent = await down(world)
        assert not actions(parent)
        assert "slack.apps.connections.open" not in await world.calls()


async def test_a_wrong_app_token_is_logged_once_and_alerts_are_delivered(pressable, world, daemon):
    config = pressable / "config.toml"
    config.write_text(config.read_text().replace("xapp-simulated", "xapp-wrong"))
    async with daemon() as running:
        await down(world)

        async def complained():
            return "set slack.app_token to an app-level token" in running.log.read_text()

        await eventually(complained)
        assert "xapp-wrong" not in running.log.read_text()
