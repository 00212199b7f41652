"""A step of the machine's clock is shown wherever people look, and moved before it is shown."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from tests.fakes import virtual_time
from watcher.clock import SystemClock
from watcher.daemon.clock_watch import watch_clock
from watcher.metrics import Metrics

HOUR = timedelta(hours=1)


class Reporter:
    """What the status shows of the clock."""

    clock_step = None


class Machine:
    """A machine in virtual time, whose clock people set."""

    def __init__(self) -> None:
        self.off = timedelta(0)
        self.running = virtual_time.running_clock()
        self.clock = SystemClock(wall=self.wall, elapsed=self.running.monotonic)
        self.metrics = Metrics(version="1", sources=[], receivers=[])
        self.reporter = Reporter()
        self.moved: list[tuple[timedelta, datetime]] = []

    def wall(self) -> datetime:
        return self.running.now() + self.off

    async def stepped(self, by: timedelta) -> None:
        self.moved.append((by, self.clock.now()))
        self.clock.adopt(by)

    def watch(self):
        return asyncio.create_task(
            watch_clock(
                self.clock, stepped=self.stepped, reporter=self.reporter, metrics=self.metrics
            )
        )


@pytest.mark.parametrize(
    ("by", "direction", "sentence"),
    [
        (-HOUR, "back", "set back by 1 h at 02:00:02 UTC"),
        (HOUR, "forward", "set forward by 1 h at 04:00:02 UTC"),
    ],
)
def test_a_step_is_logged_counted_and_shown_for_a_day(by, direction, sentence):
    async def main():
        machine = Machine()
        watching = machine.watch()
        await asyncio.sleep(1.5)
        assert machine.moved == []
        machine.off = by
        with capture_logs() as logs:
            await asyncio.sleep(1)
        assert machine.moved == [(by, virtual_time.START + timedelta(seconds=2))]
        (warned,) = logs
        assert warned["log_level"] == "warning"
        assert sentence in warned["event"]
        assert "timedatectl" in warned["event"]
        counted = f'watcher_clock_steps_total{{direction="{direction}"}} 1.0'
        assert counted in machine.metrics.exposition().decode()
        assert sentence in machine.reporter.clock_step.sentence
        assert machine.reporter.clock_step.seconds == by.total_seconds()
        await asyncio.sleep(timedelta(hours=23).total_seconds())
        assert machine.reporter.clock_step
        await asyncio.sleep(2 * HOUR.total_seconds())
        assert machine.reporter.clock_step is None
        assert len(machine.moved) == 1
        watching.cancel()

    virtual_time.run(main())
