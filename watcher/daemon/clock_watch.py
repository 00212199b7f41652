"""Looks each second whether somebody has set the machine's clock, and says so.

Law: the clock shows the new time once every mark has been moved, not before (docs/decisions/0019).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from watcher import model
from watcher.clock import SystemClock
from watcher.metrics import Metrics
from watcher.operations import status

log = structlog.get_logger()

LOOK_SECONDS = 1.0
SHOWN_FOR = timedelta(days=1)  # in `watcher status` and on the board


async def watch_clock(
    clock: SystemClock,
    *,
    stepped: Callable[[timedelta], Awaitable[None]],
    reporter: status.StatusReporter,
    metrics: Metrics,
) -> None:
    """Look until cancelled; `stepped` moves every mark by a step, and has `clock` adopt it."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        by = clock.follow()
        if by:
            step = model.ClockStep.by(by, clock.now() + by)
            log.warning(step.sentence)
            await stepped(by)
            show(step, reporter=reporter, metrics=metrics)
        elif reporter.clock_step and clock.now() - reporter.clock_step.at > SHOWN_FOR:
            reporter.clock_step = None


def show(step: model.ClockStep, *, reporter: status.StatusReporter, metrics: Metrics) -> None:
    """Count a step, and show it from now on."""
    metrics.clock_steps.labels(step.direction).inc()
    reporter.clock_step = step
