"""Presses in the simulated Slack, through Socket Mode to a command and back in words."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
import structlog

from watcher import model, simulator
from watcher.backoff import Backoff
from watcher.clock import SystemClock, Wakeup
from watcher.operations.commands import CommandService
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack import interactions
from watcher.receivers.slack.message import render_parent
from watcher.receivers.slack.socket import SlackSocket


class InMemoryStore:
    """A reader and an inbox in memory; a command counts as stepped once it is in."""

    def __init__(self, view):
        self.view = view
        self.commands = {}

    async def incident_view(self, incident):
        return self.view if incident == self.view.incident.id else None

    async def incidents(self, *, statuses, limit):
        return [self.view.incident] if self.view.incident.status in statuses else []

    async def sources(self):
        return [model.SourceHealth(source="evpl", sight=model.Visibility.BLIND)]

    async def outcome(self, key):
        return "" if key in self.commands else None

    async def submit(self, key, command, at):
        self.commands.setdefault(key, command)
        return True

    async def silences(self, now):
        wanted = self.commands.values()
        return [command.silence for command in wanted if isinstance(command, model.Silenced)]


@pytest.fixture
async def slack():
    async with simulator.Simulator(simulator.load("quiet"), with_broker=False) as slack:
        yield slack


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def store(builder):
    return InMemoryStore(builder.incident_view())


@asynccontextmanager
async def running(slack, session, store, **keys):
    """Run the actions; a message with buttons stands in the channel."""
    clock, credentials = SystemClock(), slack.credentials
    service = CommandService(reader=store, inbox=store, ingest=Wakeup(), clock=clock)
    token = keys.pop("app_token", credentials.slack_app_token)
    actions = interactions.SlackActions(
        settings=receiver_settings.Slack(app_token=token, api_url=slack.slack_api_url, **keys),
        channels=[credentials.slack_channel],
        session=session,
        commands=service,
        reader=store,
        clock=clock,
    )
    actions._socket._backoff = Backoff(first=0.01, longest=60.0)
    running = asyncio.create_task(actions.run())
    try:
        yield SlackUser(slack, session, store)
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait([running])


class SlackUser:
    """Who looks at Slack and presses."""

    def __init__(self, slack, session, store):
        self.slack = slack
        self.session = session
        message = render_parent(store.view, now=SystemClock().now(), buttons=True)
        self.channel = slack.credentials.slack_channel
        posted = slack.workspace.post(
            self.channel, {"text": message.text, "blocks": message.blocks}
        )
        self.ts = posted["ts"]

    async def pull(self, lever, **what):
        address = f"{self.slack.control_url}/{lever}"
        async with self.session.post(address, json=what) as response:
            return await response.json()

    async def press(self, action, **who):
        """Press until there is a socket; everything after that is this press."""
        async with asyncio.timeout(10):
            while True:
                answer = await self.pull(
                    "press", **{"channel": self.channel, "ts": self.ts, "action_id": action} | who
                )
                if answer.get("error") != "no socket is open":
                    return answer
                await asyncio.sleep(0.01)

    async def types(self, **who):
        await until(lambda: self.slack.socket_mode.sockets)
        return await self.pull("command", command="/watcher", **who)

    async def hears(self):
        """Return the last message that this person alone saw."""
        return (await until(lambda: self.slack.workspace.ephemeral_messages))[-1]["text"]


async def until(read):
    """Wait until `read()` returns something, and return it."""
    async with asyncio.timeout(10):
        while True:
            if result := read():
                return result
            await asyncio.sleep(0.01)


async def stepped(store, count=1):
    await until(lambda: len(store.commands) >= count)
    return list(store.commands.values())


async def test_a_press_becomes_a_command_with_the_persons_name(slack, session, store):
    async with running(slack, session, store) as person:
        assert await person.press("acknowledge", name="ann") == {"acknowledged": True}
        assert await stepped(store) == [model.Acknowledged(incident="w-7k3m", by="ann")]
        assert not slack.workspace.ephemeral_messages  # the thread shows it


async def test_an_envelope_that_comes_twice_is_obeyed_once(slack, session, store):
    async with running(slack, session, store) as person:
        await person.press("acknowledge", times=3)
        await person.press("diagnose")
        first, second = await stepped(store, 2)
        assert isinstance(first, model.Acknowledged)
        assert isinstance(second, model.DiagnosisWanted)


async def test_a_person_who_is_not_allowed_is_refused_and_nothing_changes(slack, session, store):
    async with running(slack, session, store, allowed_users=("U0ANN",)) as person:
        await person.press("acknowledge", user="U0BOB")
        assert await person.hears() == (
            "You may not do this: your member id is not in `allowed_users` of `[slack]`"
            " (it is U0BOB)."
        )
        assert slack.workspace.ephemeral_messages[0]["to"] == "U0BOB"
        assert not store.commands
        await person.press("acknowledge", user="U0ANN", name="ann")
        assert await stepped(store) == [model.Acknowledged(incident="w-7k3m", by="ann")]


async def test_without_allowed_users_only_the_channels_of_receivers_count(slack, session, store):
    channels = slack.workspace.config.channels
    other = next((key for key in channels if key != slack.credentials.slack_channel), None)
    async with running(slack, session, store) as person:
        assert other
        person.ts = slack.workspace.post(other, slack.workspace.find(person.channel, person.ts))[
            "ts"
        ]
        person.channel = other
        await person.press("acknowledge")
        assert "only in a channel where Watcher posts incidents" in await person.hears()
        assert not store.commands


@pytest.mark.parametrize("button", ["acknowledge", "silence", "diagnose"])
async def test_an_incident_that_is_over_is_said_to_be_over(slack, session, store, builder, button):
    async with running(slack, session, store) as person:
        builder.resolve()
        store.view = builder.incident_view()
        await person.press(button)
        assert await person.hears() == "w-7k3m is already resolved"
        assert not store.commands


async def test_a_silence_names_rule_and_subject_and_is_said_to_everybody(slack, session, store):
    async with running(slack, session, store) as person:
        await person.press("silence", name="ann", times=2)
        (command,) = await stepped(store)
        logged = command.silence
        assert " ".join(map(str, logged.matchers)) == "rule=vyvx-service-down subject=vyvx/1234567"
        assert (logged.end - logged.begin, logged.by) == (interactions.SILENCE, "ann")
        _, reply = await until(
            lambda: (
                len(replies := slack.workspace.thread(person.channel, person.ts)) > 1 and replies
            )
        )
        assert "*NYC Arena uplink: silenced for 1 h* (by ann)" in reply["text"]
        await person.press("diagnose")
        await stepped(store, 2)
        assert len(slack.workspace.thread(person.channel, person.ts)) == 2  # said once


async def test_the_carrier_packet_goes_to_who_asks_and_the_timeline_says_so(
    slack, session, store, builder
):
    builder.diagnose(findings=("<!channel> & ```",))
    store.view = builder.incident_view()
    async with running(slack, session, store) as person:
        await person.press("packet", name="ann", user="U0ANN")
        assert (
            await person.hears() == "*NYC Arena uplink: carrier packet*, to paste into the ticket:"
        )
        assert await stepped(store) == [
            model.Noted(incident="w-7k3m", by="ann", text="took the carrier packet")
        ]
    (message,) = slack.workspace.ephemeral_messages
    assert message["to"] == "U0ANN"
    text = message["blocks"][1]["text"]["text"]
    assert text.startswith("```\nNYC Arena uplink is offline")
    assert "found: &lt;!channel&gt; &amp; '''\n" in text
    assert text.count("```") == 2


async def test_the_slash_command_lists_what_is_open_to_who_types_it(slack, session, store):
    async with running(slack, session, store) as person:
        assert await person.types(user="U0ANN") == {"acknowledged": True}
        assert await person.hears() == "*1 open incident*"
    (message,) = slack.workspace.ephemeral_messages
    assert message["to"] == "U0ANN"
    (block,) = message["blocks"]
    assert "NYC Arena uplink is offline" in block["text"]["text"]
    assert "*evpl* is blind" in block["text"]["text"]
    assert not store.commands


async def test_the_slash_command_shows_a_stranger_nothing(slack, session, store):
    async with running(slack, session, store, allowed_users=("U0ANN",)) as person:
        await person.types(user="U0BOB")
        assert (await person.hears()).startswith("You may not do this")
        assert "NYC" not in str(slack.workspace.ephemeral_messages)


async def test_a_storm_is_not_silenced_subject_by_subject(slack, session, store):
    counts = {model.AlertState.FIRING: 400}
    store.view = replace(store.view, alert_counts=counts)
    async with running(slack, session, store) as person:
        await person.press("silence")
        assert "w-7k3m has 400 firing subjects, so nothing was silenced" in await person.hears()
        assert not store.commands


async def test_a_silence_of_what_is_silenced_is_on_the_timeline_too(slack, session, store):
    silenced = replace(store.view.incident, suppressed_by=("silence s-1 by bob",))
    store.view = replace(store.view, incident=silenced)
    async with running(slack, session, store) as person:
        await person.press("silence", name="ann")
        note, _ = await stepped(store, 2)
        assert note == model.Noted(incident="w-7k3m", by="ann", text="silenced for 1 h more")


@pytest.mark.parametrize("warn", [True, False])
async def test_a_socket_that_ends_is_replaced(slack, session, store, warn):
    async with running(slack, session, store) as person:
        await person.press("acknowledge", name="ann")
        await person.pull("disconnect", warn=warn)
        answer = await person.press("acknowledge", name="bob")
        assert answer == {"acknowledged": True}
        assert [command.by for command in await stepped(store, 2)] == ["ann", "bob"]


async def test_before_a_socket_ends_there_is_another(slack, session, store):
    async with running(slack, session, store) as person:
        await person.press("acknowledge")
        (old,) = slack.socket_mode.sockets
        await person.pull("disconnect", warn=True)
        await until(lambda: len(slack.socket_mode.sockets) == 2)
        assert slack.socket_mode.sockets[0] is old
        assert not old.closed


async def test_what_slack_should_not_send_harms_nothing(slack, session, store):
    async with running(slack, session, store) as person:
        await person.press("acknowledge", user=7)  # an id that is not text
        await person.press("acknowledge", name="ann")
        assert await stepped(store) == [model.Acknowledged(incident="w-7k3m", by="ann")]


async def test_a_wrong_token_is_said_once(slack, session, store):
    with structlog.testing.capture_logs() as logs:
        async with running(slack, session, store, app_token="xapp-wrong"):
            await until(lambda: logs)
    (line,) = logs
    assert line["event"] == "Slack buttons unavailable"
    assert "set slack.app_token to an app-level token (xapp-...)" in line["error"]
    assert "xapp-wrong" not in str(logs)


async def test_what_cannot_be_taken_is_not_acknowledged(session):
    sent = []

    class Socket:
        async def send_json(self, body):
            sent.append(body)

    socket = SlackSocket(api=None, session=session, accept=lambda _: False, clock=SystemClock())
    await socket._handle('{"type": "interactive", "envelope_id": "e1", "payload": {}}', Socket())
    assert not sent
    socket._accept = lambda _: True
    await socket._handle('{"type": "interactive", "envelope_id": "e1", "payload": {}}', Socket())
    assert sent == [{"envelope_id": "e1"}]
