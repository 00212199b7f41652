"""The journal as a replay reads it: in order, from a state that was true (docs/decisions/0003).

Law: what is read here is enough to repeat every incident; who reads it changes nothing.
"""

from __future__ import annotations

import asyncio
import base64
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, Table, delete, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from watcher import model, ports
from watcher.store import codec, tables
from watcher.store.commits import live, read_samples
from watcher.store.database import Database

CHECKPOINT = "checkpoint"
_UNREAD = ("note",)  # said beside an event: why a command was refused
_CHUNK = 1_000  # rows; between two chunks no transaction is open, so that the log file stays small


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What a replay will read: so many rows, from `start` to `end`; None: there are none."""

    rows: int
    start: datetime | None
    end: datetime | None


class Journal:
    """Reads the journal, and writes its checkpoints."""

    _database: Database

    async def extent(self, since: datetime) -> Extent:
        """Tell what `records(since)` will read."""
        journal = tables.journal
        first = await first_needed(self._database, since)
        async with self._database.read() as connection:
            row = (
                await connection.execute(
                    select(func.count(), func.min(journal.c.at), func.max(journal.c.at)).where(
                        journal.c.number >= first, journal.c.kind.not_in(_UNREAD)
                    )
                )
            ).one()
        return Extent(rows=row[0], start=row[1], end=row[2])

    async def records(self, since: datetime) -> AsyncIterator[ports.Recorded]:
        """Read from the last checkpoint at or before `since`, else from the beginning.

        Raises PermanentError for a row that this version cannot read, TemporaryError when the
        database fails.
        """
        journal = tables.journal
        after = await first_needed(self._database, since) - 1
        begun = False
        while True:
            async with self._database.read() as connection:
                rows = (
                    await connection.execute(
                        select(journal)
                        .where(journal.c.number > after, journal.c.kind.not_in(_UNREAD))
                        .order_by(journal.c.number)
                        .limit(_CHUNK)
                    )
                ).all()
            for row in rows:
                if row.kind != CHECKPOINT or not begun:  # a later one says nothing new
                    data = _unpacked(row.data) if row.kind == CHECKPOINT else row.data
                    yield ports.Recorded(at=row.at, what=codec.decode_record(row.kind, data))
                begun, after = True, row.number
            if len(rows) < _CHUNK:
                return

    async def checkpoint(
        self, now: datetime, *, reopen_within: timedelta, keep_samples: timedelta
    ) -> None:
        """Write down everything that is known, so that a replay can begin here.

        Raises TemporaryError when the database fails; then nothing is written.
        """
        lease = tables.lease
        async with self._database.write() as connection:
            # Whoever commits an event waits: it stands wholly before the checkpoint or after it.
            await connection.execute(select(lease.c.token).with_for_update())
            known = await _known(connection, now, reopen_within, now - keep_samples)
            packed = await asyncio.to_thread(_packed, known)
            await connection.execute(
                insert(tables.journal), {"at": now, "kind": CHECKPOINT, "data": packed}
            )


async def first_needed(database: Database, since: datetime) -> int:
    """Find the number of the row that a replay since then begins with."""
    journal = tables.journal
    async with database.read() as connection:
        number = await connection.scalar(
            select(func.max(journal.c.number)).where(
                journal.c.kind == CHECKPOINT, journal.c.at <= since
            )
        )
    return number or 0


async def _known(
    connection: AsyncConnection, now: datetime, reopen_within: timedelta, since: datetime
) -> dict[str, object]:
    """Gather ports.Loaded as the tables hold it, without decoding it."""
    incidents, members = tables.incidents, tables.incident_alerts
    alive = live(now - reopen_within)
    queries = {
        "subjects": select(tables.subjects.c.data),
        "sources": select(tables.sources.c.data),
        "alerts": select(tables.alerts.c.data),
        "incidents": select(incidents.c.data).where(alive),
        "incident_alerts": select(members.c.data)
        .join(incidents, incidents.c.id == members.c.incident)
        .where(alive),
        "silences": select(tables.silences.c.data).where(tables.silences.c.end > now),
    }
    known: dict[str, object] = {
        name: [msgspec.Raw(data.encode()) for data in await connection.scalars(query)]
        for name, query in queries.items()
    }
    return {**known, "samples": await read_samples(connection, tables.samples.c.at >= since)}


def _packed(known: object) -> str:
    return base64.b85encode(zlib.compress(msgspec.json.encode(known), 1)).decode()


def _unpacked(data: str) -> str:
    return zlib.decompress(base64.b85decode(data)).decode()


_PRUNE_CHUNK = 500  # rows of one transaction: a commit that waits behind it waits some milliseconds


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
            some = select(*table.primary_key).where(is_old).limit(_PRUNE_CHUNK)
            deleted = _PRUNE_CHUNK
            while deleted == _PRUNE_CHUNK:
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
            .limit(_PRUNE_CHUNK)
            .with_for_update()  # an incident before its receipts, as everybody locks them
        )
        total, found = 0, _PRUNE_CHUNK
        while found == _PRUNE_CHUNK:
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
