"""Who leads: the one daemon that steps and writes the timeline.

Law: each `lead` grows the fencing token, and a commit under an older one is refused.
"""

from __future__ import annotations

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from watcher import clock, model
from watcher.store import tables
from watcher.store.database import Database

_INGEST = "ingest"


class Leases:
    """Takes the ingest lease."""

    _database: Database
    _clock: clock.Clock

    async def lead(self, owner: str) -> int:
        """Become the one daemon that steps, and get the fencing token for its commits.

        Raises PermanentError at once when another daemon uses the same file. The lease ends with
        the store or with its process, however that ends.
        """
        alone = self._database.hold(owner)
        now = self._clock.now()
        lease = tables.lease
        async with self._database.write() as connection:
            if alone:
                await _free_claims(connection)
            token: int | None = await connection.scalar(
                update(lease)
                .where(lease.c.name == _INGEST)
                .values(owner=owner, token=lease.c.token + 1, taken_at=now)
                .returning(lease.c.token)
            )
            if token is None:
                token = 1
                await connection.execute(
                    insert(lease).values(name=_INGEST, owner=owner, token=token, taken_at=now)
                )
            return token


async def _free_claims(connection: AsyncConnection) -> None:
    """Give back what a daemon that is gone had claimed, so that nothing waits for its leases."""
    for table in (tables.receipts, tables.jobs, tables.runs):
        await connection.execute(
            update(table).where(table.c.lease_until.is_not(None)).values(lease_until=None)
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
