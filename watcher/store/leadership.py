"""Which daemons use the database, and which one leads: steps events and writes the timeline.

Law: each `acquire` raises the fencing token, and a commit under another token or of another session
is refused: after a failover that lost the commit of a lease, the row names who leads
(docs/decisions/0029). A leader leads for as long as it renews its presence. A daemon that has not
done so for LEASE, on the database's clock, is evicted: its connections are closed, its claims are
freed, and another one may lead.
Law: what the marks' clock shows is `daemons.clock` of the leader, gone on, and `lease.stepped`.
Whatever moves the marks changes `stepped` in the same transaction (docs/decisions/0057).
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, or_, select, update

from watcher import model
from watcher.clock import STEP, Clock
from watcher.store import tables
from watcher.store.database import AsyncConnection, Database
from watcher.store.idle import IdleLooks

LEASE = timedelta(seconds=6)
RENEW_SECONDS = 2.0  # how often a daemon renews its presence
_MICROSECOND = timedelta(microseconds=1)
_FOREVER = timedelta(days=36_500)
_LOOK_SECONDS = 1.0  # a look at another clock that took longer says nothing
_LEASE = ("lease", tables.INGEST)  # as what a standby looks for
_HOLDER = (
    select(tables.lease.c.token, tables.lease.c.session, tables.lease.c.owner)
    .where(tables.lease.c.name == tables.INGEST)
    .with_for_update(read=True)
)  # built once: each commit asks


class LeadersClock(Struct, frozen=True, kw_only=True):
    """The clock of the daemon that leads, seen by another one while it lived.

    `zero` is what it showed when elapsed time was 0 here, without what it was set by. So it stays
    as it is when either clock is set.
    """

    session: str
    instance: str
    zero: datetime

    def difference(self, *, stepped: timedelta, now: datetime, elapsed: float) -> timedelta:
        """Return by how much `now` is ahead of the marks' clock; zero for less than STEP."""
        marks = self.zero + timedelta(seconds=elapsed) + stepped
        ahead = now - marks
        return ahead if abs(ahead) > STEP else timedelta(0)


