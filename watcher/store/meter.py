"""Counts the calls that an account has made, across restarts."""

from __future__ import annotations

from sqlalchemy import select, true, update

from watcher.store import tables
from watcher.store.database import Database


class Meter:
    """Spends the budgets of accounts."""

    _database: Database

    async def spend(self, account: str, month: str, budget: int) -> bool:
        """Count one call in `month` (YYYY-MM, UTC); False when the budget (0: none) is used up."""
        calls = tables.calls
        row = {"account": account, "month": month}
        async with self._database.write() as connection:
            await connection.execute(self._database.insert_new(calls), {**row, "count": 0})
            counted = await connection.execute(
                update(calls)
                .where(
                    calls.c.account == account,
                    calls.c.month == month,
                    true() if budget == 0 else calls.c.count < budget,
                )
                .values(count=calls.c.count + 1)
            )
            return counted.rowcount == 1

    async def calls(self, account: str, month: str) -> int:
        """Tell how many calls were counted in `month`."""
        calls = tables.calls
        async with self._database.read() as connection:
            count: int | None = await connection.scalar(
                select(calls.c.count).where(calls.c.account == account, calls.c.month == month)
            )
            return count or 0
