"""Which daemons are there, and who leads: the one that steps and writes the timeline.

Law: each `lead` grows the fencing token, and a commit under an older one is refused. The lease
lasts for as long as its holder is there; who has not said so for LEASE, on the database's clock,
is given up: its connections end, its claims are free, and another may lead.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from watcher import model, ports
from watcher.clock import Clock
from watcher.store import tables
from watcher.store.database import Database

LEASE = timedelta(seconds=6)
BEAT_SECONDS = 2.0  # how often a daemon says that it is there
_FOR_EVER = timedelta(days=36_500)
_INGEST = "ingest"


class Leadership:
    """Joins, beats, and takes the ingest lease."""

    _database: Database
    _clock: Clock
    _joined = False

    @property
    def shared(self) -> bool:
        """Whether other daemons may use the database at the same time; then `beat` is due."""
        return self._database.dialect.shared

    async def lead(self, owner: str) -> int | None:
        """Become the one daemon that steps, and get the fencing token for its commits.

        None while another one leads. The first call also makes this daemon known as `owner`; from
        then on `beat` is due. Raises PermanentError where the database is for one daemon and
        another has it, and when this one was given up.
        """
        alone = self._database.dialect.hold(owner)
        lease = tables.lease
        async with self._database.write() as connection:
            if not self._joined:
                await self._join(connection, owner)
            if alone:
                await self._give_up_others(connection)
            # Before who is present: a holder that is seen here has joined, so it is seen there.
            held = (await connection.execute(select(lease).where(lease.c.name == _INGEST))).first()
            await self._bury(connection)
            present = set(await connection.scalars(select(tables.daemons.c.session)))
            if self._joined and self._database.session not in present:
                raise _given_up()
            self._joined = True
            if held is None:
                await connection.execute(
                    self._database.insert_new(lease),
                    {"name": _INGEST, "owner": "", "token": 0, "taken_at": self._clock.now()},
                )
            elif held.session in present - {self._database.session}:
                return None
            # Who read the same token and was faster has changed it.
            token: int | None = await connection.scalar(
                update(lease)
                .where(lease.c.name == _INGEST, lease.c.token == (held.token if held else 0))
                .values(
                    owner=owner,
                    session=self._database.session,
                    token=lease.c.token + 1,
                    taken_at=self._clock.now(),
                )
                .returning(lease.c.token)
            )
            return token

    async def beat(self) -> None:
        """Say that this daemon is there, every BEAT_SECONDS where the database is shared.

        Raises PermanentError when it was given up: it must end and start anew.
        """
        daemons = tables.daemons
        async with self._database.write() as connection:
            kept = await connection.execute(
                update(daemons)
                .where(daemons.c.session == self._database.session)
                .values(until=self._until())
            )
            if kept.rowcount == 0:
                raise _given_up()
        async with self._database.write() as connection:
            await self._bury(connection)

    async def stay(self) -> None:
        """Beat for ever, where the database is shared. Raises as `beat` does, or TemporaryError."""
        patience = LEASE.total_seconds() - BEAT_SECONDS
        while self.shared:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                async with asyncio.timeout(patience):
                    await self.beat()
            except TimeoutError as error:
                raise model.TemporaryError(
                    f"database {self._database.name} has not answered for {patience:g} s: another"
                    " daemon may lead by now, and this one has to start anew"
                ) from error

    async def leave(self) -> None:
        """Go, so that another may lead at once; a daemon that never came just goes."""
        if self._joined:
            async with self._database.write() as connection:
                await connection.execute(
                    delete(tables.daemons).where(tables.daemons.c.session == self._database.session)
                )
                await _free_claims(connection)

    async def daemons(self) -> list[ports.Daemon]:
        """Read who is there, the one that leads first."""
        daemons, lease = tables.daemons, tables.lease
        async with self._database.read() as connection:
            leader = await connection.scalar(select(lease.c.session).where(lease.c.name == _INGEST))
            rows = await connection.execute(
                select(daemons)
                .where(daemons.c.until > self._database.dialect.moment(self._clock.now()))
                .order_by(daemons.c.session != leader, daemons.c.instance, daemons.c.since)
            )
            return [
                ports.Daemon(instance=row.instance, since=row.since, leads=row.session == leader)
                for row in rows
            ]

    async def _join(self, connection: AsyncConnection, instance: str) -> None:
        await connection.execute(
            insert(tables.daemons).values(
                session=self._database.session,
                instance=instance,
                since=self._clock.now(),
                until=self._until(),
            )
        )

    async def _give_up_others(self, connection: AsyncConnection) -> None:
        """Where only one daemon can be, the others that are written down are no more."""
        daemons = tables.daemons
        await connection.execute(
            update(daemons)
            .where(daemons.c.session != self._database.session)
            .values(until=tables.EPOCH)
        )

    async def _bury(self, connection: AsyncConnection) -> None:
        """Give up who has not been heard of, and free what it had claimed."""
        daemons, dialect = tables.daemons, self._database.dialect
        silent = daemons.c.until <= dialect.moment(self._clock.now())
        for session in (await connection.scalars(select(daemons.c.session).where(silent))).all():
            await dialect.cut_off(connection, session)  # before anything here waits for its locks
        gone = await connection.execute(delete(daemons).where(silent))
        if gone.rowcount:
            await _free_claims(connection)

    def _until(self) -> ColumnElement[datetime]:
        ahead = LEASE if self.shared else _FOR_EVER
        return self._database.dialect.moment(self._clock.now(), ahead)


def _given_up() -> model.PermanentError:
    return model.PermanentError(
        f"this daemon was not heard of for {LEASE.total_seconds():g} s and was given up: another"
        " one leads by now, and this one has to start anew"
    )


async def _free_claims(connection: AsyncConnection) -> None:
    """Give back what daemons that are gone had claimed, so that nothing waits for its leases."""
    present = select(tables.daemons.c.session)
    jobs, runs = tables.jobs, tables.runs
    for table in (tables.receipts, jobs):
        await connection.execute(
            update(table)
            .where(
                table.c.lease_until.is_not(None),
                or_(table.c.holder.is_(None), table.c.holder.not_in(present)),
            )
            .values(lease_until=None)
        )
    held = select(jobs.c.key).where(jobs.c.kind == "diagnose", jobs.c.lease_until.is_not(None))
    await connection.execute(
        update(runs)
        .where(runs.c.lease_until.is_not(None), runs.c.run.not_in(held))
        .values(lease_until=None)
    )


async def check(connection: AsyncConnection, token: int) -> None:
    """See that `token` still leads, and keep it so until this transaction ends.

    Raises PermanentError when it does not.
    """
    lease = tables.lease
    holder = (
        await connection.execute(
            select(lease.c.token, lease.c.owner)
            .where(lease.c.name == _INGEST)
            .with_for_update(read=True)
        )
    ).first()
    if holder is None or holder.token != token:
        raise model.PermanentError(
            f"another daemon leads ({'nobody yet' if holder is None else holder.owner}): this one"
            " must not write any more and has to start anew"
        )
