"""The last drill and the last backup, in the status, in the metrics and over the socket."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fakes import sample_data
from tests.fakes.sample_data import NOW
from watcher import model
from watcher.metrics import Metrics
from watcher.model import DrillState
from watcher.operations import control_socket, status
from watcher.operations.settings import Drill

DAY = timedelta(days=1)
LATE = model.DrillResult(
    incident="w-1",
    at=NOW - timedelta(hours=1),
    receivers=("noc", "mqtt"),
    late={"noc": "refused"},
    failure="not notified within 1 min: noc (refused)",
)
GOOD = model.DrillResult(incident="w-2", at=NOW - timedelta(hours=1), receivers=("noc", "mqtt"))
BACKUP = model.Backup(at=NOW - timedelta(hours=2), file="/var/backups/watcher.db", size=4096)


@pytest.mark.parametrize(
    ("every", "age", "state"),
    [
        (DAY, timedelta(hours=1), DrillState.OK),
        (DAY, timedelta(days=1, minutes=11), DrillState.OK),  # the minute and the grace
        (DAY, timedelta(days=1, minutes=11, seconds=1), DrillState.OVERDUE),
        (timedelta(0), timedelta(days=400), DrillState.OK),  # by hand only: nothing is due
    ],
)
def test_a_drill_is_overdue_when_the_next_one_should_have_a_result(every, age, state):
    checks = model.SelfChecks(drill=GOOD)
    overdue_after = Drill(every=every).overdue_after
    assert checks.drill_state(GOOD.at + age, overdue_after=overdue_after) is state


def test_what_failed_is_said_as_failed_however_old_it_is():
    checks = model.SelfChecks(drill=LATE)
    assert checks.drill_state(NOW + 9 * DAY, overdue_after=DAY) is DrillState.FAILED
    assert model.SelfChecks().drill_state(NOW, overdue_after=DAY) is DrillState.NONE


def reporter(reader, metrics):
    async def usages():
        return []

    return status.StatusReporter(
        instance="ops1",
        version="1",
        since=NOW,
        sources=["vyvx"],
        reader=reader,
        metrics=metrics,
        overview=lambda: None,
        receivers=lambda: {"noc": status.ReceiverState(), "mqtt": status.ReceiverState()},
        usages=usages,
        now=lambda: NOW,
        drill_overdue_after=DAY,
    )


async def test_status_and_metrics_say_what_is_stored_whichever_daemon_leads():
    reader = sample_data.InMemoryReader()
    metrics = Metrics(version="1", sources=["vyvx"], receivers=["noc", "mqtt"])
    reports = reporter(reader, metrics)
    assert (await reports.read()).drill_state is DrillState.NONE
    reader.checks = model.SelfChecks(drill=LATE, backup=BACKUP)
    current = await reports.read()
    assert (current.drill, current.backup) == (LATE, BACKUP)
    assert (current.drill_state, current.drill_failure) == (DrillState.FAILED, LATE.failure)
    await reports.update_gauges()
    lines = metrics.exposition().decode().splitlines()
    assert 'watcher_drill_failed{receiver="noc"} 1.0' in lines
    assert 'watcher_drill_failed{receiver="mqtt"} 0.0' in lines
    assert metrics.last_backup._value.get() == BACKUP.at.timestamp()
    reader.checks = model.SelfChecks(drill=GOOD, backup=BACKUP)
    await reports.update_gauges()
    assert 'watcher_drill_failed{receiver="noc"} 0.0' in metrics.exposition().decode()


async def test_what_was_read_last_is_remembered_while_the_store_cannot_be_read():
    reader = sample_data.InMemoryReader()
    reader.checks = model.SelfChecks(drill=LATE)
    reports = reporter(reader, Metrics(version="1", sources=["vyvx"], receivers=["noc", "mqtt"]))
    await reports.read()
    assert reports.from_memory().drill_failure == LATE.failure


@pytest.fixture
async def backups(tmp_path):
    """Serve the socket of a daemon; return its path and what it records."""
    recorded: list[model.Backup] = []

    async def record(backup):
        recorded.append(backup)

    async def nothing():
        raise NotImplementedError

    clock = sample_data.FakeClock()
    server = control_socket.ControlSocket(
        reader=None,
        commands=None,
        clock=clock,
        status=nothing,
        reload=nothing,
        record_backup=record,
    )
    async with server.serve(tmp_path / "c.sock"):
        yield tmp_path / "c.sock", recorded


async def test_a_backup_is_recorded_over_the_socket(backups):
    path, recorded = backups
    body = {"at": BACKUP.at.isoformat(), "file": BACKUP.file, "size": BACKUP.size}
    answer = await control_socket.ask(path, "POST", "/backups", body)
    assert recorded == [BACKUP]
    assert answer == {"recorded": BACKUP.file}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"at": (NOW + DAY).isoformat()}, "`at` is not a time that was"),
        ({"at": "2026-11-21T03:00:00"}, "`at` is not a time that was"),
        ({"size": "many"}, "invalid backup: .*size"),
        ({"folder": "there"}, "invalid backup: .*folder"),
    ],
)
async def test_what_is_no_backup_is_refused_in_words(backups, changes, sentence):
    path, recorded = backups
    body = {"at": BACKUP.at.isoformat(), "file": BACKUP.file, "size": BACKUP.size, **changes}
    with pytest.raises(model.PermanentError, match=sentence):
        await control_socket.ask(path, "POST", "/backups", body)
    assert recorded == []
