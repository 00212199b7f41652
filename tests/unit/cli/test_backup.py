"""Backups that are recorded, and what `watcher status` says of them and of drills."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from tests.unit.cli.test_status import REPORT
from watcher.cli import status
from watcher.clock import SystemClock
from watcher.store import store

WRITTEN = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
CONFIG = '[store]\nurl = "sqlite:///{0}/watcher.db"\n[control]\nsocket = "{0}/none.sock"\n'


@pytest.fixture
async def config(tmp_path):
    """Write a config with a database that no daemon has."""
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(tmp_path))
    async with store.open(f"sqlite:///{tmp_path}/watcher.db", clock=SystemClock()):
        pass
    return path


async def last_backup(config):
    url = f"sqlite:///{config.parent}/watcher.db"
    async with store.open_to_read(url, clock=SystemClock()) as opened:
        return (await opened.queries.self_checks()).backup


async def test_a_backup_is_recorded_where_no_daemon_runs(config, watcher, tmp_path):
    done = await watcher("backup", str(tmp_path / "copy.db"), "--config", str(config))
    assert (done.code, done.err) == (0, "")
    backup = await last_backup(config)
    assert backup.file == str(tmp_path / "copy.db")
    assert backup.size == (tmp_path / "copy.db").stat().st_size


async def test_a_backup_of_another_tool_is_recorded_with_the_time_of_its_file(
    config, watcher, tmp_path
):
    dump = tmp_path / "watcher.dump"
    dump.write_bytes(b"PGDMP")
    os.utime(dump, (WRITTEN.timestamp(), WRITTEN.timestamp()))
    done = await watcher("backup", "--record", str(dump), "--config", str(config))
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{dump}: recorded as the last backup\n"
    backup = await last_backup(config)
    assert (backup.at, backup.file, backup.size) == (WRITTEN, str(dump), 5)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "cannot be read (No such file or directory)"), (b"", "is not a backup: it is empty")],
)
async def test_what_is_no_backup_is_not_recorded(config, watcher, tmp_path, content, sentence):
    dump = tmp_path / "watcher.dump"
    if content is not None:
        dump.write_bytes(content)
    done = await watcher("backup", "--record", str(dump), "--config", str(config))
    assert done.code == 1
    assert sentence in done.err
    assert await last_backup(config) is None


async def test_a_good_copy_that_cannot_be_recorded_is_said_and_is_no_failure(
    config, watcher, tmp_path
):
    url = f"sqlite:///{tmp_path}/watcher.db"
    async with store.open(url, clock=SystemClock()) as held:
        assert await held.leadership.acquire("another") is not None
        done = await watcher("backup", str(tmp_path / "copy.db"), "--config", str(config))
    assert done.code == 0
    assert "the backup is good, but `watcher status` will not know it" in done.err


DRILL = {"incident": "w-1", "at": "2026-11-28T12:00:00.000Z", "receivers": ["noc", "mqtt"]}
LATE = "not notified within 1 min: noc (refused)"
BACKUP = {"at": "2026-11-28T03:17:00.000Z", "file": "/var/backups/a.db", "size": 4096}


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        (
            {"drill_state": "none", "drill": None, "drill_failure": "", "backup": None},
            [
                "drill     there was none: watcher drill",
                "backup    none known: watcher backup",
            ],
        ),
        (
            {"drill_state": "ok", "drill": DRILL, "drill_failure": "", "backup": BACKUP},
            [
                "drill     ok, 2026-11-28T12:00:00Z: noc, mqtt",
                "backup    2026-11-28T03:17:00Z: /var/backups/a.db",
            ],
        ),
        (
            {"drill_state": "failed", "drill": DRILL, "drill_failure": LATE, "backup": None},
            [
                f"drill     failed, 2026-11-28T12:00:00Z: {LATE}",
                "backup    none known: watcher backup",
            ],
        ),
        (
            {"drill_state": "overdue", "drill": DRILL, "drill_failure": "", "backup": BACKUP},
            [
                "drill     overdue, 2026-11-28T12:00:00Z",
                "backup    2026-11-28T03:17:00Z: /var/backups/a.db",
            ],
        ),
        ({}, []),  # a daemon from before an upgrade
    ],
)
async def test_the_status_says_how_the_last_drill_went_and_where_the_last_backup_is(
    watcher, monkeypatch, more, lines
):
    monkeypatch.setattr(status, "request", lambda *_: {**REPORT, "sources": [], **more})
    done = await watcher("status")
    assert (done.code, done.err) == (0, "")
    shown = [line for line in done.out.splitlines() if line.startswith(("drill ", "backup "))]
    assert shown == lines
