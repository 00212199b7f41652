"""What people press and type in Slack: from a Socket Mode envelope to a command and its answer.

Law: an envelope is carried out once, whichever daemon gets it and however often: its id is the
command's idempotency key. A failure here never delays an alert.
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
from watcher.operations.silences import describe_end
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack import blocks, notification
from watcher.receivers.slack.api import SlackApi
from watcher.receivers.slack.blocks import escape
from watcher.receivers.slack.message import SlackMessage
from watcher.receivers.slack.socket import Envelope, SlackSocket

log = structlog.get_logger()

SILENCE = timedelta(hours=1)
MOST_SILENCES = 10  # for one press; more subjects deserve a matcher of their own
MOST_WAITING = 100  # envelopes; for more, Slack shows the person that it failed
MOST_LISTED = 1_000  # incidents that the slash command counts
WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What somebody wants done with one incident; `key` makes it idempotent: the envelope's id."""

    incident: str
    by: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer's sections of text; `public` if it goes into the thread, for everybody."""

    sections: list[str]
    public: bool = False


class SlackActions:
    """The buttons and the slash command of one Slack app, in the receivers' channels."""

    def __init__(
        self,
        *,
        settings: receiver_settings.Slack,
        channels: Collection[str],
        session: aiohttp.ClientSession,
        commands: CommandService,
        reader: ports.IncidentReader,
        clock: Clock,
    ) -> None:
        self._allowed = frozenset(settings.allowed_users)
        self._channels = frozenset(channels)
        self._commands = commands
        self._reader = reader
        self._clock = clock
        self._waiting: asyncio.Queue[Envelope] = asyncio.Queue(MOST_WAITING)
        self._accepted: deque[str] = deque(
            maxlen=MOST_WAITING
        )  # ids, so that none is answered twice
        self._api = SlackApi(settings=settings, session=session, clock=clock)
        self._socket = SlackSocket(api=self._api, session=session, accept=self._accept, clock=clock)
        self._actions: Mapping[str, Callable[[_Request], Awaitable[_Answer | None]]] = {
            blocks.ACKNOWLEDGE: functools.partial(self._apply, "ack"),
            blocks.SILENCE: self._silence,
            blocks.DIAGNOSE: functools.partial(self._apply, "diagnose"),
            blocks.APPROVE: functools.partial(self._apply, "approve"),
            blocks.REFUSE: functools.partial(self._apply, "refuse"),
            blocks.PACKET: self._packet,
        }

    async def run(self) -> None:
        """Stay connected and carry out what comes in, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._socket.run(), name="slack sockets")
            for number in range(WORKERS):
                group.create_task(self._handle_next(), name=f"slack requests {number}")

    def _accept(self, envelope: Envelope) -> bool:
        if envelope.envelope_id in self._accepted:
            return True
        try:
            self._waiting.put_nowait(envelope)
        except asyncio.QueueFull:
            return False
        self._accepted.append(envelope.envelope_id)
        return True

    async def _handle_next(self) -> None:
        while True:
            envelope = await self._waiting.get()
            try:
                await self._handle(envelope)
            except msgspec.ValidationError as error:
                log.warning("unreadable request from Slack", error=str(error)[:200])
            except model.WatcherError as error:
                log.warning("Slack request not answered", error=str(error))

    async def _handle(self, envelope: Envelope) -> None:
        if envelope.type == "slash_commands":
            await self._answer_overview(msgspec.json.decode(envelope.payload, type=SlashCommand))
        elif envelope.type == "interactive":
            await self._handle_press(envelope)

    async def _answer_overview(self, typed: SlashCommand) -> None:
        """Answer the slash command with what is open."""
        request = _Request(incident="", by=typed.user_name)
        answer = await self._attempt(
            self._overview, request, user=typed.user_id, channel=typed.channel_id
        )
        if answer:
            await self._api.answer(typed.response_url, _message(answer))

    async def _handle_press(self, envelope: Envelope) -> None:
        press = msgspec.json.decode(envelope.payload, type=Press)
        if press.type != "block_actions":
            return
        by = text.clean(press.user.username or press.user.name or press.user.id, 80)
        for pressed in press.actions:
            action = self._actions.get(pressed.action_id)
            if action is None:
                continue  # a link needs no answer
            log.info(
                "Slack button pressed", button=pressed.action_id, incident=pressed.value, by=by
            )
            request = _Request(incident=pressed.value, by=by, key=envelope.envelope_id)
            answer = await self._attempt(
                action, request, user=press.user.id, channel=press.channel.id
            )
            if answer:
                thread = press.container.message_ts if answer.public else ""
                await self._api.answer(press.response_url, _message(answer), thread=thread)

    async def _attempt(
        self,
        action: Callable[[_Request], Awaitable[_Answer | None]],
        request: _Request,
        *,
        user: str,
        channel: str,
    ) -> _Answer | None:
        """Carry it out, or answer why not."""
        if refusal := self._refusal(user, channel):
            return _Answer([refusal])
        try:
            return await action(request)
        except CommandRejectedError as error:
            return _Answer([escape(str(error), 500)])
        except model.WatcherError as error:
            log.warning("Slack action failed", incident=request.incident, error=str(error))
            return _Answer(["Watcher could not do this: see its log. Please try again."])

    def _refusal(self, user: str, channel: str) -> str:
        """Return why this person may not do this here; empty if they may."""
        if self._allowed:
            if user in self._allowed:
                return ""
            return (
                "You may not do this: your member id is not in `allowed_users` of `[slack]`"
                f" (it is {escape(user, 40)})."
            )
        if channel in self._channels:
            return ""
        return "You may do this only in a channel where Watcher posts incidents."

    async def _overview(self, _: _Request) -> _Answer:
        live = (model.IncidentStatus.OPEN, model.IncidentStatus.ACKNOWLEDGED)
        incidents = await self._reader.incidents(statuses=live, limit=MOST_LISTED)
        health = await self._reader.sources()
        lines = incident_list(incidents, health, self._clock.now())
        return _Answer(list(blocks.paragraphs(lines)))

    async def _apply(self, action: str, request: _Request) -> None:
        await self._commands.act(request.incident, action, request.by, idempotency_key=request.key)

    async def _silence(self, request: _Request) -> _Answer:
        """Silence every firing alert of the incident, each by its rule and subject."""
        view = await self._commands.unresolved_view(request.incident)
        firing = [alert for alert in view.alerts if alert.state is model.AlertState.FIRING]
        total = max(len(firing), view.alert_counts.get(model.AlertState.FIRING, 0))
        if not 0 < total <= MOST_SILENCES:
            firing_subjects = "no" if total == 0 else str(total)
            sentence = (
                f"{escape(request.incident)} has {firing_subjects} firing subjects, so nothing was"
                " silenced. Use `watcher silence add`, for example with"
                f" `rule={escape(view.incident.rule)}`."
            )
            return _Answer([sentence])
        if view.incident.suppressed_by:  # otherwise the silence makes an entry itself
            await self._commands.add_note(
                request.incident, "silenced for 1 h more", request.by, idempotency_key=request.key
            )
        lines: list[str] = []
        for alert in firing:
            matchers = (
                model.Matcher(name="rule", value=alert.rule),
                model.Matcher(name="subject", value=alert.subject),
            )
            silence = await self._commands.add_silence(
                matchers,
                length=SILENCE,
                by=request.by,
                comment=f"pressed in Slack for {request.incident}",
                idempotency_key=f"{request.key}/{alert.rule}/{alert.subject}",
            )
            end = describe_end(silence, self._clock.now())
            what = escape(" ".join(map(str, matchers)))
            lines.append(f"\N{BULLET} `{what}` {escape(end)}: {escape(silence.id)}")
        circuit = escape(notification.circuit(view))
        title = f":no_bell: *{circuit}: silenced for 1 h* (by {escape(request.by, 80)})"
        rest = "Its resolution is still posted here, and so is whatever still fires after the hour."
        return _Answer(list(blocks.paragraphs([title, *lines, rest])), public=True)

    async def _packet(self, request: _Request) -> _Answer:
        """Answer with the carrier packet, and note on the timeline who took it."""
        view = await self._commands.incident_view(request.incident)
        await self._commands.add_note(
            request.incident, "took the carrier packet", request.by, idempotency_key=request.key
        )
        lines = carrier_packet.render_packet(view, self._clock.now())
        circuit = escape(notification.circuit(view))
        title = f"*{circuit}: carrier packet*, to paste into the ticket:"
        return _Answer([title, *blocks.code_blocks(lines)])


def _message(answer: _Answer) -> SlackMessage:
    sections = [blocks.section(text) for text in answer.sections]
    return SlackMessage(text=answer.sections[0].partition("\n")[0], blocks=sections)


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


class SlashCommand(msgspec.Struct, frozen=True):
    """A slash command's payload, as far as it is needed."""

    user_id: str
    user_name: str = ""
    channel_id: str = ""
    response_url: str = ""


