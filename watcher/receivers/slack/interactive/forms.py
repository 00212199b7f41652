"""The forms that a press opens (Slack calls them modals), and what Slack is answered to one. Pure.

A form carries what its answer needs in `private_metadata`: the incident, and where to answer the
person who pressed. That address is a secret between Slack and us; the person never sees it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from slack_sdk.models import blocks as kit
from slack_sdk.models import views

from watcher import model
from watcher.operations.commands import LONGEST_TEXT
from watcher.receivers.slack import blocks, notification
from watcher.receivers.slack.blocks import escape, plain
from watcher.receivers.slack.interactive import buttons
from watcher.receivers.slack.interactive.payloads import Submission
from watcher.text import clean

TEXT = "text"  # the field of a note and of a reason
LONGEST_ERROR = 150  # below a field, on a phone
_LONGEST_TITLE = 24

View = dict[str, Any]


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A silence as it was filled in; times are seconds since 1970."""

    length: str
    begin: int | None = None
    end: int | None = None
    matchers: str = ""
    comment: str = ""


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a form came from, and what a form that asks twice was asked for."""

    incident: str
    channel: str
    url: str
    message_ts: str = ""
    asked: Asked | None = None


class FormError(Exception):
    """Something in a form is wrong; the sentence stands below that field."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def note(view: model.IncidentView, origin: Origin) -> View:
    """Return the form for a note."""
    return form(
        buttons.NOTE,
        "Add a note",
        "Add",
        origin,
        [
            about(view),
            text_field(TEXT, "Note", hint="It stands in the thread, with your name."),
        ],
    )


def resolve(view: model.IncidentView, origin: Origin) -> View:
    """Return the form that asks why an incident is resolved by hand."""
    warning = (
        "It is closed for everybody, and not called recovered. It opens again only after its"
        " condition has been false once."
        if view.alerts
        else "It is closed for everybody."
    )
    return form(
        buttons.RESOLVE,
        "Resolve",
        "Resolve",
        origin,
        [
            about(view),
            blocks.section(warning),
            text_field(TEXT, "Why", hint="It stands in the thread, with your name."),
        ],
    )


def form(
    action: str, title: str, submit: str, origin: Origin, parts: Sequence[blocks.Block]
) -> View:
    """Return a form that sends `action` when it is sent off."""
    return views.View(
        type="modal",
        callback_id=action,
        title=plain(clean(title, _LONGEST_TITLE)),
        submit=plain(submit),
        close=plain("Cancel"),
        private_metadata=msgspec.json.encode(origin).decode(),
        blocks=list(parts),
    ).to_dict()


def about(view: model.IncidentView) -> blocks.Block:
    """Return the paragraph that says which incident a form is about."""
    headline = escape(notification.headline(view), 300)
    return blocks.section(f"*{headline}*\n{escape(view.incident.id, 60)}")


def text_field(
    name: str,
    label: str,
    *,
    hint: str = "",
    value: str = "",
    longest: int = LONGEST_TEXT,
    optional: bool = False,
    multiline: bool = True,
) -> blocks.Block:
    """Return a field for text."""
    element = kit.PlainTextInputElement(
        action_id=name, multiline=multiline, max_length=longest, initial_value=value or None
    )
    return field(name, label, element, hint=hint, optional=optional)


def field(
    name: str,
    label: str,
    element: kit.InputInteractiveElement,
    *,
    hint: str = "",
    optional: bool = False,
) -> blocks.Block:
    """Return a field with its label; `name` is where its content and its errors stand."""
    return kit.InputBlock(
        block_id=name,
        label=plain(label),
        element=element,
        hint=plain(hint) if hint else None,
        optional=optional,
    ).to_dict()


def text_of(submission: Submission) -> str:
    """Return a form's text on one line. Raises FormError for one with nothing in it."""
    text = clean(submission.field(TEXT).value or "", LONGEST_TEXT)
    if not text:
        raise FormError(TEXT, "Write at least a word: others read it later.")
    return text


def origin_of(submission: Submission) -> Origin:
    """Return where a form came from. Raises msgspec.ValidationError for one that is not ours."""
    return msgspec.json.decode(submission.view.private_metadata or "null", type=Origin)


def keep_open(field_name: str, sentence: str) -> Mapping[str, Any]:
    """Return the answer that leaves a form as it is, with a sentence below a field."""
    return {"response_action": "errors", "errors": {field_name: clean(sentence, LONGEST_ERROR)}}


def replace(view: View) -> Mapping[str, Any]:
    """Return the answer that shows another form in the place of this one."""
    return {"response_action": "update", "view": view}


def refusal(sentence: str) -> Mapping[str, Any]:
    """Return the answer that says, in mrkdwn in the place of a form, why nothing was done."""
    view = views.View(
        type="modal",
        title=plain("Nothing was changed"),
        close=plain("Close"),
        blocks=[blocks.section(sentence)],
    )
    return replace(view.to_dict())
