"""What people ask: the command line, the board and the JSON API read, and change nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select

from watcher import model, ports
from watcher.store import codec, tables
from watcher.store.database import Database


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

    async def resolved(self, *, since: datetime, limit: int = 100) -> list[model.Incident]:
        """Read incidents that were resolved since then, the last one first."""
        table = tables.incidents
        query = (
            select(table.c.data)
            .where(
                table.c.status == model.IncidentStatus.RESOLVED.value, table.c.resolved_at >= since
            )
            .order_by(table.c.resolved_at.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            return list(codec.INCIDENT.decode_all(await connection.scalars(query)))

    async def incidents_of(self, subject: str, *, limit: int = 100) -> list[model.Incident]:
        """Read the incidents that one subject had an alert in, newest first."""
        table, alerts = tables.incidents, tables.incident_alerts
        query = (
            select(table.c.data)
            .where(table.c.id.in_(select(alerts.c.incident).where(alerts.c.subject == subject)))
            .order_by(table.c.opened_at.desc(), table.c.id)
            .limit(limit)
        )
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

    async def receipts(self, incident: str) -> list[model.Receipt]:
        """Read what each receiver has been told of one incident, by receiver."""
        table = tables.receipts
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(table.c.data).where(table.c.incident == incident).order_by(table.c.receiver)
            )
            return list(codec.RECEIPT.decode_all(rows))

    async def subject(self, key: str) -> model.Subject | None:
        """Read one subject; None when there is no such."""
        table = tables.subjects
        async with self._database.read() as connection:
            data = await connection.scalar(select(table.c.data).where(table.c.key == key))
            return None if data is None else codec.SUBJECT.decode(data)

    async def alerts(self, subject: str) -> list[model.Alert]:
        """Read every alert on one subject, by rule."""
        table = tables.alerts
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(table.c.data).where(table.c.subject == subject).order_by(table.c.rule)
            )
            return list(codec.ALERT.decode_all(rows))

    async def subjects(
        self, *, source: str = "", after: str = "", limit: int = 100
    ) -> list[model.Subject]:
        """Read subjects by key, those that come after a key, of one source if it is named."""
        table = tables.subjects
        query = select(table.c.data).where(table.c.key > after).order_by(table.c.key).limit(limit)
        if source:
            query = query.where(table.c.source == source)
        async with self._database.read() as connection:
            return list(codec.SUBJECT.decode_all(await connection.scalars(query)))

    async def sources(self) -> list[model.SourceHealth]:
        """Read the health of every source, by name."""
        table = tables.sources
        async with self._database.read() as connection:
            rows = await connection.scalars(select(table.c.data).order_by(table.c.name))
            return list(codec.SOURCE.decode_all(rows))

    async def silences(self, now: datetime) -> list[model.Silence]:
        """Read the silences that are not over, the next to end first."""
        table = tables.silences
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(table.c.data).where(table.c.end > now).order_by(table.c.end, table.c.id)
            )
            return list(codec.SILENCE.decode_all(rows))

    async def counts(self) -> Mapping[model.IncidentStatus, int]:
        """Count the incidents that are not over, by status; one of no incident is left out."""
        table = tables.incidents
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(table.c.status, func.count().label("incidents"))
                .where(table.c.status != model.IncidentStatus.RESOLVED.value)
                .group_by(table.c.status)
            )
            return {model.IncidentStatus(row.status): row.incidents for row in rows}

    async def backlog(self) -> Mapping[str, ports.Backlog]:
        """Count what is owed, by receiver; one that is owed nothing is left out."""
        table = tables.receipts
        owed = (
            select(
                table.c.receiver,
                func.count().label("owed"),
                func.min(table.c.owed_since).label("oldest"),
                func.max(table.c.failures).label("failures"),
            )
            .where(table.c.owed)
            .group_by(table.c.receiver)
        )
        failed = (
            select(table.c.data)
            .where(table.c.owed, table.c.failures > 0)
            .order_by(table.c.owed_since, table.c.incident)
            .limit(1)
        )
        async with self._database.read() as connection:
            found = {}
            for row in await connection.execute(owed):
                backlog = ports.Backlog(owed=row.owed, oldest=row.oldest)
                if row.failures:
                    oldest = failed.where(table.c.receiver == row.receiver)
                    receipt = codec.RECEIPT.decode((await connection.scalars(oldest)).one())
                    backlog = replace(
                        backlog, failing_since=receipt.failing_since, error=receipt.error
                    )
                found[row.receiver] = backlog
            return found

    async def healthy(self) -> bool:
        """Tell whether the database answers."""
        try:
            async with self._database.read() as connection:
                await connection.execute(select(tables.lease.c.token))
        except model.TemporaryError:
            return False
        return True