MOST_LINES = 20


def incident_list(
    incidents: Sequence[model.Incident], health: Iterable[model.SourceHealth], now: datetime
) -> list[str]:
    """Return a line for each incident, at most MOST_LINES, and for each blind source."""
    worst_first = sorted(incidents, key=lambda incident: (-incident.severity.rank, incident.begin))
    noun = "incident" if len(incidents) == 1 else "incidents"
    lines = [f"*{len(incidents)} open {noun}*" if incidents else "*No open incidents*"]
    lines += [_incident_line(incident, now) for incident in worst_first[:MOST_LINES]]
    if len(incidents) > MOST_LINES:
        lines.append(f"and {len(incidents) - MOST_LINES} more")
    for source in health:
        if source.sight is model.Visibility.BLIND:
            began = source.failing_since
            since = f" since {model.format_time(began, now)}" if began else ""
            blind = f"*{escape(source.source, 60)}* is blind{since}"
            lines.append(f"\N{MEDIUM WHITE CIRCLE} {blind}: failures there are unknown")
    return lines


def _incident_line(incident: model.Incident, now: datetime) -> str:
    lasted = model.format_duration(incident.lasted(now))
    since = model.format_time(incident.begin, now)
    title = f"{notification.mark(incident)} {escape(incident.title)}"
    parts = [f"*{title}*", f"{lasted}, since {since}"]
    if incident.acknowledged_by:
        parts.append(f"acknowledged by {escape(incident.acknowledged_by, 80)}")
    parts += [str(flag) for flag in incident.flags]
    return " · ".join([*parts, escape(incident.id, 60)])
