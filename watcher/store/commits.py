"""What ingest asks of the store: to load, to commit one event, to read the inbox.

Law: one transaction for each event, which first checks that its daemon still leads (law 4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from watcher import model, ports
from watcher.store import changeset, codec, leadership, tables
from watcher.store.database import Database
from watcher.store.effect_writer import EffectWriter


class CommitLog:
    """Loads, commits, and reads and fills the inbox."""

    _database: Database

    async def load(
        self, *, now: datetime, reopen_within: timedelta, keep_samples: timedelta
    ) -> ports.Loaded:
        """Read everything back that `step()` needs.

        Raises TemporaryError when the database fails, PermanentError for a row that no version
        of Watcher wrote.
        """
        incidents, alive = tables.incidents, live(now - reopen_within)
        async with self._database.read() as connection:
            return ports.Loaded(
                subjects=tuple(
                    codec.share_fields(
                        codec.SUBJECT.decode_all(await _documents(connection, tables.subjects))
                    )
                ),
                samples=await read_samples(connection, tables.samples.c.at >= now - keep_samples),
                sources=codec.SOURCE.decode_all(await _documents(connection, tables.sources)),
                alerts=codec.ALERT.decode_all(await _documents(connection, tables.alerts)),
                incidents=codec.INCIDENT.decode_all(
                    await connection.scalars(
                        select(incidents.c.data)
                        .where(alive)
                        .order_by(incidents.c.opened_at, incidents.c.id)
                    )
                ),
                incident_alerts=codec.INCIDENT_ALERT.decode_all(
                    await connection.scalars(
                        select(tables.incident_alerts.c.data)
                        .join(incidents, incidents.c.id == tables.incident_alerts.c.incident)
                        .where(alive)
                        .order_by(*tables.incident_alerts.primary_key)
                    )
                ),
                silences=codec.SILENCE.decode_all(
                    await connection.scalars(
                        select(tables.silences.c.data)
                        .where(tables.silences.c.end > now)
                        .order_by(tables.silences.c.id)
                    )
                ),
            )

    async def commit(self, token: int, commit: ports.Commit) -> None:
        """Write one event's consequences, all or nothing.

        Raises PermanentError when another daemon leads by now, and TemporaryError when the
        database fails: then it may or may not have been written, and only a new load() tells.
        """
        changes = changeset.gather(commit.effects)
        async with self._database.write() as connection:
            await leadership.check(connection, token)
            if await _is_news(connection, commit, changes):
                await connection.execute(insert(tables.journal), _journal_rows(commit))
            await EffectWriter(self._database, connection).write(changes, commit.at)
            if commit.inbox is not None:
                await connection.execute(
                    update(tables.inbox)
                    .where(tables.inbox.c.number == commit.inbox)
                    .values(consumed_at=commit.at)
                )

    async def inbox(self, limit: int = 100) -> list[ports.Envelope]:
        """Read the oldest commands that have not been consumed.

        What a newer version has put in and this one does not know is left for that version to step.
        """
        table = tables.inbox
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(table)
                .where(table.c.consumed_at.is_(None), table.c.kind.in_(codec.COMMAND_KINDS))
                .order_by(table.c.number)
                .limit(limit)
            )
            return [
                ports.Envelope(
                    number=row.number,
                    key=row.key,
                    at=row.at,
                    command=codec.decode_command(row.kind, row.data),
                )
                for row in rows
            ]

    async def submit(self, key: str, command: model.Command, at: datetime) -> bool:
        """Put a command in, once for each key; False when the key was there before."""
        async with self._database.write() as connection:
            written = await connection.execute(
                self._database.insert_new(tables.inbox), inbox_row(key, command, at)
            )
            return written.rowcount == 1

    async def consumed(self, key: str) -> bool:
        """Tell whether the command that was put in under this key has been stepped."""
        table = tables.inbox
        async with self._database.read() as connection:
            query = select(table.c.number).where(
                table.c.key == key, table.c.consumed_at.is_not(None)
            )
            return await connection.scalar(query) is not None


def live(resolved_since: datetime) -> ColumnElement[bool]:
    """Choose the incidents that are not over for good: open, just resolved, or being remedied."""
    return or_(
        tables.incidents.c.remedying,
        tables.incidents.c.status != model.IncidentStatus.RESOLVED.value,
        tables.incidents.c.resolved_at >= resolved_since,
    )


async def read_samples(
    connection: AsyncConnection, *wanted: ColumnElement[bool]
) -> tuple[model.Sample, ...]:
    """Read samples, each series in its order."""
    samples = tables.samples
    rows = await connection.execute(
        select(samples)
        .where(*wanted)
        .order_by(samples.c.subject, samples.c.metric, samples.c.direction, samples.c.at)
    )
    return tuple(
        model.Sample(
            subject=row.subject,
            metric=row.metric,
            direction=row.direction,
            at=row.at,
            value=row.value,
        )
        for row in rows
    )


def inbox_row(key: str, command: model.Command, at: datetime) -> dict[str, Any]:
    """Write a command as its row of the inbox."""
    return {
        "key": key,
        "at": at,
        "kind": codec.kind_of(command),
        "data": codec.encode(command),
    }


async def _documents(connection: AsyncConnection, table: Table) -> Iterable[str]:
    return await connection.scalars(select(table.c.data).order_by(*table.primary_key))


async def _is_news(
    connection: AsyncConnection, commit: ports.Commit, changes: changeset.Changeset
) -> bool:
    """Tell whether a replay could miss this event: a poll that changed nothing it cannot."""
    if isinstance(commit.event, model.HistoryRead) and changes.only_subjects:
        return bool(commit.event.alarms)  # that there was nothing decides nothing later either
    if (
        not changes.only_health
        or commit.note
        or commit.matters
        or not isinstance(commit.event, model.Polled | model.PollFailed | model.Ticked)
    ):
        return True
    for health in changes.sources.values():
        stored = await connection.scalar(
            select(tables.sources.c.data).where(tables.sources.c.name == health.source)
        )
        if stored is None:
            return True
        before = codec.SOURCE.decode(stored)
        if replace(health, last_success=before.last_success) != before:
            return True
    return False


def _journal_rows(commit: ports.Commit) -> list[dict[str, Any]]:
    """Write an event, and why it was refused, as rows of the journal."""
    said: list[tuple[str, object]] = [(codec.kind_of(commit.event), commit.event)]
    if commit.note:
        said.append(("note", commit.note))
    return [{"at": commit.at, "kind": kind, "data": codec.encode(data)} for kind, data in said]
