"""What a killed process leaves behind says nothing; what fails in one that lives is a complaint."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace

import pytest

from tests.year.faults import Crash
from tests.year.loop import OWNER, run_to_end
from tests.year.oracle import complaints
from tests.year.run import run
from tests.year.storage import Died
from tests.year.test_run import MORNING, at
from watcher.daemon.leader import Leader
from watcher.store.journal import Retention

NIGHT = replace(MORNING, begin=at(2.9), end=at(4), facts=())  # old rows are deleted at 03:00
pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize(("is_killed", "errors"), [(True, []), (False, ["it failed"])])
def test_an_error_that_nothing_awaits_is_reported_unless_its_process_was_killed(is_killed, errors):
    reported = []

    async def fail():
        if is_killed:
            asyncio.get_running_loop().kill_now("a process")
            raise Died
        raise LookupError("it failed")

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))
        loop.kill_after("a process", 9, lambda: None)
        OWNER.set("a process")
        left = loop.create_task(fail())
        OWNER.set(None)
        await asyncio.sleep(1)
        return left.done()

    assert run_to_end(main())
    gc.collect()
    assert reported == errors


def test_a_process_that_is_killed_in_a_job_says_nothing(monkeypatch, caplog):
    began = []

    async def wait_to_be_killed(*_, **__):
        began.append(True)
        await asyncio.sleep(3_600)

    monkeypatch.setattr(Retention, "prune", wait_to_be_killed)
    crash = Crash(at=at(3.5), until=at(3.6), steps=1)
    plan = replace(NIGHT, faults=(crash,))
    wrong = complaints(plan, run(plan))
    gc.collect()
    assert began
    assert caplog.records == []
    assert wrong == []


def test_a_job_of_a_daemon_that_is_stopped_is_no_complaint():
    plan = replace(NIGHT, end=at(3))
    assert complaints(plan, run(plan)) == []


def test_a_job_that_fails_is_a_complaint(monkeypatch):
    async def fail(_):
        raise ZeroDivisionError("nobody expects it")

    monkeypatch.setattr(Leader, "_prune", fail)
    (wrong,) = complaints(NIGHT, run(NIGHT))
    assert wrong.startswith("broken: 'Job")
    assert "ZeroDivisionError: nobody expects it" in wrong
