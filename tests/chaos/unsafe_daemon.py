"""`python -m tests.chaos.unsafe_daemon WHAT run ...`: the daemon without one of its safeguards.

For the tests of the checker: a checker that accepts this daemon is worth nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable

from tests.stand_ins import require_likeness
from watcher import cli, model
from watcher.receivers.slack import lookup as slack_lookup
from watcher.receivers.slack import receiver
from watcher.store import leadership, outbox
from watcher.store.dialects import postgresql


def receipts() -> None:
    """Keep no receipt before the delivery is over."""

    async def save_receipt(self, receipt, token):
        pass

    _replace(outbox.Outbox, "save_receipt", save_receipt)
    _replace(receiver.SlackReceiver, "first_intent", "")  # which comes with the claim


def lookup() -> None:
    """Repeat an act whose outcome is unknown without looking it up."""

    async def resolve_intent(session):
        pass

    _replace(slack_lookup, "resolve_intent", resolve_intent)


def fencing() -> None:
    """Let a daemon that lost its lease go on as if it led."""

    def require(connection, token, session):
        pass

    async def keep_renewing(self):
        while True:
            await asyncio.sleep(leadership.RENEW_SECONDS)  # as the real one does
            with contextlib.suppress(model.WatcherError):
                await self.renew()

    async def disconnect(self, connection, session):
        pass

    _replace(leadership, "require", require)
    _replace(leadership.Leadership, "keep_renewing", keep_renewing)
    _replace(postgresql.Postgresql, "disconnect", disconnect)


def _replace(owner: object, name: str, substitute: object) -> None:
    assert hasattr(owner, name), f"the safeguard {name} has another name by now"
    require_likeness(getattr(owner, name), substitute)
    setattr(owner, name, substitute)


REMOVALS: dict[str, Callable[[], None]] = {
    "receipts": receipts,
    "lookup": lookup,
    "fencing": fencing,
}

if __name__ == "__main__":
    REMOVALS[sys.argv.pop(1)]()
    cli.main()
