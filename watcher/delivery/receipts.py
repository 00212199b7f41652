"""What a receiver is given for one telling: papers to read, and receipts that are kept one by one.

Law: once the daemon ends, the act in hand is kept, and no other begins.
"""

from __future__ import annotations

from datetime import datetime

from watcher import model, ports


class ClosingError(Exception):
    """The daemon is ending: no further act is begun."""


class ClaimLostError(Exception):
    """Another daemon tells this incident now; what it keeps is not ours to overwrite."""


class Telling:
    """Keeps the receipts of one telling; `receipt` is the last one that is durable."""

    def __init__(self, accounts: ports.Accounts, debt: ports.Debt) -> None:
        self.receipt = debt.receipt
        self._accounts = accounts
        self._token = debt.token
        self._closing = False

    def close(self) -> None:
        """Let the act in hand end, its receipt included, and no other begin."""
        self._closing = True

    async def paper(self, run: str) -> ports.Paper | None:
        """Read what one diagnostics run brought."""
        return await self._accounts.paper(run)

    async def roster(self, incident: str) -> tuple[model.IncidentAlert, ...]:
        """Read all alerts of an incident."""
        return await self._accounts.roster(incident)

    async def series(
        self, subject: str, metric: str, start: datetime, end: datetime
    ) -> tuple[model.Sample, ...]:
        """Read what was measured."""
        return await self._accounts.series(subject, metric, start, end)

    async def save(self, receipt: model.Receipt) -> None:
        """Commit a receipt now."""
        if self._closing and receipt.intent:
            raise ClosingError  # before the intent is durable, so nothing has to be looked up
        try:
            await self._accounts.save_receipt(receipt, self._token)
        except model.PermanentError as error:
            raise ClaimLostError(str(error)) from error
        self.receipt = receipt
        if self._closing:
            raise ClosingError
