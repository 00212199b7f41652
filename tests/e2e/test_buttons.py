"""What people press in Slack, against a running daemon and the simulated Slack's Socket Mode."""

from __future__ import annotations

import json

import pytest

from tests.eventually import eventually
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
    """Return what the buttons do, and the menu behind them."""
    blocks = [block for block in message["blocks"] if block["type"] == "actions"]
    elements = [element for block in blocks for element in block["elements"]]
    options = [option["value"] for menu in elements for option in menu.get("options", ())]
    return [element["action_id"] for element in elements if "options" not in element] + [
        value.partition("/")[0] for value in options
    ]


async def press(world, message, action, **who):
    channel = world.addresses["credentials"]["slack_channel"]

    async def acknowledged():
        answer = await post(
            world, "press", channel=channel, ts=message["ts"], action_id=action, **who
        )
        assert answer == {"acknowledged": True}, answer
        return True

    await eventually(acknowledged, within=20)


async def choose(world, message, action, **who):
    """Choose something in the menu of the only incident."""
    (value,) = [
        option["value"]
        for block in message["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
        for option in element.get("options", ())
        if option["value"].startswith(f"{action}/")
    ]
    await press(world, message, "menu", value=value, **who)


async def fill_in(world, user="U0SOMEBODY", name="somebody", **values):
    """Send the form off that this person has in front, once it is open."""

    async def opened():
        address = f"{world.addresses['control_url']}/views"
        async with world.session.get(address) as response:
            return (await response.json())["views"].get(user)

    await eventually(opened)
    return await post(world, "submit", user=user, name=name, values=values)


async def seen_alone(world, words):
    """Return the last message that one person alone saw with these words."""

    async def matching():
        address = f"{world.addresses['control_url']}/whispers"
        async with world.session.get(address) as response:
            whispers = (await response.json())["whispers"]
        return [message for message in whispers if words in json.dumps(message)]

    return (await eventually(matching))[-1]


async def newest(world):
    (message,) = await world.parents()
    return message


async def with_button(world, action):
    """Return the message once it has a button or an option for this."""

    async def shown():
        message = await newest(world)
        return message if action in actions(message) else None

    return await eventually(shown)


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
        assert actions(parent) == [
            *("acknowledge", "silence", "resolve", "note", "diagnose", "packet", "ticket"),
        ]
        await press(world, parent, "acknowledge", name="ann", times=2)
        await seen_alone(world, "it is yours")
        (reply,) = await replies(world, "acknowledged by ann")
        assert "ann" in reply["text"]

        async def edited():
            (message,) = await world.parents()
            return "Acknowledged by *ann*" in json.dumps(message)

        await eventually(edited)
        await choose(world, parent, "diagnose", name="bob")
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


async def test_a_silence_is_shown_in_the_thread_and_ended_from_the_menu(pressable, world, daemon):
    async with daemon():
        parent = await down(world)
        await press(world, parent, "silence", name="ann")
        assert await fill_in(world, name="ann", length="4h", comment="works") == {
            "acknowledged": True,
            "errors": {},
        }
        (reply,) = await replies(world, "silenced until")
        assert "by ann: works" in reply["text"]
        assert "It matches 1 subject, 1 open incident" in json.dumps(reply)
        assert "rule=vyvx-service-down subject=vyvx/1234567" in json.dumps(reply)
        (incident,) = await incidents(world, pressable)
        assert incident["flags"] == ["silenced"]
        await choose(world, await with_button(world, "unsilence"), "unsilence", name="bob")
        await fill_in(world, name="bob")
        await replies(world, "silence ended")
        (incident,) = await incidents(world, pressable)
        assert incident["flags"] == []


async def test_a_note_a_withdrawal_and_a_resolution_are_in_the_thread(pressable, world, daemon):
    async with daemon():
        parent = await down(world)
        await choose(world, parent, "note", name="ann")
        await fill_in(world, name="ann", text="carrier says 04:00")
        await replies(world, "carrier says 04:00 (by ann)")
        await press(world, parent, "acknowledge", name="ann")
        await press(world, await with_button(world, "unacknowledge"), "unacknowledge", name="bob")
        await replies(world, "acknowledgement withdrawn by bob")
        await press(world, parent, "resolve", name="bob")
        await fill_in(world, name="bob", text="planned works")
        await replies(world, "resolved by bob: planned works")

        async def without_buttons():
            return not actions(await newest(world))

        await eventually(without_buttons)


async def test_an_incident_that_is_over_is_not_pressed_back_to_life(pressable, world, daemon):
    async with daemon():
        parent = await down(world)
        await press(world, parent, "resolve", name="ann")
        await world.change(vyvx={"id": "1234567", "state": "online"})
        await replies(world, "recovered")
        answer = await fill_in(world, name="ann", text="planned works")
        assert "is already resolved: recovered at" in answer["errors"]["text"]
        (incident,) = (await control_socket.ask(pressable / "c.sock", "GET", "/incidents?all=1"))[
            "incidents"
        ]
        assert incident["resolution"] == "recovered"


async def test_the_carrier_packet_is_for_who_presses_and_the_thread_says_who_has_it(
    pressable, world, daemon
):
    async with daemon():
        parent = await down(world)
        await replies(world, "SVC1")  # Service Diagnostics
        await choose(world, parent, "packet", name="ann")
        await replies(world, "took the carrier packet (by ann)")
        text = json.dumps(await seen_alone(world, "carrier packet"))
        assert "Service ids: SVC1" in text
        assert "vyvx/1234567" in text


async def test_the_slash_command_answers_what_is_typed(pressable, world, daemon):
    async with daemon():
        await down(world)

        async def answered():
            return (await post(world, "command", command="/watcher", text="open"))["acknowledged"]

        await eventually(answered)
        await seen_alone(world, "*1 open incident*")
        for text, words in (
            ("services 1234567", "*offline* since"),
            ("silences", "*Nothing is silenced*"),
            ("why vyvx/1234567", "state offline"),
            ("open the pod bay doors", "*1 open incident*"),
            ("sing", "There is no `sing`"),
        ):
            await post(world, "command", command="/watcher", text=text)
            await seen_alone(world, words)


async def test_a_socket_that_drops_is_replaced(pressable, world, daemon):
    async with daemon():
        parent = await down(world)
        await press(world, parent, "acknowledge", name="ann")
        message = await with_button(world, "unacknowledge")
        await post(world, "disconnect", warn=False)
        await press(world, message, "unacknowledge", name="bob")
        await replies(world, "withdrawn by bob")


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
