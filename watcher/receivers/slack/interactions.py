"""What people press and type in Slack: from an envelope to the desk, and back in words.

Law: an envelope is obeyed once, whichever daemon gets it and however often (its id is the desk's
ticket). Who may not press is told so, and nothing changes. Trouble here holds no alert up.
"""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp
import msgspec
import structlog

from watcher import model, ports, text
from watcher.clock import Clock
from watcher.operations import carrier_packet
from watcher.operations.commands import CommandRejectedError, CommandService
from watcher.receivers import settings
from watcher.receivers.slack import blocks
from watcher.receivers.slack import blocks as words
from watcher.receivers.slack.api import SlackApi
from watcher.receivers.slack.message import SlackMessage, headline
from watcher.receivers.slack.socket import Envelope, SlackSocket

log = structlog.get_logger()

SILENCE = timedelta(hours=1)
MOST_SILENCES = 10  # for one press; what is larger deserves a matcher of its own
MOST_WAITING = 100  # envelopes; more are left to Slack, which tells the person that it failed
MOST_LISTED = 1_000  # incidents that the slash command counts
WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What somebody wants done with one incident; `ticket` is the envelope's id."""

    incident: str
    by: str
    ticket: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is said, one section each; `public` where everybody in the thread should know."""

    sections: list[str]
    public: bool = False


class SlackActions:
    """The buttons and the command of one Slack app, in the channels that Watcher tells."""

    def __init__(
        self,
        *,
        keys: settings.Slack,
        channels: Collection[str],
        session: aiohttp.ClientSession,
        desk: CommandService,
        library: ports.IncidentReader,
        clock: Clock,
    ) -> None:
        self._allowed = frozenset(keys.allowed_users)
        self._channels = frozenset(channels)
        self._desk = desk
        self._library = library
        self._clock = clock
        self._waiting: asyncio.Queue[Envelope] = asyncio.Queue(MOST_WAITING)
        self._taken: deque[str] = deque(maxlen=MOST_WAITING)  # so that none is answered twice
        self._api = SlackApi(keys=keys, session=session, clock=clock)
        self._socket = SlackSocket(api=self._api, session=session, take=self._take, clock=clock)
        self._acts: Mapping[str, Callable[[_Wish], Awaitable[_Answer | None]]] = {
            blocks.ACKNOWLEDGE: functools.partial(self._act, "ack"),
            blocks.SILENCE: self._silence,
            blocks.DIAGNOSE: functools.partial(self._act, "diagnose"),
            blocks.APPROVE: functools.partial(self._act, "approve"),
            blocks.REFUSE: functools.partial(self._act, "refuse"),
            blocks.PACKET: self._packet,
        }

    async def run(self) -> None:
        """Be connected and do what is wished, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._socket.run(), name="slack sockets")
            for number in range(WORKERS):
                group.create_task(self._work(), name=f"slack wishes {number}")

    def _take(self, envelope: Envelope) -> bool:
        if envelope.envelope_id in self._taken:
            return True
        try:
            self._waiting.put_nowait(envelope)
        except asyncio.QueueFull:
            return False
        self._taken.append(envelope.envelope_id)
        return True

    async def _work(self) -> None:
        while True:
            envelope = await self._waiting.get()
            try:
                await self._obey(envelope)
            except msgspec.ValidationError as error:
                log.warning("Slack sent what cannot be read", error=str(error)[:200])
            except model.WatcherError as error:
                log.warning("Slack could not be answered", error=str(error))

    async def _obey(self, envelope: Envelope) -> None:
        if envelope.type == "slash_commands":
            await self._list(msgspec.json.decode(envelope.payload, type=Typed))
        elif envelope.type == "interactive":
            await self._press(envelope)

    async def _list(self, typed: Typed) -> None:
        """Tell this person what is open."""
        wish = _Wish(incident="", by=typed.user_name, ticket="")
        answer = await self._try(self._overview, wish, user=typed.user_id, channel=typed.channel_id)
        if answer:
            await self._api.answer(typed.response_url, _message(answer))

    async def _press(self, envelope: Envelope) -> None:
        press = msgspec.json.decode(envelope.payload, type=Press)
        if press.type != "block_actions":
            return
        by = text.clean(press.user.username or press.user.name or press.user.id, 80)
        for pressed in press.actions:
            act = self._acts.get(pressed.action_id)
            if act is None:
                continue  # a link needs no answer
            log.info("pressed in Slack", button=pressed.action_id, incident=pressed.value, by=by)
            wish = _Wish(incident=pressed.value, by=by, ticket=envelope.envelope_id)
            answer = await self._try(act, wish, user=press.user.id, channel=press.channel.id)
            if answer:
                thread = press.container.message_ts if answer.public else ""
                await self._api.answer(press.response_url, _message(answer), thread=thread)

    async def _try(
        self,
        act: Callable[[_Wish], Awaitable[_Answer | None]],
        wish: _Wish,
        *,
        user: str,
        channel: str,
    ) -> _Answer | None:
        """Do it, or say why it is not done."""
        if refusal := self._refusal(user, channel):
            return _Answer([refusal])
        try:
            return await act(wish)
        except CommandRejectedError as error:
            return _Answer([words.say(str(error), 500)])
        except model.WatcherError as error:
            log.warning("not done for Slack", incident=wish.incident, error=str(error))
            return _Answer(["Watcher cannot do it now: its log says why. Please try again."])

    def _refusal(self, user: str, channel: str) -> str:
        """Say why this person may not press here; empty: who may."""
        if self._allowed:
            if user in self._allowed:
                return ""
            return (
                "You may not do this: your member id is not in `allowed_users` of `[slack]`"
                f" (it is {words.say(user, 40)})."
            )
        if channel in self._channels:
            return ""
        return "You may do this only in a channel that Watcher tells incidents in."

    async def _overview(self, _: _Wish) -> _Answer:
        live = (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED)
        incidents = await self._library.incidents(statuses=live, limit=MOST_LISTED)
        health = await self._library.sources()
        lines = write(incidents, health, self._clock.now())
        return _Answer(list(words.paragraphs(lines)))

    async def _act(self, act: str, wish: _Wish) -> None:
        await self._desk.act(wish.incident, act, wish.by, ticket=wish.ticket)

    async def _silence(self, wish: _Wish) -> _Answer:
        """Silence every alert of the incident that fires, each by its rule and subject."""
        view = await self._desk.open_dossier(wish.incident)
        firing = [one for one in view.alerts if one.state is model.AlertState.FIRING]
        total = max(len(firing), view.alert_counts.get(model.AlertState.FIRING, 0))
        if not 0 < total <= MOST_SILENCES:
            about = "no subject" if total == 0 else f"{total} subjects"
            sentence = (
                f"{words.say(wish.incident)} is about {about}, so nothing is silenced."
                " `watcher silence add` takes what you mean, as in"
                f" `rule={words.say(view.incident.rule)}`."
            )
            return _Answer([sentence])
        if view.incident.suppressed_by:  # else the silence writes itself onto the timeline
            text = "silenced for 1 h more"
            await self._desk.note(wish.incident, text, wish.by, ticket=wish.ticket)
        lines: list[str] = []
        for alert in firing:
            matchers = (
                model.Matcher(name="rule", value=alert.rule),
                model.Matcher(name="subject", value=alert.subject),
            )
            silence = await self._desk.silence(
                matchers,
                length=SILENCE,
                by=wish.by,
                comment=f"pressed in Slack for {wish.incident}",
                ticket=f"{wish.ticket}/{alert.rule}/{alert.subject}",
            )
            end = words.clock(silence.end, self._clock.now(), seconds=False)
            what = words.say(" ".join(map(str, matchers)))
            lines.append(f"\N{BULLET} `{what}` until {end}: {words.say(silence.id)}")
        title = f":no_bell: *Silenced for 1 h* (by {words.say(wish.by, 80)})"
        rest = "Its end is told here all the same, and what is still true after the hour."
        return _Answer(list(words.paragraphs([title, *lines, rest])), public=True)

    async def _packet(self, wish: _Wish) -> _Answer:
        """Write the packet for this person, and onto the timeline who has it."""
        view = await self._desk.incident_view(wish.incident)
        text = "took the carrier packet"
        await self._desk.note(wish.incident, text, wish.by, ticket=wish.ticket)
        lines = carrier_packet.render_packet(view, self._clock.now())
        return _Answer(["*Carrier packet*, to paste into the ticket:", *words.fenced(lines)])


