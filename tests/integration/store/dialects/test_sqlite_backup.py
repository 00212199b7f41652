"""A copy of the database: whole, of one moment, beside a writer; or none, and the reason."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from tests.fakes import factories
from tests.integration.store.test_store import (
    as_nobody,
    opening,
    public,  # noqa: F401  # a fixture
    raw,
)
from watcher import model
from watcher.store import store
from watcher.store.dialects import sqlite_backup


def back_up(database: Path, file: Path) -> int:
    url = f"sqlite:///{database}"
    path, size = store.back_up(url, file, now=factories.NOW, busy_timeout=0.05)
    assert path == file
    return size


@pytest.fixture
def database(tmp_path, migrated) -> Path:
    return Path(shutil.copy(migrated, tmp_path / "watcher.db"))


@pytest.fixture
def untouched(tmp_path):
    """See that what was refused left nothing behind."""
    yield
    left = {path.name for path in tmp_path.iterdir()}
    assert not [name for name in left if name.endswith(".partial")]
    assert "copy.db" not in left


async def test_a_copy_beside_an_open_store_holds_what_was_committed(tmp_path):
    async with opening(tmp_path / "watcher.db") as opened:
        token = await opened.leadership.acquire("first")
        await opened.commits.commit(token, factories.commit(*factories.outage_effects()))
        size = back_up(tmp_path / "watcher.db", tmp_path / "copy.db")
        await opened.commits.commit(token, factories.commit(*factories.outage_effects("i2")))
    assert size == (tmp_path / "copy.db").stat().st_size
    async with opening(tmp_path / "copy.db") as restored:
        assert [incident.id for incident in (await factories.load(restored)).incidents] == ["i1"]


async def test_a_copy_is_one_file_that_only_its_owner_can_read(tmp_path):
    file = tmp_path / "backups" / "copy.db"
    file.parent.mkdir()
    old = os.umask(0)
    try:
        async with opening(tmp_path / "watcher.db"):
            back_up(tmp_path / "watcher.db", file)
    finally:
        os.umask(old)
    assert [path.name for path in file.parent.iterdir()] == ["copy.db"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_copy_is_of_one_moment_and_holds_no_writer_up(tmp_path, database):
    with raw(database) as connection:
        connection.execute("CREATE TABLE bulk (text)")
        connection.execute("CREATE TABLE pairs (number)")
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO bulk SELECT hex(randomblob(500)) FROM n"
        )
    started, stop = threading.Event(), threading.Event()
    faults: list[sqlite3.Error] = []

    def write() -> None:
        with contextlib.closing(
            sqlite3.connect(database, timeout=0, isolation_level=None)
        ) as writer:
            number = 0
            while not stop.is_set():
                try:
                    writer.execute("BEGIN IMMEDIATE")
                    writer.execute("INSERT INTO pairs VALUES (?)", (number,))
                    writer.execute("INSERT INTO pairs VALUES (?)", (number,))
                    writer.execute("COMMIT")
                except sqlite3.Error as error:
                    faults.append(error)
                    return
                number += 1
                started.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert started.wait(10)
        back_up(database, tmp_path / "copy.db")
    finally:
        stop.set()
        thread.join()
    assert faults == []
    with raw(tmp_path / "copy.db") as copied:
        halves = copied.execute("SELECT 1 FROM pairs GROUP BY number HAVING count(*) != 2")
        assert halves.fetchall() == []
        assert copied.execute("SELECT count(*) FROM bulk").fetchone() == (20000,)
        assert copied.execute("SELECT count(*) FROM pairs").fetchone() > (0,)


def test_what_a_killed_daemon_left_in_its_log_is_copied(tmp_path, database):
    with raw(database) as killed:
        killed.execute("PRAGMA wal_autocheckpoint = 0")
        killed.execute("CREATE TABLE late (text)")
        for name in ("watcher.db", "watcher.db-wal"):
            shutil.copy(tmp_path / name, tmp_path / name.replace("watcher", "left"))
    back_up(tmp_path / "left.db", tmp_path / "copy.db")
    with raw(tmp_path / "copy.db") as copied:
        assert copied.execute("SELECT count(*) FROM late").fetchone() == (0,)


@pytest.mark.parametrize("there", ["a file", "a link to nowhere", "the database"])
def test_what_is_there_is_not_replaced(tmp_path, database, there):
    file = tmp_path / "there"
    match there:
        case "a file":
            file.write_text("precious")
        case "a folder":
            file.mkdir()
        case "a link to nowhere":
            file.symlink_to("nowhere")
        case _:
            file = database
    before = {path: path.lstat() for path in tmp_path.iterdir()}
    with pytest.raises(model.PermanentError, match="exists already"):
        back_up(database, file)
    assert {path: path.lstat() for path in tmp_path.iterdir()} == before


@pytest.mark.usefixtures("untouched")
def test_what_came_meanwhile_is_not_replaced(tmp_path, database, monkeypatch):
    file = tmp_path / "late.db"
    monkeypatch.setattr(sqlite_backup, "_fill", lambda *_, **__: file.write_text("precious"))
    with pytest.raises(model.PermanentError, match="exists already"):
        back_up(database, file)
    assert file.read_text() == "precious"


def test_a_missing_database_and_a_missing_directory_are_named(tmp_path, database):
    with pytest.raises(model.PermanentError, match=r"database .*/none\.db does not exist"):
        back_up(tmp_path / "none.db", tmp_path / "copy.db")
    with pytest.raises(model.PermanentError, match=r"nowhere/copy\.db cannot be created"):
        back_up(database, tmp_path / "nowhere" / "copy.db")
    assert not (tmp_path / "none.db").exists()


def test_a_directory_that_may_not_be_written_is_named(tmp_path, database, public):  # noqa: F811  # the fixture
    public.chmod(0o555)
    readable = Path(shutil.copy(database, public / "watcher.db"))
    readable.chmod(0o644)
    with as_nobody(), pytest.raises(model.PermanentError, match=r"cannot be created .*permissions"):
        back_up(readable, public / "copy.db")


@pytest.mark.usefixtures("untouched")
def test_a_full_disk_is_reported_before_anything_is_written(tmp_path, database, monkeypatch):
    monkeypatch.setattr(
        sqlite_backup.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 5)
    )
    with pytest.raises(model.TemporaryError, match=r"needs \d+ bytes, and .* has 5 left"):
        back_up(database, tmp_path / "copy.db")


@pytest.mark.usefixtures("untouched")
def test_a_disk_that_fills_up_meanwhile_is_reported_for_the_copy(tmp_path, database, monkeypatch):
    connect = sqlite_backup._connect

    def small(address: str) -> sqlite3.Connection:
        connection = connect(address)
        if ".partial" in address:
            connection.execute("PRAGMA max_page_count = 10")
        return connection

    monkeypatch.setattr(sqlite_backup, "_connect", small)
    message = r"no backup was made: database .*/\.copy\.db\..* cannot grow, its disk is full"
    with pytest.raises(model.TemporaryError, match=message):
        back_up(database, tmp_path / "copy.db")


@pytest.mark.usefixtures("untouched")
def test_a_locked_database_is_reported_without_waiting(tmp_path, database):
    with raw(database) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(model.TemporaryError, match=r"no backup was made: .* is locked"):
            back_up(database, tmp_path / "copy.db")


@pytest.mark.usefixtures("untouched")
def test_a_damaged_database_gives_no_copy(tmp_path, database):
    with raw(database) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'incidents'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x2a" * size)
    with pytest.raises(model.PermanentError, match=r"no backup was made: .* is damaged"):
        back_up(database, tmp_path / "copy.db")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("kind", ["another program's", "no database"])
def test_what_is_not_watchers_is_not_copied(tmp_path, kind):
    other = tmp_path / "other.db"
    if kind == "no database":
        other.write_text("hello" * 1000)
    else:
        with raw(other) as connection:
            connection.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(model.PermanentError, match=r"not a Watcher database|not a SQLite database"):
        back_up(other, tmp_path / "copy.db")


def test_a_server_is_copied_by_its_own_tool_and_its_password_is_not_shown(tmp_path):
    with pytest.raises(model.InvalidConfigError, match="pg_dump --format=custom") as caught:
        url = "postgresql://watcher:hunter2@db/watcher"
        store.back_up(url, tmp_path / "copy.db", now=factories.NOW)
    assert "hunter2" not in str(caught.value)
