"""The journal of events, which a replay reads (docs/decisions/0003), and what deletes old rows.

The journal is enough to repeat every incident: a checkpoint, which is the whole state at one
moment, and each event since then.
"""

from __future__ import annotations

import base64
import functools
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Row,
    Table,
    delete,
    func,
    insert,
    select,
    tuple_,
)

from watcher import model, off_loop, ports
from watcher.store import codec, tables
from watcher.store.commits import live, read_rows
from watcher.store.database import AsyncConnection, Database
from watcher.store.queries.samples import samples_where, to_samples

CHECKPOINT = "checkpoint"
_UNREAD = ("note",)  # beside an event: why a command was refused
_BLOCK = 40_000  # bytes that are encoded at a time: a multiple of 4
_CHUNK = 1_000  # rows; between two chunks no transaction is open, so that the log file stays small


class Extent(Struct, frozen=True, kw_only=True):
    """How many rows a replay will read, and from when to when; None where there are none."""

    rows: int
    start: datetime | None
    end: datetime | None


class Journal:
    """Reads records for a replay, and writes checkpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def extent(self, since: datetime) -> Extent:
        """Return what `records(since)` will read."""
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
        """Yield records from the last checkpoint at or before `since`, else from the first.

        Raises PermanentError for a row that this version cannot read, TemporaryError when the
        database fails.
        """
        async for rows in self._rows(since):
            for row in rows:
                yield _record(row)

    async def feed(self, since: datetime, take: Callable[[ports.Recorded], None]) -> None:
        """Let `take` have each of these records, in a thread. Raises what `records` raises."""

        def take_all(rows: Iterable[Row[Any]]) -> None:
            for row in rows:
                record = _record(row)
                take(record)
                lists = (of for of in structs.astuple(record.what) if isinstance(of, tuple))
                nouns = [noun for of in lists for noun in of]
                del record, lists
                off_loop.free(nouns)

        async for rows in self._rows(since):
            await off_loop.run(functools.partial(take_all, rows))

    async def _rows(self, since: datetime) -> AsyncIterator[list[Row[Any]]]:
        """Yield their rows, some at a time, with the first checkpoint: later ones add nothing."""
        journal = tables.journal
        after = await first_needed(self._database, since) - 1
        started = False
        while True:
            query = (
                select(journal)
                .where(journal.c.number > after, journal.c.kind.not_in(_UNREAD))
                .order_by(journal.c.number)
                .limit(_CHUNK)
            )
            async with self._database.read() as connection:
                rows = (await connection.execute(query)).all()
            yield [
                row
                for number, row in enumerate(rows)
                if row.kind != CHECKPOINT or not (started or number)
            ]
            if len(rows) < _CHUNK:
                return
            started, after = True, rows[-1].number

    async def last_checkpoint(self) -> datetime | None:
        """Return the time of the newest checkpoint, else of the first record, if there is any."""
        journal = tables.journal
        async with self._database.read() as connection:
            newest: datetime | None = await connection.scalar(
                select(journal.c.at)
                .where(journal.c.kind == CHECKPOINT)
                .order_by(journal.c.number.desc())
                .limit(1)
            )
            if newest is not None:
                return newest
            first: datetime | None = await connection.scalar(
                select(journal.c.at).order_by(journal.c.number).limit(1)
            )
            return first

    async def checkpoint(
        self, now: datetime, *, reopen_within: timedelta, keep_samples: timedelta
    ) -> None:
        """Write the whole state as one record, from which a replay can start.

        Raises TemporaryError when the database fails; then nothing is written.
        """
        lease = tables.lease
        async with self._database.write() as connection:
            # Commits wait for this lock, so each is wholly before the checkpoint or after it.
            await connection.execute(select(lease.c.token).with_for_update())
            state, samples = await _read_state(connection, now, reopen_within, now - keep_samples)
            packed = await off_loop.run(lambda: _pack(state, samples))
            await connection.execute(
                insert(tables.journal), {"at": now, "kind": CHECKPOINT, "data": packed}
            )


def _record(row: Row[Any]) -> ports.Recorded:
    data = _unpack(row.data) if row.kind == CHECKPOINT else row.data
    return ports.Recorded(at=row.at, what=codec.decode_record(row.kind, data))


async def first_needed(database: Database, since: datetime) -> int:
    """Return the number of the row that a replay since then starts with."""
    journal = tables.journal
    async with database.read() as connection:
        number = await connection.scalar(
            select(func.max(journal.c.number)).where(
                journal.c.kind == CHECKPOINT, journal.c.at <= since
            )
        )
    return number or 0


async def _read_state(
    connection: AsyncConnection, now: datetime, reopen_within: timedelta, since: datetime
) -> tuple[dict[str, list[str]], list[Row[Any]]]:
    """Return the fields of ports.Loaded as the tables hold them, without decoding them."""
    incidents, members = tables.incidents, tables.incident_alerts
    is_live = live(now - reopen_within)
    queries = {
        "subjects": select(tables.subjects.c.data),
        "sources": select(tables.sources.c.data),
        "alerts": select(tables.alerts.c.data),
        "incidents": select(incidents.c.data).where(is_live),
        "incident_alerts": select(members.c.data)
        .join(incidents, incidents.c.id == members.c.incident)
        .where(is_live),
        "silences": select(tables.silences.c.data).where(tables.silences.c.end > now),
        "calendars": select(tables.calendars.c.data),
        "works": select(tables.works.c.data),
    }
    measured = samples_where(tables.samples.c.at >= since)

    def read(connection: Connection) -> tuple[dict[str, list[str]], list[Row[Any]]]:
        state = {name: read_rows(connection.scalars(query)) for name, query in queries.items()}
        return state, read_rows(connection.execute(measured))

    return await connection.run_sync(read)


def _pack(rows: dict[str, list[str]], samples: Iterable[Row[Any]]) -> str:
    """Return a state as a row of the journal, made in pieces: one call keeps Python's lock."""
    lists = {name: documents for name, documents in rows.items() if documents}
    lists["samples"] = [codec.encode(sample) for sample in to_samples(samples)]
    empty = codec.encode({name: [] for name in lists})
    chunks = {name: map(",".join, codec.in_chunks(of)) for name, of in lists.items()}
    packer = zlib.compressobj(1)
    parts = [packer.compress(f"{line}\n".encode()) for line in codec.in_lines(empty, chunks)]
    packed = b"".join((*parts, packer.flush()))
    blocks = (packed[at : at + _BLOCK] for at in range(0, len(packed), _BLOCK))
    return "".join(base64.b85encode(block).decode() for block in blocks)


