"""How a script asks a vendor without the daemon: an account, open for as long as it is needed.

    async with alone.account(settings.MpaAccount(kind="mpa", key_id="K", secret="S")) as account:
        ...

Each client's own file goes on from there. Only the daemon's store keeps a budget of calls, so
nothing is counted here; every other limit holds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from watcher.clock import SystemClock
from watcher.vendors import http, settings, wire


class Uncounted:
    """A meter that always says yes: a try by hand is not held back by the month's budget."""

    async def spend(self, account: str, month: str, budget: int) -> bool:  # noqa: ARG002  # the port
        """Let it leave."""
        return True


@asynccontextmanager
async def account(keys: settings.Account) -> AsyncIterator[http.Account]:
    """Open one account; `alone` is its name in errors."""
    async with wire.open_session() as session:
        yield http.Account("alone", keys, session, SystemClock(), Uncounted())
