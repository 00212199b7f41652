"""Somebody who presses, fills in and types in the simulated Slack, and a store that keeps commands.

What they do goes through Socket Mode to the real handlers and back in words.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from msgspec.structs import replace

from tests.eventually import eventually
from watcher import model
from watcher.backoff import Backoff
from watcher.clock import SystemClock, Wakeup
from watcher.operations import explain
from watcher.operations.commands import CommandService
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack.interactive import service
from watcher.receivers.slack.message import render_parent


class InMemoryStore:
    """A reader and an inbox in memory; a command counts as stepped once it is in.

    Set `refusal` to what the engine says to the next commands, `leads` to False while nobody steps.
    """

    def __init__(self, view):
        self.view = view
        self.after = None  # the view once a command is in, where a test needs another one
        self.commands = {}
        self.all_subjects = []
        self.refusal = ""
        self.leads = True
        self.delay = 0.0

    async def incident_view(self, incident):
        await asyncio.sleep(self.delay)  # a slow database
        view = self.after if self.after and self.commands else self.view
        return view if incident == view.incident.id else None

    async def incidents(self, *, statuses, limit, announcements=False):
        return [self.view.incident] if self.view.incident.status in statuses else []

    async def receipts(self, incident):
        return []

    async def sources(self):
        return [model.SourceHealth(source="evpl", sight=model.Visibility.BLIND)]

    async def subject(self, key):
        return next((subject for subject in self.all_subjects if subject.key == key), None)

    async def subjects(self, *, source="", after="", limit=100):
        later = [subject for subject in self.all_subjects if subject.key > after]
        return [subject for subject in later if source in {"", subject.source}][:limit]

    async def alerts(self, subject):
        return []

    async def outcome(self, key):
        return self.refusal if self.leads and key in self.commands else None

    async def submit(self, key, command, at):
        self.commands.setdefault(key, command)
        return True

    async def silences(self, now):
        wanted = list(self.commands.values())
        ended = {command.silence for command in wanted if isinstance(command, model.Unsilenced)}
        added = [command.silence for command in wanted if isinstance(command, model.Silenced)]
        return [silence for silence in added if silence.id not in ended]

    def silenced(self, silence):
        """Let this silence hold the incident back."""
        self.commands[silence.id] = model.Silenced(silence=silence)
        why = f"silence {silence.id} by {silence.by}"
        incident = replace(
            self.view.incident,
            suppressed_by=(*self.view.incident.suppressed_by, why),
            flags=("silenced",),
        )
        self.view = replace(self.view, incident=incident)


@asynccontextmanager
async def running(
    slack,
    session,
    store,
    *,
    preview=None,
    patience=2.0,
    on_call=tuple,
    by_time=explain.nothing_by_time,
    **keys,
):
    """Run the actions; a message with buttons stands in the channel."""
    clock, credentials = SystemClock(), slack.credentials

    async def preview_one(_):
        return model.SilencePreview(subjects=1, incidents=(store.view.incident.id,))

    commands = CommandService(
        reader=store,
        inbox=store,
        ingest=Wakeup(),
        clock=clock,
        preview=preview or preview_one,
    )
    token = keys.pop("app_token", credentials.slack_app_token)
    actions = service.SlackActions(
        settings=receiver_settings.Slack(
            app_token=token,
            bot_token=credentials.slack_bot_token,
            api_url=slack.slack_api_url,
            **keys,
        ),
        channels=[credentials.slack_channel],
        session=session,
        commands=commands,
        reader=store,
        clock=clock,
        patience=patience,
        on_call=on_call,
        by_time=by_time,
    )
    actions._socket._backoff = Backoff(first=0.01, longest=60.0)
    running = asyncio.create_task(actions.run())
    try:
        user = SlackUser(slack, session, store)
        user.actions = actions
        yield user
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

        async def pressed():
            answer = await self.pull(
                "press", **{"channel": self.channel, "ts": self.ts, "action_id": action} | who
            )
            return answer if answer.get("error") != "no socket is open" else None

        return await eventually(pressed, within=10, every=0.01)

    async def choose(self, action, **who):
        """Choose something in the menu beside the buttons."""
        return await self.press("menu", value=f"{action}/w-7k3m", **who)

    async def form(self, user="U0SOMEBODY"):
        """Return the form that this person has in front, once there is one."""
        return await until(lambda: self.slack.modals.front(user))

    async def fills_in(self, *, values=None, **who):
        """Send the form off; return what it says is wrong, by field."""
        await self.form(who.get("user", "U0SOMEBODY"))
        answer = await self.pull("submit", values=values or {}, **who)
        assert answer.get("error") is None, answer
        return answer["errors"]

    async def types(self, text="", **who):
        await until(lambda: self.slack.socket_mode.sockets)
        return await self.pull("command", command="/watcher", text=text, **who)

    async def hears(self, count=1):
        """Return the last of the messages that one person alone saw, once there are so many."""
        messages = self.slack.workspace.ephemeral_messages
        return (await until(lambda: len(messages) >= count and messages))[-1]["text"]

    def thread(self):
        """Return the replies to the message."""
        return self.slack.workspace.thread(self.channel, self.ts)[1:]


async def until(read):
    """Wait until `read()` returns something, and return it."""
    return await eventually(read, within=10, every=0.01)


async def stepped(store, count=1):
    await until(lambda: len(store.commands) >= count)
    return list(store.commands.values())
