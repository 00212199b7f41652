"""What people press, fill in and type in Slack: from a Socket Mode envelope to its answer.

Law: an envelope is carried out once, whichever daemon gets it and however often: its id is the
command's idempotency key. It is answered within 3 seconds, visibly, also when it is refused or has
to wait. A failure here never delays an alert.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence

import aiohttp
import msgspec
import structlog

from watcher import model, ports
from watcher.clock import Clock
from watcher.oncall.rota import OnCall
from watcher.operations import explain
from watcher.operations.commands import CommandRejectedError, CommandService
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack.api import SlackApi
from watcher.receivers.slack.blocks import escape
from watcher.receivers.slack.interactive import buttons, forms, submissions
from watcher.receivers.slack.interactive.payloads import (
    Kind,
    Press,
    Pressed,
    SlashCommand,
    Submission,
)
from watcher.receivers.slack.interactive.presses import Presses
from watcher.receivers.slack.interactive.requests import Answer, Permissions, Request
from watcher.receivers.slack.interactive.silencing import Silencer
from watcher.receivers.slack.interactive.slash import SlashCommands
from watcher.receivers.slack.interactive.submissions import Submissions
from watcher.receivers.slack.socket import Acknowledge, Envelope, SlackSocket

log = structlog.get_logger()

MOST_RUNNING = 100  # envelopes; for more, Slack shows the person that it failed
MOST_REMEMBERED = 500  # ids of envelopes, so that none is answered twice
PATIENCE_SECONDS = 2.0  # of the 3; then the person hears that it takes longer
_WAITING = (
    "Watcher has it, and waits until its database or the leading daemon is ready."
    " The answer follows here."
)
_FAILED = "Watcher could not do this: its log says why. Please try again."


class SlackActions:
    """Buttons, menus, forms and the slash command of one Slack app, in the receivers' channels."""

    def __init__(
        self,
        *,
        settings: receiver_settings.Slack,
        channels: Collection[str],
        session: aiohttp.ClientSession,
        commands: CommandService,
        reader: ports.IncidentReader,
        clock: Clock,
        on_call: Callable[[], Sequence[OnCall]] = tuple,
        by_time: explain.ByTime = explain.nothing_by_time,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._permissions = Permissions(allowed=settings.allowed_users, channels=channels)
        self._patience = patience
        self._running: set[asyncio.Task[None]] = set()
        self._accepted: deque[str] = deque(maxlen=MOST_REMEMBERED)
        self._api = SlackApi(settings=settings, session=session, clock=clock)
        self._socket = SlackSocket(api=self._api, session=session, accept=self._accept, clock=clock)
        silencer = Silencer(commands=commands, reader=reader, clock=clock)
        self._presses = Presses(api=self._api, commands=commands, silencer=silencer)
        self._submissions = Submissions(commands=commands, silencer=silencer)
        self._slash = SlashCommands(reader=reader, clock=clock, on_call=on_call, by_time=by_time)
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        """Stay connected and carry out what comes in, until cancelled."""
        async with self._group as group:
            group.create_task(self._socket.run(), name="slack sockets")

    async def _accept(self, envelope: Envelope, acknowledge: Acknowledge) -> None:
        """Start to work on an envelope; a form is acknowledged with its answer, others at once.

        A form that comes twice is carried out twice, as its answer may have been lost: its commands
        are idempotent.
        """
        is_again = envelope.envelope_id in self._accepted
        if not is_again and len(self._running) >= MOST_RUNNING:
            log.warning("too many requests from Slack at once", running=len(self._running))
            return
        self._accepted.append(envelope.envelope_id)
        is_form = _kind(envelope) == "view_submission"
        if not is_form:
            await acknowledge(None)
        if is_form or not is_again:
            task = self._group.create_task(
                self._handle(envelope, acknowledge), name="slack request"
            )
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _handle(self, envelope: Envelope, acknowledge: Acknowledge) -> None:
        try:
            match envelope.type, _kind(envelope):
                case "slash_commands", _:
                    await self._answer_command(
                        msgspec.json.decode(envelope.payload, type=SlashCommand)
                    )
                case "interactive", "block_actions":
                    press = msgspec.json.decode(envelope.payload, type=Press)
                    for pressed in press.actions:
                        await self._carry_out_press(press, pressed, envelope.envelope_id)
                case "interactive", "view_submission":
                    submission = msgspec.json.decode(envelope.payload, type=Submission)
                    await self._carry_out_form(submission, acknowledge)
                case _:
                    pass
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            log.warning("unreadable request from Slack", error=str(error)[:200])
        except model.WatcherError as error:
            log.warning("Slack request not answered", error=str(error))

    async def _answer_command(self, typed: SlashCommand) -> None:
        request = Request(
            by=typed.person.shown,
            user=typed.user_id,
            channel=typed.channel_id,
            url=typed.response_url,
        )
        await self._answer(request, lambda: self._slash.answer(typed.command, typed.text))

    async def _carry_out_press(self, press: Press, pressed: Pressed, key: str) -> None:
        action, incident = _chosen(pressed)
        handler = self._presses.handlers.get(action)
        if handler is None:
            return  # a link needs no answer
        request = Request(
            by=press.user.shown,
            user=press.user.id,
            channel=press.channel.id,
            url=press.response_url,
            action=action,
            incident=incident,
            key=key,
            message_ts=press.container.message_ts,
            trigger=press.trigger_id,
        )
        log.info("Slack button pressed", button=action, incident=incident, by=request.by)
        await self._answer(request, lambda: handler(request))

    async def _carry_out_form(self, submission: Submission, acknowledge: Acknowledge) -> None:
        origin = forms.origin_of(submission)
        request = Request(
            by=submission.user.shown,
            user=submission.user.id,
            channel=origin.channel,
            url=origin.url,
            action=submission.view.callback_id,
            incident=origin.incident,
            key=submissions.key_of(submission),
            message_ts=origin.message_ts,
        )
        log.info("Slack form sent", form=request.action, incident=request.incident, by=request.by)
        await self._answer(
            request, lambda: self._submissions.carry_out(submission, request), acknowledge
        )

    async def _answer(
        self,
        request: Request,
        action: Callable[[], Awaitable[Answer | None]],
        acknowledge: Acknowledge | None = None,
    ) -> None:
        """Carry something out, and answer it: in its form while that is there, else by a message.

        One that takes long is answered twice: that it waits, and then what came of it.
        """
        async with asyncio.TaskGroup() as group:
            working = group.create_task(self._attempt(action, request, is_form=bool(acknowledge)))
            finished, _ = await asyncio.wait({working}, timeout=self._patience)
            if not finished:
                if acknowledge:
                    await acknowledge(None)
                await self._say(request, Answer([_WAITING]))
            answer = await working
        if answer is None:
            return
        if acknowledge and finished:
            await acknowledge(answer.form)
            if answer.form:
                return
        if answer.sections:
            await self._say(request, answer)

    async def _say(self, request: Request, answer: Answer) -> None:
        thread = request.message_ts if answer.public else ""
        try:
            await self._api.answer(request.url, answer.message(), thread=thread)
        except model.WatcherError as error:
            log.warning("Slack request not answered", error=str(error))

    async def _attempt(
        self, action: Callable[[], Awaitable[Answer | None]], request: Request, *, is_form: bool
    ) -> Answer | None:
        """Carry it out, or answer why not."""
        try:
            if refusal := self._permissions.refusal(request.user, request.channel):
                answer = Answer([refusal], form=forms.refusal(refusal))
            else:
                return await action()
        except CommandRejectedError as error:
            answer = Answer([escape(str(error), 500)], form=forms.refusal(escape(str(error), 500)))
        except model.WatcherError as error:
            log.warning("Slack action failed", incident=request.incident, error=str(error))
            answer = Answer([_FAILED], form=forms.refusal(_FAILED))
        return answer if is_form else Answer(answer.sections)


def _chosen(pressed: Pressed) -> tuple[str, str]:
    """Return the action and the incident; the menu has both in the option that was chosen."""
    if pressed.action_id != buttons.MENU:
        return pressed.action_id, pressed.value
    action, _, incident = (
        pressed.selected_option.value if pressed.selected_option else ""
    ).partition("/")
    return action, incident


def _kind(envelope: Envelope) -> str:
    try:
        return msgspec.json.decode(envelope.payload, type=Kind).type
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
