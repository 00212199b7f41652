"""A Slack workspace in memory: channels, messages with their threads, and files.

It keeps what Slack keeps, in Slack's own JSON shapes; rendering is done elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from watcher.clock import Clock
from watcher.simulator import scenario_schema

Message = dict[str, Any]
BOT_USER = "U0WATCHER0"
BOT = "B0WATCHER0"
TEAM = "T0SIMULATE"
BOT_NAME = "Watcher"
_TYPES = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "json": "application/json",
    "csv": "text/csv",
    "txt": "text/plain",
}


@dataclass(kw_only=True)
class File:
    """One file, from the moment that its upload is announced."""

    id: str
    name: str
    length: int
    title: str = ""
    alt_text: str = ""
    content: bytes | None = None
    shares: list[tuple[str, str]] = field(default_factory=list)

    @property
    def mimetype(self) -> str:
        """By its name, as people see it."""
        return _TYPES.get(self.name.rpartition(".")[2].lower(), "application/octet-stream")


class Workspace:
    """Channels, messages and files; `version` grows with every change, for the page."""

    def __init__(self, config: scenario_schema.Slack, clock: Clock) -> None:
        self.config = config
        self.version = 0
        self.files: dict[str, File] = {}
        self.ephemeral_messages: list[
            Message
        ] = []  # seen by one person each; no history lists them
        self._clock = clock
        self._channels: dict[str, dict[str, Message]] = {key: {} for key in config.channels}
        self._last = 0
        self._tokens: dict[str, tuple[float, float]] = {}

    def top(self, channel: str) -> Iterator[Message]:
        """Yield what the channel itself shows, oldest first: replies only if broadcast to it."""
        for message in sorted(
            self._channels[channel].values(), key=lambda message: str(message["ts"])
        ):
            if not is_reply(message) or message.get("subtype") == "thread_broadcast":
                yield message

    def thread(self, channel: str, ts: str) -> list[Message]:
        """Return a parent and its replies, oldest first; nothing when there is no such message."""
        return [
            message
            for message in self._channels[channel].values()
            if message["ts"] == ts or message.get("thread_ts") == ts
        ]

    def find(self, channel: str, ts: str) -> Message | None:
        """Return one message, if there is one."""
        return self._channels.get(channel, {}).get(ts)

    def post(self, channel: str, content: Message) -> Message:
        """Add a message by the bot; `content` holds text, blocks and the like."""
        message = {"type": "message", "user": BOT_USER, "bot_id": BOT, "ts": self._stamp()}
        message |= {key: value for key, value in content.items() if value is not None}
        self._channels[channel][message["ts"]] = message
        parent = self.find(channel, message.get("thread_ts", ""))
        if parent is not None:
            thread = self.thread(channel, parent["ts"])
            parent["thread_ts"] = parent["ts"]
            parent["reply_count"] = len(thread) - 1
            parent["latest_reply"] = message["ts"]
        self.version += 1
        return message

    def post_ephemeral(self, channel: str, user: str, content: Message) -> None:
        """Show one person a message, in a thread if `content` names it."""
        message = {"user": BOT_USER, "channel": channel, "to": user, "ts": self._stamp()}
        self.ephemeral_messages.append(message | content)
        self.version += 1

    def update(self, channel: str, ts: str, content: Message, *, edited: bool) -> Message:
        """Change a message; a value of None removes the key."""
        message = self._channels[channel][ts]
        message |= content
        for key in [key for key, value in content.items() if value is None]:
            del message[key]
        if edited:
            message["edited"] = {"user": BOT_USER, "ts": self._stamp()}
        self.version += 1
        return message

    def is_past_editing(self, ts: str) -> bool:
        """Return whether the workspace forbids to edit a message of that time."""
        within = self.config.edits_within
        if within is None:
            return False
        return self._clock.now().timestamp() - float(ts) > within.total_seconds()

    def delete(self, channel: str, ts: str) -> None:
        """Delete a message; the parent of a thread leaves a tombstone."""
        message = self._channels[channel].pop(ts)
        if message.get("reply_count"):
            kept = {key: message[key] for key in ("type", "ts", "thread_ts", "reply_count")}
            tombstone = kept | {"subtype": "tombstone", "text": "This message was deleted."}
            # First, so that the thread still starts with it.
            self._channels[channel] = {ts: tombstone} | self._channels[channel]
        self.version += 1

    def announce(self, name: str, length: int) -> File:
        """Add a file that will be uploaded; its id is opaque."""
        digest = hashlib.sha256(f"{name}/{len(self.files)}".encode()).hexdigest()
        file = File(id=f"F{digest[:10].upper()}", name=name, length=length)
        self.files[file.id] = file
        return file

    def seconds_to_wait(self, channel: str) -> int:
        """Use one post of a channel's allowance; return the seconds to wait when none is left.

        A channel takes about one message a second, and a short burst: five here.
        """
        if not self.config.rate_limited:
            return 0
        now = self._clock.monotonic()
        left, then = self._tokens.get(channel, (5.0, now))
        left = min(5.0, left + (now - then))
        enough = left >= 1
        self._tokens[channel] = (left - 1 if enough else left, now)
        return 0 if enough else 1

    def _stamp(self) -> str:
        """Return seconds and microseconds; no two are equal."""
        now = int(self._clock.now().timestamp() * 1_000_000)
        self._last = max(now, self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"


def is_reply(message: Message) -> bool:
    """Return whether a message is a reply in a thread."""
    return "thread_ts" in message and message["thread_ts"] != message["ts"]
