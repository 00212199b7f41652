"""Delivery is reconciliation: whatever happens in whatever order, everything true is delivered."""

import asyncio
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fakes import factories
from watcher import model
from watcher.clock import SystemClock
from watcher.store import store, tables

RECEIVERS = ("noc", "mqtt")
INCIDENTS = ("i1", "i2")
LEASE = timedelta(seconds=30)
BACKOFF = timedelta(seconds=45)

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.sampled_from(INCIDENTS), st.booleans()),
        st.tuples(st.just("claim"), st.sampled_from([(*RECEIVERS,), ("noc",)]), st.integers(1, 4)),
        st.tuples(
            st.sampled_from(["deliver", "fail", "save", "die"]), st.integers(0, 3), st.booleans()
        ),
        st.tuples(st.just("wait"), st.sampled_from([1, 20, 31, 60]), st.booleans()),
    ),
    max_size=25,
)


class World:
    """A writer that changes incidents and delivery workers that claim, deliver, fail and die."""

    def __init__(self, opened, token):
        self.opened = opened
        self.token = token
        self.now = factories.NOW
        self.truth = {}
        self.claims = []
        self.delivered = []  # as the store was told, under a claim that still held

    async def change(self, name, both):
        version, entries = self.truth.get(name, (0, 0))
        # Sometimes the document changes without a word on the timeline.
        self.truth[name] = version + 1, entries + (both or not entries)
        incident = factories.incident(
            name, version=self.truth[name][0], entries=self.truth[name][1], notify=RECEIVERS
        )
        new = [factories.entry(self.truth[name][1], name)] if self.truth[name][1] > entries else []
        await self.opened.commits.commit(self.token, factories.commit(incident, *new, at=self.now))

    async def claim(self, receivers, limit):
        claimed = await self.opened.outbox.claim(
            now=self.now, receivers=receivers, lease=LEASE, limit=limit
        )
        for pending in claimed:
            view = await self.opened.queries.incident_view(pending.receipt.incident)
            self.claims.append((pending, view.incident))

    async def act(self, what, which, later):
        if not self.claims:
            return
        pending, seen = self.claims.pop(which % len(self.claims))
        receipt = replace(
            pending.receipt, parent_version=seen.version, told_through=seen.entries, failures=0
        )
        try:
            if what == "deliver":
                again = self.now + timedelta(days=1) if later else None
                kept = model.Notification(
                    incident=receipt.incident,
                    receiver=receipt.receiver,
                    first_entry=pending.receipt.told_through + 1,
                    last_entry=receipt.told_through,
                    pending_since=pending.owed_since or self.now,
                    first_attempt_at=self.now,
                    delivered_at=self.now,
                )
                await self.opened.outbox.release(
                    receipt, pending.token, again_at=again, delivered=kept
                )
                self.delivered.append(kept)
            elif what == "fail":
                failed = replace(pending.receipt, failures=pending.receipt.failures + 1)
                await self.opened.outbox.release(failed, pending.token, again_at=self.now + BACKOFF)
            elif what == "save":  # half of it is delivered, then the worker dies
                half = replace(pending.receipt, told_through=seen.entries)
                await self.opened.outbox.save_receipt(half, pending.token)
        except model.PermanentError:
            pass  # the lease ended and somebody else has it

    async def receipts(self):
        return await factories.rows(self.opened, tables.receipts)

    async def check_that_what_lags_is_pending(self):
        for row in await self.receipts():
            version, entries = self.truth[row.incident]
            if row.parent_version < version or row.told_through < entries:
                assert row.owed
                assert row.due is not None

    async def deliver_everything(self):
        for _ in range(100):
            self.now += timedelta(minutes=5)
            await self.claim(RECEIVERS, 10)
            if not self.claims and not await self.opened.queries.backlog():
                return
            while self.claims:
                await self.act("deliver", 0, later=False)
        pytest.fail("something stays pending forever")


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_any_order_of_changes_and_deliveries_ends_with_everything_delivered(migrated, steps):
    with tempfile.TemporaryDirectory() as folder:
        path = shutil.copy(migrated, Path(folder) / "watcher.db")
        asyncio.run(play(f"sqlite:///{path}", steps))


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # it is the same for all examples
)
@given(steps=STEPS)
def test_the_same_on_postgresql(databases, template, hosts_time, steps):
    with databases.new(template) as url:
        asyncio.run(play(url, steps))


async def play(url, steps):
    async with store.open(url, clock=SystemClock()) as opened:
        world = World(opened, await opened.leadership.acquire("law"))
        for what, first, second in steps:
            if what == "change":
                await world.change(first, second)
            elif what == "claim":
                await world.claim(first, second)
            elif what == "wait":
                world.now += timedelta(seconds=first)
            else:
                await world.act(what, first, second)
            await world.check_that_what_lags_is_pending()
        world.claims.clear()
        await world.deliver_everything()
        for row in await world.receipts():
            assert (row.parent_version, row.told_through) == world.truth[row.incident]
            assert not row.owed
            assert row.owed_since is None
        assert len(await world.receipts()) == len(world.truth) * len(RECEIVERS)
        for incident in world.truth:
            assert await opened.listings.notifications(incident, limit=999) == [
                kept for kept in world.delivered if kept.incident == incident
            ]
