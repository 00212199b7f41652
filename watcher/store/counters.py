"""What outlives a restart beside incidents: counted calls, addresses, mails, drills, backups."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import Connection, delete, select, true, update

from watcher import model
from watcher.store import codec, tables
from watcher.store.database import Database, write_rows


class CallCounter:
    """Counts an account's calls by month, and a customer's changes by day.

    Implements ports.CallCounter and ports.UsageReader.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spend(self, account: str, month: str, budget: int) -> bool:
        """Count one call unless that would exceed the budget."""
        return await self._database.run_writing(
            lambda connection: _spend(self._database, connection, account, month, budget)
        )

    async def spend_change(self, customer: str, day: date, per_day: int) -> bool:
        """Count one change on `day` (UTC); return False when the day's are used up."""
        return await self._database.run_writing(
            lambda connection: spend_change(self._database, connection, customer, day, per_day)
        )

    async def used(self, account: str, month: str) -> int:
        """Return the month's count, 0 where there was no call."""
        calls = tables.calls
        async with self._database.read() as connection:
            count: int | None = await connection.scalar(
                select(calls.c.count).where(calls.c.account == account, calls.c.month == month)
            )
            return count or 0


def spend_change(
    database: Database, connection: Connection, customer: str, day: date, per_day: int
) -> bool:
    """Count one change in the transaction of `connection`; return False when none is left."""
    return _spend(database, connection, f"changes/{customer}", day.isoformat(), per_day)


def _spend(
    database: Database, connection: Connection, account: str, period: str, budget: int
) -> bool:
    calls = tables.calls
    row = {"account": account, "month": period}
    connection.execute(database.insert_new(calls), {**row, "count": 0})
    counted = connection.execute(
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
    """The addresses that a vendor said it does not serve. Implements ports.UnservedAddresses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last_reported(self, address: str, *, since: datetime) -> datetime | None:
        """Return the time of the row, if it is later than `since`."""
        table = tables.unserved
        async with self._database.read() as connection:
            reported_at: datetime | None = await connection.scalar(
                select(table.c.told_at).where(table.c.address == address, table.c.told_at > since)
            )
            return reported_at

    async def record(self, address: str, at: datetime, *, since: datetime) -> None:
        """Write one row, and delete those of all addresses from before `since`."""
        table = tables.unserved

        def record(connection: Connection) -> None:
            connection.execute(delete(table).where(table.c.told_at <= since))
            connection.execute(self._database.upsert(table), {"address": address, "told_at": at})

        await self._database.run_writing(record)


class MailLog:
    """Which mails of carriers have been read. Implements ports.MailLog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cursor(self, mailbox: str) -> tuple[int, int]:
        """Return the row of a mailbox."""
        table = tables.mailboxes
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(table.c.validity, table.c.uid).where(table.c.name == mailbox)
            )
            row = rows.first()
            return (row.validity, row.uid) if row else (0, 0)

    async def already_read(self, mails: Collection[str]) -> frozenset[str]:
        """Return those that have a row."""
        table = tables.mails
        async with self._database.read() as connection:
            rows = await connection.scalars(select(table.c.key).where(table.c.key.in_(mails)))
            return frozenset(rows)

    async def record(
        self,
        mailbox: str,
        cursor: tuple[int, int],
        mails: Collection[str],
        at: datetime,
        *,
        forget: datetime,
    ) -> None:
        """Write the rows, and delete those of mails from before `forget`, in one transaction."""
        validity, uid = cursor
        row = {"name": mailbox, "validity": validity, "uid": uid}

        def record(connection: Connection) -> None:
            connection.execute(delete(tables.mails).where(tables.mails.c.read_at < forget))
            connection.execute(self._database.upsert(tables.mailboxes), row)
            rows = ({"key": key, "read_at": at} for key in mails)
            write_rows(connection, self._database.upsert(tables.mails), rows)

        await self._database.run_writing(record)


class SelfCheckLog:
    """What came of the last drill and of the last backup; `Queries.self_checks` reads it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record_drill(self, result: model.DrillResult) -> None:
        """Keep this one in place of the last."""
        row = {"name": "drill", "data": codec.encode(result)}
        await self._database.run_writing(
            lambda connection: connection.execute(self._database.upsert(tables.self_checks), row)
        )

    async def record_backup(self, backup: model.Backup) -> None:
        """Keep this one in place of the last, unless that is of later."""
        table = tables.self_checks

        def record(connection: Connection) -> None:
            data = connection.scalar(select(table.c.data).where(table.c.name == "backup"))
            if data is None or codec.BACKUP.decode(data).at <= backup.at:
                row = {"name": "backup", "data": codec.encode(backup)}
                connection.execute(self._database.upsert(table), row)

        await self._database.run_writing(record)
