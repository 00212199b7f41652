"""What Slack refuses for good, and how far that reaches: one message, one thread, or everything.

Law: what is refused is one act and not the end of the thread. A message that Slack does not take as
it is goes out as plain text, and where that is refused as well as one sentence that names the
incident; an edit that is refused freezes the message, and a new one takes its place (`parent.py`).
Only what no message could cure, such as a token or a channel, ends a delivery.
Source: docs.slack.dev, the errors of chat.postMessage, chat.update and files.*.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import structlog

from watcher import model
from watcher.receivers.slack.blocks import escape
from watcher.receivers.slack.message import SlackMessage

log = structlog.get_logger()
Result = TypeVar("Result")

PLAIN = 3_500  # characters; Slack asks for at most 4,000

# Of the token, the workspace or the channel: no other message would be taken.
_EVERYTHING = {
    *("access_denied", "accesslimited", "account_inactive", "channel_not_found"),
    *("ekm_access_denied", "enterprise_is_restricted", "invalid_auth", "is_archived"),
    *("message_limit_exceeded", "messages_tab_disabled", "method_deprecated", "missing_scope"),
    *("no_permission", "not_allowed_token_type", "not_authed", "not_in_channel"),
    *("org_login_required", "posting_to_channel_denied", "restricted_action"),
    *("restricted_action_non_threadable_channel", "restricted_action_read_only_channel"),
    *("restricted_action_thread_only_channel", "team_access_not_granted", "team_added_to_org"),
    *("team_not_found", "token_expired", "token_revoked", "two_factor_setup_required"),
    "unknown_method",
}
# Of the message that is to be edited: other words would not help.
_EDIT = {
    *("cant_broadcast_message", "cant_update_message", "edit_window_closed"),
    *("external_channel_migrating", "is_inactive", "streaming_state_conflict", "update_failed"),
}
REASONS = {
    "cant_update_message": "Slack does not let Watcher edit it (cant_update_message)",
    "edit_window_closed": "this workspace forbids edits after a while (edit_window_closed)",
}


class GoneError(Exception):
    """The message or thread was deleted by somebody, or takes no replies any more."""


GONE = {
    *("cannot_reply_to_message", "message_not_found", "restricted_action_thread_locked"),
    "thread_not_found",
}


class RefusedError(model.PermanentError):
    """Slack refused a call, and said so by `code`; `faults` are those of a layout."""

    def __init__(self, text: str, *, code: str, faults: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.code = code
        self.faults = faults

    @property
    def is_of_one_act(self) -> bool:
        """Whether other messages may still be taken; so it is with a code that nobody knows."""
        return self.code not in _EVERYTHING

    @property
    def is_of_the_content(self) -> bool:
        """Whether the same message may be taken in other words."""
        return self.is_of_one_act and self.code not in _EDIT


def reason(code: str) -> str:
    """Return why a message could not be edited, in words."""
    return REASONS.get(code, f"Slack refused its edit ({escape(code, 60)})")


async def send(
    message: SlackMessage, request: Callable[[SlackMessage], Awaitable[Result]]
) -> Result:
    """Send a message; one that Slack does not take as it is, once more as plain text.

    Raises RefusedError where that is refused as well.
    """
    try:
        return await request(message)
    except RefusedError as refusal:
        if not refusal.is_of_the_content:
            raise
        log.warning("Slack refused a layout", code=refusal.code, error=str(refusal))
        return await request(plain(message, refusal.code))


async def send_or_stub(
    message: SlackMessage,
    request: Callable[[SlackMessage], Awaitable[Result]],
    incident: model.Incident,
) -> Result:
    """Send a message; one that Slack takes in no form, as a sentence that leads to it."""
    try:
        return await send(message, request)
    except RefusedError as refusal:
        if not refusal.is_of_the_content:
            raise
        return await request(stub(incident, refusal.code))


def plain(message: SlackMessage, code: str) -> SlackMessage:
    """Return a message without its layout: its notification, then what its blocks say."""
    lines = [message.text, *_texts(message), f"_plain text, as Slack refused the layout ({code})_"]
    room = PLAIN - len(lines[-1]) - 1
    text = "\n".join(lines[:-1])[:room]
    return SlackMessage(text=f"{text}\n{lines[-1]}", blocks=[])


def stub(incident: model.Incident, code: str) -> SlackMessage:
    """Return what is posted in the place of a message that Slack does not take at all."""
    status = f"{incident.severity}, {incident.status}"
    text = (
        f"Incident {escape(incident.id, 60)} ({status}): Slack refused what belongs here"
        f" ({escape(code, 60)}). Read it with: watcher why {escape(incident.id, 60)}"
    )
    return SlackMessage(text=text, blocks=[])


def _texts(message: SlackMessage) -> Iterator[str]:
    """Yield what the blocks say in mrkdwn, but for what the notification has said already."""
    for line in _lines(message):
        marked = line.partition(" ")[2]  # behind a mark, which the notification has as well
        if not marked or marked not in message.text:
            yield line


def _lines(message: SlackMessage) -> Iterator[str]:
    for block in message.blocks:
        texts = [block.get("text"), *block.get("elements", ())]
        for text in texts:
            if isinstance(text, dict) and text.get("type") == "mrkdwn":
                yield from str(text["text"]).splitlines()
