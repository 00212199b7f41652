"""Drills on a schedule, on virtual time: when they are due, and what a failed one leads to."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from datetime import timedelta

from tests.fakes.virtual_time import run, running_clock
from watcher import model
from watcher.daemon.drills import ScheduledDrills
from watcher.metrics import Metrics
from watcher.model import Receipt


class FakeStore:
    """Starts drills, keeps them, and notifies those receivers that work."""

    def __init__(self, clock, *, broken=()):
        self.clock, self.broken, self.drills = clock, set(broken), []

    async def start_drill(self, receivers, *, by, page=False):
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
            receivers=("noc", "mqtt"),
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


def drilled(hours, *, broken=(), mends_at=None, every=timedelta(hours=24)):
    """Let so many hours pass; return the store, what was reported, and the metrics."""
    reports, metrics = [], Metrics(version="1", sources=[], receivers=["noc", "mqtt"])

    async def scenario():
        clock = running_clock()
        store = FakeStore(clock, broken=broken)
        drills = ScheduledDrills(
            starter=store,
            listings=store,
            reader=store,
            every=every,
            within=timedelta(minutes=1),
            clock=clock,
            metrics=metrics,
            report=reports.append,
        )
        task = asyncio.create_task(drills.run())
        await asyncio.sleep((mends_at or hours) * 3600)
        store.broken.clear()
        await asyncio.sleep((hours - (mends_at or hours)) * 3600)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return store

    return run(scenario()), reports, metrics


def failed(metrics, receiver):
    return metrics.drill_failed.labels(receiver)._value.get()


def test_the_first_drill_comes_soon_after_the_start_and_the_others_once_a_day():
    store, reports, _ = drilled(73)
    opened = [drill.opened_at for drill in reversed(store.drills)]
    assert len(opened) == 4
    for earlier, later in itertools.pairwise(opened):
        assert timedelta(hours=24) <= later - earlier <= timedelta(hours=24, minutes=2)
    assert reports == [""] * 4


def test_a_receiver_that_is_not_notified_in_time_is_named_until_a_drill_succeeds():
    _, reports, metrics = drilled(12, broken={"noc"})
    assert reports == ["not notified within 1 min in the last drill: noc (refused)"]
    assert (failed(metrics, "noc"), failed(metrics, "mqtt")) == (1, 0)
    _, reports, metrics = drilled(30, broken={"noc"}, mends_at=12)
    assert reports[-1] == ""
    assert failed(metrics, "noc") == 0
