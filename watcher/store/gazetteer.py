"""Remembers which addresses a vendor does not serve."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from watcher.store import tables
from watcher.store.database import Database


class Gazetteer:
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
