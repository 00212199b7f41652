from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from watcher import model, ports
from watcher.clock import SystemClock
from watcher.store import store
from watcher.vendors.diagnostics.settings import Diagnostics

RUNNING = model.DiagnosisStatus.RUNNING
DONE = model.DiagnosisStatus.DONE
SKIPPED = model.DiagnosisStatus.SKIPPED


@pytest.fixture
async def opened(tmp_path):
    url = f"sqlite:///{tmp_path / 'watcher.db'}"
    async with store.open(url, clock=SystemClock()) as opened:
        yield opened


@pytest.fixture
async def ask(opened, scene):
    """Ask for work as ingest does: as effects of a commit."""
    token = await opened.leadership.acquire("tests")

    async def commit(*effects):
        await opened.commits.commit(
            token, ports.Commit(at=scene.clock.now(), event=model.Ticked(), effects=effects)
        )

    return commit


@pytest.fixture
def begin(opened, scene):
    """Start the loop on the real store."""
    return lambda **changes: scene.start(workshop=opened.jobs, inbox=opened.inbox, **changes)


def diagnosis(run="run-1", service_id="SVC1"):
    return model.DiagnosisNeeded(run=run, incident="inc-1", service_id=service_id)


@pytest.fixture
def commands_once(opened, scene):
    """Wait for so many commands in the inbox, in their order."""

    async def wait(count):
        while len(envelopes := await opened.inbox.read()) < count:
            assert await scene.inbox_wakeup.wait(10)
        return [envelope.command for envelope in envelopes]

    return wait


async def test_details_findings_and_papers_are_durable(opened, ask, begin, commands_once):
    await ask(model.DetailsNeeded(subject="vyvx/1"), diagnosis())
    begin()
    told = await commands_once(3)
    assert (
        model.DetailsRead(subject="vyvx/1", details=model.Details(labels={"name": "Final"})) in told
    )
    runs = [command.diagnosis for command in told if isinstance(command, model.Diagnosed)]
    assert [run.status for run in runs] == [RUNNING, DONE]
    assert runs[1].disposition == "SVC1 has lost power"
    report_files = await opened.queries.report_files("run-1")
    assert report_files is not None
    assert report_files.pdf == b"%PDF"


@pytest.mark.covers("diag/no-polling")
async def test_a_second_run_for_the_same_service_is_refused_in_words(
    ask, begin, scene, commands_once
):
    await ask(diagnosis("run-1"), diagnosis("run-2"), diagnosis("run-3", "SVC2"))
    scene.triage.gate.clear()
    begin(keys=Diagnostics(parallel=3))
    told = await commands_once(3)
    by_run = {command.diagnosis.run: command.diagnosis for command in told}
    assert by_run["run-1"].status is RUNNING
    assert (by_run["run-2"].status, by_run["run-3"].status) == (SKIPPED, RUNNING)
    assert "SVC1" in by_run["run-2"].message
    scene.triage.gate.set()
    await commands_once(5)
    assert sorted(scene.triage.runs) == ["run-1", "run-3"]


async def test_a_restart_in_the_middle_runs_it_again_at_once_and_tells_its_begin_once(
    opened, ask, begin, scene, commands_once
):
    await ask(diagnosis())
    scene.triage.gate.clear()
    task = begin()
    await commands_once(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    scene.triage.gate.set()
    begin()
    told = await commands_once(2)
    assert [command.diagnosis.status for command in told] == [RUNNING, DONE]


async def test_a_run_whose_daemon_was_killed_is_taken_up_when_its_lease_ends(
    opened, ask, begin, scene, commands_once
):
    await ask(diagnosis())
    lease = timedelta(minutes=3)
    (job,) = await opened.jobs.claim(kind="diagnose", now=scene.clock.now(), lease=lease, limit=1)
    scene.clock.time += lease - timedelta(seconds=1)
    again = {"kind": "diagnose", "lease": lease, "limit": 1}
    assert await opened.jobs.claim(now=scene.clock.now(), **again) == []
    scene.clock.time += timedelta(seconds=1)
    begin()
    told = await commands_once(2)
    assert told[-1].diagnosis.status is DONE
    assert not await opened.jobs.finish(job, at=scene.clock.now(), command=told[-1])


async def test_a_run_that_was_interrupted_twice_is_given_up(
    opened, ask, begin, scene, commands_once
):
    await ask(diagnosis())
    for _ in range(2):
        await opened.jobs.claim(
            kind="diagnose", now=scene.clock.now(), lease=timedelta(minutes=1), limit=1
        )
        scene.clock.time += timedelta(minutes=1)
    begin()
    (failed,) = await commands_once(1)
    assert failed.diagnosis.status is model.DiagnosisStatus.FAILED
    assert "interrupted" in failed.diagnosis.message


class Qualifier:
    """Says what it is told to say; `asked` are the addresses."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    async def qualify(self, address):
        self.asked.append(address)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


HERE = "1 Main St, Denver, CO 80202"
WANTED = model.AlternativesNeeded(incident="inc-1", address=HERE)


@pytest.mark.covers("px/alternatives")
async def test_an_incidents_backup_is_asked_for_once_by_its_address(
    opened, ask, begin, commands_once
):
    qualifier = Qualifier(ports.BackupOptions(offers=("Fiber 940 65.00",)))
    await ask(WANTED, WANTED)
    begin(qualifier=qualifier)
    told = model.AlternativesRead(incident="inc-1", address=HERE, offers=("Fiber 940 65.00",))
    assert await commands_once(1) == [told]
    assert qualifier.asked == [HERE]


@pytest.mark.covers("px/alternatives")
@pytest.mark.parametrize(
    ("qualifier", "why"),
    [
        (None, "there is no [preorder] section in the config"),
        (Qualifier(model.TemporaryError("PX is down")), "PX is down"),
        (Qualifier(model.PermanentError("check sales_code of [preorder]")), "check sales_code"),
        (Qualifier(ports.BackupOptions(why="outside the area")), "outside the area"),
    ],
)
async def test_why_there_is_no_backup_is_an_answer(ask, begin, commands_once, qualifier, why):
    await ask(WANTED)
    begin(qualifier=qualifier)
    (told,) = await commands_once(1)
    assert told.offers == ()
    assert why in told.why
