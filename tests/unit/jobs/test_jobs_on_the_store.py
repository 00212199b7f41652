"""Jobs on a real SQLite store."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from watcher import model, ports
from watcher.clock import SystemClock
from watcher.store import codec, store, tables
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
async def ask(opened, world):
    """Ask for work as ingest does: as effects of a commit."""
    token = await opened.leadership.acquire("tests")

    async def commit(*effects):
        await opened.commits.commit(
            token, ports.Commit(at=world.clock.now(), event=model.Ticked(), effects=effects)
        )

    return commit


@pytest.fixture
def begin(opened, world):
    """Start the loop on the real store."""
    return lambda **changes: world.start(queue=opened.jobs, inbox=opened.inbox, **changes)


def diagnosis(run="run-1", service_id="SVC1"):
    return model.DiagnosisNeeded(run=run, incident="inc-1", service_id=service_id)


@pytest.fixture
def commands_once(opened, world):
    """Wait for so many commands in the inbox, in their order."""

    inbox = select(tables.inbox.c.kind, tables.inbox.c.data).order_by(tables.inbox.c.number)

    async def wait(count):
        while len(rows := await read()) < count:
            assert await world.inbox_wakeup.wait(10)
        return [codec.decode_command(*row) for row in rows]

    async def read():
        async with opened.database.read() as connection:
            return (await connection.execute(inbox)).all()

    return wait


async def test_details_findings_and_reports_are_durable(opened, ask, begin, commands_once):
    await ask(model.DetailsNeeded(subject="vyvx/1"), diagnosis())
    begin()
    commands = await commands_once(3)
    assert (
        model.DetailsRead(subject="vyvx/1", details=model.Details(labels={"name": "Final"}))
        in commands
    )
    runs = [command.diagnosis for command in commands if isinstance(command, model.Diagnosed)]
    assert [run.status for run in runs] == [RUNNING, DONE]
    assert runs[1].disposition == "SVC1 has lost power"
    report_files = await opened.queries.report_files("run-1")
    assert report_files is not None
    assert report_files.pdf == b"%PDF"


@pytest.mark.covers("diag/no-polling")
async def test_a_second_run_for_the_same_service_is_refused_in_words(
    ask, begin, world, commands_once
):
    await ask(diagnosis("run-1"), diagnosis("run-2"), diagnosis("run-3", "SVC2"))
    world.diagnostics_runner.gate.clear()
    begin(diagnostics=Diagnostics(parallel=3))
    commands = await commands_once(3)
    by_run = {command.diagnosis.run: command.diagnosis for command in commands}
    assert by_run["run-1"].status is RUNNING
    assert (by_run["run-2"].status, by_run["run-3"].status) == (SKIPPED, RUNNING)
    assert "SVC1" in by_run["run-2"].message
    world.diagnostics_runner.gate.set()
    await commands_once(5)
    assert sorted(world.diagnostics_runner.runs) == ["run-1", "run-3"]


async def test_a_restart_in_the_middle_runs_it_again_at_once_and_reports_its_start_once(
    opened, ask, begin, world, commands_once
):
    await ask(diagnosis())
    world.diagnostics_runner.gate.clear()
    task = begin()
    await commands_once(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    world.diagnostics_runner.gate.set()
    begin()
    commands = await commands_once(2)
    assert [command.diagnosis.status for command in commands] == [RUNNING, DONE]


async def test_a_run_whose_daemon_was_killed_is_taken_up_when_its_lease_ends(
    opened, ask, begin, world, commands_once
):
    await ask(diagnosis())
    lease = timedelta(minutes=3)
    (job,) = await opened.jobs.claim(kind="diagnose", now=world.clock.now(), lease=lease, limit=1)
    world.clock.time += lease - timedelta(seconds=1)
    again = {"kind": "diagnose", "lease": lease, "limit": 1}
    assert await opened.jobs.claim(now=world.clock.now(), **again) == []
    world.clock.time += timedelta(seconds=1)
    begin()
    commands = await commands_once(2)
    assert commands[-1].diagnosis.status is DONE
    assert not await opened.jobs.finish(job, at=world.clock.now(), command=commands[-1])


async def test_a_run_that_was_interrupted_twice_is_given_up(
    opened, ask, begin, world, commands_once
):
    await ask(diagnosis())
    for _ in range(2):
        await opened.jobs.claim(
            kind="diagnose", now=world.clock.now(), lease=timedelta(minutes=1), limit=1
        )
        world.clock.time += timedelta(minutes=1)
    begin()
    (failed,) = await commands_once(1)
    assert failed.diagnosis.status is model.DiagnosisStatus.FAILED
    assert "interrupted" in failed.diagnosis.message


class FakeBackupFinder:
    """Returns or raises `answer`; `asked` are the addresses."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    async def find(self, address):
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
    backup_finder = FakeBackupFinder(ports.BackupOptions(offers=("Fiber 940 65.00",)))
    await ask(WANTED, WANTED)
    begin(backup_finder=backup_finder)
    expected = model.AlternativesRead(incident="inc-1", address=HERE, offers=("Fiber 940 65.00",))
    assert await commands_once(1) == [expected]
    assert backup_finder.asked == [HERE]


@pytest.mark.covers("px/alternatives")
@pytest.mark.parametrize(
    ("backup_finder", "why"),
    [
        (None, "there is no [preorder] section in the config"),
        (FakeBackupFinder(model.TemporaryError("PX is down")), "PX is down"),
        (FakeBackupFinder(model.PermanentError("check sales_code")), "check sales_code"),
        (FakeBackupFinder(ports.BackupOptions(why="outside the area")), "outside the area"),
    ],
)
async def test_why_there_is_no_backup_is_an_answer(ask, begin, commands_once, backup_finder, why):
    await ask(WANTED)
    begin(backup_finder=backup_finder)
    (command,) = await commands_once(1)
    assert command.offers == ()
    assert why in command.why
