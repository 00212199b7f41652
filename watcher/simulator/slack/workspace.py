"""A Slack workspace in memory: channels, messages with their threads, and files.

Law: it keeps what Slack keeps, in Slack's own JSON shapes; words and pixels are made elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from watcher.clock import Clock
from watcher.simulator import scenario_schema as scenery

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
    content: bytes | None = None
    shares: list[tuple[str, str]] = field(default_factory=list)

    @property
    def mimetype(self) -> str:
        """By its name, as people see it."""
        return _TYPES.get(self.name.rpartition(".")[2].lower(), "application/octet-stream")


class Workspace:
    """See the module. `version` grows with every change, for whoever shows it."""

    def __init__(self, scene: scenery.Slack, clock: Clock) -> None:
        self.scene = scene
        self.version = 0
        self.files: dict[str, File] = {}
        self.whispers: list[Message] = []  # what only one person sees; no history lists it
        self._clock = clock
        self._channels: dict[str, dict[str, Message]] = {key: {} for key in scene.channels}
        self._last = 0
        self._tokens: dict[str, tuple[float, float]] = {}

    def top(self, channel: str) -> Iterator[Message]:
        """Give what the channel itself shows, oldest first: replies only if sent to it too."""
        for message in sorted(self._channels[channel].values(), key=lambda one: str(one["ts"])):
            if not is_reply(message) or message.get("subtype") == "thread_broadcast":
                yield message

    def thread(self, channel: str, ts: str) -> list[Message]:
        """Give a parent and its replies, oldest first; nothing when there is no such message."""
        return [
            message
            for message in self._channels[channel].values()
            if message["ts"] == ts or message.get("thread_ts") == ts
        ]

    def find(self, channel: str, ts: str) -> Message | None:
        """One message."""
        return self._channels.get(channel, {}).get(ts)

    def post(self, channel: str, content: Message) -> Message:
        """Add a message by the bot; `content` holds text, blocks and the like."""
        message = {"type": "message", "user": BOT_USER, "bot_id": BOT, "ts": self._stamp()}
        message |= {key: value for key, value in content.items() if value is not None}
        self._channels[channel][message["ts"]] = message
        parent = self.find(channel, message.get("thread_ts", ""))
        if parent is not None:
            replies = [one for one in self.thread(channel, parent["ts"]) if one is not parent]
            parent["thread_ts"] = parent["ts"]
            parent["reply_count"] = len(replies)
            parent["latest_reply"] = message["ts"]
        self.version += 1
        return message

    def whisper(self, channel: str, user: str, content: Message) -> None:
        """Show one person a message, in a thread if `content` names it."""
        message = {"user": BOT_USER, "channel": channel, "to": user, "ts": self._stamp()}
        self.whispers.append(message | content)
        self.version += 1

    def update(self, channel: str, ts: str, content: Message, *, edited: bool) -> Message:
        """Change a message; a value of None takes the key away."""
        message = self._channels[channel][ts]
        message |= content
        for key in [key for key, value in content.items() if value is None]:
            del message[key]
        if edited:
            message["edited"] = {"user": BOT_USER, "ts": self._stamp()}
        self.version += 1
        return message

    def delete(self, channel: str, ts: str) -> None:
        """Take a message away; one that began a thread leaves a tombstone."""
        message = self._channels[channel].pop(ts)
        if message.get("reply_count"):
            kept = {key: message[key] for key in ("type", "ts", "thread_ts", "reply_count")}
            stone = kept | {"subtype": "tombstone", "text": "This message was deleted."}
            # First, so that the thread still begins with it.
            self._channels[channel] = {ts: stone} | self._channels[channel]
        self.version += 1

    def announce(self, name: str, length: int) -> File:
        """Make room for a file; its id tells nothing."""
        digest = hashlib.sha256(f"{name}/{len(self.files)}".encode()).hexdigest()
        file = File(id=f"F{digest[:10].upper()}", name=name, length=length)
        self.files[file.id] = file
        return file

    def seconds_to_wait(self, channel: str) -> int:
        """Take one post from a channel's allowance; seconds to wait when there is none left.

        A channel takes about one message a second, and a short burst: five here.
        """
        if not self.scene.rate_limited:
            return 0
        now = self._clock.monotonic()
        left, then = self._tokens.get(channel, (5.0, now))
        left = min(5.0, left + (now - then))
        enough = left >= 1
        self._tokens[channel] = (left - 1 if enough else left, now)
        return 0 if enough else 1

    def _stamp(self) -> str:
        """Seconds and microseconds; no two are equal."""
        now = int(self._clock.now().timestamp() * 1_000_000)
        self._last = max(now, self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"


def is_reply(message: Message) -> bool:
    """Whether a message belongs to a thread that another began."""
    return "thread_ts" in message and message["thread_ts"] != message["ts"]
