"""`python -m tests.chaos.sabotage WHAT run ...`: the daemon with one of its safeties taken out.

For the tests of the checker: a checker that accepts this daemon is worth nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable

from watcher import cli, model
from watcher.receivers import slack_visit
from watcher.store import accounts, leases, postgresql


def receipts() -> None:
    """Keep no receipt before the telling is over."""

    async def save_receipt(self, receipt, token):
        pass

    accounts.Accounts.save_receipt = save_receipt


def lookup() -> None:
    """Repeat an act whose outcome is unknown without looking."""

    async def settle_intent(self):
        pass

    slack_visit.Visit.settle_intent = settle_intent


def fencing() -> None:
    """Let a daemon that lost its lease go on as if it led."""

    async def check(connection, token):
        pass

    async def stay(self):
        while True:
            await asyncio.sleep(leases.BEAT_SECONDS)
            with contextlib.suppress(model.PermanentError, model.TemporaryError):
                await self.beat()

    async def cut_off(self, connection, session):
        pass

    leases.check = check
    leases.Leases.stay = stay
    postgresql.Postgresql.cut_off = cut_off


SABOTAGES: dict[str, Callable[[], None]] = {
    "receipts": receipts,
    "lookup": lookup,
    "fencing": fencing,
}

if __name__ == "__main__":
    SABOTAGES[sys.argv.pop(1)]()
    cli.main()
