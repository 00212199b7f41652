"""Which daemons use the database, and which one leads: steps events and writes the timeline.

Law: each `acquire` raises the fencing token, and a commit under another token or of another session
is refused: after a failover that lost the commit of a lease, the row names who leads
(docs/decisions/0029). A leader leads for as long as it renews its presence. A daemon that has not
done so for LEASE, on the database's clock, is evicted: its connections are closed, its claims are
freed, and another one may lead.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, or_, select, update

from watcher import model
from watcher.clock import Clock
from watcher.store import tables
from watcher.store.database import AsyncConnection, Database
from watcher.store.idle import IdleLooks

LEASE = timedelta(seconds=6)
RENEW_SECONDS = 2.0  # how often a daemon renews its presence
_FOREVER = timedelta(days=36_500)
INGEST = "ingest"  # the lease of the one that leads
_LEASE = ("lease", INGEST)  # as what a standby looks for
_HOLDER = (
    select(tables.lease.c.token, tables.lease.c.session, tables.lease.c.owner)
    .where(tables.lease.c.name == INGEST)
    .with_for_update(read=True)
)  # built once: each commit asks


class Leadership:
    """This daemon's presence, and the lease of the leader."""

    def __init__(self, database: Database, clock: Clock, looks: IdleLooks) -> None:
        self._database = database
        self._clock = clock
        self._looks = looks
        self._joined = False

    @property
    def shared(self) -> bool:
        """Whether other daemons may use the database at the same time; then `renew` is due."""
        return self._database.dialect.shared

    async def acquire(self, owner: str) -> int | None:
        """Become the leader, and return the fencing token for its commits.

        None while another daemon leads. The first call registers this daemon as `owner`; from then
        on `renew` is due. Raises PermanentError where the database is for one daemon and another
        has it, and when this one was evicted.
        """
        if await self._looks.spare(_LEASE):
            return None
        exclusive = self._database.dialect.lock(owner)
        lease, writes = tables.lease, self._database.writes
        async with self._database.write(claims=True) as connection:
            if not self._joined:
                await self._join(connection, owner)
            if exclusive:
                await self._expire_others(connection)
            # Read before the daemons: a holder that is seen here has joined, so it is seen there.
            held = (await connection.execute(select(lease).where(lease.c.name == INGEST))).first()
            await self._evict_expired(connection)
            present = set(await connection.scalars(select(tables.daemons.c.session)))
            if self._joined and self._database.session not in present:
                raise _evicted()
            self._joined = True
            if held is None:
                await connection.execute(
                    self._database.insert_new(lease),
                    {"name": INGEST, "owner": "", "token": 0, "taken_at": self._clock.now()},
                )
            elif held.session in present - {self._database.session}:
                self._looks.found_nothing(_LEASE, writes=writes, may_be=self._may_be_free)
                return None
            # Another daemon that read the same token and was faster has changed it.
            token: int | None = await connection.scalar(
                update(lease)
                .where(lease.c.name == INGEST, lease.c.token == (held.token if held else 0))
                .values(
                    owner=owner,
                    session=self._database.session,
                    token=self._database.dialect.next_token(lease.c.token),
                    taken_at=self._clock.now(),
                )
                .returning(lease.c.token)
            )
            return token

    async def renew(self) -> None:
        """Renew this daemon's presence, due every RENEW_SECONDS where the database is shared.

        Raises PermanentError when it was evicted: it must end and start again.
        """
        daemons = tables.daemons
        async with self._database.write(claims=True) as connection:
            renewed = await connection.execute(
                update(daemons)
                .where(daemons.c.session == self._database.session)
                .values(until=self._until())
            )
            if renewed.rowcount == 0:
                raise _evicted()
            expired = await connection.scalar(select(func.count()).where(self._has_expired()))
        if expired:  # once it is renewed: an eviction may wait for locks
            async with self._database.write() as connection:
                await self._evict_expired(connection)

    async def keep_renewing(self) -> None:
        """Renew until cancelled, where the database is shared.

        Raises what `renew` raises, and TemporaryError when the database does not answer in time.
        """
        patience = LEASE.total_seconds() - RENEW_SECONDS
        while self.shared:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                async with asyncio.timeout(patience):
                    await self.renew()
            except TimeoutError as error:
                raise model.TemporaryError(
                    f"database {self._database.name} has not answered for {patience:g} s: another"
                    " daemon may lead by now, and this one must restart"
                ) from error

    async def leave(self) -> None:
        """End this daemon's presence, so that another one may lead at once."""
        if self._joined:
            async with self._database.write() as connection:
                await connection.execute(
                    delete(tables.daemons).where(tables.daemons.c.session == self._database.session)
                )
                await _free_claims(connection)

    async def _join(self, connection: AsyncConnection, instance: str) -> None:
        await connection.execute(
            insert(tables.daemons).values(
                session=self._database.session,
                instance=instance,
                since=self._clock.now(),
                until=self._until(),
            )
        )

    async def _expire_others(self, connection: AsyncConnection) -> None:
        """Expire all other daemons; this one holds the file's lock, so it is alone."""
        daemons = tables.daemons
        await connection.execute(
            update(daemons)
            .where(daemons.c.session != self._database.session)
            .values(until=tables.EPOCH)
        )

    async def _evict_expired(self, connection: AsyncConnection) -> None:
        """Evict daemons that have not renewed in time, and free their claims."""
        daemons, dialect = tables.daemons, self._database.dialect
        expired = self._has_expired()
        for session in (await connection.scalars(select(daemons.c.session).where(expired))).all():
            await dialect.disconnect(
                connection, session
            )  # before anything here waits for its locks
        evicted = await connection.execute(delete(daemons).where(expired))
        if evicted.rowcount:
            await _free_claims(connection)

    def _has_expired(self) -> ColumnElement[bool]:
        return tables.daemons.c.until <= self._database.dialect.moment(self._clock.now())

    def _may_be_free(self, now: datetime) -> ColumnElement[bool]:
        """Whether the one that leads has left, or has not renewed in time."""
        lease, daemons = tables.lease, tables.daemons
        return ~exists().where(
            lease.c.name == INGEST,
            daemons.c.session == lease.c.session,
            daemons.c.until > self._database.dialect.moment(now),
        )

    def _until(self) -> ColumnElement[datetime]:
        ahead = LEASE if self.shared else _FOREVER
        return self._database.dialect.moment(self._clock.now(), ahead)


def _evicted() -> model.PermanentError:
    return model.PermanentError(
        f"this daemon did not renew its lease for {LEASE.total_seconds():g} s and was evicted:"
        " another one leads by now, and this one must restart"
    )


async def _free_claims(connection: AsyncConnection) -> None:
    """Free what daemons had claimed that are gone, so that nothing waits for those leases."""
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


def require(connection: Connection, token: int, session: str) -> None:
    """Require that `session` leads by `token`, and keep it so until this transaction ends.

    Raises PermanentError when it is not.
    """
    holder = connection.execute(_HOLDER).first()
    if holder is None or (holder.token, holder.session) != (token, session):
        raise model.PermanentError(
            f"another daemon leads ({'none yet' if holder is None else holder.owner}): this one"
            " must stop writing and restart"
        )
