"""Records are read beside everything else, and what fails is said in the answer."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.jobs.conftest import NOW
from watcher import model, ports
from watcher.jobs import fetch

SINCE = NOW - timedelta(minutes=15)


async def answer(scene, key="vyvx/1"):
    await scene.shelf.until(f"history/{key}")
    return scene.shelf.commands[f"history/{key}"]


async def test_a_record_is_read_into_the_inbox(scene):
    scene.history()
    scene.start()
    assert await answer(scene) == model.HistoryRead(
        subject="vyvx/1", start=SINCE, end=NOW, alarms=(model.AlarmRecord(state="offline"),)
    )
    assert scene.feed.reads == [("vyvx/1", SINCE, NOW)]


@pytest.mark.parametrize(
    ("error", "permanent"),
    [(model.TemporaryError("HTTP 503"), False), (model.PermanentError("HTTP 404"), True)],
)
async def test_a_record_that_cannot_be_had_is_answered_with_the_reason(scene, error, permanent):
    scene.feed.record = error
    scene.history()
    scene.start()
    assert await answer(scene) == model.HistoryRead(
        subject="vyvx/1", start=SINCE, end=NOW, error=str(error), permanent=permanent
    )


async def test_a_record_that_hangs_is_given_up(scene, monkeypatch):
    monkeypatch.setattr(fetch, "WITHIN", timedelta(milliseconds=20))
    scene.feed.record = None
    scene.history()
    scene.start()
    read = await answer(scene)
    assert (read.error, read.permanent) == ("vyvx gave no record within 0.02 s", False)


async def test_a_record_of_a_source_that_is_gone_is_answered(scene):
    scene.history("old/1")
    scene.start()
    read = await answer(scene, "old/1")
    assert "no source 'old'" in read.error
    assert read.permanent


async def test_details_pass_records_that_hang(scene):
    scene.feed.record = None
    for number in range(9):
        scene.history(f"vyvx/{number}")
    scene.details("vyvx/late")
    scene.start()
    await scene.shelf.until("details/vyvx/late")
    assert len(scene.feed.reads) == fetch.AT_ONCE


async def test_failures_are_logged_once_until_it_works_again():
    feed = Vendor()
    work = fetch.Histories({"vyvx": feed}).pool().work
    with capture_logs() as logs:
        for fault in (True, True, False, False, True):
            feed.fault = fault
            await work(feed.job)
    assert [line["event"] for line in logs] == [
        "record not read",
        "records are read again",
        "record not read",
    ]


class Vendor:
    """A source whose records can be read, or not."""

    def __init__(self) -> None:
        needed = model.HistoryNeeded(subject="vyvx/1", start=SINCE, end=NOW)
        self.job = ports.Job(kind="history", key="vyvx/1", due=NOW, record=needed)
        self.fault = False

    async def history(self, *_):
        await asyncio.sleep(0)
        if self.fault:
            raise model.TemporaryError("HTTP 500")
        return ()
