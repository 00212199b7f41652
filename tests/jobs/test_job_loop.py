from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from watcher import model
from watcher.clock import Wakeup
from watcher.jobs import diagnostics, fetch, runner, work
from watcher.vendors.diagnostics.settings import Diagnostics

DONE = model.DiagnosisStatus.DONE
FAILED = model.DiagnosisStatus.FAILED
SKIPPED = model.DiagnosisStatus.SKIPPED


async def settle():
    """Let every task that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_details_are_fetched_into_the_inbox(scene):
    scene.details("vyvx/1")
    scene.start()
    await scene.shelf.until("details/vyvx/1")
    assert scene.feed.asked == ["vyvx/1"]
    assert scene.shelf.commands["details/vyvx/1"] == model.DetailsRead(
        subject="vyvx/1", details=model.Details(labels={"name": "Final"})
    )
    assert await scene.inbox_wakeup.wait(1)
    assert scene.shelf.jobs == {}


@pytest.mark.parametrize(
    "error", [model.TemporaryError("HTTP 503"), model.PermanentError("HTTP 403")]
)
async def test_details_that_cannot_be_had_are_answered_with_the_reason(scene, error):
    scene.feed.answer = error
    scene.details()
    scene.start()
    await scene.shelf.until("details/vyvx/1")
    assert scene.shelf.commands["details/vyvx/1"] == model.DetailsRead(
        subject="vyvx/1", details=None, error=str(error)
    )
    assert len(scene.feed.asked) == 1


async def test_details_that_hang_are_given_up(scene, monkeypatch):
    monkeypatch.setattr(fetch, "DETAILS_WITHIN", timedelta(milliseconds=20))
    scene.feed.answer = None
    scene.details()
    scene.start()
    await scene.shelf.until("details/vyvx/1")
    answer = scene.shelf.commands["details/vyvx/1"]
    assert answer == model.DetailsRead(
        subject="vyvx/1", details=None, error="vyvx gave no details within 0.02 s"
    )


async def test_a_subject_of_a_source_that_is_gone_is_answered(scene):
    scene.details("old/1")
    scene.start()
    await scene.shelf.until("details/old/1")
    assert "no source 'old'" in scene.shelf.commands["details/old/1"].error


async def test_a_run_is_told_when_it_begins_and_when_it_ends(scene):
    scene.triage.gate.clear()
    scene.diagnose()
    scene.start()
    await scene.shelf.until("diagnosing/run-1")
    begun = scene.shelf.commands["diagnosing/run-1"].diagnosis
    assert (begun.status, begun.finished_at) == (model.DiagnosisStatus.RUNNING, None)

    scene.clock.time += timedelta(seconds=40)
    scene.triage.gate.set()
    await scene.shelf.until("diagnose/run-1")
    ended = scene.shelf.commands["diagnose/run-1"].diagnosis
    assert (ended.status, ended.disposition) == (DONE, "SVC1 has lost power")
    assert (ended.incident, ended.service_id, ended.run) == ("inc-1", "SVC1", "run-1")
    assert ended.started_at == begun.started_at
    assert ended.finished_at == scene.clock.now()
    assert (ended.findings, ended.actions) == (("Power: Failed",), ("Call the site",))
    assert ended.report.filename == "r.pdf"
    assert scene.shelf.papers["run-1"].pdf == b"%PDF"


@pytest.mark.covers("diag/no-polling")
async def test_the_budgets_of_the_config_are_asked_and_a_refusal_is_told(scene):
    scene.shelf.budget = "SVC1 was diagnosed 3 min ago"
    scene.diagnose()
    keys = Diagnostics(cooldown=timedelta(minutes=7), runs_per_incident=2, runs_per_hour=9)
    scene.start(keys=keys)
    await scene.shelf.until("diagnose/run-1")
    refused = scene.shelf.commands["diagnose/run-1"].diagnosis
    assert (refused.status, refused.message) == (SKIPPED, "SVC1 was diagnosed 3 min ago")
    assert scene.shelf.starts == [("run-1", timedelta(minutes=7), 2, 9)]
    assert scene.triage.runs == []
    assert "diagnosing/run-1" not in scene.shelf.commands


async def test_without_a_diagnostics_section_a_run_is_skipped(scene):
    scene.diagnose()
    scene.start(examiner=None)
    await scene.shelf.until("diagnose/run-1")
    skipped = scene.shelf.commands["diagnose/run-1"].diagnosis
    assert (skipped.status, scene.shelf.starts) == (SKIPPED, [])
    assert "no [diagnostics] section" in skipped.message


@pytest.mark.covers("diag/once")
@pytest.mark.parametrize(
    "error", [model.TemporaryError("HTTP 503"), model.PermanentError("SVC1 is not entitled")]
)
async def test_a_run_that_fails_says_so_and_is_not_repeated(scene, error):
    scene.triage.answer = error
    scene.diagnose()
    scene.start()
    await scene.shelf.until("diagnose/run-1")
    failed = scene.shelf.commands["diagnose/run-1"].diagnosis
    assert (failed.status, failed.message) == (FAILED, str(error))
    await settle()
    assert scene.triage.runs == ["run-1"]
    assert scene.shelf.jobs == {}


async def test_a_run_that_hangs_fails_within_its_time(scene, monkeypatch):
    monkeypatch.setattr(diagnostics, "DRAW_WITHIN", timedelta(milliseconds=20))
    scene.triage.gate.clear()
    scene.diagnose()
    scene.start(keys=Diagnostics(timeout=timedelta(0)))
    await scene.shelf.until("diagnose/run-1")
    failed = scene.shelf.commands["diagnose/run-1"].diagnosis
    assert (failed.status, failed.message) == (FAILED, "it did not end within 0.02 s")


async def test_diagnoses_run_side_by_side_up_to_the_limit_and_details_pass_them(scene):
    scene.triage.gate.clear()
    for number in range(9):
        scene.diagnose(f"run-{number}")
    scene.start(keys=Diagnostics(parallel=3))
    await scene.shelf.until("diagnosing/run-2")
    for number in range(20):
        scene.details(f"vyvx/{number}")
    await scene.shelf.until("details/vyvx/19")
    assert scene.triage.runs == ["run-0", "run-1", "run-2"]
    assert sum(kind == "diagnose" for kind, _ in scene.shelf.leases) == 3, (
        "no lease runs out in a queue"
    )
    scene.triage.gate.set()
    await scene.shelf.until("diagnose/run-8")
    assert scene.triage.most_at_once == 3


async def test_a_freed_place_and_a_ring_are_used_at_once(scene, monkeypatch):
    monkeypatch.setattr(runner, "LOOK_SECONDS", 3_600)
    wakeup = Wakeup()
    for number in range(3 * fetch.DETAILS_AT_ONCE):
        scene.details(f"vyvx/{number}")
    scene.start(wakeup=wakeup)
    await scene.shelf.until(f"details/vyvx/{3 * fetch.DETAILS_AT_ONCE - 1}")
    await settle()
    scene.details("vyvx/late")
    wakeup.set()
    await scene.shelf.until("details/vyvx/late")


async def test_a_stop_gives_unfinished_jobs_back_at_once(scene):
    scene.triage.gate.clear()
    scene.diagnose()
    task = scene.start()
    await scene.shelf.until("diagnosing/run-1")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scene.shelf.leases == {}
    assert "diagnose/run-1" not in scene.shelf.commands

    scene.triage.gate.set()
    scene.start()
    await scene.shelf.until("diagnose/run-1")
    assert scene.shelf.commands["diagnose/run-1"].diagnosis.status is DONE
    assert scene.triage.runs == ["run-1", "run-1"]


async def test_a_stop_does_not_wait_for_a_store_that_is_gone(scene, monkeypatch):
    async def refuse(job, *, due):
        raise model.TemporaryError("database is locked")

    monkeypatch.setattr(scene.shelf, "postpone", refuse)
    scene.triage.gate.clear()
    scene.diagnose()
    task = scene.start()
    await scene.shelf.until("diagnosing/run-1")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_run_that_daemons_die_of_is_given_up(scene):
    scene.diagnose(attempts=work.MAX_ATTEMPTS)
    scene.start()
    await scene.shelf.until("diagnose/run-1")
    failed = scene.shelf.commands["diagnose/run-1"].diagnosis
    assert failed.status is FAILED
    assert "interrupted" in failed.message
    assert (scene.triage.runs, scene.shelf.starts) == ([], [])


async def test_the_result_of_a_lost_lease_is_dropped(scene):
    scene.triage.gate.clear()
    scene.diagnose()
    scene.start()
    await scene.shelf.until("diagnosing/run-1")
    assert await scene.inbox_wakeup.wait(1)
    (job,) = scene.shelf.jobs.values()
    scene.shelf.jobs["diagnose", "run-1"] = replace(job, token=job.token + 1)  # another token
    scene.triage.gate.set()
    await settle()
    assert "diagnose/run-1" not in scene.shelf.commands
    assert not await scene.inbox_wakeup.wait(0)


async def test_an_unexpected_error_ends_the_loop(scene):
    scene.feed.answer = KeyError("services")
    scene.details()
    with pytest.raises(ExceptionGroup) as caught:
        await scene.start()
    assert caught.group_contains(KeyError)


async def test_a_failing_store_ends_the_loop(scene):
    scene.shelf.fault = model.TemporaryError("the disk is full")
    with pytest.raises(ExceptionGroup) as caught:
        await scene.start()
    assert caught.group_contains(model.TemporaryError, match="disk is full")


async def test_the_loop_shows_that_it_turns(scene):
    loop = scene.loop()
    assert loop.last_pass_at == 0.0
    scene.details()
    scene.clock.time += timedelta(seconds=31)
    scene.start(loop)
    await scene.shelf.until("details/vyvx/1")
    assert loop.last_pass_at == 31.0
