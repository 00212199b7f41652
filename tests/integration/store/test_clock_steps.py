"""Stored deadlines are those of a clock that was set: they move with it, in the same commit."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import insert

from tests.fakes import factories
from tests.fakes.factories import NOW
from watcher import model, ports
from watcher.store import codec, tables

HOUR = timedelta(hours=1)
LEASE = timedelta(minutes=1)
BY = pytest.mark.parametrize("by", [HOUR, -HOUR])


async def step(opened, token, by, *effects):
    event = model.ClockStepped(by=by)
    await opened.commits.commit(token, ports.Commit(at=NOW + by, event=event, effects=effects))


def is_exact(opened, by):
    """Whether a step is followed exactly: not ahead, where others may have written the rows."""
    return not opened.database.dialect.shared or by < timedelta(0)


async def claim_delivery(opened, now):
    return await opened.outbox.claim(now=now, receivers=["noc"], lease=LEASE, limit=9)


async def claim_jobs(opened, now, kind="details"):
    return await opened.jobs.claim(kind=kind, now=now, lease=LEASE, limit=9)


@BY
async def test_a_delivery_is_retried_when_it_would_have_been(opened, by):
    token = await opened.leadership.acquire("ops1")
    await opened.commits.commit(token, factories.commit(*factories.outage_effects()))
    (pending,) = await claim_delivery(opened, NOW)
    under_way = model.Notification(
        incident="i1", receiver="noc", first_entry=1, pending_since=NOW, first_attempt_at=NOW
    )
    failed = replace(
        pending.receipt, failures=1, failing_since=NOW, error="503", notification=under_way
    )
    again_at = NOW + timedelta(minutes=5)
    await opened.outbox.release(failed, pending.token, again_at=again_at)
    await step(opened, token, by)

    assert is_exact(opened, by) is not bool(
        await claim_delivery(opened, NOW + by + timedelta(minutes=4))
    )
    if is_exact(opened, by):
        (again,) = await claim_delivery(opened, NOW + by + timedelta(minutes=5))
        assert again.receipt.failing_since == NOW + by
        assert again.receipt.notification == replace(
            under_way, pending_since=NOW + by, first_attempt_at=NOW + by
        )


@BY
async def test_a_job_is_due_when_it_would_have_been(opened, by):
    token = await opened.leadership.acquire("ops1")
    needed = model.DetailsNeeded(subject="vyvx/1")
    await opened.commits.commit(token, factories.commit(needed))
    (job,) = await claim_jobs(opened, NOW)
    await opened.jobs.postpone(job, due=NOW + timedelta(minutes=5))
    await step(opened, token, by)

    assert is_exact(opened, by) is not bool(
        await claim_jobs(opened, NOW + by + timedelta(minutes=4))
    )
    if is_exact(opened, by):
        assert await claim_jobs(opened, NOW + by + timedelta(minutes=5))


@BY
async def test_a_job_that_the_step_itself_asks_for_is_due_at_once(opened, by):
    token = await opened.leadership.acquire("ops1")
    await step(opened, token, by, model.DetailsNeeded(subject="vyvx/1"))
    assert await claim_jobs(opened, NOW + by)


async def test_a_claim_stays_as_it_is_for_as_long_as_it_would_have(opened):
    if opened.database.dialect.shared:
        pytest.skip("there a claim ends on the server's clock")
    token = await opened.leadership.acquire("ops1")
    needed = model.DetailsNeeded(subject="vyvx/1")
    await opened.commits.commit(token, factories.commit(needed))
    assert await claim_jobs(opened, NOW)
    await step(opened, token, HOUR)
    assert await claim_jobs(opened, NOW + HOUR + timedelta(seconds=59)) == []
    assert await claim_jobs(opened, NOW + HOUR + LEASE)


async def test_a_change_of_bandwidth_is_as_old_as_before(opened):
    token = await opened.leadership.acquire("ops1")
    wanted = model.BandwidthNeeded(
        order="b-1", incident="i1", connection="iod/1", from_mbps=1, to_mbps=2, max_mbps=2
    )
    await opened.commits.commit(token, factories.commit(wanted))
    (job,) = await claim_jobs(opened, NOW, kind="bandwidth")
    sent = ports.BandwidthChange(wanted=wanted, sent_at=NOW)
    due = NOW + timedelta(seconds=5)
    await opened.jobs.save_change(job, sent, now=NOW, due=due, news=None)
    await step(opened, token, -HOUR)
    (job,) = await claim_jobs(opened, due - HOUR, kind="bandwidth")
    assert job.change.sent_at == NOW - HOUR


@BY
async def test_a_cooldown_lasts_as_long_as_it_would_have(opened, by):
    token = await opened.leadership.acquire("ops1")
    for run in ("r1", "r2"):
        needed = model.DiagnosisNeeded(run=run, incident="i1", service_id="SVC1")
        await opened.commits.commit(token, factories.commit(needed))
    jobs = await claim_jobs(opened, NOW, kind="diagnose")
    limits = {"cooldown": HOUR, "per_incident": 9, "per_hour": 9}
    assert await opened.jobs.start_run(jobs[0], now=NOW, **limits) == ""
    await opened.jobs.finish(jobs[0], at=NOW, command=model.Noted(incident="i", by="a", text="x"))
    await step(opened, token, by)
    if is_exact(opened, by):
        refused = await opened.jobs.start_run(jobs[1], now=NOW + by + HOUR / 2, **limits)
        assert "30 min ago" in refused
        later = NOW + by + HOUR
        assert await opened.jobs.start_run(jobs[1], now=later, **limits) == ""


async def test_a_time_that_waited_for_its_turn_meanwhile_is_no_mixed_one(opened):
    """A retry was worked out on the old clock, and written after the step was committed."""
    token = await opened.leadership.acquire("ops1")
    await opened.commits.commit(token, factories.commit(*factories.outage_effects()))
    (pending,) = await claim_delivery(opened, NOW)
    failed = replace(pending.receipt, failures=1)
    again_at = NOW + timedelta(minutes=5)
    if opened.database.dialect.shared:
        pytest.skip("there is no queue of writers in this process")
    async with opened.database.write():
        stepping = asyncio.create_task(step(opened, token, -HOUR))
        await asyncio.sleep(0)
        releasing = asyncio.create_task(
            opened.outbox.release(failed, pending.token, again_at=again_at)
        )
        await asyncio.sleep(0)
    await asyncio.gather(stepping, releasing)
    assert await claim_delivery(opened, again_at - HOUR)


async def test_at_a_start_what_lies_ahead_is_taken_back(opened):
    token = await opened.leadership.acquire("ops1")
    await opened.commits.commit(token, factories.commit(*factories.outage_effects()))
    (pending,) = await claim_delivery(opened, NOW)
    failed = replace(pending.receipt, failures=1)
    await opened.outbox.release(failed, pending.token, again_at=NOW + timedelta(seconds=15))
    await opened.commits.take_back(-HOUR)
    assert await claim_delivery(opened, NOW - HOUR + timedelta(seconds=15))


async def test_a_step_is_in_the_journal(opened):
    token = await opened.leadership.acquire("ops1")
    await step(opened, token, -HOUR)
    stalled = model.Stalled(since=NOW)
    await opened.commits.commit(token, ports.Commit(at=NOW, event=stalled, effects=()))
    records = [record async for record in opened.journal.records(NOW - 2 * HOUR)]
    assert [record.what for record in records] == [model.ClockStepped(by=-HOUR), stalled]
    assert records[0].at == NOW - HOUR


async def test_the_newest_checkpoint_is_named_else_the_first_record(opened):
    assert await opened.journal.last_checkpoint() is None
    row = {"at": NOW, "kind": "ticked", "data": codec.encode(model.Ticked())}
    async with opened.database.write() as connection:
        await connection.execute(insert(tables.journal), row)
    assert await opened.journal.last_checkpoint() == NOW
    at = NOW + HOUR
    await opened.journal.checkpoint(at, reopen_within=HOUR, keep_samples=HOUR)
    assert await opened.journal.last_checkpoint() == at
