"""Several daemons on one PostgreSQL: who leads, who is evicted, whose clock counts."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from tests.eventually import eventually
from tests.fakes import factories
from tests.servers.postgresql import waits_for_a_lock
from watcher import model
from watcher.clock import SystemClock
from watcher.store import changeset, effect_writer, leadership, store, tables

CLAIM = {"now": factories.NOW, "lease": factories.HOUR, "limit": 9}
DIAGNOSIS = model.DiagnosisNeeded(run="r1", incident="i1", service_id="SVC1")


class WrongClock(SystemClock):
    """A host whose clock is a day ahead or behind."""

    def __init__(self, days: int) -> None:
        super().__init__()
        self.days = timedelta(days=days)

    def now(self):
        return super().now() + self.days


@asynccontextmanager
async def daemon(url, days=0):
    async with store.open(url, clock=WrongClock(days), busy_timeout=2) as opened:
        yield opened


@pytest.fixture
async def two(postgresql_url):
    async with daemon(postgresql_url, 1) as first, daemon(postgresql_url, -1) as second:
        yield first, second


async def silence(opened):
    """Let the lease of this daemon alone end."""
    async with opened.database.write() as connection:
        await connection.execute(
            update(tables.daemons)
            .where(tables.daemons.c.session == opened.database.session)
            .values(until=tables.EPOCH)
        )


async def test_the_second_daemon_is_a_standby_whatever_its_clock_says(two):
    first, second = two
    assert await first.leadership.acquire("ops1") is not None
    for _ in range(2):
        assert await second.leadership.acquire("ops2") is None
    assert [(state.instance, state.leads) for state in await second.queries.daemons()] == [
        ("ops1", True),
        ("ops2", False),
    ]


async def test_a_later_daemon_with_a_clock_ahead_does_not_take_over(two):
    ahead, behind = two
    assert await behind.leadership.acquire("ops2") is not None
    assert await ahead.leadership.acquire("ops1") is None
    await behind.leadership.renew()


async def test_of_many_concurrent_attempts_one_leads(postgresql_url):
    async with AsyncExitStack() as stack:
        daemons = [await stack.enter_async_context(daemon(postgresql_url)) for _ in range(6)]
        tokens = await asyncio.gather(
            *(member.leadership.acquire(f"ops{n}") for n, member in enumerate(daemons))
        )
        (token,) = [token for token in tokens if token is not None]
        leader = daemons[tokens.index(token)]
        await silence(leader)
        others = [member for member in daemons if member is not leader]
        tokens = await asyncio.gather(*(member.leadership.acquire("x") for member in others))
        (newer,) = [token for token in tokens if token is not None]
        assert newer > token


async def test_a_beat_keeps_the_lease_and_silence_loses_it(two):
    first, second = two
    token = await first.leadership.acquire("ops1")
    await second.leadership.acquire("ops2")
    await silence(first)
    await first.leadership.renew()  # late, but before anybody minded
    assert await second.leadership.acquire("ops2") is None
    await silence(first)
    assert await second.leadership.acquire("ops2") > token
    with pytest.raises(model.PermanentError, match=r"evicted: another one leads by now"):
        await first.leadership.renew()
    with pytest.raises(model.PermanentError, match="evicted"):
        await first.leadership.acquire("ops1")


async def test_late_writes_of_a_leader_that_was_given_up_are_refused(two):
    first, second = two
    token = await first.leadership.acquire("ops1")
    await first.commits.commit(token, factories.commit(*factories.outage_effects("i1")))
    await second.leadership.acquire("ops2")
    await silence(first)
    newer = await second.leadership.acquire("ops2")
    with pytest.raises(model.PermanentError, match=r"another daemon leads \(ops2\)"):
        await first.commits.commit(token, factories.commit(*factories.outage_effects("late")))
    await second.commits.commit(newer, factories.commit(*factories.outage_effects("i2")))
    assert {incident.id for incident in await second.queries.incidents()} == {"i1", "i2"}


async def test_a_leader_stopped_inside_a_transaction_blocks_no_other(two):
    """It holds the lease's row and its own; both go with its connections."""
    first, second = two
    token = await first.leadership.acquire("ops1")
    await second.leadership.acquire("ops2")
    await silence(first)
    stopped = await first.database.dialect.writer.connect()
    session = first.database.session
    await stopped.run_sync(lambda held: leadership.require(held, token, session))
    await stopped.execute(select(tables.daemons).with_for_update())
    try:
        async with asyncio.timeout(1):  # and not until the server ends the idle transaction
            assert await second.leadership.acquire("ops2") > token
    finally:
        await stopped.invalidate()
        await stopped.close()


async def test_a_leader_that_leaves_is_replaced_at_once(postgresql_url):
    async with daemon(postgresql_url) as second:
        async with daemon(postgresql_url) as first:
            await first.leadership.acquire("ops1")
            assert await second.leadership.acquire("ops2") is None
        assert await second.leadership.acquire("ops2") is not None


