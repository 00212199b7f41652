"""How the daemon that leads begins to poll, and stops."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from tests.fakes import engine_world, factories, notices
from watcher import engine, model
from watcher.clock import SystemClock, Wakeup
from watcher.daemon import leader
from watcher.metrics import Metrics
from watcher.store import store
from watcher.store.journal import Retention
from watcher.vendors.vyvx.settings import VyvxSource

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Vendor:
    """A source that takes its time."""

    name = "vyvx"

    def __init__(self) -> None:
        self.resumed: list[str] = []

    def resume(self, subjects) -> None:
        self.resumed += [subject.key for subject in subjects]

    async def poll(self) -> model.Snapshot:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets this event")


@asynccontextmanager
async def leading(folder, *rules, kept=(), clock=None, ahead_of=None, on_takeover=None):
    clock = clock or SystemClock()
    async with (
        store.open(f"sqlite:///{folder / 'w.db'}", clock=clock) as database,
        asyncio.TaskGroup() as group,
    ):
        token = await database.leadership.acquire("ops1")
        await database.commits.commit(token, factories.commit(*kept))
        watch = leader.Leader(
            store=database,
            retention=timedelta(days=1),
            rules=engine_world.ruleset(*rules),
            sources={"vyvx": Vendor()},
            source_settings={"vyvx": VyvxSource(kind="vyvx", interval=timedelta(hours=1))},
            clock=clock,
            metrics=Metrics(version="1", sources=["vyvx"], receivers=[]),
            wakeup=Wakeup(),
            delivery_wakeup=Wakeup(),
            jobs_wakeup=Wakeup(),
            on_health=lambda _: None,
            on_clock_step=clock.adopt,
            on_takeover=on_takeover,
        )
        assert token is not None
        if ahead_of:
            database.leadership.clock_difference = lambda: ahead_of
        await watch.start(token, group)
        yield watch


async def test_a_source_goes_on_after_what_is_known_of_its_own_subjects(tmp_path):
    kept = factories.subject("vyvx/1"), factories.subject("evpl/LD1")
    async with leading(tmp_path, kept=kept) as watch:
        await watch.stop_polling()
        await watch.stop()

    assert watch._sources["vyvx"].resumed == ["vyvx/1"]


async def test_a_stop_at_the_instant_of_a_scheduled_poll_logs_no_error(tmp_path, caplog):
    async with leading(tmp_path) as watch:
        watch._scheduler.get_job("poll vyvx").modify(next_run_time=LONG_AGO)  # rings at once
        await watch.stop_polling()
        await watch.stop()

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_the_last_step_before_the_end_may_ask_for_faster_polls(tmp_path):
    held = engine_world.rule(hold=timedelta(minutes=1))
    async with leading(tmp_path, held) as watch:
        await watch.stop_polling()
        seen = model.Observed(key="vyvx/1", fields={"state": "offline", "ingress_state": "online"})
        await watch._ingest.submit(model.Polled(source="vyvx", seen=(seen,), total=1))
        await watch.stop()

    assert engine.pending_sources(watch.state) == {"vyvx"}


async def test_what_the_time_means_to_rules_is_said_of_those_of_a_source(tmp_path):
    later = datetime(2026, 11, 30, 8, tzinfo=UTC)
    now = engine.Now(read=lambda at: at.hour, next_change=lambda _: later)
    every_minute = engine.Hours(
        is_open=lambda _: True, next_edge=lambda _: later, describe=lambda at: f"{at:%H:%M} here"
    )
    closed = replace(every_minute, is_open=lambda _: False)
    rules = (
        engine_world.rule("daytime", now=now),
        engine_world.rule("staffed", hours=every_minute),
        engine_world.rule("closed", now=now, hours=closed),
        engine_world.rule("always"),
        engine_world.rule("of-lines", sources=("evpl",), now=now),
    )
    async with leading(tmp_path, *rules) as watch:
        of_all, of_one = watch.by_time("vyvx", ""), watch.by_time("vyvx", "staffed")
        await watch.stop_polling()
        await watch.stop()

    assert of_all == (
        "rule daytime reads the time: evaluated again at 2026-11-30 08:00:00 UTC",
        "rule staffed is within its hours until 08:00 here",
        "outside the hours of closed (until 08:00 here)",
    )
    assert of_one == ("rule staffed is within its hours until 08:00 here",)


async def test_a_standby_previews_a_silence_from_the_store(tmp_path):
    kept = factories.subject("vyvx/1"), factories.subject("vyvx/2")
    silence = model.Silence(
        id="s-1",
        matchers=(model.Matcher(name="subject", value="vyvx/1"),),
        begin=LONG_AGO,
        end=datetime(2126, 1, 1, tzinfo=UTC),
        by="ann",
    )
    async with leading(tmp_path, engine_world.rule(), kept=kept) as watch:
        seen = await watch.preview(silence)
        watch.state = None  # as on a standby
        assert await watch.preview(silence) == seen
        assert str(seen) == "matches 1 subject, 0 open incidents"
        await watch.stop_polling()
        await watch.stop()


def matches_nothing(context) -> bool:
    return False


def shown(watch) -> dict[str, float]:
    """Return what the gauge of rules says."""
    (family,) = watch._metrics.rule_matches.collect()
    return {sample.labels["rule"]: sample.value for sample in family.samples}


async def see(watch, *keys: str) -> None:
    seen = tuple(model.Observed(key=key, fields={"state": "online"}) for key in keys)
    await watch._ingest.submit(model.Polled(source="vyvx", seen=seen, total=len(seen)))
    await until(lambda: set(keys) <= set(watch.state.subjects))


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # the state of the engine, which announces nothing
            await asyncio.sleep(0)


async def test_rules_that_match_nothing_are_named_and_are_0_in_the_gauge(tmp_path):
    used, idle = engine_world.rule("used"), engine_world.rule("idle", where=matches_nothing)
    async with leading(tmp_path, used, idle) as watch:
        assert watch.overview().idle_rules == ()
        assert shown(watch) == {}, "no source has been seen: nobody can tell"
        watch._idle_rules = ("", -math.inf, ())  # as a minute later
        await see(watch, "vyvx/1")
        assert watch.overview().idle_rules == ("idle",)
        assert shown(watch) == {"used": 1, "idle": 0}
        await stop(watch)


async def test_a_rule_that_was_removed_leaves_the_gauge(tmp_path):
    used, other = engine_world.rule("used"), engine_world.rule("other")
    async with leading(tmp_path, used, other) as watch:
        await see(watch, "vyvx/1")
        watch.overview()
        await watch.reload(replace(engine_world.ruleset(used), version="2"))
        await until(lambda: watch.state.ruleset.version == "2")
        watch.overview()
        assert shown(watch) == {"used": 1}
        await stop(watch)


async def test_rules_are_looked_through_once_a_minute_where_all_match(tmp_path, monkeypatch):
    looks = []
    real = engine.rule_matches
    monkeypatch.setattr(engine, "rule_matches", lambda *of: looks.append(of) or real(*of))
    async with leading(tmp_path, engine_world.rule("used")) as watch:
        await see(watch, "vyvx/1")
        for _ in range(5):
            assert watch.overview().idle_rules == ()
        assert len(looks) == 1
        await stop(watch)


HOUR = timedelta(hours=1)


def wall() -> datetime:
    return SystemClock().now()


class Machine:
    """The machine's time of day, which people set."""

    def __init__(self) -> None:
        self.off = timedelta(0)

    def clock(self) -> SystemClock:
        return SystemClock(wall=lambda: wall() + self.off)


