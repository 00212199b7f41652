"""What a button or the menu does: a command, a form to fill in, or the carrier packet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from watcher import model
from watcher.operations.commands import CommandService
from watcher.receivers.slack import blocks, notification
from watcher.receivers.slack.api import SlackApi
from watcher.receivers.slack.blocks import escape
from watcher.receivers.slack.interactive import buttons, forms, ticketing
from watcher.receivers.slack.interactive.requests import Answer, Request
from watcher.receivers.slack.interactive.silencing import Silencer

log = structlog.get_logger()

FORM_SECONDS = 2.0  # of the 3 that Slack waits for a form
_TOO_SLOW = (
    "Slack waits 3 seconds for a form, and Watcher took longer. Nothing was changed: press again."
)
_NOT_OPENED = (
    "Slack did not open the form: it waits 3 seconds for one. Nothing was changed: press again."
)

Handler = Callable[[Request], Awaitable[Answer | None]]


class Presses:
    """Carries out what was pressed. `handlers` are by action; a link has none."""

    def __init__(self, *, api: SlackApi, commands: CommandService, silencer: Silencer) -> None:
        self._api = api
        self._commands = commands
        self._silencer = silencer
        self.handlers: Mapping[str, Handler] = {
            buttons.ACKNOWLEDGE: self._acknowledge,
            buttons.WITHDRAW: self._withdraw,
            buttons.DIAGNOSE: self._diagnose,
            buttons.PACKET: self._packet,
            buttons.APPROVE: self._approve,
            buttons.REFUSE: self._refuse,
            buttons.DISMISS: self._dismiss,
            buttons.NOTE: self._open_form,
            buttons.RESOLVE: self._open_form,
            buttons.TICKET: self._open_form,
            buttons.SILENCE: self._open_form,
            buttons.UNSILENCE: self._open_form,
        }

    async def _acknowledge(self, request: Request) -> Answer:
        view = await self._commands.unresolved_view(request.incident)
        after = await self._act("ack", request)
        if view.incident.is_announcement:
            return _about(view, "the planned works are confirmed. Digests go on.")
        return _about(view, _acknowledged(view.incident, after, request.by))

    async def _withdraw(self, request: Request) -> Answer:
        view = await self._commands.unresolved_view(request.incident)
        await self._act("unack", request)
        if view.incident.is_announcement:
            return _about(view, "the confirmation is withdrawn.")
        names = [by for by in (view.incident.acknowledged_by, *view.incident.acks) if by]
        whose = ", ".join("you" if by == request.by else by for by in dict.fromkeys(names))
        sentence = f"the acknowledgement by {escape(whose, 200)} is withdrawn. Reminders go on."
        return _about(view, sentence)

    async def _diagnose(self, request: Request) -> Answer:
        view = await self._commands.unresolved_view(request.incident)
        incident = view.incident
        services = incident.examined or incident.services
        await self._act("diagnose", request)
        if not services:
            return _about(view, "no service id is known, so nothing can be examined.")
        named = escape(", ".join(services), 200)
        return _about(
            view, f"Service Diagnostics asked for {named}. What it finds comes into the thread."
        )

    async def _approve(self, request: Request) -> Answer:
        view = await self._commands.unresolved_view(request.incident)
        await self._act("approve", request)
        return _about(view, "the change of bandwidth is approved. The thread says how it goes.")

    async def _refuse(self, request: Request) -> Answer:
        view = await self._commands.unresolved_view(request.incident)
        await self._act("refuse", request)
        return _about(view, "the change of bandwidth is refused; nothing is ordered.")

    async def _dismiss(self, request: Request) -> Answer:
        view = await self._commands.unresolved_view(request.incident)
        dismissed = model.WorkDismissed(work=view.incident.group, by=request.by)
        await self._commands.decide_work(dismissed, idempotency_key=request.key)
        return _about(view, "the planned works are dismissed. Outages call people again.")

    async def _packet(self, request: Request) -> Answer:
        """Answer with the carrier packet, and note on the timeline who took it."""
        view = await self._commands.incident_view(request.incident)
        await self._commands.add_note(
            request.incident, "took the carrier packet", request.by, idempotency_key=request.key
        )
        lines = await self._commands.packet(request.incident)
        circuit = escape(notification.circuit(view))
        title = f"*{circuit}: carrier packet*, to paste into the ticket:"
        return Answer([title, *blocks.code_blocks(lines)])

    async def _open_form(self, request: Request) -> Answer | None:
        try:
            async with asyncio.timeout(FORM_SECONDS):
                form = await self._form(request)
        except TimeoutError:
            return Answer([_TOO_SLOW])
        try:
            await self._api.open_form(request.trigger, form)
        except model.WatcherError as error:
            log.warning("Slack form not opened", form=request.action, error=str(error))
            return Answer([_NOT_OPENED])
        return None

    async def _form(self, request: Request) -> forms.View:
        is_ticket = request.action == buttons.TICKET  # it may come once the incident is over
        read = self._commands.incident_view if is_ticket else self._commands.unresolved_view
        view = await read(request.incident)
        origin = forms.Origin(
            incident=request.incident,
            channel=request.channel,
            url=request.url,
            message_ts=request.message_ts,
        )
        match request.action:
            case buttons.NOTE:
                return forms.note(view, origin)
            case buttons.RESOLVE:
                return forms.resolve(view, origin)
            case buttons.TICKET:
                return ticketing.ticket_form(view, origin)
            case _:
                return await self._silencer.form(request.action, view, origin)

    async def _act(self, action: str, request: Request) -> model.Incident:
        return await self._commands.act(
            request.incident, action, request.by, idempotency_key=request.key
        )


def _acknowledged(before: model.Incident, after: model.Incident, by: str) -> str:
    """Return what an acknowledgement has changed."""
    if after.acks_needed > 1 and after.acks_short:
        people = "person has" if after.acks_short == 1 else "people have"
        rest = f"{after.acks_short} more {people} to acknowledge it, and reminders go on."
        again = "you have acknowledged it already" if by in before.acks else "you are one of them"
        return f"{again}: {rest}"
    if before.acknowledged_by == by:
        if before.acknowledged_at == after.acknowledged_at:
            return "you have acknowledged it already. Nothing was changed."
        return "it is still yours, and your acknowledgement counts from now."
    taken = f", which {escape(before.acknowledged_by, 80)} had" if before.acknowledged_by else ""
    return f"it is yours{taken}. Reminders and escalations stop."


def _about(view: model.IncidentView, sentence: str) -> Answer:
    """Answer with a sentence that names what it is about, so that it stands alone."""
    return Answer([f"*{escape(notification.circuit(view))}* ({view.incident.id}): {sentence}"])