def _message(answer: _Answer) -> SlackMessage:
    blocks = [words.section(text) for text in answer.sections]
    return SlackMessage(text=answer.sections[0].partition("\n")[0], blocks=blocks)


class _Named(msgspec.Struct, frozen=True):
    id: str = ""
    name: str = ""
    username: str = ""


class Pressed(msgspec.Struct, frozen=True):
    """One button."""

    action_id: str
    value: str = ""


class _Container(msgspec.Struct, frozen=True):
    message_ts: str = ""


class Press(msgspec.Struct, frozen=True):
    """A block_actions payload, as far as it is needed."""

    type: str
    user: _Named
    actions: tuple[Pressed, ...] = ()
    channel: _Named = _Named()
    container: _Container = _Container()
    response_url: str = ""


class Typed(msgspec.Struct, frozen=True):
    """A slash command's payload, as far as it is needed."""

    user_id: str
    user_name: str = ""
    channel_id: str = ""
    response_url: str = ""


MOST = 20


def write(
    incidents: Sequence[model.Incident], health: Iterable[model.SourceHealth], now: datetime
) -> list[str]:
    """Write a line for each incident, at most MOST, and for each source that is blind."""
    worst_first = sorted(incidents, key=lambda one: (-one.severity.rank, one.opened_at))
    are = "incident is" if len(incidents) == 1 else "incidents are"
    lines = [f"*{len(incidents)} {are} open*" if incidents else "*Nothing is open*"]
    lines += [_line(one, now) for one in worst_first[:MOST]]
    if len(incidents) > MOST:
        lines.append(f"and {len(incidents) - MOST} more")
    for source in health:
        if source.sight is model.Visibility.BLIND:
            begun = source.failing_since
            since = f" since {blocks.clock(begun, now)}" if begun else ""
            unseen = f"*{blocks.say(source.source, 60)}* cannot be seen{since}"
            lines.append(f"\N{MEDIUM WHITE CIRCLE} {unseen}: what fails there is not known")
    return lines


def _line(told: model.Incident, now: datetime) -> str:
    parts = [
        f"*{blocks.say(headline(told), 200)}*",
        f"{model.format_duration(now - told.opened_at)}, since {blocks.clock(told.opened_at, now)}",
    ]
    if told.acknowledged_by:
        parts.append(f"taken by {blocks.say(told.acknowledged_by, 80)}")
    parts += [str(flag) for flag in told.flags]
    return " · ".join([*parts, blocks.say(told.id, 60)])
