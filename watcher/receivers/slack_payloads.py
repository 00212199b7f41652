"""What Slack says when somebody presses or types, as far as it is needed.

Source: docs.slack.dev, the payloads of block_actions and of slash commands.
"""

from __future__ import annotations

import msgspec


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
