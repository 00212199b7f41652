"""Forgets what nobody will ask for any more, a little at a time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Table, delete, select, tuple_

from watcher import model
from watcher.store import tables
from watcher.store.database import Database
from watcher.store.journal import first_needed

_CHUNK = 500  # rows of one transaction: a commit that waits behind it waits some milliseconds


class Retention:
    """Prunes."""

    _database: Database

    async def prune(self, before: datetime, *, samples_before: datetime | None = None) -> int:
        """Delete what is older than `before`, and say how many rows that were.

        It takes resolved incidents with all that belongs to them, reports, runs, consumed
        commands, the journal up to its last checkpoint before then, and samples (those older than
        `samples_before` where it is given).
        Open incidents and unconsumed commands stay, however old. Raises TemporaryError when the
        database fails; what was deleted until then stays deleted.
        """
        total = await self._prune_incidents(before)
        old: dict[Table, ColumnElement[bool]] = {
            tables.papers: tables.papers.c.at < before,
            tables.runs: tables.runs.c.started_at < before,
            tables.silences: tables.silences.c.end < before,
            tables.inbox: tables.inbox.c.consumed_at < before,
            tables.journal: tables.journal.c.number < await first_needed(self._database, before),
            tables.samples: tables.samples.c.at < (samples_before or before),
        }
        for table, is_old in old.items():
            key = tuple_(*table.primary_key)
            some = select(*table.primary_key).where(is_old).limit(_CHUNK)
            deleted = _CHUNK
            while deleted == _CHUNK:
                async with self._database.write() as connection:
                    result = await connection.execute(delete(table).where(key.in_(some)))
                    deleted = result.rowcount
                total += deleted
        return total

    async def _prune_incidents(self, before: datetime) -> int:
        incidents = tables.incidents
        some = (
            select(incidents.c.id)
            .where(
                incidents.c.status == model.IncidentStatus.RESOLVED.value,
                incidents.c.resolved_at < before,
            )
            .limit(_CHUNK)
            .with_for_update()  # an incident before its receipts, as everybody locks them
        )
        total, found = 0, _CHUNK
        while found == _CHUNK:
            async with self._database.write() as connection:
                ids = list(await connection.scalars(some))
                found = len(ids)
                for column in (
                    tables.incident_alerts.c.incident,
                    tables.entries.c.incident,
                    tables.receipts.c.incident,
                    incidents.c.id,
                ):
                    result = await connection.execute(delete(column.table).where(column.in_(ids)))
                    total += result.rowcount
        return total
