"""The one writer: one event, one commit, and only then whoever has work is woken."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from tests.engine import worlds
from watcher import engine, model, ports
from watcher.clock import Wakeup
from watcher.daemon import ingest
from watcher.metrics import Metrics

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()


class Ledger:
    """Keeps commits in memory; `fault` is raised instead of the next one."""

    def __init__(self) -> None:
        self.commits: list[ports.Commit] = []
        self.letters: list[ports.Envelope] = []
        self.fault: Exception | None = None

    async def commit(self, token, commit):
        assert token == 7
        if self.fault:
            raise self.fault
        self.commits.append(commit)
        self.letters = [one for one in self.letters if one.number != commit.inbox]

    async def inbox(self, limit=100):
        return list(self.letters)

    def put(self, command: model.Command) -> None:
        number = len(self.commits) + len(self.letters) + 1
        self.letters.append(
            ports.Envelope(number=number, key=str(number), at=START, command=command)
        )

    @property
    def events(self) -> list[type]:
        return [type(commit.event) for commit in self.commits]


class Poller:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.hurried = 0
        self.fast = False

    def hurry(self) -> None:
        self.hurried += 1

    def quicken(self, fast: bool) -> None:  # noqa: FBT001
        self.fast = fast


class Desk:
    """An ingest loop with everything around it."""

    def __init__(self, *rules: engine.Rule) -> None:
        self.clock = HandClock()
        self.ledger = Ledger()
        self.poller = Poller()
        self.wakeup, self.delivery, self.jobs = Wakeup(), Wakeup(), Wakeup()
        self.health: list[model.SourceHealth] = []
        self.metrics = Metrics(version="1", sources=["vyvx", "evpl"], receivers=["noc"])
        ruleset = worlds.ruleset(*rules)
        self.loop = ingest.Ingest(
            ledger=self.ledger,
            token=7,
            state=engine.restore(ruleset),
            pollers={"vyvx": self.poller},
            clock=self.clock,
            metrics=self.metrics,
            wakeup=self.wakeup,
            delivery=self.delivery,
            jobs=self.jobs,
            health=self.health.append,
        )

    @asynccontextmanager
    async def running(self):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.loop.run(), name="ingest")
            yield self
            self.loop.finish()
            await task

    async def poll(self, state: str, *, seconds: float = 0) -> None:
        self.clock.at = START + timedelta(seconds=seconds)
        seen = model.Observed(key="vyvx/1", fields={"state": state, "ingress_state": "online"})
        await self.loop.submit(model.Polled(source="vyvx", seen=(seen,), total=1))


async def test_a_submitted_event_is_durable_when_submit_returns():
    desk = Desk(worlds.rule())
    async with desk.running():
        await desk.poll("online")
        assert desk.ledger.events == [model.Polled]
        await desk.poll("offline", seconds=10)
        incidents = [e for e in desk.ledger.commits[-1].effects if isinstance(e, model.Incident)]
        assert len(incidents) == 1


async def test_delivery_is_woken_by_an_incident_and_not_by_a_quiet_poll():
    desk = Desk(worlds.rule())
    async with desk.running():
        await desk.poll("online")
        assert not await desk.delivery.wait(0)
        await desk.poll("offline", seconds=10)
        assert await desk.delivery.wait(1)


async def test_a_commit_that_fails_ends_the_loop_and_wakes_nobody():
    desk = Desk(worlds.rule())
    desk.ledger.fault = model.TemporaryError("disk full")
    with pytest.raises(ExceptionGroup) as caught:
        async with desk.running():
            await desk.poll("offline")
    assert caught.group_contains(model.TemporaryError, match="disk full")
    assert not await desk.delivery.wait(0)


async def test_a_command_is_consumed_in_the_commit_of_its_consequences():
    desk = Desk(worlds.rule())
    async with desk.running():
        await desk.poll("online")
        await desk.poll("offline", seconds=10)
        (incident,) = desk.loop.state.incidents
        desk.ledger.put(model.Acknowledged(incident=incident, by="ada"))
        desk.wakeup.set()
        await desk.poll("offline", seconds=20)
    (commit,) = [one for one in desk.ledger.commits if one.inbox is not None]
    assert commit.event == model.Acknowledged(incident=incident, by="ada")
    assert desk.loop.state.incidents[incident].acknowledged_by == "ada"
    assert desk.ledger.letters == []


async def test_a_command_that_cannot_be_obeyed_is_consumed_with_its_reason():
    desk = Desk(worlds.rule())
    async with desk.running():
        desk.ledger.put(model.Acknowledged(incident="w-none", by="ada"))
        await desk.poll("online")
    (commit,) = [one for one in desk.ledger.commits if one.inbox is not None]
    assert "w-none" in commit.note
    assert not commit.effects
    assert desk.ledger.letters == []


async def test_a_due_hold_hurries_the_poller_and_that_poll_decides():
    desk = Desk(worlds.rule(hold=timedelta(seconds=20)))
    async with desk.running():
        await desk.poll("online")
        await desk.poll("offline", seconds=10)
        assert desk.poller.fast
        await desk.poll("offline", seconds=31)
    assert desk.poller.hurried
    assert not desk.poller.fast
    assert [one.status for one in desk.loop.state.incidents.values()] == ["open"]


async def test_time_of_observation_never_goes_back():
    desk = Desk(worlds.rule())
    async with desk.running():
        await desk.poll("online", seconds=60)
        await desk.poll("offline", seconds=5)
    times = [commit.at for commit in desk.ledger.commits]
    assert times == sorted(times)
    assert times[-1] >= START + timedelta(seconds=60)


async def test_finish_takes_in_what_was_handed_in_before():
    desk = Desk(worlds.rule())
    async with desk.running():
        waiting = asyncio.ensure_future(desk.poll("offline"))
        await asyncio.sleep(0)
    await waiting
    assert desk.ledger.events == [model.Polled]


async def test_the_health_of_a_source_is_passed_on():
    desk = Desk()
    async with desk.running():
        await desk.loop.submit(model.PollFailed(source="vyvx", error="HTTP 503"))
    assert desk.health[-1].error == "HTTP 503"
    exposed = desk.metrics.exposition().decode()
    assert 'watcher_source_polls_total{outcome="failed",source="vyvx"} 1.0' in exposed
