"""Measures how long the event loop stands still, on a machine that others load as well.

Two figures, as either alone would miss something. What one callback of the loop costs is CPU time
of the loop's thread. While another thread keeps Python's lock no callback runs at all: a heartbeat
is late then, by a time in which this process was at work and the loop's thread did not wait for a
core. Where it did, the machine was busy.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

BEAT_SECONDS = 0.002
MOST_SECONDS = 0.05  # that the loop may stand still


@dataclass(slots=True)
class Standstill:
    """The longest ones, in seconds of CPU."""

    callback: float = 0.0
    of: str = ""  # the callback's name
    beat: float = 0.0

    @property
    def seconds(self) -> float:
        return max(self.callback, self.beat)


def _name(handle: asyncio.Handle) -> str:
    callback = handle._callback
    task = getattr(callback, "__self__", None)
    return task.get_name() if isinstance(task, asyncio.Task) else str(callback)


def _waited_for_a_core() -> float:
    """Return for how many seconds this thread could have run and got no core, so far."""
    schedule = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return int(schedule.read_text().split()[1]) / 1e9


@contextlib.asynccontextmanager
async def probe() -> AsyncIterator[Standstill]:
    """Measure meanwhile."""
    longest = Standstill()
    run_callback = asyncio.events.Handle._run

    def timed(self: asyncio.Handle) -> None:
        started = time.thread_time()
        run_callback(self)
        spent = time.thread_time() - started
        if spent > longest.callback:
            longest.callback, longest.of = spent, _name(self)

    async def beat() -> None:
        while True:
            started, at_work = time.perf_counter(), time.process_time()
            waited = _waited_for_a_core()
            await asyncio.sleep(BEAT_SECONDS)  # the time that is measured
            late = time.perf_counter() - started - BEAT_SECONDS
            late -= _waited_for_a_core() - waited
            late = min(late, time.process_time() - at_work)
            longest.beat = max(longest.beat, late)

    asyncio.events.Handle._run = timed
    beating = asyncio.create_task(beat(), name="beat")
    try:
        yield longest
    finally:
        asyncio.events.Handle._run = run_callback
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