async def test_what_a_silent_daemon_had_claimed_is_free_and_nothing_else_is(two):
    first, second = two
    token = await first.leadership.acquire("ops1")
    await second.leadership.acquire("ops2")
    await first.commits.commit(token, factories.commit(factories.incident(), DIAGNOSIS))
    assert len(await second.outbox.claim(receivers=["noc"], **CLAIM)) == 1
    (job,) = await second.jobs.claim(kind="diagnose", **CLAIM)
    budgets = {"cooldown": factories.MINUTE, "per_incident": 9, "per_hour": 9}
    assert await second.jobs.start_run(job, now=factories.NOW, **budgets) == ""
    assert len(await first.outbox.claim(receivers=["mqtt"], **CLAIM)) == 1
    await first.leadership.renew()
    assert await first.outbox.claim(receivers=["noc", "mqtt"], **CLAIM) == []
    assert await first.jobs.claim(kind="diagnose", **CLAIM) == []
    await silence(second)
    await first.leadership.renew()
    (pending,) = await first.outbox.claim(receivers=["noc", "mqtt"], **CLAIM)
    assert pending.receipt.receiver == "noc"
    assert len(await first.jobs.claim(kind="diagnose", **CLAIM)) == 1
    (run,) = await factories.rows(first, tables.runs)
    assert run.lease_until is None


async def test_a_claim_ends_on_the_clock_of_the_database(two):
    """The second host's clock is two days behind; it must not make a claim last longer."""
    first, second = two
    await first.commits.commit(
        await first.leadership.acquire("ops1"),
        factories.commit(factories.incident(notify=("noc",))),
    )
    await second.leadership.acquire("ops2")
    soon = {"lease": timedelta(milliseconds=300), "limit": 9, "receivers": ["noc"]}
    assert len(await second.outbox.claim(now=factories.NOW, **soon)) == 1
    assert await first.outbox.claim(now=factories.NOW + 48 * factories.HOUR, **soon) == []

    async def claimed():  # no test turns the clock of the database
        return await first.outbox.claim(now=factories.NOW - 48 * factories.HOUR, **soon)

    assert len(await eventually(claimed)) == 1


async def test_two_hosts_never_start_more_runs_than_the_budget(two):
    token = await two[0].leadership.acquire("ops1")
    needed = [
        model.DiagnosisNeeded(run=f"r{n}", incident="i1", service_id="SVC1") for n in range(8)
    ]
    await two[0].commits.commit(token, factories.commit(factories.incident(), *needed))
    claim = {**CLAIM, "limit": 4}
    jobs = [
        (opened, job) for opened in two for job in await opened.jobs.claim(kind="diagnose", **claim)
    ]
    answers = await asyncio.gather(
        *(
            opened.jobs.start_run(
                job, now=factories.NOW, cooldown=factories.MINUTE, per_incident=9, per_hour=9
            )
            for opened, job in jobs
        )
    )
    assert len(answers) == 8
    assert answers.count("") == 1  # single flight for a service, no matter who asks


async def test_a_change_while_another_daemon_settles_is_never_lost(two):
    """The change is not committed yet when the receipt is kept, and must be pending afterwards."""
    first, second = two
    await first.commits.commit(
        await first.leadership.acquire("ops1"),
        factories.commit(*factories.outage_effects(notify=("noc",))),
    )
    await second.leadership.acquire("ops2")
    (pending,) = await second.outbox.claim(receivers=["noc"], **CLAIM)
    delivered = replace(pending.receipt, parent_version=1, told_through=1)
    change = changeset.gather([factories.incident(version=2, entries=2), factories.entry(2)])
    async with first.database.write() as connection:
        await connection.run_sync(
            lambda held: effect_writer.EffectWriter(first.database, held).write(
                change, factories.NOW
            )
        )
        settling = asyncio.create_task(
            second.outbox.release(delivered, pending.token, again_at=None)
        )
        await waits_for_a_lock(first)
        assert not settling.done()
    await settling
    assert len(await second.outbox.claim(receivers=["noc"], **CLAIM)) == 1


async def test_a_deadlock_with_pruning_does_not_happen(two):
    first, second = two
    token = await first.leadership.acquire("ops1")
    old = {
        "status": model.IncidentStatus.RESOLVED,
        "resolved_at": factories.NOW,
        "notify": ("noc",),
    }
    names = [f"i{number}" for number in range(30)]
    await first.commits.commit(
        token, factories.commit(*(factories.incident(name, **old) for name in names))
    )
    pending = await second.outbox.claim(
        now=factories.NOW, receivers=["noc"], lease=factories.HOUR, limit=30
    )

    async def settle(pending):
        with suppress(model.PermanentError):  # pruned meanwhile
            await second.outbox.release(pending.receipt, pending.token, again_at=None)

    await asyncio.gather(
        first.retention.prune(factories.NOW + factories.HOUR),
        *(settle(pending) for pending in pending),
    )
    assert await factories.rows(first, tables.receipts) == []
