"""Alarm records are fetched beside everything else, and a failure is part of the result."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.unit.jobs.conftest import NOW
from watcher import model, ports
from watcher.jobs import fetch

SINCE = NOW - timedelta(minutes=15)


async def answer(world, key="vyvx/1"):
    await world.store.until(f"history/{key}")
    return world.store.commands[f"history/{key}"]


async def test_a_record_is_read_into_the_inbox(world):
    world.history()
    world.start()
    assert await answer(world) == model.HistoryRead(
        subject="vyvx/1", start=SINCE, end=NOW, alarms=(model.AlarmRecord(state="offline"),)
    )
    assert world.source.reads == [("vyvx/1", SINCE, NOW)]


@pytest.mark.parametrize(
    ("error", "permanent"),
    [(model.TemporaryError("HTTP 503"), False), (model.PermanentError("HTTP 404"), True)],
)
async def test_a_record_that_cannot_be_had_is_answered_with_the_reason(world, error, permanent):
    world.source.record = error
    world.history()
    world.start()
    assert await answer(world) == model.HistoryRead(
        subject="vyvx/1", start=SINCE, end=NOW, error=str(error), permanent=permanent
    )


async def test_a_record_that_hangs_is_given_up(world, monkeypatch):
    monkeypatch.setattr(fetch, "HISTORY_TIMEOUT", timedelta(milliseconds=20))
    world.source.record = None
    world.history()
    world.start()
    read = await answer(world)
    assert (read.error, read.permanent) == ("no record from vyvx within 0.02 s", False)


async def test_a_record_of_a_source_that_is_gone_is_answered(world):
    world.history("old/1")
    world.start()
    read = await answer(world, "old/1")
    assert "source 'old' is no longer configured" in read.error
    assert read.permanent


async def test_details_pass_records_that_hang(world):
    world.source.record = None
    for number in range(9):
        world.history(f"vyvx/{number}")
    world.details("vyvx/late")
    world.start()
    await world.store.until("details/vyvx/late")
    assert len(world.source.reads) == fetch.HISTORY_AT_ONCE


async def test_failures_are_logged_once_until_it_works_again():
    source = FlakySource()
    run = fetch.HistoryJobs({"vyvx": source}).pool().run
    with capture_logs() as logs:
        for fails in (True, True, False, False, True):
            source.fails = fails
            await run(source.job)
    assert [line["event"] for line in logs] == [
        "alarm record not fetched",
        "alarm records are fetched again",
        "alarm record not fetched",
    ]


class FlakySource:
    """A source whose records can be read, or not."""

    def __init__(self) -> None:
        needed = model.HistoryNeeded(subject="vyvx/1", start=SINCE, end=NOW)
        self.job = ports.Job(kind="history", key="vyvx/1", due=NOW, record=needed)
        self.fails = False

    async def history(self, *_):
        await asyncio.sleep(0)
        if self.fails:
            raise model.TemporaryError("HTTP 500")
        return ()
