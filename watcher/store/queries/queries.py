"""What people and receivers read: incidents, subjects, health, the backlog. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, func, select

from watcher import model, ports
from watcher.clock import Clock
from watcher.store import codec, tables
from watcher.store.database import Database
from watcher.store.queries.samples import read_samples
from watcher.store.queries.views import read_views

_IS_ANNOUNCEMENT = (tables.incidents.c.rule == model.ANNOUNCEMENT) & (
    tables.incidents.c.source == model.WORKS
)
# Built once, because building them takes longer than running them.
_ALL_INCIDENTS = (
    select(tables.incidents.c.data)
    .order_by(tables.incidents.c.opened_at.desc(), tables.incidents.c.id)
    .limit(bindparam("most"))
)
_INCIDENTS = _ALL_INCIDENTS.where(~_IS_ANNOUNCEMENT)
_IN_STATUS = {
    query: query.where(tables.incidents.c.status.in_(bindparam("statuses", expanding=True)))
    for query in (_ALL_INCIDENTS, _INCIDENTS)
}
_ALERT = tables.incident_alerts.c
_ALL_ALERTS = (
    select(_ALERT.data)
    .where(_ALERT.incident == bindparam("incident"))
    .order_by(_ALERT.subject, _ALERT.rule)
)


class Queries:
    """Reads what is stored. Implements ports.IncidentReader and ports.StatusReader."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def incidents(
        self,
        *,
        statuses: Collection[model.IncidentStatus] | None = None,
        limit: int = 100,
        announcements: bool = False,
    ) -> list[model.Incident]:
        """Return the newest incidents first."""
        query = _ALL_INCIDENTS if announcements else _INCIDENTS
        asked: dict[str, object] = {"most": limit}
        if statuses is not None:
            query = _IN_STATUS[query]
            asked["statuses"] = [status.value for status in statuses]

        def read(connection: Connection) -> Sequence[str]:
            return connection.scalars(query, asked).all()

        return list(codec.INCIDENT.decode_all(await self._database.run_reading(read)))

    async def incident_ids(self, prefix: str, *, limit: int = 10) -> list[str]:
        """Return the ids that begin so, in their order."""
        column = tables.incidents.c.id
        query = select(column).where(column.startswith(prefix, autoescape=True))
        async with self._database.read() as connection:
            return list(await connection.scalars(query.order_by(column).limit(limit)))

    async def incident_view(self, incident: str) -> model.IncidentView | None:
        """Return at most 100 alerts, firing ones first; `alert_counts` counts all, by state."""
        views = await self.incident_views([incident])
        return views[0] if views else None

    async def incident_views(self, incidents: Sequence[str]) -> list[model.IncidentView]:
        """Return those that exist, in the order asked for, by as many statements as for one."""
        return await self._database.run_reading(
            lambda connection: read_views(connection, incidents)
        )

    async def versions(self, incidents: Sequence[str]) -> Mapping[str, int]:
        """Return the version of each that exists."""
        table = tables.incidents
        query = select(table.c.id, table.c.version).where(table.c.id.in_(incidents))
        async with self._database.read() as connection:
            return {row.id: row.version for row in await connection.execute(query)}

    async def report_files(self, run: str) -> ports.ReportFiles | None:
        """Return the files of one run; None when they were never kept, or are pruned."""
        table = tables.papers
        async with self._database.read() as connection:
            row = (await connection.execute(select(table).where(table.c.run == run))).first()
            if row is None:
                return None
            return ports.ReportFiles(run=row.run, pdf=row.pdf, preview=row.preview, raw=row.raw)

    async def all_alerts(self, incident: str) -> tuple[model.IncidentAlert, ...]:
        """Return all of them, by subject and rule."""

        def read(connection: Connection) -> tuple[model.IncidentAlert, ...]:
            rows = connection.scalars(_ALL_ALERTS, {"incident": incident})
            return codec.INCIDENT_ALERT.decode_all(rows)

        return await self._database.run_reading(read)

    async def series(
        self, subject: str, metric: str, start: datetime, end: datetime
    ) -> tuple[model.Sample, ...]:
        """Return what was measured, ordered by direction and time."""
        samples = tables.samples.c
        async with self._database.read() as connection:
            return await read_samples(
                connection,
                samples.subject == subject,
                samples.metric == metric,
                samples.at.between(start, end),
            )

    async def resolved(self, *, since: datetime, limit: int = 100) -> list[model.Incident]:
        """Return them by the time of their resolution, the newest first."""
        table = tables.incidents
        query = (
            select(table.c.data)
            .where(
                table.c.status == model.IncidentStatus.RESOLVED.value,
                table.c.resolved_at >= since,
                ~_IS_ANNOUNCEMENT,
            )
            .order_by(table.c.resolved_at.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            return list(codec.INCIDENT.decode_all(await connection.scalars(query)))

    async def incidents_of(self, subject: str, *, limit: int = 100) -> list[model.Incident]:
        """Return incidents with an alert on the subject, the newest first."""
        table, alerts = tables.incidents, tables.incident_alerts
        query = (
            select(table.c.data)
            .where(table.c.id.in_(select(alerts.c.incident).where(alerts.c.subject == subject)))
            .order_by(table.c.opened_at.desc(), table.c.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return list(codec.INCIDENT.decode_all(await connection.scalars(query)))

    async def ticketed(self, since: datetime) -> list[tuple[str, model.Incident]]:
        """Return subjects with the incidents since then that the carrier has a ticket about."""
        table, alerts = tables.incidents, tables.incident_alerts
        query = (
            select(alerts.c.subject, table.c.opened_at, table.c.id, table.c.data)
            .join(table, table.c.id == alerts.c.incident)
            .where(
                (table.c.resolved_at >= since) | table.c.resolved_at.is_(None),
                table.c.data.like('%"ticket":{%'),
            )
            .order_by(table.c.opened_at, table.c.id, alerts.c.subject)
            .distinct()
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [(row.subject, codec.INCIDENT.decode(row.data)) for row in rows]

    async def receipts(self, incident: str) -> list[model.Receipt]:
        """Return the receipts of one incident, by receiver."""
        table = tables.receipts
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(table.c.data).where(table.c.incident == incident).order_by(table.c.receiver)
            )
            return list(codec.RECEIPT.decode_all(rows))

    async def receipts_of(self, incidents: Sequence[str]) -> list[model.Receipt]:
        """Return the receipts of several incidents, by incident and receiver."""
        table = tables.receipts
        query = select(table.c.data).where(table.c.incident.in_(incidents))
        async with self._database.read() as connection:
            rows = await connection.scalars(query.order_by(table.c.incident, table.c.receiver))
            return list(codec.RECEIPT.decode_all(rows))

    async def subject(self, key: str) -> model.Subject | None:
        """Return the subject, or None."""
        table = tables.subjects
        async with self._database.read() as connection:
            data = await connection.scalar(select(table.c.data).where(table.c.key == key))
            return None if data is None else codec.SUBJECT.decode(data)

    async def alerts(self, subject: str) -> list[model.Alert]:
        """Return the alerts on one subject, by rule."""
        table = tables.alerts
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(table.c.data).where(table.c.subject == subject).order_by(table.c.rule)
            )
            return list(codec.ALERT.decode_all(rows))

    async def subjects(
        self, *, source: str = "", after: str = "", limit: int = 100
    ) -> list[model.Subject]:
        """Return a page of subjects, ordered by key."""
        table = tables.subjects
        query = select(table.c.data).where(table.c.key > after).order_by(table.c.key).limit(limit)
        if source:
            query = query.where(table.c.source == source)
        return await self._database.run_reading(
            lambda connection: list(codec.SUBJECT.decode_all(connection.scalars(query)))
        )

    async def sources(self) -> list[model.SourceHealth]:
        """Return the health of each source, by name."""
        table = tables.sources
        async with self._database.read() as connection:
            rows = await connection.scalars(select(table.c.data).order_by(table.c.name))
            return list(codec.SOURCE.decode_all(rows))

    async def calendars(self) -> list[model.Calendar]:
        """Return the calendars of rotas as they were last read."""
        table = tables.calendars
        async with self._database.read() as connection:
            rows = await connection.scalars(select(table.c.data).order_by(table.c.rota))
            return [codec.CALENDAR.decode(data) for data in rows]

    async def works(self) -> list[model.Work]:
        """Return the planned works that are kept, also those that are over, by their key."""
        table = tables.works
        async with self._database.read() as connection:
            rows = await connection.scalars(select(table.c.data).order_by(table.c.key))
            return [codec.WORK.decode(data) for data in rows]

    async def silences(self, now: datetime) -> list[model.Silence]:
        """Return the silences that are not over, the next to end first."""
        table = tables.silences
        async with self._database.read() as connection:
            rows = await connection.scalars(
                select(table.c.data).where(table.c.end > now).order_by(table.c.end, table.c.id)
            )
            return list(codec.SILENCE.decode_all(rows))

    async def counts(self) -> Mapping[model.IncidentStatus, int]:
        """Return the number of incidents by status; a status without one is left out."""
        table = tables.incidents
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(table.c.status, func.count().label("incidents"))
                .where(table.c.status != model.IncidentStatus.RESOLVED.value, ~_IS_ANNOUNCEMENT)
                .group_by(table.c.status)
            )
            return {model.IncidentStatus(row.status): row.incidents for row in rows}

    async def backlog(self) -> Mapping[str, ports.Backlog]:
        """Return the pending deliveries by receiver; a receiver without one is left out."""
        table = tables.receipts
        pending = (
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
            backlogs = {}
            for row in await connection.execute(pending):
                backlog = ports.Backlog(owed=row.owed, oldest=row.oldest)
                if row.failures:
                    oldest = failed.where(table.c.receiver == row.receiver)
                    receipt = codec.RECEIPT.decode((await connection.scalars(oldest)).one())
                    backlog = replace(
                        backlog, failing_since=receipt.failing_since, error=receipt.error
                    )
                backlogs[row.receiver] = backlog
            return backlogs

    async def self_checks(self) -> model.SelfChecks:
        """Return the last drill and the last backup that were recorded."""
        table = tables.self_checks
        async with self._database.read() as connection:
            rows = await connection.execute(select(table.c.name, table.c.data))
            kept = {row.name: row.data for row in rows}
        return model.SelfChecks(
            drill=codec.DRILL.decode(kept["drill"]) if "drill" in kept else None,
            backup=codec.BACKUP.decode(kept["backup"]) if "backup" in kept else None,
        )

    async def daemons(self) -> list[ports.Daemon]:
        """Return the daemons that have renewed in time, the leader first."""
        daemons, lease = tables.daemons, tables.lease
        async with self._database.read() as connection:
            leader = await connection.scalar(
                select(lease.c.session).where(lease.c.name == tables.INGEST)
            )
            rows = await connection.execute(
                select(daemons)
                .where(daemons.c.until > self._database.dialect.moment(self._clock.now()))
                .order_by(daemons.c.session != leader, daemons.c.instance, daemons.c.since)
            )
            return [
                ports.Daemon(instance=row.instance, since=row.since, leads=row.session == leader)
                for row in rows
            ]