async def stop(watch) -> None:
    await watch.stop_polling()
    await watch.stop()


@pytest.mark.parametrize("by", [HOUR, -HOUR])
async def test_the_scheduler_wakes_a_poller_in_time_when_the_clock_was_set(tmp_path, by):
    machine = Machine()
    machine.off = -by  # the clock is off at the start, and set right then
    clock = machine.clock()
    async with leading(tmp_path, clock=clock) as watch:
        machine.off = timedelta(0)
        await watch.clock_stepped(clock.follow())
        job = watch._scheduler.get_job("poll vyvx")
        await stop(watch)

    assert abs(clock.now() - wall()) < timedelta(seconds=1)
    # Its interval is an hour: it neither comes at once nor an hour later.
    assert timedelta(minutes=59) < job.next_run_time - clock.now() <= HOUR


async def test_an_alert_that_waits_fires_in_time_although_the_clock_was_set_back(tmp_path):
    machine = Machine()
    machine.off = HOUR
    clock = machine.clock()
    held = engine_world.rule(hold=timedelta(seconds=20))
    async with leading(tmp_path, held, clock=clock) as watch:
        await watch.stop_polling()
        seen = model.Observed(key="vyvx/1", fields={"state": "offline", "ingress_state": "online"})
        await watch._ingest.submit(model.Polled(source="vyvx", seen=(seen,), total=1))
        machine.off = timedelta(0)
        await watch.clock_stepped(clock.follow())
        alert = watch.state.alert("vyvx/1", "down")
        await watch.stop()

    assert abs(alert.due - wall()) < timedelta(seconds=20)


