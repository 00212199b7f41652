"""The loop of the simulation: virtual time, and an order that depends on nothing outside."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from tests.year.loop import NothingLeftError
from tests.year.loop import run_to_end as run

YEAR = 366 * 86_400


def test_a_year_of_sleep_takes_no_time():
    async def sleep() -> float:
        await asyncio.sleep(YEAR)
        return asyncio.get_running_loop().time()

    assert run(sleep()) == pytest.approx(YEAR, abs=0.001)


def test_what_waits_for_nothing_is_said():
    async def forget() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingLeftError):
        run(forget())


def test_a_thread_is_a_call():
    async def compute() -> int:
        return await asyncio.to_thread(sum, (1, 2, 3))

    assert run(compute()) == 6


def test_an_error_of_a_thread_is_raised_where_it_is_awaited():
    async def compute() -> float:
        return await asyncio.to_thread(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run(compute())


async def cancelled_in_order() -> list[int]:
    """Cancel a group of tasks, which asyncio keeps in a set."""
    order: list[int] = []

    async def wait(number: int) -> None:
        try:
            await asyncio.sleep(YEAR)
        finally:
            order.append(number)

    async def fail() -> None:
        await asyncio.sleep(1)
        raise LookupError

    with pytest.raises(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            for number in range(200):
                group.create_task(wait(number))
            group.create_task(fail())
    return order


def test_a_group_is_cancelled_in_the_order_in_which_it_was_made():
    assert run(cancelled_in_order()) == list(range(200))


def test_a_timer_that_was_cancelled_does_not_run_and_is_forgotten():
    async def schedule() -> tuple[list[int], int]:
        loop, ran = asyncio.get_running_loop(), []
        timers = [loop.call_later(1, ran.append, number) for number in range(1000)]
        for timer in timers[1:]:
            timer.cancel()
        await asyncio.sleep(0)
        left = len(loop._scheduled)
        await asyncio.sleep(2)
        return ran, left

    assert run(schedule()) == ([0], 1)


SCRIPT = """
import random
from tests.year import test_loop
print(test_loop.run(test_loop.cancelled_in_order()))
"""


@pytest.mark.parametrize("seeds", [("1", "2")])
def test_the_order_is_the_same_in_every_process(seeds):
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in seeds
    }
    assert len(outputs) == 1
