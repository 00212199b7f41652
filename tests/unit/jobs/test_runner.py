"""The job runner claims, runs, postpones and finishes jobs."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from watcher import model
from watcher.clock import Wakeup
from watcher.jobs import diagnostics, fetch, runner, work
from watcher.vendors.diagnostics.settings import Diagnostics

DONE = model.DiagnosisStatus.DONE
FAILED = model.DiagnosisStatus.FAILED
SKIPPED = model.DiagnosisStatus.SKIPPED


async def run_ready_tasks():
    """Let every task that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_details_are_fetched_into_the_inbox(world):
    world.details("vyvx/1")
    world.start()
    await world.store.until("details/vyvx/1")
    assert world.source.asked == ["vyvx/1"]
    assert world.store.commands["details/vyvx/1"] == model.DetailsRead(
        subject="vyvx/1", details=model.Details(labels={"name": "Final"})
    )
    assert await world.inbox_wakeup.wait(1)
    assert world.store.jobs == {}


@pytest.mark.parametrize(
    "error", [model.TemporaryError("HTTP 503"), model.PermanentError("HTTP 403")]
)
async def test_details_that_cannot_be_had_are_answered_with_the_reason(world, error):
    world.source.answer = error
    world.details()
    world.start()
    await world.store.until("details/vyvx/1")
    assert world.store.commands["details/vyvx/1"] == model.DetailsRead(
        subject="vyvx/1", details=None, error=str(error)
    )
    assert len(world.source.asked) == 1


async def test_details_that_hang_are_given_up(world, monkeypatch):
    monkeypatch.setattr(fetch, "DETAILS_TIMEOUT", timedelta(milliseconds=20))
    world.source.answer = None
    world.details()
    world.start()
    await world.store.until("details/vyvx/1")
    answer = world.store.commands["details/vyvx/1"]
    assert answer == model.DetailsRead(
        subject="vyvx/1", details=None, error="no details from vyvx within 0.02 s"
    )


async def test_a_subject_of_a_source_that_is_gone_is_answered(world):
    world.details("old/1")
    world.start()
    await world.store.until("details/old/1")
    assert "source 'old' is no longer configured" in world.store.commands["details/old/1"].error


async def test_a_run_is_reported_when_it_starts_and_when_it_ends(world):
    world.diagnostics_runner.gate.clear()
    world.diagnose()
    world.start()
    await world.store.until("diagnosing/run-1")
    started = world.store.commands["diagnosing/run-1"].diagnosis
    assert (started.status, started.finished_at) == (model.DiagnosisStatus.RUNNING, None)

    world.clock.time += timedelta(seconds=40)
    world.diagnostics_runner.gate.set()
    await world.store.until("diagnose/run-1")
    ended = world.store.commands["diagnose/run-1"].diagnosis
    assert (ended.status, ended.disposition) == (DONE, "SVC1 has lost power")
    assert (ended.incident, ended.service_id, ended.run) == ("inc-1", "SVC1", "run-1")
    assert ended.started_at == started.started_at
    assert ended.finished_at == world.clock.now()
    assert (ended.findings, ended.actions) == (("Power: Failed",), ("Call the site",))
    assert ended.report.filename == "r.pdf"
    assert world.store.report_files["run-1"].pdf == b"%PDF"


@pytest.mark.covers("diag/no-polling")
async def test_the_budgets_of_the_config_hold_and_a_refusal_is_reported(world):
    world.store.budget = "SVC1 was diagnosed 3 min ago"
    world.diagnose()
    limits = Diagnostics(cooldown=timedelta(minutes=7), runs_per_incident=2, runs_per_hour=9)
    world.start(diagnostics=limits)
    await world.store.until("diagnose/run-1")
    refused = world.store.commands["diagnose/run-1"].diagnosis
    assert (refused.status, refused.message) == (SKIPPED, "SVC1 was diagnosed 3 min ago")
    assert world.store.starts == [("run-1", timedelta(minutes=7), 2, 9)]
    assert world.diagnostics_runner.runs == []
    assert "diagnosing/run-1" not in world.store.commands


async def test_without_a_diagnostics_section_a_run_is_skipped(world):
    world.diagnose()
    world.start(diagnostics_runner=None)
    await world.store.until("diagnose/run-1")
    skipped = world.store.commands["diagnose/run-1"].diagnosis
    assert (skipped.status, world.store.starts) == (SKIPPED, [])
    assert "no [diagnostics] section" in skipped.message


@pytest.mark.covers("diag/once")
@pytest.mark.parametrize(
    "error", [model.TemporaryError("HTTP 503"), model.PermanentError("SVC1 is not entitled")]
)
async def test_a_run_that_fails_says_so_and_is_not_repeated(world, error):
    world.diagnostics_runner.answer = error
    world.diagnose()
    world.start()
    await world.store.until("diagnose/run-1")
    failed = world.store.commands["diagnose/run-1"].diagnosis
    assert (failed.status, failed.message) == (FAILED, str(error))
    await run_ready_tasks()
    assert world.diagnostics_runner.runs == ["run-1"]
    assert world.store.jobs == {}