def _unpack(data: str) -> str:
    length = _BLOCK // 4 * 5  # characters of a block
    blocks = (data[at : at + length] for at in range(0, len(data), length))
    packed = b"".join(map(base64.b85decode, blocks))
    return zlib.decompress(packed).decode()


_PRUNE_CHUNK = 500  # rows of one transaction, so that a commit waits only milliseconds behind it


class Retention:
    """Deletes what is older than the retention time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prune(self, before: datetime, *, samples_before: datetime | None = None) -> int:
        """Delete what is older than `before`, and return how many rows were deleted.

        That is resolved incidents with everything of theirs, reports, runs, consumed commands,
        works, the journal up to its last checkpoint before then, and samples (older than
        `samples_before` where it is given). Open incidents and unconsumed commands stay, however
        old. Raises TemporaryError when the database fails; what was deleted by then stays deleted.
        """
        total = await self._prune_incidents(before)
        old: dict[Table, ColumnElement[bool]] = {
            tables.papers: tables.papers.c.at < before,
            tables.runs: tables.runs.c.started_at < before,
            tables.silences: tables.silences.c.end < before,
            tables.works: tables.works.c.end < before,
            tables.inbox: tables.inbox.c.consumed_at < before,
            tables.journal: tables.journal.c.number < await first_needed(self._database, before),
            tables.samples: tables.samples.c.at < (samples_before or before),
        }
        for table, is_old in old.items():
            key = tuple_(*table.primary_key)
            chunk = select(*table.primary_key).where(is_old).limit(_PRUNE_CHUNK)
            deleted = _PRUNE_CHUNK
            statement = delete(table).where(key.in_(chunk))
            while deleted == _PRUNE_CHUNK:
                deleted = await self._database.run_writing(_count_executed(statement))
                total += deleted
        return total

    async def _prune_incidents(self, before: datetime) -> int:
        incidents = tables.incidents
        chunk = (
            select(incidents.c.id)
            .where(
                incidents.c.status == model.IncidentStatus.RESOLVED.value,
                incidents.c.resolved_at < before,
            )
            .limit(_PRUNE_CHUNK)
            .with_for_update()  # an incident before its receipts: the locking order of all writers
        )
        total, pruned = 0, _PRUNE_CHUNK

        def prune(connection: Connection) -> tuple[int, int]:
            ids, deleted = list(connection.scalars(chunk)), 0
            for column in (
                tables.incident_alerts.c.incident,
                tables.entries.c.incident,
                tables.receipts.c.incident,
                tables.notifications.c.incident,
                incidents.c.id,
            ):
                deleted += connection.execute(delete(column.table).where(column.in_(ids))).rowcount
            return len(ids), deleted

        while pruned == _PRUNE_CHUNK:
            pruned, deleted = await self._database.run_writing(prune)
            total += deleted
        return total


def _count_executed(statement: Delete) -> Callable[[Connection], int]:
    return lambda connection: connection.execute(statement).rowcount
