"""The receipts: which deliveries are pending, and what each receiver was notified of.

Law: an incident says what is true, and a receipt what its receiver was notified of. A delivery is
pending while they differ. That is computed in the transaction that changes either of them, so no
change is lost while a delivery is under way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Row, bindparam, exists, insert, select, tuple_, update

from watcher import model, ports
from watcher.store import codec, tables
from watcher.store.database import Database, is_free, new_claim, next_claimable
from watcher.store.idle import IdleLooks
from watcher.store.queries.views import read_views

# Built once, because building them takes longer than running them.
_HELD = update(tables.receipts).where(
    tables.receipts.c.incident == bindparam("of_incident"),
    tables.receipts.c.receiver == bindparam("of_receiver"),
    tables.receipts.c.token == bindparam("of_token"),
)
# Locked, so that the writer's next change of it comes after this or is seen here.
_NEWEST = (
    select(tables.incidents.c.version, tables.incidents.c.entries, tables.incidents.c.data)
    .where(tables.incidents.c.id == bindparam("incident"))
    .with_for_update(read=True)
)
_Due = Row[str, str, datetime, str]  # incident, receiver, since when it is pending, its data


class Outbox:
    """Claims pending deliveries and keeps their receipts. Implements ports.Outbox."""

    def __init__(self, database: Database, looks: IdleLooks) -> None:
        self._database = database
        self._looks = looks

    async def is_pending(self, receiver: str) -> bool:
        """Return whether a delivery to a receiver is pending, due or not."""
        table = tables.receipts
        query = select(table.c.incident).where(table.c.receiver == receiver, table.c.owed).limit(1)
        async with self._database.read() as connection:
            return await connection.scalar(query) is not None

    async def claim(
        self, *, now: datetime, receivers: Sequence[str], lease: timedelta, limit: int
    ) -> list[ports.PendingDelivery]:
        """Claim what is due.

        Receipts that only asked to be called again come after those that lag, the longest due
        first.
        """
        if await self._looks.spare(what := ("receipts", *receivers), now):
            return []
        table, dialect = tables.receipts, self._database.dialect
        stepped, writes = self._database.stepped, self._database.writes
        theirs = table.c.receiver.in_(receivers)

        def claim(
            connection: Connection,
        ) -> tuple[list[ports.PendingDelivery], datetime | None]:
            at = now + self._database.stepped - stepped
            rows = _due(self._database, connection, receivers, at=at, limit=limit)
            if rows or dialect.shared:
                return _claim(self._database, connection, rows, at=at, lease=lease), None
            is_pending = table.c.due >= tables.EPOCH  # those that are not stay out of the index
            later = next_claimable(table.c.due, table.c.lease_until, theirs, is_pending)
            return [], connection.scalar(later)

        claimed, until = await self._database.run_writing(claim, claims=True)
        if not claimed:
            self._looks.found_nothing(
                what,
                writes=writes,
                may_be=lambda now: exists().where(theirs, table.c.due <= now),
                until=until,
            )
        return claimed

    async def save_receipt(self, receipt: model.Receipt, token: int) -> None:
        """Write the receipt; the claim and whether the delivery is pending stay as they are."""
        await self._database.run_writing(lambda connection: _write(connection, receipt, token))

    async def release(
        self,
        receipt: model.Receipt,
        token: int,
        *,
        again_at: datetime | None,
        delivered: model.Notification | None = None,
    ) -> None:
        """Write the receipt, and what was delivered, and end the claim.

        A receipt that still lags is due at once or, after failures, not before `again_at`. Without
        `again_at` the receipt's own `due` counts.
        """
        stepped = self._database.stepped

        def release(connection: Connection) -> None:
            again = None if again_at is None else again_at + self._database.stepped - stepped
            row = connection.execute(_NEWEST, {"incident": receipt.incident}).first()
            lags = row is not None and (
                0 < receipt.parent_version < row.version  # at least its message is to be edited
                or (
                    (row.version > receipt.parent_version or row.entries > receipt.told_through)
                    and codec.INCIDENT.decode(row.data).notifies(receipt.receiver)
                )
            )
            due = receipt.due if again is None else again
            if lags and not (receipt.failures > 0 and again is not None):
                due = tables.EPOCH  # at once
            values = {"owed": lags, "due": due, "token": 0, "lease_until": None}
            if not lags:
                values["owed_since"] = None
            _write(connection, receipt, token, values)
            if delivered is not None:
                kept = {"incident": delivered.incident, "data": codec.encode(delivered)}
                connection.execute(insert(tables.notifications), kept)

        await self._database.run_writing(release)


def claim_at_once(
    database: Database, connection: Connection, wanted: ports.Claim
) -> list[ports.PendingDelivery]:
    """Claim what is due in the transaction that has made it due: one for each receiver.

    The intent of an incident's first act is written as well: that it was not done, where this
    process ends before it, shows when it is looked up.
    """
    rows = [
        row
        for receiver in wanted.intents
        for row in _due(database, connection, [receiver], at=wanted.now, limit=1)
    ]
    claimed = _claim(database, connection, rows, at=wanted.now, lease=wanted.lease)
    return [_intend(connection, pending, wanted) for pending in claimed]


def _intend(
    connection: Connection, pending: ports.PendingDelivery, wanted: ports.Claim
) -> ports.PendingDelivery:
    """Write the intent of a receiver's first act for an incident, where that is what comes."""
    receipt, view = pending.receipt, pending.view
    intent = wanted.intents[receipt.receiver]
    untouched = model.Receipt(incident=receipt.incident, receiver=receipt.receiver)
    is_first = receipt == untouched and view and view.incident.notifies(receipt.receiver)
    if not intent or not is_first:
        return pending
    intended = replace(receipt, intent=intent)
    _write(connection, intended, pending.token)
    return replace(pending, receipt=intended, intended_at=wanted.asked_at)


