"""A look that would find nothing is spared; nothing that is there is found late for it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tests.fakes import factories
from tests.fakes.virtual_time import VirtualClock
from watcher import model
from watcher.store import store
from watcher.store.idle import MOST_SPARED, SHARED_FOR

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
LEASE = timedelta(seconds=30)


@contextmanager
def transactions_of(opened):
    """Collect the transactions that are started meanwhile."""
    started = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("read", "write", "run_reading", "run_writing"):
            method = getattr(opened.database, name)

            def note(*arguments, _name=name, _method=method, **options):
                started.append(_name)
                return _method(*arguments, **options)

            patch.setattr(opened.database, name, note)
        yield started


async def check(opened, now=NOW):
    """Look for everything that a loop looks for; return what is there."""
    jobs = await opened.jobs.claim(kind="details", now=now, lease=LEASE, limit=9)
    pending = await opened.outbox.claim(now=now, receivers=["noc"], lease=LEASE, limit=9)
    return [*jobs, *pending, *await opened.inbox.read()]


@pytest.fixture
def alone(opened):
    if opened.database.dialect.shared:
        pytest.skip("several daemons may write it: see the tests below")
    return opened


async def test_where_nobody_has_written_nothing_is_asked(alone):
    assert await check(alone) == []
    with transactions_of(alone) as transactions:
        for _ in range(MOST_SPARED):
            assert await check(alone) == []
    assert transactions == []


async def test_after_some_checks_the_database_is_asked_all_the_same(alone):
    with transactions_of(alone) as first:
        await check(alone)
    with transactions_of(alone) as later:
        for _ in range(MOST_SPARED + 1):
            await check(alone)
    assert len(later) == len(first)


async def test_what_this_process_writes_is_found_at_once(opened):
    assert await check(opened) == []
    await opened.inbox.submit("key", model.Acknowledged(incident="w-1", by="ada"), NOW)
    assert [envelope.key for envelope in await check(opened)] == ["key"]


async def test_a_poll_that_changes_subjects_alone_adds_nothing_to_look_for(alone):
    token = await alone.leadership.acquire("ops1")
    assert await check(alone) == []
    polled = model.Polled(source="vyvx", seen=(), total=1)
    for number in range(3):
        effects = factories.subject(missed=number), factories.health(subjects=number)
        await alone.commits.commit(token, factories.commit(*effects, event=polled))
        with transactions_of(alone) as transactions:
            assert await check(alone) == []
        assert transactions == []


async def test_a_poll_that_asks_for_details_adds_something(opened):
    token = await opened.leadership.acquire("ops1")
    assert await check(opened) == []
    polled = model.Polled(source="vyvx", seen=(), total=1)
    needed = model.DetailsNeeded(subject="vyvx/1")
    await opened.commits.commit(token, factories.commit(needed, at=NOW, event=polled))
    [job] = await check(opened)
    assert (job.kind, job.key) == ("details", "vyvx/1")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def several(postgresql_url, clock):
    """A daemon on a shared database."""
    async with store.open(postgresql_url, clock=clock) as several:
        yield several


@pytest.fixture
async def other(postgresql_url, clock):
    """Another daemon on the same database."""
    async with store.open(postgresql_url, clock=clock) as other:
        yield other


async def test_on_a_shared_database_one_transaction_looks_for_all_loops(several, clock):
    assert await check(several) == []
    with transactions_of(several) as transactions:
        for _ in range(3):
            clock.seconds += 1
            assert await check(several, clock.now()) == []
    assert transactions == ["run_reading"] * 3


async def test_what_another_daemon_writes_is_found_with_the_next_look(several, other, clock):
    assert await check(several) == []
    clock.seconds += 1
    assert await check(several, clock.now()) == []
    await other.inbox.submit("key", model.Acknowledged(incident="w-1", by="ada"), NOW)
    clock.seconds += SHARED_FOR.total_seconds()
    assert [envelope.key for envelope in await check(several, clock.now())] == ["key"]


async def test_what_becomes_due_on_a_shared_database_is_found(several, clock):
    """A failed delivery is due again later; nobody writes anything at that moment."""
    token = await several.leadership.acquire("tests")
    await several.commits.commit(token, factories.commit(*factories.outage_effects("w-1")))
    (pending,) = await check(several)
    failed = replace(pending.receipt, failures=1, failing_since=NOW, error="no answer")
    again_at = NOW + timedelta(minutes=1)
    await several.outbox.release(failed, pending.token, again_at=again_at)
    for clock.seconds in (1, 2, 59):
        assert await check(several, clock.now()) == []
    clock.seconds = 60
    assert [pending.receipt for pending in await check(several, clock.now())] == [failed]


async def test_a_standby_looks_for_the_lease_in_the_same_transaction(several, other, clock):
    assert await other.leadership.acquire("leader") is not None
    assert await several.leadership.acquire("standby") is None
    await check(several)
    with transactions_of(several) as transactions:
        for _ in range(3):
            clock.seconds += 1
            assert await several.leadership.acquire("standby") is None
            assert await check(several, clock.now()) == []
    assert transactions == ["run_reading"] * 3
    await other.leadership.leave()
    clock.seconds += 1
    assert await several.leadership.acquire("standby") is not None


async def test_to_renew_takes_one_transaction(several):
    await several.leadership.acquire("tests")
    with transactions_of(several) as transactions:
        await several.leadership.renew()
    assert transactions == ["write"]
