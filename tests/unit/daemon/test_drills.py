"""Drills on virtual time: when they are due, what comes of them, and what the next leader knows."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from datetime import timedelta

import aiohttp
import structlog
from aiohttp import web

from tests.fakes.virtual_time import run, running_clock
from watcher import model
from watcher.clock import SystemClock, Wakeup
from watcher.daemon import lifecycle
from watcher.daemon.drills import ScheduledDrills
from watcher.model import Receipt

DAY = timedelta(hours=24)
NEVER = timedelta(0)
LATE = "not notified within 1 min: noc (refused)"


class FakeStore:
    """Starts drills, keeps them and their results, and notifies those receivers that work."""

    def __init__(self, clock, *, broken=()):
        self.clock, self.broken, self.drills = clock, set(broken), []
        self.rejects = ""
        self.checks = model.SelfChecks()
        self.wakeup = Wakeup()

    async def start_drill(self, receivers, *, by, page=False):
        if self.rejects:
            raise model.TemporaryError(self.rejects)
        incident = model.Incident(
            id=f"w-{len(self.drills)}",
            version=1,
            entries=1,
            rule="drill",
            source="",
            group="drill",
            status=model.IncidentStatus.OPEN,
            severity=model.Severity.INFO,
            title="DRILL",
            opened_at=self.clock.now(),
            fault_domain=model.FaultDomain.NONE,
            receivers=tuple(receivers) or ("noc", "mqtt"),
        )
        self.drills.insert(0, incident)
        return incident

    async def incidents(self, wanted, *, limit):
        assert wanted.drills
        return self.drills[:limit]

    async def receipts(self, incident):
        return [
            Receipt(
                incident=incident,
                receiver=name,
                told_through=0 if name in self.broken else 1,
                parent_version=0 if name in self.broken else 1,
                error="refused" if name in self.broken else "",
            )
            for name in ("noc", "mqtt")
        ]

    async def self_checks(self):
        return self.checks

    async def record_drill(self, result):
        self.checks = model.SelfChecks(drill=result)

    @property
    def failure(self):
        return self.checks.drill.failure if self.checks.drill else None


def scheduled(store, *, every=DAY, receivers=("noc", "mqtt")):
    return ScheduledDrills(
        starter=store,
        listings=store,
        reader=store,
        results=store,
        receivers=receivers,
        every=every,
        within=timedelta(minutes=1),
        clock=store.clock,
        wakeup=store.wakeup,
    )


@contextlib.asynccontextmanager
async def leading(store, **options):
    """Let one leader look after the drills."""
    drills = scheduled(store, **options)
    task = asyncio.create_task(drills.run())
    try:
        yield drills
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def hours(count):
    await asyncio.sleep(count * 3600)


def test_the_first_drill_comes_soon_after_the_start_and_the_others_once_a_day():
    async def scenario():
        store = FakeStore(running_clock())
        async with leading(store):
            await hours(73)
        return store

    store = run(scenario())
    opened = [drill.opened_at for drill in reversed(store.drills)]
    assert len(opened) == 4
    for earlier, later in itertools.pairwise(opened):
        assert DAY <= later - earlier <= timedelta(hours=24, minutes=2)
    assert store.checks.drill == model.DrillResult(
        incident="w-3", at=opened[-1], receivers=("noc", "mqtt")
    )


def test_the_first_drill_comes_as_soon_where_the_clock_is_set_back():
    async def scenario():
        store = FakeStore(running_clock())
        async with leading(store):
            await asyncio.sleep(1)
            clock, set_back = store.clock, timedelta(hours=9)
            store.clock.now = lambda now=clock.now: now() - set_back
            await asyncio.sleep(121)
        return store

    assert len(run(scenario()).drills) == 1


def test_a_receiver_that_is_not_notified_in_time_is_named_until_a_drill_succeeds():
    async def scenario():
        store = FakeStore(running_clock(), broken={"noc"})
        async with leading(store) as drills:
            await hours(12)
            assert store.failure == drills.trouble() == LATE
            assert store.checks.drill.late == {"noc": "refused"}
            store.broken.clear()
            await hours(18)
            assert store.failure == drills.trouble() == ""

    run(scenario())


def test_the_next_leader_knows_at_once_that_the_last_drill_failed():
    async def scenario():
        store = FakeStore(running_clock(), broken={"noc"})
        async with leading(store):
            await hours(1)
        drills = scheduled(store)
        assert drills.trouble() == ""
        await drills.recall()
        assert drills.trouble() == LATE
        async with leading(store):
            await hours(22)
        assert len(store.drills) == 1  # nor does it drill before the day is over

    run(scenario())


def test_a_drill_whose_leader_goes_away_is_looked_after_by_the_next_one():
    async def scenario():
        store = FakeStore(running_clock(), broken={"noc"})
        async with leading(store):
            await asyncio.sleep(70)
        assert len(store.drills) == 1
        assert store.checks.drill is None
        async with leading(store):
            await asyncio.sleep(60)
        assert len(store.drills) == 1
        assert store.failure == LATE

    run(scenario())


def test_a_drill_by_hand_says_at_once_that_a_receiver_works_again():
    async def scenario():
        store = FakeStore(running_clock(), broken={"noc"})
        async with leading(store) as drills:
            await hours(1)
            store.broken.clear()
            await store.start_drill(["mqtt"], by="ann")
            store.wakeup.set()
            await asyncio.sleep(2)
            assert drills.trouble() == LATE  # this drill has left noc out
            await store.start_drill(["noc"], by="ann")
            store.wakeup.set()
            await asyncio.sleep(2)
            assert drills.trouble() == ""
            assert store.checks.drill.late == {}

    run(scenario())


def test_a_receiver_that_was_removed_fails_no_drill():
    async def scenario():
        store = FakeStore(running_clock(), broken={"noc"})
        async with leading(store):
            await hours(1)
        await store.start_drill(["mqtt"], by="ann")
        async with leading(store, receivers=("mqtt",)):
            await asyncio.sleep(2)
        assert store.failure == ""

    run(scenario())


def test_without_a_schedule_drills_by_hand_have_a_result_and_withhold_nothing():
    async def scenario():
        store = FakeStore(running_clock(), broken={"noc"})
        async with leading(store, every=NEVER) as drills:
            await hours(1)
            assert store.drills == []
            await store.start_drill([], by="ann")
            await asyncio.sleep(180)  # it was started at another daemon, which wakes nobody here
            assert store.failure == LATE
            assert drills.trouble() == ""

    run(scenario())


def test_a_drill_that_cannot_be_started_has_failed_which_is_logged_once():
    async def scenario():
        store = FakeStore(running_clock())
        store.rejects = "the database is locked"
        with structlog.testing.capture_logs() as logs:
            async with leading(store) as drills:
                await hours(1)
                assert drills.trouble() == "the drill could not be started: the database is locked"
                store.rejects = ""
                await hours(1)
                assert drills.trouble() == ""
        assert [line["event"] for line in logs] == ["drill failed", "drill succeeded"]
        assert len(store.drills) == 1

    run(scenario())


async def test_after_a_takeover_no_heartbeat_is_sent_until_a_drill_succeeds(monkeypatch):
    monkeypatch.setattr(lifecycle, "HEARTBEAT_SECONDS", 0)
    clock = SystemClock()
    store = FakeStore(clock, broken={"noc"})
    store.checks = model.SelfChecks(
        drill=model.DrillResult(
            incident="w-before", at=clock.now(), late={"noc": "refused"}, failure=LATE
        )
    )
    pings, looked = asyncio.Queue(), asyncio.Event()
    asked: list[str] = []

    async def ping(_):
        pings.put_nowait(store.failure)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", ping)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    drills = scheduled(store)
    await drills.recall()

    def trouble():
        asked.append(drills.trouble())
        if len(asked) == 2:  # a ping that was sent would be there now
            looked.set()
        return asked[-1]

    async with aiohttp.ClientSession() as session, asyncio.timeout(10):
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        beats = asyncio.create_task(
            lifecycle.send_heartbeats(session, url, lambda: "", trouble), name="heartbeat"
        )
        await looked.wait()
        assert pings.empty()
        store.broken.clear()
        await store.start_drill([], by="ann")
        running = asyncio.create_task(drills.run())
        assert await pings.get() == ""  # the first one comes after the drill that succeeded
        for task in (beats, running):
            task.cancel()
        await asyncio.gather(beats, running, return_exceptions=True)
    await runner.cleanup()
