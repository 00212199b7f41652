"""Tasks of one receiver go on after what nobody expected."""

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.fakes.virtual_time import run
from watcher import model
from watcher.daemon.supervision import supervise


def test_what_fails_unexpectedly_runs_again_with_one_traceback_and_is_reported():
    async def scenario():
        runs, reported = [], []

        async def task():
            runs.append(asyncio.get_running_loop().time())
            if len(runs) < 4:
                raise KeyError("secret")

        with capture_logs() as logs:
            await supervise("MQTT connection", task, report=reported.append)
        assert [round(at - runs[0]) for at in runs] == [0, 1, 3, 7]
        assert str(reported[0]).startswith("MQTT connection: internal error (KeyError at daemon/")
        assert reported[1] is None
        assert "secret" not in str(reported[0])
        assert len([line for line in logs if line.get("exc_info")]) == 1

    run(scenario())


def test_an_error_that_is_meant_to_end_the_daemon_does():
    async def scenario():
        async def task():
            raise model.PermanentError("the address is taken")

        with pytest.raises(model.PermanentError, match="is taken"):
            await supervise("board", task)

    run(scenario())


def test_timeouts_work_after_a_task_group_has_failed():
    """In CPython 3.11.2 such a group leaves its task half cancelled."""

    async def scenario():
        runs = []

        async def fail():
            raise KeyError

        async def task():
            runs.append(None)
            if len(runs) == 1:
                async with asyncio.TaskGroup() as group:
                    group.create_task(fail())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await asyncio.sleep(2)

        with capture_logs():
            await supervise("Slack", task)
        assert len(runs) == 2

    run(scenario())