async def test_a_daemon_that_was_down_at_the_hour_of_retention_prunes_soon(tmp_path):
    async with (
        store.open(f"sqlite:///{tmp_path / 'w.db'}", clock=SystemClock()) as database,
    ):
        now = wall()
        await database.journal.checkpoint(
            now - timedelta(hours=25), reopen_within=HOUR, keep_samples=HOUR
        )
    async with leading(tmp_path) as watch:
        late = watch._scheduler.get_job("retention")
        await stop(watch)

    assert late.next_run_time - wall() < timedelta(minutes=2)
    assert late.misfire_grace_time is None


async def test_pruning_that_a_stop_cuts_short_logs_no_error(tmp_path, caplog, monkeypatch):
    began, ended = asyncio.Event(), asyncio.Event()

    async def prune(*_, **__):
        began.set()
        try:
            await asyncio.Event().wait()  # there is much to delete
        finally:
            ended.set()

    monkeypatch.setattr(Retention, "prune", prune)
    async with leading(tmp_path) as watch:
        watch._scheduler.get_job("retention").modify(next_run_time=LONG_AGO)
        await began.wait()
        await stop(watch)
        await ended.wait()

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_checkpoint_of_today_is_enough(tmp_path):
    async with (
        store.open(f"sqlite:///{tmp_path / 'w.db'}", clock=SystemClock()) as database,
    ):
        now = wall()
        await database.journal.checkpoint(
            now - timedelta(hours=2), reopen_within=HOUR, keep_samples=HOUR
        )
    async with leading(tmp_path) as watch:
        job = watch._scheduler.get_job("retention")
        await stop(watch)

    assert job.next_run_time.hour == leader.RETENTION_HOUR
    assert job.next_run_time.minute == 0


@pytest.mark.parametrize("years", [-10, 10])
async def test_a_step_skips_no_day_of_retention(tmp_path, years):
    machine = Machine()
    machine.off = timedelta(days=365 * years)
    clock = machine.clock()
    async with leading(tmp_path, clock=clock) as watch:
        machine.off = timedelta(0)
        await watch.clock_stepped(clock.follow())
        job = watch._scheduler.get_job("retention")
        await stop(watch)

    assert job.next_run_time - wall() <= timedelta(days=1)


async def test_a_standby_only_follows_the_clock(tmp_path):
    machine = Machine()
    clock = machine.clock()
    async with leading(tmp_path, clock=clock) as watch:
        await stop(watch)
        watch._ingest = None
        await watch.clock_stepped(-HOUR)
    assert abs(clock.now() + HOUR - wall()) < timedelta(seconds=1)


async def test_circuits_of_works_that_are_over_are_not_counted_as_asked_about(tmp_path):
    ahead = notices.notice((0, 60), circuits=("1-AAA", "1-BBB"), id="W1")
    over = notices.notice((-120, -60), circuits=("1-CCC",), id="W2")
    kept = (
        model.Work(notice=ahead, asked=("1-AAA", "1-BBB")),
        model.Work(notice=over, asked=("1-CCC",)),
    )
    clock = SystemClock(wall=lambda: engine_world.START, elapsed=lambda: 0.0)
    async with leading(tmp_path, kept=kept, clock=clock) as watch:
        assert watch.overview().circuits_asked == 2
        await watch.stop_polling()
        await watch.stop()


@pytest.mark.parametrize(
    ("by", "differs"), [(2 * HOUR, "2 h behind ours"), (-2 * HOUR, "2 h ahead of ours")]
)
async def test_one_that_takes_over_moves_every_mark_to_its_own_clock_and_says_so(
    tmp_path, by, differs
):
    polled_at = wall() - by - timedelta(minutes=1)
    alert = factories.alert(state=model.AlertState.PENDING, since=polled_at, due=polled_at)
    kept = factories.health(last_success=polled_at), factories.subject("vyvx/1"), alert
    takeovers: list[model.ClockStep] = []
    held = engine_world.rule(hold=timedelta(minutes=10))
    with capture_logs() as logs:
        async with leading(
            tmp_path, held, kept=kept, ahead_of=("ops2", by), on_takeover=takeovers.append
        ) as watch:
            assert watch.state.alert("vyvx/1", "down").since == polled_at + by
            assert watch.state.health["vyvx"].last_success == polled_at + by
            await stop(watch)
    (step,) = takeovers
    assert step.seconds == by.total_seconds()
    assert step.sentence.startswith("the clock of ops2, which led until ")
    assert f", was {differs}: check the time service of both hosts" in step.sentence
    assert step.sentence in [log["event"] for log in logs if log["log_level"] == "warning"]
