"""A commit on PostgreSQL whose daemon is stopped ends soon, and leaves nothing half written."""

import asyncio

from asyncpg import compat
from sqlalchemy import text

from tests.fakes import factories
from tests.servers.postgresql import waits_for_a_lock
from watcher.clock import SystemClock
from watcher.store import store
from watcher.store.dialects import postgresql


async def is_cancelled(task) -> bool:
    task.cancel()
    async with asyncio.timeout(20):
        await asyncio.wait([task])
    return task.cancelled()


async def test_it_ends_while_it_sends_more_than_one_packet(postgresql_url, monkeypatch):
    """Between two of them asyncpg waits, and would wait forever once it is cancelled there."""
    sends = asyncio.Event()
    wait_for = compat.wait_for

    async def noted(awaitable, timeout):  # noqa: ASYNC109  # the signature of what it stands for
        sends.set()
        return await wait_for(awaitable, timeout)

    monkeypatch.setattr(compat, "wait_for", noted)
    async with store.open(postgresql_url, clock=SystemClock()) as opened:
        token = await opened.leadership.acquire("first")
        subjects = [factories.subject(f"vyvx/{number}") for number in range(2_000)]
        sends.clear()
        task = asyncio.create_task(opened.commits.commit(token, factories.commit(*subjects)))
        await sends.wait()
        assert await is_cancelled(task)
        assert await opened.queries.subjects() == []
        await opened.commits.commit(token, factories.commit(*subjects))


async def test_it_does_not_wait_for_a_server_that_does_not_answer(postgresql_url, monkeypatch):
    monkeypatch.setattr(postgresql, "_FINISH_SECONDS", 0.1)
    async with (
        store.open(postgresql_url, clock=SystemClock(), busy_timeout=100) as opened,
        store.open(postgresql_url, clock=SystemClock()) as other,
    ):
        token = await opened.leadership.acquire("first")
        commit = factories.commit(factories.subject("vyvx/a"))
        async with other.database.write() as holder:
            await holder.execute(text("LOCK TABLE subjects IN SHARE MODE"))
            task = asyncio.create_task(opened.commits.commit(token, commit))
            await waits_for_a_lock(other)
            assert await is_cancelled(task)
        assert await opened.queries.subjects() == []
        await opened.commits.commit(token, commit)
