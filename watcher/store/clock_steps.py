"""Moves the stored deadlines of deliveries and jobs when the machine's clock was set.

Law: a pause is elapsed time. Where several daemons share the database a deadline may be another
one's, whose clock was right: there it moves back only, so that something is tried too early and
never too late.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, select, update

from watcher import model
from watcher.store import codec, tables
from watcher.store.database import Database, write_rows

_COUNTED = timedelta(days=2)  # older runs count for no budget and no cooldown


def move(database: Database, connection: Connection, by: timedelta) -> None:
    """Move what is stored, in the transaction of `connection`."""
    if database.dialect.shared:
        by = min(by, timedelta(0))
    if not by:
        return
    jobs, runs = tables.jobs, tables.runs
    connection.execute(update(jobs).values(due=tables.moved(jobs.c.due, by)))
    for table in (tables.receipts, jobs, runs):
        leased = update(table).where(table.c.lease_until.is_not(None))
        if not database.dialect.shared:  # else leases are on the server's clock
            lease_until = tables.moved(table.c.lease_until, by)
            connection.execute(leased.values(lease_until=lease_until))
    newest = select(runs.c.started_at).order_by(runs.c.started_at.desc()).limit(1)
    last: datetime | None = connection.scalar(newest)
    if last is not None:
        started_at = tables.moved(runs.c.started_at, by)
        recent = update(runs).where(runs.c.started_at > last - _COUNTED)
        connection.execute(recent.values(started_at=started_at))
    receipts = tables.receipts
    owed_since = tables.moved(receipts.c.owed_since, by)
    owed = update(receipts).where(receipts.c.owed_since.is_not(None))
    connection.execute(owed.values(owed_since=owed_since))
    unserved = tables.unserved
    connection.execute(update(unserved).values(told_at=tables.moved(unserved.c.told_at, by)))
    _move_changes(connection, by)
    _move_receipts(connection, by)


def _move_changes(connection: Connection, by: timedelta) -> None:
    """Move since when a change of bandwidth has been under way."""
    jobs = tables.jobs
    rows = connection.execute(
        select(jobs.c.key, jobs.c.data).where(jobs.c.kind == "bandwidth", jobs.c.data.is_not(None))
    )
    changes = ((row.key, codec.CHANGE.decode(row.data)) for row in rows.all())
    write_rows(
        connection,
        update(jobs)
        .where(jobs.c.kind == "bandwidth", jobs.c.key == bindparam("of_key"))
        .values(data=bindparam("moved")),
        (
            {
                "of_key": key,
                "moved": codec.encode(replace(change, sent_at=change.sent_at + by)),
            }
            for key, change in changes
            if change.sent_at is not None
        ),
    )


def _move_receipts(connection: Connection, by: timedelta) -> None:
    """Move when deliveries are tried again, and since when they fail."""
    receipts = tables.receipts
    rows = connection.execute(
        select(receipts.c.incident, receipts.c.receiver, receipts.c.due, receipts.c.data).where(
            receipts.c.due > tables.EPOCH
        )
    )
    write_rows(
        connection,
        update(receipts)
        .where(
            receipts.c.incident == bindparam("of_incident"),
            receipts.c.receiver == bindparam("of_receiver"),
        )
        .values(due=bindparam("moved_due"), data=bindparam("moved")),
        (
            {
                "of_incident": row.incident,
                "of_receiver": row.receiver,
                "moved_due": row.due + by,
                "moved": codec.encode(_move_receipt(codec.RECEIPT.decode(row.data), by)),
            }
            for row in rows.all()
        ),
    )


def _move_receipt(receipt: model.Receipt, by: timedelta) -> model.Receipt:
    return replace(
        receipt,
        due=None if receipt.due is None else receipt.due + by,
        failing_since=None if receipt.failing_since is None else receipt.failing_since + by,
        notification=_move_notification(receipt.notification, by),
    )


def _move_notification(
    notification: model.Notification | None, by: timedelta
) -> model.Notification | None:
    """Move the times of the one under way, so that how long it takes is elapsed time."""
    if notification is None:
        return None
    return replace(
        notification,
        pending_since=notification.pending_since + by,
        first_attempt_at=notification.first_attempt_at + by,
    )
