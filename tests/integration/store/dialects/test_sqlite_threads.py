"""Whole transactions in a thread: what is cancelled, what fails, and what a close leaves behind."""

import asyncio
import gc
import threading

import pytest
from sqlalchemy import Connection, insert, select

from tests.fakes import factories
from tests.fakes.factories import NOW
from watcher import model
from watcher.clock import SystemClock
from watcher.store import store, tables

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


def row(number: int) -> dict[str, object]:
    return {"number": number, "at": NOW, "kind": "ticked", "data": "{}"}


async def numbers(opened) -> list[int]:
    async with opened.database.read() as connection:
        return list(await connection.scalars(select(tables.journal.c.number)))


async def test_a_transaction_that_has_started_is_finished_though_its_caller_is_cancelled(opened):
    started, go_on = threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        connection.execute(insert(tables.journal), row(1))
        started.set()
        go_on.wait(10)
        connection.execute(insert(tables.journal), row(2))

    writing = asyncio.create_task(opened.database.run_writing(work))
    await asyncio.to_thread(started.wait, 10)
    writing.cancel()
    await asyncio.sleep(0)
    writing.cancel()  # once more, while it waits for the thread
    follower = asyncio.create_task(
        opened.database.run_writing(lambda held: held.execute(insert(tables.journal), row(3)))
    )
    await asyncio.sleep(0)
    assert not writing.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await follower
    assert await numbers(opened) == [1, 2, 3]


async def test_a_transaction_that_fails_writes_nothing(opened):
    def work(connection: Connection) -> None:
        connection.execute(insert(tables.journal), [row(1), row(1)])

    with pytest.raises(model.TemporaryError):
        await opened.database.run_writing(work)
    assert await numbers(opened) == []


async def test_a_connection_is_kept_for_the_next_transaction_until_one_fails(opened):
    def write(connection: Connection, number: int = 1) -> int:
        connection.execute(insert(tables.journal), row(number))
        return id(connection)

    def fail(connection: Connection) -> None:
        write(connection, 2)
        raise ValueError

    database = opened.database
    first = await database.run_writing(write)
    async with database.write() as connection:
        assert await connection.run_sync(id) == first
    with pytest.raises(ValueError):  # noqa: PT011  # raised above
        await database.run_writing(fail)
    await database.run_writing(lambda connection: write(connection, 3))
    assert await numbers(opened) == [1, 3]


async def test_it_waits_for_one_that_still_has_the_writing_connection(opened):
    async with opened.database.dialect.writer.connect() as connection:
        await connection.execute(insert(tables.journal), row(1))
        writing = asyncio.create_task(
            opened.database.run_writing(lambda held: held.execute(insert(tables.journal), row(2)))
        )
        done, _ = await asyncio.wait({writing}, timeout=0.05)
        assert not done
    await writing
    assert await numbers(opened) == [2]


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("steps", range(1, 40))
async def test_after_one_that_was_cancelled_anywhere_it_writes_all_the_same(opened, steps, again):
    """What a thread has begun is finished, so that nothing of it is left on the connection."""

    async def write() -> None:
        async with opened.database.write() as connection:
            await connection.execute(select(tables.journal))
            await connection.execute(insert(tables.journal), row(1))

    gc.disable()  # what a cancelled statement leaves in a cycle must not keep the lock
    rows = [row(number) for number in range(10, 20)]
    await opened.database.run_writing(lambda held: held.execute(insert(tables.journal), rows))
    writing = asyncio.create_task(write())
    for _ in range(steps):
        await asyncio.sleep(0)
    writing.cancel()
    if again:
        await asyncio.sleep(0)
        writing.cancel()
    follower = asyncio.create_task(
        opened.database.run_writing(lambda held: held.execute(insert(tables.journal), row(2)))
    )
    try:
        await asyncio.gather(writing, return_exceptions=True)
        await follower
    finally:
        gc.enable()
    assert 2 in await numbers(opened)


async def test_more_readers_than_there_are_threads_read_beside_each_other(opened):
    rows = [row(number) for number in range(5)]
    await opened.database.run_writing(lambda held: held.execute(insert(tables.journal), rows))
    all_read = asyncio.Barrier(10)

    async def read() -> list[int]:
        async with opened.database.read() as connection:
            first = list(await connection.scalars(select(tables.journal.c.number)))
            await all_read.wait()  # each in its transaction, none in a thread
            assert first == list(await connection.scalars(select(tables.journal.c.number)))
            return first

    async with asyncio.timeout(20):
        assert await asyncio.gather(*(read() for _ in range(10))) == [[0, 1, 2, 3, 4]] * 10


async def test_an_error_inside_the_transaction_writes_nothing(opened):
    async def write() -> None:
        async with opened.database.write() as connection:
            await connection.execute(insert(tables.journal), row(1))
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # raised above
        await write()
    assert await numbers(opened) == []


async def test_a_close_ends_the_threads(url):
    async with store.open(url, clock=SystemClock()) as opened:
        await opened.inbox.read()
        token = await opened.leadership.acquire("ops1")
        await opened.commits.commit(token, factories.commit())
        assert any(thread.name.startswith("sqlite w") for thread in threading.enumerate())
    assert not any(thread.name.startswith("sqlite ") for thread in threading.enumerate())
