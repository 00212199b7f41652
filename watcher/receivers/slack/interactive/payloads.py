"""What Slack sends when somebody presses, fills in a form or types the slash command.

As far as it is needed. Source: docs.slack.dev, the pages of `block_actions`, `view_submission` and
slash commands.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from watcher.text import clean

LONGEST_NAME = 80


class Person(msgspec.Struct, frozen=True):
    """Who did it."""

    id: str = ""
    name: str = ""
    username: str = ""

    @property
    def shown(self) -> str:
        """The name that the timeline has."""
        return clean(self.username or self.name or self.id, LONGEST_NAME)


class Option(msgspec.Struct, frozen=True):
    """One choice of a menu."""

    value: str = ""


class Pressed(msgspec.Struct, frozen=True):
    """A button with its value, or a menu with the option that was chosen."""

    action_id: str
    value: str = ""
    selected_option: Option | None = None


class _Channel(msgspec.Struct, frozen=True):
    id: str = ""


class _Container(msgspec.Struct, frozen=True):
    message_ts: str = ""


class Kind(msgspec.Struct, frozen=True):
    """The type alone, which says how to read the rest."""

    type: str = ""


class Press(msgspec.Struct, frozen=True):
    """A `block_actions` payload."""

    user: Person
    actions: tuple[Pressed, ...] = ()
    channel: _Channel = _Channel()
    container: _Container = _Container()
    response_url: str = ""
    trigger_id: str = ""


class Value(msgspec.Struct, frozen=True):
    """What one field of a form holds; only that of its kind is there."""

    value: str | None = None
    selected_option: Option | None = None
    selected_options: tuple[Option, ...] = ()
    selected_date_time: int | None = None


class _State(msgspec.Struct, frozen=True):
    values: Mapping[str, Mapping[str, Value]] = {}


class _View(msgspec.Struct, frozen=True):
    id: str = ""
    callback_id: str = ""
    private_metadata: str = ""
    state: _State = _State()


class Submission(msgspec.Struct, frozen=True):
    """A `view_submission` payload: a form that was sent off."""

    user: Person
    view: _View

    def field(self, name: str) -> Value:
        """Return what the field of that name holds; its block has one element."""
        elements = self.view.state.values.get(name) or {}
        return next(iter(elements.values()), Value())


class SlashCommand(msgspec.Struct, frozen=True):
    """A slash command with what was typed behind it."""

    user_id: str
    user_name: str = ""
    channel_id: str = ""
    command: str = ""
    text: str = ""
    response_url: str = ""

    @property
    def person(self) -> Person:
        """Who typed it."""
        return Person(id=self.user_id, name=self.user_name)
