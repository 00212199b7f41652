"""When the poller asks, what it submits, and what it says, in virtual time."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta

import pytest
from apscheduler.events import EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from msgspec.structs import replace
from structlog.testing import capture_logs

from tests.fakes.virtual_time import START
from watcher import model
from watcher.clock import SystemClock
from watcher.vendors import poller
from watcher.vendors.vyvx.settings import VyvxSource


class Source:
    """Answers in turn what a test hands it; the last answer stays. `polls` are the times asked."""

    name = "s"

    def __init__(self, *answers: object, takes: float = 0.0) -> None:
        self.answers = list(answers) or ["up"]
        self.takes = takes
        self.polls: list[float] = []
        self.running = 0

    async def poll(self) -> model.Snapshot:
        self.polls.append(asyncio.get_running_loop().time())
        assert self.running == 0, "two polls overlap"
        self.running += 1
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.running -= 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return model.Snapshot(readings={"a": answer}, translate=_translate)

    async def details(self, subject: str) -> model.Details:
        raise NotImplementedError


def _translate(i: str, reading: object) -> model.Observed:
    return model.Observed(key=f"s/{i}", fields={"state": str(reading)})


def keys(**given: object) -> VyvxSource:
    return VyvxSource(kind="vyvx", **given)


@pytest.fixture
def submitted() -> list[model.Event]:
    return []


@pytest.fixture
def build(clock, submitted):
    """Build a poller that puts its events into `submitted`."""

    async def submit(event: model.Event) -> None:
        submitted.append(event)

    def of(source: Source, **given: object) -> poller.Poller:
        return poller.Poller(source, keys(**given), submit=submit, clock=clock, jitter=lambda: 0.0)

    return of


async def run_for(started: poller.Poller, seconds: float, *, ticks: float = 60.0) -> None:
    """Run it with a scheduler that rings every `ticks` seconds."""

    async def tick() -> None:
        while True:
            await asyncio.sleep(ticks)
            await started._wake()

    ringing, running = asyncio.ensure_future(tick()), asyncio.ensure_future(started.run())
    done, _ = await asyncio.wait({ringing, running}, timeout=seconds)
    assert not done
    ringing.cancel()
    running.cancel()
    await asyncio.gather(ringing, running, return_exceptions=True)


def test_it_polls_at_once_and_then_at_each_ring(virtually, build, submitted):
    source = Source("up", "up", "down")
    virtually(run_for(build(source), 150))
    assert source.polls == [0, 60, 120]
    assert [[subject.fields for subject in event.seen] for event in submitted] == [
        [{"state": "up"}],
        [],
        [{"state": "down"}],
    ]


def test_a_scheduler_that_stops_ringing_cannot_stop_the_polls(virtually, build):
    source = Source()
    virtually(run_for(build(source), 500, ticks=10**6))
    assert source.polls == [0, 120, 240, 360, 480]


@pytest.mark.covers("http/backoff")
def test_failures_back_off_from_the_fast_interval_and_recovery_returns_to_it(
    virtually, build, submitted
):
    source = Source(*[model.TemporaryError("down")] * 8, "up")
    virtually(run_for(build(source), 1_200))
    assert source.polls[:10] == [0, 10, 30, 70, 150, 310, 550, 790, 1_030, 1_080]
    assert submitted[0] == model.PollFailed(source="s", error="down")
    assert isinstance(submitted[8], model.Polled)


@pytest.mark.covers("http/retry-after")
def test_a_delay_that_the_vendor_asked_for_is_honoured_through_rings_and_hurries(
    virtually, build, clock
):
    source = Source(model.TemporaryError("slow down", delay=200), "up")
    started = build(source)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_for(started, 230))
            await asyncio.sleep(90)
            started.poll_now()

    virtually(main())
    assert source.polls == [0, 200]


@pytest.mark.covers("http/circuit-poll")
def test_a_poll_that_was_held_back_is_made_when_the_delay_is_over(virtually, build, submitted):
    held_back = model.HeldBackError("not asked", delay=7)
    source = Source(*[model.TemporaryError("down")] * 3, held_back, held_back, "up")
    virtually(run_for(build(source), 90))
    assert source.polls == [0, 10, 30, 70, 77, 84]
    assert submitted[3] == model.PollFailed(source="s", error="not asked")


def test_a_recovery_from_being_held_back_alone_is_logged(virtually, build):
    with capture_logs() as logs:
        virtually(run_for(build(Source(model.HeldBackError("not asked", delay=7), "up")), 20))
    assert [entry["event"] for entry in logs] == ["poll failed", "poll recovered"]


@pytest.mark.covers("http/backoff")
def test_the_jitter_lengthens_a_backoff_and_never_shortens_it(virtually, clock):
    async def submit(event: model.Event) -> None:
        pass

    source = Source(model.TemporaryError("x", delay=100), "up")

    async def main() -> None:
        started = poller.Poller(source, keys(), submit=submit, clock=clock, jitter=lambda: 0.5)
        await run_for(started, 115)

    virtually(main())
    assert source.polls == pytest.approx([0, 110])


@pytest.mark.covers("http/refused")
def test_a_permanent_failure_is_said_so_and_retried_ever_more_slowly(virtually, build, submitted):
    source = Source(model.PermanentError("bad key"))
    virtually(run_for(build(source), 2_200))
    assert source.polls == [0, 60, 180, 420, 900, 1_500, 2_100]
    assert submitted[0] == model.PollFailed(source="s", error="bad key", permanent=True)


def test_hurry_polls_now_and_a_crowd_of_hurries_polls_once_a_second(virtually, build):
    source = Source()
    started = build(source)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_for(started, 50))
            await asyncio.sleep(30)
            for _ in range(20):
                started.poll_now()
                await asyncio.sleep(0.1)

    virtually(main())
    assert source.polls == [0, 30, 31, 32]


def test_hurry_during_a_poll_asks_again_after_it_without_overlap(virtually, build):
    source = Source(takes=5)
    started = build(source)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_for(started, 30))
            await asyncio.sleep(2)
            started.poll_now()

    virtually(main())
    assert source.polls == [0, 6]


def test_a_poll_that_never_ends_is_a_failure(virtually, build, submitted):
    source = Source(takes=10**6)
    virtually(run_for(build(source, timeout="5s"), 55))
    assert submitted == [
        model.PollFailed(source="s", error="the poll took longer than 50 s", permanent=False)
    ]


@pytest.mark.parametrize("bug", [ZeroDivisionError(), TimeoutError(), OSError("disk")])
def test_a_bug_ends_the_loop_and_so_the_process(virtually, build, bug):
    with pytest.raises(type(bug)):
        virtually(build(Source(bug)).run())


def test_a_failure_is_logged_once_until_its_text_changes_or_it_is_over(virtually, build):
    source = Source(
        model.TemporaryError("answered 503 (request a1)"),
        model.TemporaryError("answered 503 (request b2)"),
        model.TemporaryError("cannot connect"),
        "up",
        "up",
    )
    with capture_logs() as logs:
        virtually(run_for(build(source), 300))
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("poll failed", "warning"),
        ("poll failed", "warning"),
        ("poll recovered", "info"),
    ]
    assert [line.get("error") for line in logs] == [
        "answered 503 (request a1)",
        "cannot connect",
        None,
    ]


def test_what_was_known_before_the_start_and_is_gone_is_absent(virtually, clock, submitted):
    async def submit(event: model.Event) -> None:
        submitted.append(event)

    async def main() -> None:
        started = poller.Poller(
            Source(), keys(), submit=submit, clock=clock, known_ids=["a", "gone"]
        )
        await run_for(started, 1)

    virtually(main())
    assert submitted[0].absent == ("s/gone",)


def test_progress_runs_out_when_the_loop_hangs_and_not_while_it_waits(virtually, build, clock):
    source = Source()
    started = build(source, interval="15m", fast_interval="5m")

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_for(started, 3_000, ticks=900))
            while clock.monotonic() < 2_990:
                await asyncio.sleep(7)
                assert clock.monotonic() <= started.alive_until

    virtually(main())


def test_progress_runs_out_when_events_are_not_taken(virtually, clock):
    async def never(event: model.Event) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        started = poller.Poller(Source(), keys(), submit=never, clock=clock)
        await run_for(started, 100)
        assert clock.monotonic() > started.alive_until

    virtually(main())


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
async def test_over_many_polls_the_mean_is_the_interval(clock, chance):
    scheduler = AsyncIOScheduler(timezone=UTC)
    started = poller.Poller(
        Source(), keys(), submit=lambda _: None, clock=clock, jitter=lambda: chance
    )
    started.schedule(scheduler)
    scheduler.start(paused=True)
    (job,) = scheduler.get_jobs()
    rings = [job.trigger.get_next_fire_time(None, clock.now())]
    for _ in range(1_000):
        rings.append(job.trigger.get_next_fire_time(rings[-1], rings[-1]))
    scheduler.shutdown()
    assert timedelta(seconds=55) <= rings[0] - clock.now() <= timedelta(seconds=60)
    assert (rings[-1] - rings[0]) / 1_000 == timedelta(seconds=60)


async def test_the_scheduler_rings_with_the_options_that_a_poll_needs(clock, build):
    scheduler = AsyncIOScheduler(timezone=UTC)
    started = build(Source())
    started.schedule(scheduler)
    scheduler.start(paused=True)
    (job,) = scheduler.get_jobs()
    assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (True, 1, None)
    assert (job.trigger.interval, job.trigger.jitter) == (timedelta(seconds=60), None)
    started.set_fast(fast=True)
    assert scheduler.get_jobs()[0].trigger.interval == timedelta(seconds=10)
    started.set_fast(fast=False)
    assert scheduler.get_jobs()[0].trigger.interval == timedelta(seconds=60)
    scheduler.shutdown()


async def test_a_real_scheduler_keeps_a_poller_polling():
    fourth = asyncio.Event()
    events: list[model.Event] = []

    async def submit(event: model.Event) -> None:
        events.append(event)
        if len(events) == 4:
            fourth.set()

    started = poller.Poller(
        Source(), keys(interval="10ms", fast_interval="5ms"), submit=submit, clock=SystemClock()
    )
    scheduler = AsyncIOScheduler(timezone=UTC)
    rung: list[JobExecutionEvent] = []
    scheduler.add_listener(rung.append, EVENT_JOB_EXECUTED)
    started.schedule(scheduler)
    scheduler.start()
    running = asyncio.ensure_future(started.run())
    await asyncio.wait_for(fourth.wait(), 10)
    running.cancel()
    scheduler.shutdown()
    await asyncio.gather(running, return_exceptions=True)
    assert all(isinstance(event, model.Polled) for event in events)
    assert rung
    assert {event.exception for event in rung} == {None}


@pytest.mark.covers("http/future")
@pytest.mark.parametrize(
    ("ahead", "taken"), [(timedelta(minutes=9), True), (timedelta(days=26_000), False)]
)
def test_a_vendors_time_from_the_future_counts_as_unknown(
    virtually, build, submitted, *, ahead, taken
):
    class Ahead(Source):
        async def poll(self) -> model.Snapshot:
            time = START + ahead
            observed = model.Observed(key="s/a", fields={"state": "up"}, vendor_time=time)
            return replace(await super().poll(), translate=lambda *_: observed, vendor_time=time)

    virtually(run_for(build(Ahead()), 1))
    (event,) = submitted
    (seen,) = event.seen
    assert (seen.vendor_time is not None) is taken
    assert event.future == (not taken)
    assert len(event.remarks) == (not taken)
    assert all("has not come yet: check both clocks" in remark for remark in event.remarks)
