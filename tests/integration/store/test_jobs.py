"""Jobs, diagnostics runs and the meter of calls."""

import pytest
from msgspec.structs import replace

from tests.fakes import factories
from tests.fakes.factories import HOUR, MINUTE, NOW, SECOND
from watcher import model, ports
from watcher.store import tables

COOLDOWN = 15 * MINUTE
REPORT = ports.ReportFiles(run="r1", pdf=b"%PDF-\x00\xff", preview=b"\x89PNG", raw=b"{}")


def claim(opened, kind="diagnose", *, now=NOW, limit=10):
    return opened.jobs.claim(kind=kind, now=now, lease=2 * MINUTE, limit=limit)


def start(opened, job, *, now=NOW, per_incident=6, per_hour=30):
    return opened.jobs.start_run(
        job, now=now, cooldown=COOLDOWN, per_incident=per_incident, per_hour=per_hour
    )


def done(run="r1"):
    diagnosis = replace(factories.incident().diagnostics[0], run=run)
    return model.Diagnosed(diagnosis=diagnosis)


async def want(opened, token, *runs, service="SVC1", incident="i1", at=NOW):
    await opened.commits.commit(
        token,
        factories.commit(
            *(
                model.DiagnosisNeeded(run=run, incident=incident, service_id=service)
                for run in runs
            ),
            at=at,
        ),
    )


async def take(opened, token, run, *, now=NOW, service="SVC1", incident="i1"):
    await want(opened, token, run, service=service, incident=incident, at=now)
    (job,) = await claim(opened, now=now)
    return job


async def test_a_job_is_one_daemons_until_its_lease_ends(opened, token):
    await want(opened, token, "r1")
    (first,) = await claim(opened)
    assert await claim(opened, now=NOW + 2 * MINUTE - SECOND) == []
    (second,) = await claim(opened, now=NOW + 2 * MINUTE)
    assert (first.attempts, second.attempts) == (1, 2)
    assert first.token != second.token
    assert not await opened.jobs.finish(first, at=NOW, command=done(), report_files=REPORT)
    assert await opened.inbox.read() == []
    assert await opened.queries.report_files("r1") is None
    assert await opened.jobs.finish(second, at=NOW, command=done(), report_files=REPORT)


async def test_the_longest_due_job_comes_first(opened, token):
    for name, minutes in (("b", 0), ("a", 2), ("c", 1)):
        await opened.commits.commit(
            token, factories.commit(model.DetailsNeeded(subject=name), at=NOW + minutes * MINUTE)
        )
    assert [job.key for job in await claim(opened, "details", now=NOW + MINUTE)] == ["b", "c"]
    assert [job.key for job in await claim(opened, "details", now=NOW + HOUR, limit=1)] == ["b"]


async def test_a_finished_job_leaves_its_result_and_its_report(opened, token):
    await want(opened, token, "r1")
    (job,) = await claim(opened)
    assert await opened.jobs.finish(job, at=NOW + SECOND, command=done(), report_files=REPORT)
    (envelope,) = await opened.inbox.read()
    assert (envelope.command, envelope.at) == (done(), NOW + SECOND)
    assert await opened.queries.report_files("r1") == REPORT
    assert await claim(opened, now=NOW + 1000 * HOUR) == []
    assert not await opened.jobs.finish(job, at=NOW, command=done())  # it is gone


async def test_report_files_that_were_never_written_are_none(opened):
    assert await opened.queries.report_files("r1") is None


async def test_details_can_be_needed_a_second_time(opened, token):
    for round_ in range(2):
        await opened.commits.commit(token, factories.commit(model.DetailsNeeded(subject="vyvx/1")))
        (job,) = await claim(opened, "details")
        read = model.DetailsRead(subject="vyvx/1", details=None, error=f"{round_}")
        assert await opened.jobs.finish(job, at=NOW, command=read)
    assert [envelope.command.error for envelope in await opened.inbox.read()] == ["0", "1"]


async def test_the_token_of_an_earlier_job_does_not_fit_a_new_one_of_the_same_key(opened, token):
    needed = factories.commit(model.DetailsNeeded(subject="vyvx/1"))
    await opened.commits.commit(token, needed)
    (slow,) = await claim(opened, "details")
    (quick,) = await claim(opened, "details", now=NOW + HOUR)
    read = model.DetailsRead(subject="vyvx/1", details=None)
    await opened.jobs.finish(quick, at=NOW, command=read)
    await opened.commits.commit(token, needed)
    await claim(opened, "details", now=NOW + HOUR)
    assert not await opened.jobs.finish(slow, at=NOW, command=read)


async def test_a_postponed_job_comes_back_when_it_is_due(opened, token):
    await want(opened, token, "r1")
    (job,) = await claim(opened)
    await opened.jobs.postpone(job, due=NOW + HOUR)
    assert await claim(opened, now=NOW + HOUR - SECOND) == []
    (again,) = await claim(opened, now=NOW + HOUR)
    await opened.jobs.postpone(job, due=NOW)  # no longer ours: nothing happens
    assert await opened.jobs.finish(again, at=NOW, command=done())


