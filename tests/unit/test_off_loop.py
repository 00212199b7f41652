"""What takes long, in a thread beside the event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from watcher import off_loop


def always() -> bool:
    return True


def never() -> bool:
    return False


async def test_the_loop_goes_on_while_a_thread_works():
    go_on = threading.Event()
    working = asyncio.create_task(off_loop.run(lambda: go_on.wait(10)))
    await asyncio.sleep(0)  # the loop has the turn, or nobody would set the event
    go_on.set()
    assert await working


async def test_what_a_thread_raises_is_raised_to_who_waits():
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await off_loop.run(fail)


async def test_who_is_cancelled_waits_until_the_thread_has_ended():
    started, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        go_on.wait(10)
        ended.set()

    working = asyncio.create_task(off_loop.run(work))
    await asyncio.to_thread(started.wait, 10)
    working.cancel()
    await asyncio.wait([working], timeout=0)
    assert not working.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert ended.is_set()


async def test_a_second_user_waits_for_the_first_one_even_if_that_is_cancelled():
    turns, order = off_loop.Turns(), []
    started, go_on = threading.Event(), threading.Event()

    def first() -> None:
        started.set()
        go_on.wait(10)
        order.append("first")

    using = asyncio.create_task(turns.use(first, is_long=always))
    await asyncio.to_thread(started.wait, 10)
    assert turns.in_use
    waiting = asyncio.create_task(turns.use(lambda: order.append("second"), is_long=never))
    using.cancel()
    await asyncio.wait([waiting], timeout=0)
    assert order == []
    go_on.set()
    await waiting
    assert order == ["first", "second"]
    assert not turns.in_use