async def test_a_run_that_hangs_fails_within_its_time(world, monkeypatch):
    monkeypatch.setattr(diagnostics, "PREVIEW_TIMEOUT", timedelta(milliseconds=19))
    world.diagnostics_runner.gate.clear()
    world.diagnose()
    world.start(diagnostics=Diagnostics(timeout=timedelta(milliseconds=1)))
    await world.store.until("diagnose/run-1")
    failed = world.store.commands["diagnose/run-1"].diagnosis
    assert (failed.status, failed.message) == (FAILED, "it did not finish within 0.02 s")


async def test_diagnoses_run_side_by_side_up_to_the_limit_and_details_pass_them(world):
    world.diagnostics_runner.gate.clear()
    for number in range(9):
        world.diagnose(f"run-{number}")
    world.start(diagnostics=Diagnostics(parallel=3))
    await world.store.until("diagnosing/run-2")
    for number in range(20):
        world.details(f"vyvx/{number}")
    await world.store.until("details/vyvx/19")
    assert world.diagnostics_runner.runs == ["run-0", "run-1", "run-2"]
    assert sum(kind == "diagnose" for kind, _ in world.store.leases) == 3, (
        "no lease runs out in a queue"
    )
    world.diagnostics_runner.gate.set()
    await world.store.until("diagnose/run-8")
    assert world.diagnostics_runner.most_at_once == 3


async def test_a_freed_place_and_a_wakeup_are_used_at_once(world, monkeypatch):
    monkeypatch.setattr(runner, "POLL_SECONDS", 3_600)
    wakeup = Wakeup()
    for number in range(3 * fetch.DETAILS_AT_ONCE):
        world.details(f"vyvx/{number}")
    world.start(wakeup=wakeup)
    await world.store.until(f"details/vyvx/{3 * fetch.DETAILS_AT_ONCE - 1}")
    await run_ready_tasks()
    world.details("vyvx/late")
    wakeup.set()
    await world.store.until("details/vyvx/late")


async def test_a_stop_gives_unfinished_jobs_back_at_once(world):
    world.diagnostics_runner.gate.clear()
    world.diagnose()
    task = world.start()
    await world.store.until("diagnosing/run-1")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.store.leases == {}
    assert "diagnose/run-1" not in world.store.commands

    world.diagnostics_runner.gate.set()
    world.start()
    await world.store.until("diagnose/run-1")
    assert world.store.commands["diagnose/run-1"].diagnosis.status is DONE
    assert world.diagnostics_runner.runs == ["run-1", "run-1"]


async def test_a_stop_does_not_wait_for_a_store_that_is_gone(world, monkeypatch):
    async def refuse(job, *, due):
        raise model.TemporaryError("database is locked")

    monkeypatch.setattr(world.store, "postpone", refuse)
    world.diagnostics_runner.gate.clear()
    world.diagnose()
    task = world.start()
    await world.store.until("diagnosing/run-1")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_run_that_is_interrupted_too_often_is_given_up(world):
    world.diagnose(attempts=work.MAX_ATTEMPTS)
    world.start()
    await world.store.until("diagnose/run-1")
    failed = world.store.commands["diagnose/run-1"].diagnosis
    assert failed.status is FAILED
    assert "interrupted" in failed.message
    assert (world.diagnostics_runner.runs, world.store.starts) == ([], [])


async def test_the_result_of_a_lost_lease_is_dropped(world):
    world.diagnostics_runner.gate.clear()
    world.diagnose()
    world.start()
    await world.store.until("diagnosing/run-1")
    assert await world.inbox_wakeup.wait(1)
    (job,) = world.store.jobs.values()
    world.store.jobs["diagnose", "run-1"] = replace(job, token=job.token + 1)  # another token
    world.diagnostics_runner.gate.set()
    await run_ready_tasks()
    assert "diagnose/run-1" not in world.store.commands
    assert not await world.inbox_wakeup.wait(0)


async def test_an_unexpected_error_ends_the_loop(world):
    world.source.answer = KeyError("services")
    world.details()
    with pytest.raises(ExceptionGroup) as caught:
        await world.start()
    assert caught.group_contains(KeyError)


async def test_a_failing_store_ends_the_loop(world):
    world.store.fault = model.TemporaryError("the disk is full")
    with pytest.raises(ExceptionGroup) as caught:
        await world.start()
    assert caught.group_contains(model.TemporaryError, match="disk is full")


async def test_the_loop_shows_that_it_turns(world):
    loop = world.loop()
    assert loop.last_pass_at == 0.0
    world.details()
    world.clock.time += timedelta(seconds=31)
    world.start(loop)
    await world.store.until("details/vyvx/1")
    assert loop.last_pass_at == 31.0
