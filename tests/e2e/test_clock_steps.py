"""A daemon on a machine whose clock is set, or that stood still, as a user sees it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.servers.programs import unavailable
from watcher.daemon.ingest import STALLED

pytestmark = pytest.mark.broker

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
AHEAD = 600  # seconds; Lumen refuses signatures from more than 15 minutes ahead
OFFLINE = {"id": "1234567", "state": "offline"}


@pytest.fixture
def set_clock(tmp_path, monkeypatch):
    """Set the clock of the programs that the test starts, so many seconds ahead."""
    if FAKETIME is None:
        unavailable("libfaketime is missing: apt install libfaketime")
    offset = tmp_path / "offset"

    def change(seconds: float) -> None:
        offset.write_text(f"{seconds:+.3f}\n")

    change(0)
    monkeypatch.setenv("LD_PRELOAD", str(FAKETIME))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(offset))
    monkeypatch.setenv("FAKETIME_CACHE_DURATION", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    return change


@pytest.fixture
def waits(home) -> None:
    rules = home / "rules.yaml"
    rules.write_text(rules.read_text().replace("    diagnose: true", "    for: 3s"))


async def test_an_outage_is_reported_in_time_although_the_clock_was_set_back_meanwhile(
    world, home, daemon, set_clock, waits
):
    set_clock(AHEAD)
    async with daemon() as running:

        async def polls() -> int:
            return (await world.calls()).get("vyvx.active", 0)

        async def seen() -> bool:  # a poll after the next begins once that one is taken in
            return await polls() > before + 1

        before = 0
        await eventually(seen)
        await world.change(vyvx=OFFLINE)
        before = await polls()
        await eventually(seen)  # and waits for 3 s
        set_clock(0)
        (parent,) = await eventually(world.parents)
        assert "is offline" in str(parent)
        text = running.log.read_text()
        assert "the machine's clock was set back by 10 min" in text, text
        assert await running.stop() == 0


async def test_an_outage_that_begins_after_the_clock_was_set_right_is_reported_in_time(
    world, home, daemon, set_clock, waits
):
    set_clock(AHEAD)
    async with daemon() as running:

        async def watched() -> bool:
            return (await world.calls()).get("vyvx.active", 0) > 1

        await eventually(watched)
        set_clock(0)

        async def noticed() -> bool:
            return "was set back" in running.log.read_text()

        await eventually(noticed)
        await world.change(vyvx=OFFLINE)
        await eventually(world.parents)
        assert await running.stop() == 0


async def test_what_happened_while_the_process_stood_still_is_reported_without_a_restart(
    world, home, daemon
):
    async with daemon() as running:

        async def detailed() -> bool:
            return (await world.calls()).get("vyvx.details", 0) > 0

        await eventually(detailed)
        running.process.send_signal(signal.SIGSTOP)  # as a suspension is to it
        for state in ("offline", "online"):
            await world.change(vyvx={**OFFLINE, "state": state, "message": "TS Loss"})
            await asyncio.sleep(0.01)  # Lumen writes milliseconds: two changes in one are none
        await asyncio.sleep(STALLED.total_seconds() + 2)  # for so long it is not to run
        running.process.send_signal(signal.SIGCONT)

        async def reported() -> bool:
            (parent,) = await world.parents()
            text = str([parent, *await world.thread(parent)])
            return "not monitored (reported late)" in text and "offline (TS Loss)" in text

        await eventually(reported)
        assert "stood still" in running.log.read_text()
