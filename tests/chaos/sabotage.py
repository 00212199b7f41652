"""`python -m tests.chaos.sabotage WHAT run ...`: the daemon with one of its safeties taken out.

For the tests of the checker: a checker that accepts this daemon is worth nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable

from watcher import cli, model
from watcher.receivers.slack import session
from watcher.store import leadership, outbox
from watcher.store.dialects import postgresql


def receipts() -> None:
    """Keep no receipt before the telling is over."""

    async def save_receipt(self, receipt, token):
        pass

    outbox.Outbox.save_receipt = save_receipt


def lookup() -> None:
    """Repeat an act whose outcome is unknown without looking."""

    async def settle_intent(self):
        pass

    session.SlackSession.settle_intent = settle_intent


def fencing() -> None:
    """Let a daemon that lost its lease go on as if it led."""

    async def check(connection, token):
        pass

    async def stay(self):
        while True:
            await asyncio.sleep(leadership.BEAT_SECONDS)
            with contextlib.suppress(model.WatcherError):
                await self.beat()

    async def cut_off(self, connection, session):
        pass

    leadership.check = check
    leadership.Leadership.stay = stay
    postgresql.Postgresql.cut_off = cut_off


SABOTAGES: dict[str, Callable[[], None]] = {
    "receipts": receipts,
    "lookup": lookup,
    "fencing": fencing,
}

if __name__ == "__main__":
    SABOTAGES[sys.argv.pop(1)]()
    cli.main()
