"""What people ask: the command line, the board and the JSON API read, and change nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from watcher import model
from watcher.store import codec, tables
from watcher.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many incidents a receiver has not been told everything of, and since when."""

    owed: int
    oldest: datetime | None


class Queries:
    """Reads for people."""

    _database: Database

    async def incidents(
        self, *, statuses: Collection[model.IncidentStatus] | None = None, limit: int = 100
    ) -> list[model.Incident]:
        """Read the newest incidents, of all statuses where none is named."""
        table = tables.incidents
        query = select(table.c.data).order_by(table.c.opened_at.desc(), table.c.id).limit(limit)
        if statuses is not None:
            query = query.where(table.c.status.in_([status.value for status in statuses]))
        async with self._database.read() as connection:
            return list(codec.INCIDENT.decode_all(await connection.scalars(query)))

    async def incident_timeline(self, incident: str) -> list[model.Entry]:
        """Read the whole timeline of one incident, in order; empty when there is no such."""
        table = tables.entries
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(table.c.data).where(table.c.incident == incident).order_by(table.c.number)
            )
            return list(codec.ENTRY.decode_all(rows))

    async def subjects(self) -> list[model.Subject]:
        """Read every subject, by key."""
        table = tables.subjects
        async with self._database.read() as connection:
            rows = await connection.scalars(select(table.c.data).order_by(table.c.key))
            return list(codec.share_fields(codec.SUBJECT.decode_all(rows)))

    async def sources(self) -> list[model.SourceHealth]:
        """Read the health of every source, by name."""
        table = tables.sources
        async with self._database.read() as connection:
            rows = await connection.scalars(select(table.c.data).order_by(table.c.name))
            return list(codec.SOURCE.decode_all(rows))

    async def backlog(self) -> Mapping[str, Backlog]:
        """Count what is owed, by receiver; one that is owed nothing is left out."""
        table = tables.receipts
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(
                    table.c.receiver,
                    func.count().label("owed"),
                    func.min(table.c.owed_since).label("oldest"),
                )
                .where(table.c.owed)
                .group_by(table.c.receiver)
            )
            return {row.receiver: Backlog(owed=row.owed, oldest=row.oldest) for row in rows}

    async def healthy(self) -> bool:
        """Tell whether the database answers."""
        try:
            async with self._database.read() as connection:
                await connection.execute(select(tables.lease.c.token))
        except model.TemporaryError:
            return False
        return True