class Leadership:
    """This daemon's presence, and the lease of the leader."""

    def __init__(self, database: Database, clock: Clock, looks: IdleLooks) -> None:
        self._database = database
        self._clock = clock
        self._looks = looks
        self._joined = False
        self._since: datetime | None = None  # when it joined
        self._leads = False
        self._leaders_clock: LeadersClock | None = None  # as seen last
        self._stepped = timedelta(0)  # of that clock, when this daemon became the leader

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
            held = (
                await connection.execute(select(lease).where(lease.c.name == tables.INGEST))
            ).first()
            await self._see_leaders_clock(connection)
            await self._evict_expired(connection)
            present = set(await connection.scalars(select(tables.daemons.c.session)))
            if self._joined and self._database.session not in present:
                raise _evicted()
            self._joined = True
            if held is None:
                await connection.execute(
                    self._database.insert_new(lease),
                    {"name": tables.INGEST, "owner": "", "token": 0, "taken_at": self._clock.now()},
                )
            elif held.session in present - {self._database.session}:
                self._looks.found_nothing(_LEASE, writes=writes, may_be=self._may_be_free)
                return None
            if held is None or not self._seen(held.session):
                self._leaders_clock = None
            else:
                self._stepped = timedelta(microseconds=held.stepped)
            # Another daemon that read the same token and was faster has changed it.
            token: int | None = await connection.scalar(
                update(lease)
                .where(lease.c.name == tables.INGEST, lease.c.token == (held.token if held else 0))
                .values(
                    owner=owner,
                    session=self._database.session,
                    token=self._database.dialect.next_token(lease.c.token),
                    taken_at=self._clock.now(),
                    stepped=-self.clock_difference()[1] // _MICROSECOND,
                )
                .returning(lease.c.token)
            )
            self._leads = token is not None
            return token

    def clock_difference(self) -> tuple[str, timedelta]:
        """Return who led before, and by how much our clock is ahead of the clock of all marks.

        Zero for less than STEP, and where nobody was seen to lead.
        """
        if self._leaders_clock is None:
            return "", timedelta(0)
        now, elapsed = self._clock.now(), self._clock.monotonic()
        by = self._leaders_clock.difference(stepped=self._stepped, now=now, elapsed=elapsed)
        return self._leaders_clock.instance, by

    async def renew(self) -> None:
        """Renew this daemon's presence, due every RENEW_SECONDS where the database is shared.

        Raises PermanentError when it was evicted: it must end and start again.
        """
        daemons = tables.daemons
        async with self._database.write(claims=True) as connection:
            renewed = await connection.execute(
                update(daemons)
                .where(daemons.c.session == self._database.session)
                .values(until=self._until(), clock=self._shown(), since=self._since)
            )
            if renewed.rowcount == 0:
                raise _evicted()
            expired = await connection.scalar(select(func.count()).where(self._has_expired()))
            await self._see_leaders_clock(connection)
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

    def clock_stepped(self, by: timedelta) -> None:
        """Move since when this daemon is present: its clock was set. A standby's row moves so."""
        if self._since is not None:
            self._since += by

    async def leave(self) -> None:
        """End this daemon's presence, so that another one may lead at once."""
        if self._joined:
            async with self._database.write() as connection:
                await connection.execute(
                    delete(tables.daemons).where(tables.daemons.c.session == self._database.session)
                )
                await _free_claims(connection)

    async def _join(self, connection: AsyncConnection, instance: str) -> None:
        self._since = self._clock.now()
        await connection.execute(
            insert(tables.daemons).values(
                session=self._database.session,
                instance=instance,
                since=self._since,
                until=self._until(),
                clock=self._shown(),
            )
        )

    def _shown(self) -> datetime:
        """Return what this clock shows, without what it was set by since it leads."""
        return self._clock.now() - self._database.stepped

    async def _see_leaders_clock(self, connection: AsyncConnection) -> None:
        """Note what the clock of another daemon shows that leads, while it lives.

        How old that is, the clock that leases are measured on says.
        """
        if not self.shared or self._leads:
            return
        began = self._clock.monotonic()
        lease, daemons = tables.lease, tables.daemons
        now = self._database.dialect.moment(self._clock.now())
        rows = await connection.execute(
            select(daemons, now.label("now")).where(
                lease.c.name == tables.INGEST,
                daemons.c.session == lease.c.session,
                daemons.c.session != self._database.session,
                daemons.c.until > now,
                daemons.c.clock.is_not(None),  # a daemon from before an upgrade writes none
            )
        )
        leader = rows.first()
        if leader is None or self._clock.monotonic() - began > _LOOK_SECONDS:
            return
        age = leader.now - (leader.until - LEASE)
        if age >= timedelta(0):
            zero = leader.clock + age - timedelta(seconds=began)
            self._leaders_clock = LeadersClock(
                session=leader.session, instance=leader.instance, zero=zero
            )

    def _seen(self, session: str) -> bool:
        return self._leaders_clock is not None and self._leaders_clock.session == session

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
            lease.c.name == tables.INGEST,
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


def move_presence(connection: Connection, session: str, by: timedelta) -> None:
    """Move since when the daemon is present whose clock was set; each is on the clock of its own.

    The leader's moves with all marks. A standby, which writes none, renews it (`clock_stepped`).
    """
    daemons = tables.daemons
    own = update(daemons).where(daemons.c.session == session)
    connection.execute(own.values(since=tables.moved(daemons.c.since, by)))


def note_moved(connection: Connection, stepped: timedelta) -> None:
    """Note that all marks are on the leader's clock, which has been set by `stepped` since."""
    connection.execute(
        update(tables.lease)
        .where(tables.lease.c.name == tables.INGEST)
        .values(stepped=stepped // _MICROSECOND)
    )
