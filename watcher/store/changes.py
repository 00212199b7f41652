"""What jobs ask of the store for a change of bandwidth: its intent, its count, and how far it is.

Law: who does not hold the job writes nothing, and sends nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select, update

from watcher import model, ports
from watcher.store import codec, ledger, meter, tables
from watcher.store.database import Database
from watcher.store.workshop import is_held


class Changes:
    """Begins and keeps them."""

    _database: Database

    async def start_change(
        self, job: ports.Job, change: ports.Change, *, now: datetime, customer: str, per_day: int
    ) -> ports.Start:
        """Write the intent of a change down, and count it, if it may leave now.

        It may not once its incident is over, unless it takes a change back.
        """
        jobs, incidents = tables.jobs, tables.incidents
        async with self._database.write() as connection:
            held = select(jobs.c.key).where(is_held(job)).with_for_update()
            if await connection.scalar(held) is None:
                return ports.Start.LOST
            status = await connection.scalar(
                select(incidents.c.status).where(incidents.c.id == job.incident)
            )
            if not change.wanted.reverting and status == model.IncidentStatus.RESOLVED.value:
                return ports.Start.OVER
            day = now.astimezone(UTC).date()
            if not await meter.spend_change(self._database, connection, customer, day, per_day):
                return ports.Start.USED_UP
            await connection.execute(
                update(jobs).where(is_held(job)).values(data=codec.encode(change))
            )
        return ports.Start.BEGUN

    async def keep_change(
        self,
        job: ports.Job,
        change: ports.Change,
        *,
        now: datetime,
        due: datetime,
        news: model.Command | None,
    ) -> bool:
        """Keep how far a change is, hand in its news, and give the job back until `due`.

        False when the job's lease was lost to somebody else: nothing was written.
        """
        given = {"data": codec.encode(change), "due": due, "lease_until": None, "token": 0}
        async with self._database.write() as connection:
            kept = await connection.execute(update(tables.jobs).where(is_held(job)).values(**given))
            if kept.rowcount == 0:
                return False
            if news is not None:
                await connection.execute(
                    self._database.insert_new(tables.inbox),
                    ledger.inbox_row(f"{job.kind}/{job.key}/{job.token}", news, now),
                )
        return True
