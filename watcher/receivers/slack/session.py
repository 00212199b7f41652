"""One delivery of one incident to one channel: its receipt, and how each post is made once.

Law: intent before the post, receipt after it (law 5). `lookup.py` resolves one that is left over.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from aiolimiter import AsyncLimiter
from msgspec import Struct
from msgspec.structs import replace

from watcher import model, ports
from watcher.clock import Clock
from watcher.receivers.slack.api import POST, SHARE, SlackApi
from watcher.receivers.slack.refusals import GoneError

FRESH_SECONDS = 3.0  # half of the time after which a silent daemon is evicted

PARENT = "parent"
REPLY = "reply"  # and the number of the last entry in it
FILE = "file"  # and the key of the receipt's `files`
UNTAKEN = "untaken"  # and the key of a file that Slack does not take: what is said of it
MOVED = "moved"  # the last reply to the thread of a parent that was replaced

Result = TypeVar("Result")


class SlackSession(Struct, kw_only=True):
    """`receipt` grows with each post; `unconfirmed` is an intent that could not be looked up.

    `intended_at` is when the receipt's intent was about to be written, where that was done with the
    claim and nothing has been done under it.
    """

    name: str
    view: model.IncidentView
    receipt: model.Receipt
    delivery: ports.DeliverySession
    api: SlackApi
    rate_limit: AsyncLimiter
    clock: Clock
    now: datetime
    unconfirmed: str = ""
    intended_at: float | None = None

    @property
    def may_post(self) -> bool:
        """Whether anything new may be posted; else a message that is there is kept true."""
        return self.view.incident.notifies(self.name)

    @property
    def thread(self) -> tuple[str, str]:
        """Channel and ts of the parent."""
        return self.receipt.handle["channel"], self.receipt.handle["ts"]

    def payload(self, **more: str | int) -> dict[str, Any]:
        """Return the metadata by which a message can be found again."""
        return {"incident": self.view.incident.id, "receiver": self.name, **more}

    async def save(self, **changes: Any) -> None:
        """Change the receipt, and make the change durable."""
        self.receipt = replace(self.receipt, **changes)
        await self.delivery.save(self.receipt)

    async def save_file(self, key: str, state: str) -> None:
        """Make the state of an upload durable, and clear the intent."""
        await self.save(files={**self.receipt.files, key: state}, intent="")

    async def perform(self, intent: str, request: Callable[[], Awaitable[Result]]) -> Result:
        """Send `request` under its intent, which stays if the outcome is unknown."""
        self.api.check_rate_limit(SHARE if intent.startswith(FILE) else POST)
        async with self.rate_limit:  # first: nothing may wait between intent and request
            await self._save_intent(intent)
        try:
            return await request()
        except model.AmbiguousError:
            raise
        except (model.WatcherError, GoneError):
            if not self.unconfirmed:  # else an earlier try may have succeeded
                await self.save(intent="")
            raise

    def drop_intent(self) -> None:
        """Forget an intent of this delivery, under which nothing is done."""
        if self.intended_at is not None:
            self.receipt, self.intended_at = replace(self.receipt, intent=""), None

    async def _save_intent(self, intent: str) -> None:
        """Make an intent durable, and make sure that the claim is still ours when the post leaves.

        A daemon that was frozen in between may have lost its claim to another one. Slack knows
        nothing of our fencing tokens, so a save that took too long is repeated.
        """
        saved_at = -math.inf
        if self.intended_at is not None and self.receipt.intent == intent:
            saved_at = self.intended_at
        self.intended_at = None
        while self.clock.monotonic() - saved_at > FRESH_SECONDS:
            saved_at = self.clock.monotonic()
            await self.save(intent=intent)
