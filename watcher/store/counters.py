"""Counts the calls that an account has made, and a customer's changes, across restarts."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import delete, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from watcher.store import tables
from watcher.store.database import Database


class CallCounter:
    """Spends the budgets of accounts."""

    _database: Database

    async def spend(self, account: str, month: str, budget: int) -> bool:
        """Count one call in `month` (YYYY-MM, UTC); False when the budget (0: none) is used up."""
        async with self._database.write() as connection:
            return await _spend(self._database, connection, account, month, budget)

    async def spend_change(self, customer: str, day: date, per_day: int) -> bool:
        """Count one change on `day` (UTC); False when the day's are used up."""
        async with self._database.write() as connection:
            return await spend_change(self._database, connection, customer, day, per_day)

    async def calls(self, account: str, month: str) -> int:
        """Tell how many calls were counted in `month`."""
        calls = tables.calls
        async with self._database.read() as connection:
            count: int | None = await connection.scalar(
                select(calls.c.count).where(calls.c.account == account, calls.c.month == month)
            )
            return count or 0


async def spend_change(
    database: Database, connection: AsyncConnection, customer: str, day: date, per_day: int
) -> bool:
    """Count one change of a customer in a transaction; False when the day's are used up."""
    return await _spend(database, connection, f"changes/{customer}", day.isoformat(), per_day)


async def _spend(
    database: Database, connection: AsyncConnection, account: str, period: str, budget: int
) -> bool:
    calls = tables.calls
    row = {"account": account, "month": period}
    await connection.execute(database.insert_new(calls), {**row, "count": 0})
    counted = await connection.execute(
        update(calls)
        .where(
            calls.c.account == account,
            calls.c.month == period,
            true() if budget == 0 else calls.c.count < budget,
        )
        .values(count=calls.c.count + 1)
    )
    return counted.rowcount == 1


class UnservedAddresses:
    """Keeps what was told of addresses."""

    _database: Database

    async def unserved(self, address: str, *, since: datetime) -> datetime | None:
        """Tell when the vendor said so, unless it never did `since` then."""
        table = tables.unserved
        async with self._database.read() as connection:
            told_at: datetime | None = await connection.scalar(
                select(table.c.told_at).where(table.c.address == address, table.c.told_at > since)
            )
            return told_at

    async def keep_unserved(self, address: str, at: datetime, *, since: datetime) -> None:
        """Keep that the vendor said so; what it said before `since` is forgotten."""
        table = tables.unserved
        async with self._database.write() as connection:
            await connection.execute(delete(table).where(table.c.told_at <= since))
            await connection.execute(
                self._database.upsert(table), {"address": address, "told_at": at}
            )
