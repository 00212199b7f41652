"""A primary that is lost with its last commits, and the standby that takes its place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
import pytest

from tests.fakes import factories
from tests.servers import postgresql
from tests.servers.ports import free_port
from watcher import model
from watcher.clock import SystemClock
from watcher.store import store


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A primary and its standby; `url` leads to whichever accepts writes."""

    primary: postgresql.Server
    standby: postgresql.Server

    @property
    def url(self) -> str:
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://watcher@{hosts}/postgres?target_session_attrs=read-write"

    async def fail_over(self) -> None:
        """Lose the primary, and promote the standby."""
        self.primary.stop()
        await _sql(self.standby.url, "SELECT pg_promote()")


async def _sql(url: str, *statements: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetch(statement) for statement in statements][-1]
    finally:
        await connection.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    with postgresql.running(free_port()) as primary:
        standby = primary.standby(free_port())
        standby.start()
        try:
            yield Pair(primary=primary, standby=standby)
        finally:
            standby.stop()


async def caught_up(pair: Pair) -> None:
    """Wait until the standby has replayed all that the primary has written."""
    ((position,),) = await _sql(pair.primary.url, "SELECT pg_current_wal_lsn()::text")
    for _ in range(1000):
        ((there,),) = await _sql(
            pair.standby.url, f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn"
        )
        if there:
            return
    pytest.fail("the standby does not follow")


async def stop_following(pair: Pair) -> None:
    """Cut the standby off for good: what is committed from now on is lost with the primary."""
    await _sql(
        pair.standby.url,
        "ALTER SYSTEM SET primary_conninfo = ''",
        "SELECT pg_reload_conf()",
    )
    for _ in range(1000):
        if not await _sql(pair.standby.url, "SELECT 1 FROM pg_stat_wal_receiver"):
            return
    pytest.fail("the standby still follows")


async def test_a_leader_whose_lease_was_lost_in_a_failover_commits_nothing(pair):
    async with store.open(pair.url, clock=SystemClock()) as earlier:
        await earlier.leadership.acquire("ops0")
    await caught_up(pair)
    await stop_following(pair)
    async with contextlib.AsyncExitStack() as stack:
        lost = await stack.enter_async_context(store.open(pair.url, clock=SystemClock()))
        lost_token = await lost.leadership.acquire("ops1")
        await lost.commits.commit(lost_token, factories.commit(*factories.outage_effects("i1")))
        await pair.fail_over()
        leading = await stack.enter_async_context(store.open(pair.url, clock=SystemClock()))
        token = await leading.leadership.acquire("ops2")
        assert token > lost_token, "the number falls back with what was lost"
        for number in (lost_token, token):  # whatever the numbers are, ops1 does not lead
            with pytest.raises(model.PermanentError, match=r"another daemon leads \(ops2\)"):
                await lost.commits.commit(
                    number, factories.commit(*factories.outage_effects("late"))
                )
        await leading.commits.commit(token, factories.commit(*factories.outage_effects("i2")))
        incidents = {incident.id for incident in await leading.queries.incidents()}
        assert incidents == {"i2"}
        with pytest.raises(model.PermanentError, match="was evicted"):
            await lost.leadership.renew()
