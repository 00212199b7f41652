"""Every time in the tables: whether it moves when the machine's clock is set, and what moves it.

A column of times that is not named here fails the test: whoever adds one decides what it is.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import BigInteger, Boolean, Float, Integer, LargeBinary, insert, select, update

from tests.fakes.factories import NOW
from watcher import model, ports
from watcher.store import codec, tables
from watcher.store.tables import Moment

HOUR = timedelta(hours=1)

MOVE = {
    "daemons.since",
    "jobs.due",
    "jobs.lease_until",
    "receipts.due",
    "receipts.lease_until",
    "receipts.owed_since",
    "runs.lease_until",
    "runs.started_at",
    "unserved.told_at",
}
STAY = {
    # History: what was written, with the time that the clock had.
    "entries.at",
    "inbox.at",
    "inbox.consumed_at",
    "journal.at",
    "lease.taken_at",
    "mails.read_at",
    "papers.at",
    "runs.finished_at",
    # A vendor's times, and those that people were shown as times of day.
    "samples.at",
    "silences.end",
    "works.end",
    # The engine moves them, with its state.
    "incidents.opened_at",
    "incidents.resolved_at",
    # On the clock that leases are measured on; on that of the host, without what it was set by.
    "daemons.until",
    "daemons.clock",
}
LEASES = {"jobs.lease_until", "receipts.lease_until", "runs.lease_until"}  # the server's clock's
VALUES = {
    Moment: NOW,
    Integer: 1,
    BigInteger: 1,
    Float: 1.0,
    Boolean: True,
    LargeBinary: b"x",
}
DATA = {"receipts": codec.encode(model.Receipt(incident="x", receiver="x"))}


def columns():
    return {
        f"{table.name}.{column.name}": column
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Moment)
    }


def row(table):
    return {
        column.name: DATA[table.name]
        if column.name == "data" and table.name in DATA
        else VALUES.get(type(column.type), "x")
        for column in table.columns
    }


def test_each_is_named():
    assert set(columns()) == MOVE | STAY
    assert not MOVE & STAY


@pytest.mark.parametrize("by", [HOUR, -HOUR])
async def test_those_that_are_watchers_own_move_with_the_clock(opened, by):
    token = await opened.leadership.acquire("ops1")
    shared = opened.database.dialect.shared
    async with opened.database.write() as connection:
        for table in tables.metadata.sorted_tables:
            if table not in {tables.daemons, tables.lease, tables.journal}:
                await connection.execute(insert(table), row(table))
        await connection.execute(update(tables.daemons).values(since=NOW, until=NOW, clock=NOW))
        await connection.execute(update(tables.lease).values(taken_at=NOW))
    await opened.commits.commit(
        token, ports.Commit(at=NOW + by, event=model.ClockStepped(by=by), effects=())
    )
    moved = set()
    async with opened.database.read() as connection:
        for name, column in columns().items():
            if name != "journal.at":  # in it is the step, at the new time
                values = set(await connection.scalars(select(column)))
                assert values in ({NOW}, {NOW + by}), name
                moved |= {name} if NOW not in values else set()
    # Where daemons share the database, only their own row moves ahead as well.
    others = MOVE - LEASES if by < timedelta(0) else {"daemons.since"}
    assert moved == (others if shared else MOVE)
