"""One telling of one incident in one channel: its receipt, and how an act is done once.

Law: intent before act, receipt after (law 5). An intent that is left over, from a crash or an
answer that never came, is looked up in Slack before anything else is done.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from aiolimiter import AsyncLimiter

from watcher import model, ports
from watcher.clock import Clock
from watcher.receivers.slack.api import EVENT_TYPE, POST, SHARE, GoneError, Reply, SlackApi

FRESH_SECONDS = 3.0  # half of the time in which a daemon that says nothing is given up
MOST_LOOKUPS = 3  # failed ones, before a post is repeated unseen
_CLOCKS_DIFFER = timedelta(minutes=5)  # between us and Slack, at most

PARENT = "parent"
REPLY = "reply"  # and the number of the last entry it tells
FILE = "file"  # and the key of the receipt's `files`

Result = TypeVar("Result")


@dataclass(slots=True, kw_only=True)
class SlackSession:
    """`receipt` grows with each act; `unsure` is an intent that could not be looked up."""

    name: str
    view: model.IncidentView
    receipt: model.Receipt
    delivery: ports.DeliverySession
    api: SlackApi
    pace: AsyncLimiter
    clock: Clock
    now: datetime
    unsure: str = field(default="", init=False)

    @property
    def thread(self) -> tuple[str, str]:
        """Channel and ts of the parent."""
        return self.receipt.handle["channel"], self.receipt.handle["ts"]

    def payload(self, **more: str | int) -> dict[str, Any]:
        """Describe a message so that it can be found again."""
        return {"incident": self.view.incident.id, "receiver": self.name, **more}

    async def keep(self, **changes: Any) -> None:
        """Make a change of the receipt durable."""
        self.receipt = replace(self.receipt, **changes)
        await self.delivery.save(self.receipt)

    async def keep_file(self, key: str, state: str) -> None:
        """Make durable how far an upload is; with it the intent is over."""
        await self.keep(files={**self.receipt.files, key: state}, intent="")

    async def act(self, intent: str, call: Callable[[], Awaitable[Result]]) -> Result:
        """Carry out an act under its intent, which stays when the outcome is unknown."""
        self.api.admit(SHARE if intent.startswith(FILE) else POST)
        async with self.pace:  # before the intent, so that nothing waits in between
            await self._intend(intent)
        try:
            return await call()
        except model.AmbiguousError:
            raise
        except (model.WatcherError, GoneError):
            if not self.unsure:  # else it may still have been done the time before
                await self.keep(intent="")
            raise

    async def _intend(self, intent: str) -> None:
        """Make an intent durable, and be sure that the claim is ours while its act leaves.

        A daemon that was frozen meanwhile is another one's predecessor by now. Slack does not
        know our fencing tokens, so the store is asked once more.
        """
        kept_at = -math.inf
        while self.clock.monotonic() - kept_at > FRESH_SECONDS:
            kept_at = self.clock.monotonic()
            await self.keep(intent=intent)

    async def settle_intent(self) -> None:
        """Find out what became of the act that an earlier telling had begun."""
        intent = self.receipt.intent
        kind, _, key = intent.partition(" ")
        try:
            if kind == PARENT:
                await self._find_parent()
            elif kind == REPLY:
                await self._find_reply(int(key))
            elif kind == FILE:
                await self._find_file(key)
        except model.PermanentError:
            self.unsure = intent
        except model.TemporaryError:
            if self.receipt.failures < MOST_LOOKUPS:
                raise
            self.unsure = intent

    async def _find_parent(self) -> None:
        since = self.view.incident.opened_at - _CLOCKS_DIFFER
        async for message in self.api.history(since=since):
            about = self._about(message)
            if about is not None and "event_id" not in about:
                await self.keep(
                    handle={"channel": self.api.channel, "ts": str(message["ts"])},
                    parent_version=int(about.get("version", 0)),
                    intent="",
                )
                return

    async def _find_reply(self, number: int) -> None:
        channel, ts = self.thread
        wanted = f"{self.view.incident.id}-{number}"
        async for message in self.api.replies(channel=channel, ts=ts):
            about = self._about(message)
            if about is not None and about.get("event_id") == wanted:
                told_through = max(self.receipt.told_through, number)
                await self.keep(told_through=told_through, intent="")
                return

    async def _find_file(self, key: str) -> None:
        channel, ts = self.thread
        wanted = self.receipt.files.get(key, "").partition(" ")[2]
        async for message in self.api.replies(channel=channel, ts=ts):
            if any(file.get("id") == wanted for file in message.get("files") or ()):
                await self.keep_file(key, f"done {wanted}")
                return

    def _about(self, message: Reply) -> dict[str, Any] | None:
        """Read the metadata of a message that tells this incident for this receiver."""
        metadata = message.get("metadata") or {}
        about = metadata.get("event_payload") or {}
        ours = (
            metadata.get("event_type") == EVENT_TYPE
            and about.get("incident") == self.view.incident.id
            and about.get("receiver") == self.name
        )
        return about if ours else None
