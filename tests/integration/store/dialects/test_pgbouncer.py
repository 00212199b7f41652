"""A database behind PgBouncer: a session each, as in its default, or one for each transaction."""

from __future__ import annotations

import pytest
from sqlalchemy import text, update

from tests.fakes import factories
from tests.servers import pgbouncer
from watcher import model
from watcher.clock import SystemClock
from watcher.store import store, tables


def opening(url: str):
    return store.open(url, clock=SystemClock(), busy_timeout=2)


@pytest.fixture
def pooled(postgresql_url):
    with pgbouncer.running(postgresql_url, "session") as url:
        yield url


async def test_a_daemon_leads_and_commits_behind_a_pool_of_sessions(pooled):
    async with opening(pooled) as opened:
        token = await opened.leadership.acquire("ops1")
        await opened.commits.commit(token, factories.commit(*factories.outage_effects()))
        assert [incident.id for incident in await opened.queries.incidents()] == ["i1"]
    assert "tables at revision" in await store.inspect(pooled)


async def test_each_session_has_its_settings(pooled, postgresql_url):
    names = ("application_name", "lock_timeout", "idle_in_transaction_session_timeout")
    shown = []
    for url in (pooled, postgresql_url):
        async with opening(url) as opened, opened.database.read() as connection:
            values = [await connection.scalar(text(f"SHOW {name}")) for name in names]
            assert values[0] == f"watcher {opened.database.session}"
            shown.append(values[1:])
    assert shown == [["2s", "4s"]] * 2


async def test_a_frozen_leader_is_cut_off_behind_a_pool_of_sessions(pooled):
    async with opening(pooled) as first, opening(pooled) as second:
        token = await first.leadership.acquire("ops1")
        await second.leadership.acquire("ops2")
        async with first.database.write() as connection:
            await connection.execute(
                update(tables.daemons)
                .where(tables.daemons.c.session == first.database.session)
                .values(until=tables.EPOCH)
            )
        newer = await second.leadership.acquire("ops2")
        assert newer > token
        with pytest.raises(model.PermanentError, match="another daemon leads"):
            await first.commits.commit(token, factories.commit(*factories.outage_effects()))


@pytest.mark.parametrize("size", [1, 2, 20])
@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_a_pool_of_transactions_is_refused_at_the_start(postgresql_url, mode, size):
    with pgbouncer.running(postgresql_url, mode, size=size) as url:
        with pytest.raises(model.PermanentError, match="set pool_mode = session for it"):
            async with opening(url):
                pass
        with pytest.raises(model.PermanentError, match="set pool_mode = session for it"):
            await store.inspect(url)
