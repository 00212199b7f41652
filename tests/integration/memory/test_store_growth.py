"""The store of a daemon that has run for long holds no more than one that has run for a while."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from tests.fakes import factories
from tests.fakes.factories import MINUTE, NOW
from watcher import model
from watcher.clock import SystemClock
from watcher.store import store

MOST_GROWTH = 48 * 1024  # sqlite3 keeps up to 200 weak references to cursors, a connection
ROUNDS = 80


async def live(opened: store.Store, token: int, numbers: range) -> None:
    """Let incidents open, be delivered, be read by people, end and be deleted."""
    for number in numbers:
        incident, at = f"w-{number}", NOW + number * MINUTE
        await opened.commits.commit(token, factories.commit(*factories.outage_effects(incident)))
        (pending,) = await opened.outbox.claim(now=at, receivers=["noc"], lease=MINUTE, limit=1)
        await opened.outbox.release(pending.receipt, pending.token, again_at=None)
        await opened.queries.incident_view(incident)
        await opened.queries.backlog()
        await opened.queries.counts()
        over = factories.incident(
            incident, version=2, status=model.IncidentStatus.RESOLVED, resolved_at=at
        )
        await opened.commits.commit(token, factories.commit(over, at=at))
        assert await opened.retention.prune(at + MINUTE) > 0


@pytest.mark.timeout(300)
async def test_hundreds_of_incidents_leave_nothing_in_the_store(tmp_path):
    async with store.open(f"sqlite:///{tmp_path / 'w.db'}", clock=SystemClock()) as opened:
        token = await opened.leadership.acquire("tests")
        assert token is not None
        sizes = []
        tracemalloc.start()
        try:
            for first in (0, ROUNDS, 2 * ROUNDS):
                await live(opened, token, range(first, first + ROUNDS))
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert sizes[2] - sizes[1] < MOST_GROWTH, sizes
