"""The probe sees what holds the loop up, and not that others use the machine."""

from __future__ import annotations

import asyncio
import time

from tests.integration.loop.probe import MOST_SECONDS, probe


async def test_a_long_callback_and_a_long_call_into_c_are_seen():
    async with probe() as longest:
        await asyncio.sleep(0)  # a callback that is timed
        started = time.thread_time()
        while time.thread_time() < started + 2 * MOST_SECONDS:
            pass
        await asyncio.sleep(0)
    assert longest.callback > MOST_SECONDS
    async with probe() as longest:
        await asyncio.sleep(0)  # the heart beats
        await asyncio.to_thread(sum, range(30_000_000))
    assert longest.callback < MOST_SECONDS < longest.beat


async def test_a_thread_that_runs_python_is_no_standstill():
    def work() -> None:
        started = time.thread_time()
        while time.thread_time() < started + 4 * MOST_SECONDS:
            pass

    async with probe() as longest:  # of one: which of several gets Python's lock is a lottery
        await asyncio.to_thread(work)
    assert longest.seconds < MOST_SECONDS
