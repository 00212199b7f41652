"""The buttons below an incident's message, and the menu beside them. Pure.

Only what makes sense now, and few in sight: on a phone each takes a line. A button sends its action
with the incident's id, the menu ACTION/INCIDENT.
"""

from __future__ import annotations

from collections.abc import Iterator

from slack_sdk.models import blocks as kit

from watcher import model
from watcher.receivers.slack.blocks import Block, plain
from watcher.text import clean

MENU = "menu"
ACKNOWLEDGE, WITHDRAW, RESOLVE = "acknowledge", "unacknowledge", "resolve"
SILENCE, UNSILENCE, NOTE = "silence", "unsilence", "note"
DIAGNOSE, PACKET, TICKET = "diagnose", "packet", "ticket"
APPROVE, REFUSE = "approve", "refuse"
DISMISS = "dismiss"
MOST_OPTIONS = 5  # that Slack takes in a menu
_END_SILENCE = "End silence \N{HORIZONTAL ELLIPSIS}"


def incident_actions(view: model.IncidentView) -> Iterator[Block]:
    """Yield rows of buttons, the last with the menu; none once the incident is over."""
    incident = view.incident
    if incident.status is model.IncidentStatus.RESOLVED:
        return
    if incident.remedy and incident.remedy.approval(incident.id):
        yield _row(_remedy_buttons(incident.id, incident.remedy))
    options, overflowing = _options(view)
    menu = kit.OverflowMenuElement(
        action_id=MENU,
        options=[
            kit.Option(text=plain(label), value=f"{action}/{incident.id}")
            for action, label in options.items()
        ],
    )
    more = [_button(label, action, incident.id) for action, label in overflowing.items()]
    yield _row([*_buttons(view), *more, menu])


def silences_of(incident: model.Incident) -> tuple[str, ...]:
    """Return the ids of the silences that hold an incident's notifications back."""
    words = (reason.split(" ") for reason in incident.suppressed_by)
    return tuple(word[1] for word in words if word[0] == "silence" and len(word) > 1)


def _buttons(view: model.IncidentView) -> Iterator[kit.ButtonElement]:
    incident = view.incident
    if incident.is_announcement:
        yield from _announcement_buttons(incident)
        return
    if incident.status is model.IncidentStatus.OPEN:
        yield _button("Acknowledge", ACKNOWLEDGE, incident.id, style="primary")
    else:
        if incident.expiry_said:
            yield _button("Acknowledge again", ACKNOWLEDGE, incident.id, style="primary")
        yield _button("Withdraw", WITHDRAW, incident.id)
    if view.alerts:
        yield _button("Silence \N{HORIZONTAL ELLIPSIS}", SILENCE, incident.id)
    yield _button("Resolve \N{HORIZONTAL ELLIPSIS}", RESOLVE, incident.id)


def _announcement_buttons(incident: model.Incident) -> Iterator[kit.ButtonElement]:
    """Yield what people may say of planned works: that they know, or that these do not count."""
    if incident.status is model.IncidentStatus.OPEN:
        yield _button("Confirm", ACKNOWLEDGE, incident.id, style="primary")
    else:
        yield _button("Withdraw", WITHDRAW, incident.id)
    yield _button(
        "Dismiss",
        DISMISS,
        incident.id,
        confirm=kit.ConfirmObject(
            title=plain("Dismiss these works?"),
            text=plain("Outages in their windows call people again, and the thread ends."),
            confirm=plain("Dismiss"),
            deny=plain("Keep"),
        ),
    )


def _options(view: model.IncidentView) -> tuple[dict[str, str], dict[str, str]]:
    """Return what the menu holds, by action, and what has to be a button as the menu is full."""
    incident = view.incident
    options = {NOTE: "Add a note \N{HORIZONTAL ELLIPSIS}"}
    if incident.is_announcement:
        return options, {}
    if incident.status is model.IncidentStatus.ACKNOWLEDGED and not incident.expiry_said:
        options[ACKNOWLEDGE] = "Take over"
    elif incident.acks:  # of several people who have to, not all have
        options[WITHDRAW] = "Withdraw acknowledgements"
    if view.alerts and (incident.services or incident.examined):
        options[DIAGNOSE] = f"Run diagnostics{' again' if incident.diagnostics else ''}"
    if view.alerts:
        options[PACKET] = "Carrier packet"
        options[TICKET] = "Carrier's ticket \N{HORIZONTAL ELLIPSIS}"
    ending = {UNSILENCE: _END_SILENCE} if silences_of(incident) else {}
    if len(options) + len(ending) > MOST_OPTIONS:
        return options, ending
    return options | ending, {}


def _remedy_buttons(incident: str, remedy: model.Remedy) -> list[kit.InteractiveElement]:
    wanted = model.format_mbps(remedy.to_mbps)
    sentence = (
        f"{remedy.id} is raised from {model.format_mbps(remedy.from_mbps)} to {wanted}."
        " The carrier charges for it."
    )
    confirm = kit.ConfirmObject(
        title=plain("Order it?"),
        text=plain(clean(sentence, 300)),
        confirm=plain("Order"),
        deny=plain("Not now"),
    )
    approve = _button(f"Approve {wanted}", APPROVE, incident, style="primary", confirm=confirm)
    return [approve, _button("Refuse", REFUSE, incident)]


def _button(
    label: str,
    action: str,
    incident: str,
    *,
    style: str | None = None,
    confirm: kit.ConfirmObject | None = None,
) -> kit.ButtonElement:
    """Return a button; pressed, it sends `action` with the incident's id as its value."""
    return kit.ButtonElement(
        text=plain(label), action_id=action, value=incident, style=style, confirm=confirm
    )


def _row(elements: list[kit.InteractiveElement]) -> Block:
    return kit.ActionsBlock(elements=elements).to_dict()
