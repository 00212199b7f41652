"""The form that records the carrier's ticket: its number, where it can be read, where it stands."""

from __future__ import annotations

from slack_sdk.models import blocks as kit

from watcher import model
from watcher.operations.commands import LONGEST_NUMBER, CommandService
from watcher.receivers.slack import blocks, notification
from watcher.receivers.slack.blocks import escape, plain
from watcher.receivers.slack.interactive import buttons, forms
from watcher.receivers.slack.interactive.forms import FormError, Origin
from watcher.receivers.slack.interactive.payloads import Submission
from watcher.receivers.slack.interactive.requests import Answer, Request
from watcher.text import clean

NUMBER, URL, STATE = "number", "url", "state"  # its fields, named as the command's arguments are
_STATES = {
    model.TicketState.ACKNOWLEDGED: "Acknowledged: the carrier has it",
    model.TicketState.IN_PROGRESS: "In progress: the carrier is working on it",
    model.TicketState.PENDING: "Pending: the carrier waits for us",
    model.TicketState.RESOLVED: "Resolved: the carrier says that it is fixed",
    model.TicketState.CLOSED: "Closed: nothing more will happen",
}
_PENDING = "Pending stops the carrier's clock, so people are notified."


def ticket_form(view: model.IncidentView, origin: Origin) -> forms.View:
    """Return the form, filled in with the ticket that is recorded already."""
    ticket = view.incident.ticket
    options = {
        state: kit.Option(text=plain(label), value=str(state)) for state, label in _STATES.items()
    }
    state = kit.StaticSelectElement(
        action_id=STATE,
        options=list(options.values()),
        initial_option=options[ticket.state if ticket else model.TicketState.ACKNOWLEDGED],
    )
    address = kit.UrlInputElement(
        action_id=URL, initial_value=ticket.url if ticket and ticket.url else None
    )
    number_hint = "Another number is another ticket, in the place of this one." if ticket else ""
    return forms.form(
        buttons.TICKET,
        "Carrier's ticket",
        "Record",
        origin,
        [
            forms.about(view),
            forms.text_field(
                NUMBER,
                "Number",
                hint=number_hint,
                value=ticket.number if ticket else "",
                longest=LONGEST_NUMBER,
                multiline=False,
            ),
            forms.field(URL, "Address", address, hint="Where it can be read.", optional=True),
            forms.field(STATE, "State", state, hint=_PENDING),
        ],
    )


async def carry_out(commands: CommandService, submission: Submission, request: Request) -> Answer:
    """Record what was filled in. Raises FormError and CommandRejectedError."""
    number = clean(submission.field(NUMBER).value or "", LONGEST_NUMBER + 1)
    if not number:
        raise FormError(NUMBER, "Write the number that the carrier gave the ticket.")
    url = (submission.field(URL).value or "").strip()
    view = await commands.incident_view(request.incident)
    before = view.incident.ticket
    if before and before.number == number and before.url and not url:
        raise FormError(URL, f"The address can be replaced, not removed. It is {before.url}")
    incident = await commands.record_ticket(
        request.incident,
        request.by,
        number=number,
        url=url,
        state=_state(submission),
        idempotency_key=request.key,
    )
    recorded = incident.ticket
    shown = escape(number, LONGEST_NUMBER)
    if recorded and recorded.url:
        shown = blocks.link(recorded.url, shown)
    label = _STATES[recorded.state] if recorded else ""
    sentence = f"ticket {shown} is recorded. {label}."
    return Answer([f"*{escape(notification.circuit(view))}* ({request.incident}): {sentence}"])


def _state(submission: Submission) -> model.TicketState | None:
    chosen = submission.field(STATE).selected_option
    if chosen is None:
        return None
    try:
        return model.TicketState(chosen.value)
    except ValueError as error:
        raise FormError(STATE, f"{chosen.value!r} is not a state of a ticket.") from error
