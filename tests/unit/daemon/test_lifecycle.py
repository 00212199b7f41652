"""The watchdog, the signals, and how tasks end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from types import SimpleNamespace

import pytest
import structlog

from watcher import model
from watcher.daemon import lifecycle


def watchdog(
    now: float, *, last_pass_at: float = 0, alive_until: float = 1_000
) -> lifecycle.Watchdog:
    return lifecycle.Watchdog(
        SimpleNamespace(monotonic=lambda: now),
        loops={"ingest": SimpleNamespace(last_pass_at=last_pass_at)},
        pollers={"vyvx": SimpleNamespace(alive_until=alive_until)},
    )


def test_nothing_is_stuck_while_every_loop_makes_progress():
    assert watchdog(30).stuck() == ""


def test_a_stuck_loop_is_named():
    assert watchdog(31).stuck() == "ingest has made no progress for 31 s"


def test_a_poller_that_hangs_is_named():
    assert (
        watchdog(20, alive_until=19).stuck()
        == "the poller of vyvx has made no progress for too long"
    )


async def test_the_watchdog_is_fed_only_while_nothing_is_stuck(monkeypatch):
    sent: list[str] = []
    monkeypatch.setattr(lifecycle, "notify_alive", sent.append)
    for now, expected in ((10, ["fine"]), (99, [])):
        sent.clear()
        feeding = asyncio.create_task(watchdog(now).feed(lambda: "fine"))
        await asyncio.sleep(0)
        feeding.cancel()
        assert sent == expected


async def test_an_unreachable_systemd_is_logged_once_and_stops_nothing(monkeypatch, tmp_path):
    sleeps = 0

    async def next_sleep(_: float) -> None:
        nonlocal sleeps
        sleeps += 1
        if sleeps == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(lifecycle.asyncio, "sleep", next_sleep)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with structlog.testing.capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await watchdog(10).feed(lambda: "fine")
    assert sleeps == 3
    assert [line["event"] for line in logs] == ["systemd is not listening"]


async def test_an_expected_error_leaves_the_group_as_itself():
    with pytest.raises(model.PermanentError, match="another daemon leads"):
        async with lifecycle.task_group() as group:
            group.create_task(failing(model.PermanentError("another daemon leads")))
            await asyncio.Event().wait()


async def test_an_unexpected_error_stays_in_its_group():
    with pytest.raises(ExceptionGroup) as caught:
        async with lifecycle.task_group() as group:
            group.create_task(failing(ZeroDivisionError()))
            await asyncio.Event().wait()
    assert caught.group_contains(ZeroDivisionError)


async def test_one_task_that_ends_by_a_failure_ends_all():
    ended = asyncio.Event()

    async def other() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(model.TemporaryError):
        async with lifecycle.task_group() as group:
            group.create_task(other())
            await asyncio.sleep(0)
            group.create_task(failing(model.TemporaryError("locked")))
            await asyncio.Event().wait()
    assert ended.is_set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_sets_the_stop(number):
    stop = asyncio.Event()
    with lifecycle.signals(stop, lambda: None):
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await stop.wait()


async def test_a_hangup_does_not_stop():
    stop, notified = asyncio.Event(), asyncio.Event()
    with lifecycle.signals(stop, notified.set):
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(5):
            await notified.wait()
    assert not stop.is_set()


def test_a_connection_that_was_given_up_is_not_reported_after_the_end():
    async def give_up() -> asyncio.Future[None]:
        lifecycle.log_unawaited_errors()
        connected = asyncio.get_running_loop().create_future()
        connected.set_exception(ConnectionError("unexpected connection_lost() call"))
        return connected

    assert lines_of_an_error_nobody_awaits(give_up) == [
        {
            "event": "a connection that was given up has ended",
            "error": "ConnectionError: unexpected connection_lost() call",
            "log_level": "debug",
        }
    ]


@pytest.mark.parametrize("kind", [ZeroDivisionError, ConnectionError])
def test_a_task_that_nothing_awaited_is_one_line_with_its_error(kind):
    async def forget() -> asyncio.Task[None]:
        lifecycle.log_unawaited_errors()
        # Made here: from 3.12 on, an error that is kept keeps its task.
        task = asyncio.create_task(failing(kind("no\nidea")), name="reload")
        await asyncio.wait([task])
        return task

    assert lines_of_an_error_nobody_awaits(forget) == [
        {
            "event": "an error that nothing awaited",
            "task": "reload",
            "error": f"{kind.__name__}: no",
            "raised_at": f"{__file__}:{failing.__code__.co_firstlineno + 1}",
            "log_level": "error",
        }
    ]


def test_another_error_of_a_future_is_a_line_without_the_future():
    async def forget() -> asyncio.Future[None]:
        lifecycle.log_unawaited_errors()
        future = asyncio.get_running_loop().create_future()
        future.set_exception(ValueError("not a number"))
        return future

    (line,) = lines_of_an_error_nobody_awaits(forget)
    assert line["log_level"] == "error"
    assert line["error"] == "ValueError: not a number"
    assert "Future" not in str(line)


async def test_a_callback_that_fails_is_a_line_without_its_arguments():
    lifecycle.log_unawaited_errors()
    with structlog.testing.capture_logs() as lines:
        asyncio.get_running_loop().call_soon(os.fspath, {"token": "xoxb-1"})
        await asyncio.sleep(0)
    (line,) = lines
    assert line["log_level"] == "error"
    assert line["error"] == "TypeError: expected str, bytes or os.PathLike object, not dict"
    assert "xoxb" not in str(line)


async def test_a_session_that_was_left_open_is_a_line():
    lifecycle.log_unawaited_errors()
    with structlog.testing.capture_logs() as lines:
        asyncio.get_running_loop().call_exception_handler({"message": "Unclosed client session"})
    assert [(line["log_level"], line["what"]) for line in lines] == [
        ("error", "Unclosed client session")
    ]


def lines_of_an_error_nobody_awaits(start) -> list[dict[str, object]]:
    """Run `start` on a loop of its own, and drop what it returned after that loop has closed."""
    with structlog.testing.capture_logs() as lines:
        forgotten = asyncio.run(start())
        assert forgotten.done()
        del forgotten
        gc.collect()
    return lines


async def failing(error: Exception) -> None:
    raise error
