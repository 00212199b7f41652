"""A look that would find nothing is spared; nothing that is there is found late for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from watcher import model
from watcher.store.idle import MOST_SPARED

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
LEASE = timedelta(seconds=30)


@pytest.fixture
def transactions(opened, monkeypatch):
    """Collect the transactions that are started."""
    started = []
    for name in ("read", "write", "run_reading", "run_writing"):
        method = getattr(opened.database, name)

        def note(*arguments, _name=name, _method=method, **options):
            started.append(_name)
            return _method(*arguments, **options)

        monkeypatch.setattr(opened.database, name, note)
    return started


async def check(opened, now=NOW):
    """Look for everything that a loop looks for; return what is there."""
    jobs = await opened.jobs.claim(kind="details", now=now, lease=LEASE, limit=9)
    pending = await opened.outbox.claim(now=now, receivers=["noc"], lease=LEASE, limit=9)
    return [*jobs, *pending, *await opened.inbox.read()]


@pytest.fixture
def alone(opened):
    if opened.database.dialect.shared:
        pytest.skip("several daemons may write it: see the test below")
    return opened


async def test_where_nobody_has_written_nothing_is_asked(alone, transactions):
    assert await check(alone) == []
    transactions.clear()
    for _ in range(MOST_SPARED):
        assert await check(alone) == []
    assert transactions == []


async def test_after_some_checks_the_database_is_asked_all_the_same(alone, transactions):
    await check(alone)
    asked = len(transactions)
    transactions.clear()
    for _ in range(MOST_SPARED + 1):
        await check(alone)
    assert len(transactions) == asked


async def test_what_this_process_writes_is_found_at_once(opened):
    assert await check(opened) == []
    await opened.inbox.submit("key", model.Acknowledged(incident="w-1", by="ada"), NOW)
    assert [envelope.key for envelope in await check(opened)] == ["key"]


async def test_on_a_shared_database_every_check_is_made(opened, transactions):
    if not opened.database.dialect.shared:
        pytest.skip("one process writes it")
    await check(opened)
    asked = len(transactions)
    transactions.clear()
    await check(opened)
    assert len(transactions) == asked
