"""What a form does once it is sent off: a command, or a sentence below the field that is wrong."""

from __future__ import annotations

import hashlib

import msgspec

from watcher import model
from watcher.operations.commands import CommandRejectedError, CommandService
from watcher.receivers.slack.blocks import escape
from watcher.receivers.slack.interactive import buttons, forms, silencing, ticketing
from watcher.receivers.slack.interactive.payloads import Submission
from watcher.receivers.slack.interactive.requests import Answer, Request


class Submissions:
    """Carries out forms."""

    def __init__(self, *, commands: CommandService, silencer: silencing.Silencer) -> None:
        self._commands = commands
        self._silencer = silencer

    async def carry_out(self, submission: Submission, request: Request) -> Answer:
        """Carry one out, or answer what is wrong with it; then the form stays as it was filled in.

        Raises CommandRejectedError for a form that has no field to say it under.
        """
        field = forms.TEXT
        try:
            match request.action:
                case buttons.NOTE:
                    return await self._note(submission, request)
                case buttons.RESOLVE:
                    return await self._resolve(submission, request)
                case buttons.TICKET:
                    field = ticketing.NUMBER
                    return await ticketing.carry_out(self._commands, submission, request)
                case _:
                    field = silencing.FIELD_OF.get(request.action, "")
                    return await self._silencer.carry_out(submission, request)
        except forms.FormError as error:
            sentence = escape(str(error), 500)
            return Answer([sentence], form=forms.keep_open(error.field, str(error)))
        except CommandRejectedError as error:
            if not field:
                raise
            field = error.field or field
            return Answer([escape(str(error), 500)], form=forms.keep_open(field, str(error)))

    async def _note(self, submission: Submission, request: Request) -> Answer:
        text = forms.text_of(submission)
        incident = await self._commands.add_note(
            request.incident, text, request.by, idempotency_key=request.key
        )
        return _about(incident, "your note stands in the thread.")

    async def _resolve(self, submission: Submission, request: Request) -> Answer:
        text = forms.text_of(submission)
        incident = await self._commands.resolve(
            request.incident, request.by, text=text, idempotency_key=request.key
        )
        return _about(incident, "resolved, with your reason in the thread.")


def _about(incident: model.Incident, sentence: str) -> Answer:
    return Answer([f"*{escape(incident.title, 300)}* ({escape(incident.id, 60)}): {sentence}"])


def key_of(submission: Submission) -> str:
    """Return what makes a form idempotent: a form that is corrected is another one."""
    content = msgspec.json.encode((submission.view.id, submission.view.state))
    return f"form/{hashlib.sha256(content).hexdigest()[:24]}"
