"""What somebody asks for in Slack, and the answer: the words of both, and who may ask."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct

from watcher.receivers.slack import blocks
from watcher.receivers.slack.blocks import escape
from watcher.receivers.slack.message import SlackMessage


class Request(Struct, frozen=True, kw_only=True):
    """What somebody wants done; `key` makes it idempotent, `url` is where the answer goes.

    `user` and `by` are one person: the member id, and the name that the timeline has.
    """

    by: str
    user: str
    channel: str
    url: str
    action: str = ""
    incident: str = ""
    key: str = ""
    message_ts: str = ""
    trigger: str = ""  # lets a form be opened, for 3 seconds


class Answer(Struct, frozen=True):
    """The answer's sections of mrkdwn; `public` if it goes into the thread, for everybody.

    `form` is what Slack shows in the place of a form that was sent off; without sections it is the
    whole answer.
    """

    sections: Sequence[str] = ()
    public: bool = False
    form: Mapping[str, Any] | None = None

    def message(self) -> SlackMessage:
        """Return it as a message, whose first line is its notification."""
        return SlackMessage(
            text=self.sections[0].partition("\n")[0],
            blocks=[blocks.section(section) for section in self.sections],
        )


class Permissions:
    """Who may press: the people of `allowed_users`, or everybody in a receiver's channel."""

    def __init__(self, *, allowed: Collection[str], channels: Collection[str]) -> None:
        self._allowed = frozenset(allowed)
        self._channels = tuple(dict.fromkeys(channels))

    def refusal(self, user: str, channel: str) -> str:
        """Return why this person may not do this here, and what to do; empty if they may."""
        if self._allowed:
            if user in self._allowed:
                return ""
            return (
                "You may not do this: your member id is not in `allowed_users` of `[slack]`"
                f" (it is {escape(user, 40)}). Ask the person who runs Watcher to add it."
            )
        if channel in self._channels:
            return ""
        places = ", ".join(f"<#{escape(name, 40)}>" for name in self._channels[:3])
        return f"You may do this only in a channel where Watcher posts incidents: {places}."
