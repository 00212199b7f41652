"""Two daemons on one PostgreSQL whose clocks differ: how far all marks move at a takeover."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests.fakes import factories
from watcher import model, ports
from watcher.clock import STEP, SystemClock
from watcher.store import leadership, store, tables

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
NONE = timedelta(0)


class HostsClock(SystemClock):
    """A host whose clock is off by `off`, which somebody may set."""

    def __init__(self, off: timedelta) -> None:
        super().__init__()
        self.adopt(off)


@asynccontextmanager
async def daemon(url, off=NONE):
    async with store.open(url, clock=HostsClock(off), busy_timeout=2) as opened:
        opened.clock = opened.leadership._clock
        yield opened


@pytest.fixture
async def two(postgresql_url):
    async with daemon(postgresql_url, 2 * HOUR) as ahead, daemon(postgresql_url) as right:
        yield ahead, right


async def fall_silent(opened):
    """Let a daemon be dead for as long as its lease."""
    async with opened.database.write() as connection:
        await connection.execute(
            update(tables.daemons)
            .where(tables.daemons.c.session == opened.database.session)
            .values(until=tables.EPOCH)
        )


async def set_clock(opened, token, by):
    """Set the clock of the daemon that leads, as ingest does."""
    event = model.ClockStepped(by=by)
    await opened.commits.commit(token, factories.commit(event=event))
    opened.clock.adopt(by)
    opened.leadership.clock_stepped(by)


async def move_marks(opened, token):
    """Begin to lead, as ingest does; return by how much the marks were moved."""
    led_before, by = opened.leadership.clock_difference()
    read = ports.RulesRead(version="1", started=True, moved=by)
    await opened.commits.commit(token, factories.commit(event=read))
    return led_before, by


def is_about(by, expected):
    return abs(by - expected) < SECOND


@pytest.mark.parametrize("off", [2 * HOUR, -2 * HOUR, timedelta(seconds=5)])
async def test_a_daemon_knows_how_far_the_clock_was_of_the_one_that_led(postgresql_url, off):
    async with daemon(postgresql_url, off) as first, daemon(postgresql_url) as second:
        await first.leadership.acquire("ops1")
        assert await second.leadership.acquire("ops2") is None
        await fall_silent(first)
        assert await second.leadership.acquire("ops2") is not None
        led_before, by = second.leadership.clock_difference()
        assert led_before == "ops1"
        assert is_about(by, -off)


async def test_a_difference_that_is_slewed_is_none(postgresql_url):
    async with daemon(postgresql_url, STEP * 0.7) as first, daemon(postgresql_url) as second:
        await first.leadership.acquire("ops1")
        assert await second.leadership.acquire("ops2") is None
        await fall_silent(first)
        token = await second.leadership.acquire("ops2")
        assert await move_marks(second, token) == ("ops1", NONE)


async def test_a_leader_that_ends_cleanly_was_seen_as_well(two):
    ahead, right = two
    await ahead.leadership.acquire("ops1")
    assert await right.leadership.acquire("ops2") is None
    await ahead.leadership.leave()
    assert await right.leadership.acquire("ops2") is not None
    assert is_about(right.leadership.clock_difference()[1], -2 * HOUR)


async def test_who_was_not_there_while_it_led_assumes_nothing(two):
    ahead, right = two
    await ahead.leadership.acquire("ops1")
    await fall_silent(ahead)
    assert await right.leadership.acquire("ops2") is not None
    assert right.leadership.clock_difference() == ("", NONE)


async def test_a_leader_of_an_earlier_version_says_nothing(two):
    ahead, right = two
    await ahead.leadership.acquire("ops1")
    async with ahead.database.write() as connection:
        await connection.execute(update(tables.daemons).values(clock=None))
    assert await right.leadership.acquire("ops2") is None
    await fall_silent(ahead)
    assert await right.leadership.acquire("ops2") is not None
    assert right.leadership.clock_difference() == ("", NONE)


async def test_a_row_that_is_some_seconds_old_is_no_mistake(two):
    """A leader that froze has written neither its clock nor until when it may lead."""
    ahead, right = two
    await ahead.leadership.acquire("ops1")
    daemons, old = tables.daemons, timedelta(seconds=5)
    async with ahead.database.write() as connection:
        (row,) = await connection.execute(select(daemons))
        await connection.execute(
            update(daemons).values(until=row.until - old, clock=row.clock - old)
        )
    assert await right.leadership.acquire("ops2") is None
    await fall_silent(ahead)
    assert await right.leadership.acquire("ops2") is not None
    assert is_about(right.leadership.clock_difference()[1], -2 * HOUR)


async def test_a_standby_looks_with_each_renewal(two):
    ahead, right = two
    await ahead.leadership.acquire("ops1")
    assert await right.leadership.acquire("ops2") is None
    right.leadership._leaders_clock = None
    await right.leadership.renew()
    await fall_silent(ahead)
    assert await right.leadership.acquire("ops2") is not None
    assert is_about(right.leadership.clock_difference()[1], -2 * HOUR)


@pytest.mark.parametrize("renewed", [False, True])
async def test_a_clock_that_is_set_moves_its_marks_at_once(two, renewed):
    """The standby has looked before, and never again."""
    ahead, right = two
    token = await ahead.leadership.acquire("ops1")
    assert await right.leadership.acquire("ops2") is None
    await set_clock(ahead, token, -HOUR)
    if renewed:
        await ahead.leadership.renew()
        await right.leadership.renew()
    await ahead.leadership.leave()
    assert await right.leadership.acquire("ops2") is not None
    assert is_about(right.leadership.clock_difference()[1], -HOUR)


async def test_the_clock_of_the_standby_may_be_set_as_well(two):
    ahead, right = two
    token = await ahead.leadership.acquire("ops1")
    assert await right.leadership.acquire("ops2") is None
    await set_clock(ahead, token, HOUR)
    right.clock.adopt(-HOUR)
    await fall_silent(ahead)
    assert await right.leadership.acquire("ops2") is not None
    assert is_about(right.leadership.clock_difference()[1], -4 * HOUR)


async def test_marks_stay_on_the_clock_of_the_one_before_until_they_were_moved(two, postgresql_url):
    """One that leads and dies before its first commit has moved nothing."""
    ahead, right = two
    await ahead.leadership.acquire("ops1")
    assert await right.leadership.acquire("ops2") is None
    await fall_silent(ahead)
    assert await right.leadership.acquire("ops2") is not None
    async with daemon(postgresql_url, HOUR) as third:
        assert await third.leadership.acquire("ops3") is None
        await fall_silent(right)
        assert await third.leadership.acquire("ops3") is not None
        assert is_about(third.leadership.clock_difference()[1], -HOUR)


async def test_once_they_were_moved_they_are_on_the_clock_of_the_new_leader(two, postgresql_url):
    ahead, right = two
    await ahead.leadership.acquire("ops1")
    assert await right.leadership.acquire("ops2") is None
    await fall_silent(ahead)
    token = await right.leadership.acquire("ops2")
    assert is_about((await move_marks(right, token))[1], -2 * HOUR)
    await set_clock(right, token, HOUR)
    async with daemon(postgresql_url) as third:
        assert await third.leadership.acquire("ops3") is None
        await fall_silent(right)
        token = await third.leadership.acquire("ops3")
        led_before, by = await move_marks(third, token)
        assert led_before == "ops2"
        assert is_about(by, -HOUR)


async def test_deadlines_move_with_the_marks(two):
    ahead, right = two
    token = await ahead.leadership.acquire("ops1")
    needed = model.DetailsNeeded(subject="vyvx/1")
    await ahead.commits.commit(token, factories.commit(needed))
    now = ahead.clock.now()
    claim = {"kind": "details", "lease": HOUR, "limit": 9}
    (job,) = await ahead.jobs.claim(now=now, **claim)
    await ahead.jobs.postpone(job, due=now + timedelta(minutes=5))
    assert await right.leadership.acquire("ops2") is None
    await ahead.leadership.leave()
    await move_marks(right, await right.leadership.acquire("ops2"))
    now = right.clock.now()
    assert await right.jobs.claim(now=now + timedelta(minutes=4), **claim) == []
    assert await right.jobs.claim(now=now + timedelta(minutes=6), **claim)


def test_a_difference_is_that_of_the_clocks_whatever_has_elapsed():
    seen = leadership.LeadersClock(session="s", instance="ops1", zero=factories.NOW)
    for elapsed in (0.0, 90.0):
        now = factories.NOW + timedelta(seconds=elapsed)
        for stepped, expected in ((NONE, NONE), (HOUR, -HOUR), (STEP, NONE), (-HOUR, HOUR)):
            by = seen.difference(stepped=stepped, now=now, elapsed=elapsed)
            assert by == expected


async def test_a_daemon_alone_has_nobody_to_differ_from(tmp_path):
    url = f"sqlite:///{tmp_path / 'watcher.db'}"
    for off in (2 * HOUR, NONE):
        async with daemon(url, off) as only:
            assert await only.leadership.acquire("ops1") is not None
            assert only.leadership.clock_difference() == ("", NONE)


async def test_since_when_a_daemon_runs_is_on_its_own_clock(two):
    """Whoever leads: the clock of one that is set moves its own row, and no other."""
    ahead, right = two
    token = await ahead.leadership.acquire("ops1")
    await right.leadership.acquire("ops2")

    async def since():
        return {daemon.instance: daemon.since for daemon in await ahead.queries.daemons()}

    before = await since()
    assert is_about(before["ops1"] - before["ops2"], 2 * HOUR)
    await set_clock(ahead, token, -HOUR)
    assert await since() == before | {"ops1": before["ops1"] - HOUR}
    right.clock.adopt(HOUR)
    right.leadership.clock_stepped(HOUR)
    await right.leadership.renew()
    await ahead.leadership.renew()
    assert await since() == {"ops1": before["ops1"] - HOUR, "ops2": before["ops2"] + HOUR}