async def test_one_run_at_a_time_for_a_service(opened, token):
    first = await take(opened, token, "r1")
    second = await take(opened, token, "r2")
    other = await take(opened, token, "r3", service="SVC2")
    assert await start(opened, first) == ""
    assert await start(opened, second) == "a run for service SVC1 is in progress"
    assert await start(opened, other) == ""


async def test_a_service_is_left_alone_for_the_cooldown(opened, token):
    first = await take(opened, token, "r1")
    assert await start(opened, first) == ""
    await opened.jobs.finish(first, at=NOW + MINUTE, command=done())
    second = await take(opened, token, "r2", now=NOW + 3 * MINUTE)
    assert await start(opened, second, now=NOW + 3 * MINUTE) == (
        "service SVC1 was diagnosed 3 min ago; the next run may start 15 min after the last"
    )
    assert await start(opened, second, now=NOW + COOLDOWN) == ""


async def test_a_run_whose_daemon_died_does_not_block_its_service_forever(opened, token):
    died = await take(opened, token, "r1")
    assert await start(opened, died) == ""
    (again,) = await claim(opened, now=NOW + 2 * MINUTE)
    assert again.key == "r1"
    assert await start(opened, again, now=NOW + 2 * MINUTE) == ""  # its own second start


async def test_another_run_may_start_after_the_lease_of_a_dead_one(opened, token):
    died = await take(opened, token, "r1")
    assert await start(opened, died) == ""
    late = NOW + COOLDOWN
    await want(opened, token, "r2", at=late)
    other = next(job for job in await claim(opened, now=late) if job.key == "r2")
    assert await start(opened, other, now=late) == ""


async def test_a_run_is_not_started_under_a_lost_claim(opened, token):
    lost = await take(opened, token, "r1")
    await claim(opened, now=NOW + HOUR)
    assert await start(opened, lost) == "another daemon has taken this job over"
    assert await factories.rows(opened, tables.runs) == []


async def test_an_incident_has_a_budget_of_runs(opened, token):
    for number in range(3):
        job = await take(opened, token, f"r{number}", service=f"SVC{number}")
        refusal = await start(opened, job, per_incident=2)
    assert refusal == "this incident has used all its 2 runs"
    elsewhere = await take(opened, token, "r9", service="SVC9", incident="i2")
    assert await start(opened, elsewhere, per_incident=2) == ""


async def test_an_hour_has_a_budget_of_runs_and_starts_again_count(opened, token):
    job = await take(opened, token, "r1")
    assert await start(opened, job) == ""
    (job,) = await claim(opened, now=NOW + 2 * MINUTE)
    assert await start(opened, job, now=NOW + 2 * MINUTE) == ""
    other = await take(opened, token, "r2", service="SVC2", incident="i2")
    assert await start(opened, other, per_hour=2) == "all 2 runs of this hour are used up"
    assert await start(opened, other, now=NOW + HOUR + 2 * MINUTE, per_hour=2) == ""


async def test_a_postponed_run_frees_its_service(opened, token):
    first = await take(opened, token, "r1")
    assert await start(opened, first) == ""
    await opened.jobs.postpone(first, due=NOW + HOUR)
    second = await take(opened, token, "r2")
    assert "diagnosed 0 s ago" in await start(opened, second)  # no longer: is in progress


async def test_asking_for_a_run_that_was_made_makes_no_second_one(opened, token):
    job = await take(opened, token, "r1")
    await start(opened, job)
    await opened.jobs.finish(job, at=NOW, command=done())
    await want(opened, token, "r1")
    assert await claim(opened, now=NOW + HOUR) == []


async def test_a_budget_of_calls_starts_again_each_month(opened):
    spent = [await opened.call_counter.spend("orange", "2026-11", 2) for _ in range(4)]
    assert spent == [True, True, False, False]
    assert await opened.call_counter.spend("orange", "2026-12", 2)
    assert await opened.call_counter.spend("lumen", "2026-11", 2)
    assert await opened.call_counter.used("orange", "2026-11") == 2


async def test_an_account_without_a_budget_is_counted_all_the_same(opened):
    assert all([await opened.call_counter.spend("lumen", "2026-11", 0) for _ in range(3)])
    assert await opened.call_counter.used("lumen", "2026-11") == 3
    assert await opened.call_counter.used("nobody", "2026-11") == 0


async def test_details_never_wait_behind_diagnoses(opened, token):
    await want(opened, token, "r1", "r2")
    await opened.commits.commit(
        token, factories.commit(model.DetailsNeeded(subject="vyvx/1"), at=NOW + SECOND)
    )
    (job,) = await claim(opened, "details", now=NOW + SECOND, limit=1)
    assert (job.kind, job.key) == ("details", "vyvx/1")


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_is_claimed_than_can_be_done(opened, token, limit):
    await want(opened, token, *(f"r{number}" for number in range(5)))
    assert len(await claim(opened, limit=limit)) == limit
