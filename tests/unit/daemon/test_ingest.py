"""The one writer: one event, one commit, and only then are other loops woken."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes import engine_world
from watcher import engine, model, off_loop, ports
from watcher.clock import Wakeup
from watcher.daemon import ingest
from watcher.metrics import Metrics

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


class FakeClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def step(self, by: timedelta) -> None:
        self.at += by

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()


class InMemoryCommits:
    """The commit log and the inbox in memory; `fault` is raised instead of the next commit."""

    def __init__(self) -> None:
        self.log: list[ports.Commit] = []
        self.envelopes: list[ports.Envelope] = []
        self.fault: Exception | None = None

    async def commit(self, token, commit, claim):
        assert token == 7
        if self.fault:
            raise self.fault
        self.log.append(commit)
        self.envelopes = [
            envelope for envelope in self.envelopes if envelope.number != commit.inbox
        ]
        return [claim] if claim else []

    async def read(self, limit=100):
        return list(self.envelopes)

    def put(self, command: model.Command) -> None:
        number = len(self.log) + len(self.envelopes) + 1
        self.envelopes.append(
            ports.Envelope(number=number, key=str(number), at=START, command=command)
        )

    @property
    def events(self) -> list[type]:
        return [type(commit.event) for commit in self.log]


class Poller:
    """Records what it is asked for."""

    def __init__(self) -> None:
        self.hurried = 0
        self.fast = False

    def poll_now(self) -> None:
        self.hurried += 1

    def set_fast(self, fast: bool) -> None:  # noqa: FBT001  # the port's
        self.fast = fast


class Deliveries:
    """Wants to claim, and records what it is handed."""

    def __init__(self) -> None:
        self.handed: list[object] = []

    def claim(self) -> str:
        return "what was wanted"

    def take(self, claimed) -> None:
        self.handed += claimed


class IngestHarness:
    """An ingest loop with everything around it."""

    def __init__(self, *rules: engine.Rule) -> None:
        self.clock = FakeClock()
        self.commits = InMemoryCommits()
        self.poller = Poller()
        self.wakeup, self.delivery, self.jobs = Wakeup(), Wakeup(), Wakeup()
        self.health: list[model.SourceHealth] = []
        self.silences: list[tuple[model.Silence, ...]] = []
        self.metrics = Metrics(version="1", sources=["vyvx", "evpl"], receivers=["noc"])
        self.deliveries = Deliveries()
        ruleset = engine_world.ruleset(*rules)
        self.loop = ingest.Ingest(
            commits=self.commits,
            inbox=self.commits,
            token=7,
            state=engine.restore(ruleset),
            pollers={"vyvx": self.poller, "evpl": Poller()},
            clock=self.clock,
            metrics=self.metrics,
            wakeup=self.wakeup,
            delivery_wakeup=self.delivery,
            jobs_wakeup=self.jobs,
            deliveries=self.deliveries,
            on_health=self.health.append,
            on_silences=self.silences.append,
            on_clock_step=self.clock.step,
        )

    @asynccontextmanager
    async def running(self):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.loop.run(), name="ingest")
            yield self
            self.loop.stop()
            await task

    async def poll(self, state: str, *, seconds: float = 0) -> None:
        self.clock.at = START + timedelta(seconds=seconds)
        seen = model.Observed(key="vyvx/1", fields={"state": state, "ingress_state": "online"})
        await self.loop.submit(model.Polled(source="vyvx", seen=(seen,), total=1))


async def test_a_submitted_event_is_durable_when_submit_returns():
    harness = IngestHarness(engine_world.rule())
    async with harness.running():
        await harness.poll("online")
        assert harness.commits.events == [model.Polled]
        await harness.poll("offline", seconds=10)
        incidents = [e for e in harness.commits.log[-1].effects if isinstance(e, model.Incident)]
        assert len(incidents) == 1


async def test_what_is_claimed_with_the_commit_of_an_incident_is_handed_over_once_it_is_durable():
    harness = IngestHarness(engine_world.rule())
    async with harness.running():
        await harness.poll("online")
        assert harness.deliveries.handed == []
        await harness.poll("offline", seconds=10)
        assert harness.deliveries.handed == ["what was wanted"]


async def test_what_was_left_out_of_a_poll_is_counted_and_its_remarks_are_in_the_health():
    harness = IngestHarness(engine_world.rule())
    async with harness.running():
        for _ in range(2):
            await harness.loop.submit(
                model.Polled(source="evpl", future=3, remarks=("3 values are from the future",))
            )
        await harness.loop.submit(model.PollFailed(source="evpl", error="down"))
    assert b'watcher_source_future_total{source="evpl"} 6.0' in harness.metrics.exposition()
    assert b'watcher_source_future_total{source="vyvx"} 0.0' in harness.metrics.exposition()
    assert harness.health[-1].sight is model.Visibility.FAILING
    assert harness.health[-1].remarks == ("3 values are from the future",)  # of the last answer


async def test_delivery_is_woken_by_an_incident_and_not_by_a_quiet_poll():
    harness = IngestHarness(engine_world.rule())
    async with harness.running():
        await harness.poll("online")
        assert not await harness.delivery.wait(0)
        await harness.poll("offline", seconds=10)
        assert await harness.delivery.wait(1)


async def test_a_commit_that_fails_ends_the_loop_and_wakes_no_other():
    harness = IngestHarness(engine_world.rule())
    harness.commits.fault = model.TemporaryError("disk full")
    with pytest.raises(ExceptionGroup) as caught:
        async with harness.running():
            await harness.poll("offline")
    assert caught.group_contains(model.TemporaryError, match="disk full")
    assert not await harness.delivery.wait(0)


async def test_a_command_is_consumed_in_the_commit_of_its_effects():
    harness = IngestHarness(engine_world.rule())
    async with harness.running():
        await harness.poll("online")
        await harness.poll("offline", seconds=10)
        (incident,) = harness.loop.state.incidents
        harness.commits.put(model.Acknowledged(incident=incident, by="ada"))
        harness.wakeup.set()
        await harness.poll("offline", seconds=20)
    (commit,) = [commit for commit in harness.commits.log if commit.inbox is not None]
    assert commit.event == model.Acknowledged(incident=incident, by="ada")
    assert harness.loop.state.incidents[incident].acknowledged_by == "ada"
    assert harness.commits.envelopes == []


async def test_a_command_that_cannot_be_obeyed_is_consumed_with_its_reason():
    harness = IngestHarness(engine_world.rule())
    async with harness.running():
        harness.commits.put(model.Acknowledged(incident="w-none", by="ada"))
        await harness.poll("online")
    (commit,) = [commit for commit in harness.commits.log if commit.inbox is not None]
    assert "w-none" in commit.note
    assert not commit.effects
    assert harness.commits.envelopes == []


async def test_a_due_hold_hurries_the_poller_and_that_poll_decides():
    harness = IngestHarness(engine_world.rule(hold=timedelta(seconds=20)))
    async with harness.running():
        await harness.poll("online")
        await harness.poll("offline", seconds=10)
        assert harness.poller.fast
        await harness.poll("offline", seconds=31)
    assert harness.poller.hurried
    assert not harness.poller.fast
    assert [incident.status for incident in harness.loop.state.incidents.values()] == ["open"]


async def test_time_of_observation_never_goes_back():
    harness = IngestHarness(engine_world.rule())
    async with harness.running():
        await harness.poll("online", seconds=60)
        await harness.poll("offline", seconds=5)
    times = [commit.at for commit in harness.commits.log]
    assert times == sorted(times)
    assert times[-1] >= START + timedelta(seconds=60)


async def test_stopping_first_steps_what_was_submitted_before():
    harness = IngestHarness(engine_world.rule())
    async with harness.running():
        waiting = asyncio.ensure_future(harness.poll("offline"))
        await asyncio.sleep(0)
    await waiting
    assert harness.commits.events == [model.Polled]


async def test_the_health_of_a_source_is_passed_on():
    harness = IngestHarness()
    async with harness.running():
        await harness.loop.submit(model.PollFailed(source="vyvx", error="HTTP 503"))
    assert harness.health[-1].error == "HTTP 503"
    exposed = harness.metrics.exposition().decode()
    assert 'watcher_source_polls_total{outcome="failed",source="vyvx"} 1.0' in exposed


async def test_silences_are_passed_on_at_the_start_and_when_one_is_added_or_over():
    harness = IngestHarness(engine_world.rule())
    silence = model.Silence(
        id="s-1",
        matchers=(model.Matcher(name="rule", value="*"),),
        begin=START,
        end=START + timedelta(minutes=5),
        by="ann",
    )
    async with harness.running():
        await harness.poll("online")
        assert harness.silences == [()]
        await harness.loop.submit(model.Silenced(silence=silence))
        await harness.poll("online", seconds=10)
        assert harness.silences == [(), (silence,)]
        await harness.poll("online", seconds=400)
        assert harness.silences == [(), (silence,), ()]


async def started(harness) -> None:
    await harness.loop.submit(engine.Reloaded(ruleset=harness.loop.state.ruleset))


async def test_the_clock_shows_the_new_time_once_every_mark_is_committed():
    harness = IngestHarness(engine_world.rule(hold=timedelta(minutes=5)))
    by = timedelta(hours=-1)
    async with harness.running():
        await started(harness)
        await harness.poll("online")
        await harness.poll("offline", seconds=5)
        shown = []
        commit = harness.commits.commit

        async def committing(token, commit_, claim):
            shown.append(harness.clock.now())
            return await commit(token, commit_, claim)

        harness.commits.commit = committing
        await harness.loop.submit(model.ClockStepped(by=by))
        assert shown == [START + timedelta(seconds=5)]
        assert harness.clock.now() == START + by + timedelta(seconds=5)
        assert harness.commits.log[-1].at == harness.clock.now()
        alert = harness.loop.state.alert("vyvx/1", "down")
        assert alert.since == harness.clock.now()
        harness.clock.at += timedelta(seconds=1)
        await harness.loop.submit(model.PollFailed(source="vyvx", error="down"))
    assert harness.commits.log[-1].at == START + by + timedelta(seconds=6)


async def test_a_standstill_counts_as_if_nobody_had_watched():
    harness = IngestHarness(engine_world.rule(hold=timedelta(minutes=2)))
    async with harness.running():
        await started(harness)
        await harness.poll("online")
        await harness.poll("offline", seconds=5)
        asked = harness.poller.hurried
        await harness.poll("offline", seconds=300)
        assert model.Stalled in harness.commits.events
        stalled = next(c.event for c in harness.commits.log if isinstance(c.event, model.Stalled))
        assert stalled.since == START + timedelta(seconds=5)
        # No deadline in between was kept, so none is stepped before.
        polled = model.Polled
        assert harness.commits.events[:4] == [ports.RulesRead, polled, polled, model.Stalled]
        assert harness.poller.hurried > asked
        assert harness.loop.state.alert("vyvx/1", "down").state is model.AlertState.PENDING


async def test_many_steps_in_one_pass_are_no_standstill():
    harness = IngestHarness(engine_world.rule())
    async with harness.running():
        await started(harness)
        commit = harness.commits.commit

        async def committing(token, commit_, claim):
            claimed = await commit(token, commit_, claim)
            harness.clock.at += timedelta(seconds=20)  # the machine is busy
            return claimed

        harness.commits.commit = committing
        for number in range(3):
            harness.commits.put(model.Noted(incident="none", by="ann", text=str(number)))
        await harness.poll("online", seconds=1)
        harness.commits.commit = commit
        at = harness.clock.at
        await harness.loop.submit(model.PollFailed(source="vyvx", error="down"))
        assert harness.loop.last_pass_at == (at - START).total_seconds()
    assert harness.commits.events.count(model.Noted) == 3
    assert model.Stalled not in harness.commits.events


async def test_a_step_of_the_clock_is_no_standstill():
    harness = IngestHarness(engine_world.rule())
    async with harness.running():
        await started(harness)
        await harness.loop.submit(model.ClockStepped(by=timedelta(hours=1)))
        harness.clock.at += timedelta(seconds=1)
        await harness.loop.submit(model.PollFailed(source="vyvx", error="down"))
    assert model.Stalled not in harness.commits.events


async def test_a_silence_that_was_put_in_while_the_clock_was_ahead_begins_now():
    harness = IngestHarness(engine_world.rule())
    made = START + timedelta(hours=1)
    matcher = model.Matcher(name="rule", value="down")
    silence = model.Silence(
        id="s1", matchers=(matcher,), begin=made, end=made + timedelta(hours=2), by="ana"
    )
    async with harness.running():
        await started(harness)
        envelope = ports.Envelope(
            number=9, key="9", at=made, command=model.Silenced(silence=silence)
        )
        harness.commits.envelopes.append(envelope)
        await harness.poll("online")  # the inbox is read after what was submitted
    kept = harness.loop.state.silences["s1"]
    assert (kept.begin, kept.end) == (START, START + timedelta(hours=2))


async def test_a_long_step_leaves_the_loop_its_turn_and_nobody_else_the_state(monkeypatch):
    harness = IngestHarness(engine_world.rule())
    real, began, go_on = engine.Runner._step, threading.Event(), threading.Event()

    def slow(self: engine.Runner, event: engine.Event) -> engine.StepResult:
        began.set()
        go_on.wait(10)
        return real(self, event)

    monkeypatch.setattr(engine.Runner, "_step", slow)
    many = tuple(
        model.Observed(key=f"vyvx/{n}", fields={"state": "online"})
        for n in range(ingest.MOST_ON_LOOP + 1)
    )
    async with harness.running():
        submitted = asyncio.create_task(
            harness.loop.submit(model.Polled(source="vyvx", seen=many, total=len(many)))
        )
        await asyncio.to_thread(began.wait, 10)
        assert harness.loop.turns.in_use
        go_on.set()
        await submitted
        assert len(harness.loop.state.subjects) == len(many)
        assert not harness.loop.turns.in_use


async def test_a_small_step_changes_no_threads(monkeypatch):
    async def run(work):
        raise AssertionError("this step takes no time")

    harness = IngestHarness(engine_world.rule())
    monkeypatch.setattr(off_loop, "run", run)
    async with harness.running():
        await harness.poll("online")
        await harness.poll("offline", seconds=10)
        assert len(harness.loop.state.incidents) == 1