def _due(
    database: Database,
    connection: Connection,
    receivers: Sequence[str],
    *,
    at: datetime,
    limit: int,
) -> Sequence[_Due]:
    """Lock and return the receipts that are due and free, the longest due first."""
    table = tables.receipts
    return connection.execute(
        select(table.c.incident, table.c.receiver, table.c.owed_since, table.c.data)
        .where(
            table.c.due <= at,
            is_free(table.c.lease_until, database.dialect.moment(at)),
            table.c.receiver.in_(receivers),
        )
        .order_by(table.c.due, table.c.owed_since, table.c.incident, table.c.receiver)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def _claim(
    database: Database,
    connection: Connection,
    rows: Sequence[_Due],
    *,
    at: datetime,
    lease: timedelta,
) -> list[ports.PendingDelivery]:
    """Claim these receipts, and read their incidents as they are now."""
    if not rows:
        return []
    table, token = tables.receipts, new_claim()
    connection.execute(
        update(table)
        .where(
            tuple_(table.c.incident, table.c.receiver).in_(
                [(row.incident, row.receiver) for row in rows]
            )
        )
        .values(
            token=token,
            holder=database.session,
            lease_until=database.dialect.moment(at, lease),
        )
    )
    incidents = list(dict.fromkeys(row.incident for row in rows))
    views = {view.incident.id: view for view in read_views(connection, incidents)}
    return [
        ports.PendingDelivery(
            receipt=codec.RECEIPT.decode(row.data),
            token=token,
            owed_since=row.owed_since,
            view=views.get(row.incident),
        )
        for row in rows
    ]


def _write(
    connection: Connection,
    receipt: model.Receipt,
    token: int,
    claim: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    # The parameters name the columns that are written, beside those of the condition.
    written = connection.execute(
        _HELD,
        {
            "of_incident": receipt.incident,
            "of_receiver": receipt.receiver,
            "of_token": token,
            "parent_version": receipt.parent_version,
            "told_through": receipt.told_through,
            "failures": receipt.failures,
            "data": codec.encode(receipt),
            **claim,
        },
    )
    if written.rowcount == 0:
        raise model.PermanentError(
            f"another daemon is delivering incident {receipt.incident} to {receipt.receiver}:"
            " this claim took too long and was lost"
        )
