"""A backup is put in the place of the database, once and again, and nothing is overwritten."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes import factories
from tests.integration.store.test_store import opening
from watcher import model
from watcher.store import store
from watcher.store.dialects import sqlite

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


async def write(database: Path, incident: str) -> None:
    async with opening(database) as opened:
        token = await opened.leadership.acquire("first")
        await opened.commits.commit(token, factories.commit(*factories.outage_effects(incident)))


async def incidents(database: Path) -> set[str]:
    async with opening(database) as opened:
        return {incident.id for incident in await opened.queries.incidents()}


def back_up(database: Path, file: Path, *, seconds: int = 0) -> Path:
    now = factories.NOW + timedelta(seconds=seconds)
    return store.back_up(f"sqlite:///{database}", file, now=now)[0]


def restore(database: Path, file: Path, *, seconds: int = 0) -> Path | None:
    now = factories.NOW + timedelta(seconds=seconds)
    return store.restore(f"sqlite:///{database}", file, now=now)


@pytest.fixture
def database(tmp_path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state" / "watcher.db"


async def test_two_backups_into_a_folder_are_two_files_even_within_a_second(database, tmp_path):
    await write(database, "i1")
    first, second = back_up(database, tmp_path), back_up(database, tmp_path)
    assert first != second
    assert first.name.startswith(f"watcher-{factories.NOW:%Y%m%dT%H%M%SZ}")
    assert await incidents(second) == {"i1"}


async def test_what_a_restore_takes_the_place_of_stays_whole_however_often_it_is_done(
    database, tmp_path
):
    await write(database, "i1")
    file = back_up(database, tmp_path)
    await write(database, "i2")
    before = restore(database, file)
    assert await incidents(database) == {"i1"}
    await write(database, "i3")
    later = restore(database, file)  # within the same second
    assert await incidents(database) == {"i1"}
    assert before is not None
    assert later is not None
    assert await incidents(before) == {"i1", "i2"}
    assert await incidents(later) == {"i1", "i3"}
    assert await incidents(file) == {"i1"}


async def test_what_only_the_log_holds_after_a_kill_is_kept_with_the_old_database(
    database, tmp_path
):
    await write(database, "i1")
    file = back_up(database, tmp_path)
    killed = tmp_path / "killed"
    async with opening(database) as opened:
        token = await opened.leadership.acquire("first")
        await opened.commits.commit(token, factories.commit(*factories.outage_effects("i2")))
        shutil.copytree(database.parent, killed)  # as a kill leaves it
    before = restore(killed / "watcher.db", file)
    assert before is not None
    assert await incidents(before) == {"i1", "i2"}
    assert await incidents(killed / "watcher.db") == {"i1"}


async def test_a_restore_where_no_database_was(database, tmp_path):
    await write(database, "i1")
    file = back_up(database, tmp_path)
    fresh = tmp_path / "fresh.db"
    assert restore(fresh, file) is None
    assert await incidents(fresh) == {"i1"}


async def test_nothing_is_restored_under_a_running_daemon(database, tmp_path):
    await write(database, "i1")
    file = back_up(database, tmp_path)
    async with opening(database) as opened:
        await opened.leadership.acquire("ops1")
        with pytest.raises(model.PermanentError, match=r"another daemon \(ops1, process"):
            restore(database, file)


@pytest.mark.parametrize("what", ["text", "other", "newer", "itself", "none"])
async def test_what_is_no_backup_changes_nothing(database, tmp_path, what):
    await write(database, "i1")
    file = tmp_path / "copy.db"
    match what:
        case "text":
            file.write_text("not a database" * 99)
        case "other":
            with contextlib.closing(sqlite3.connect(file)) as connection:
                connection.execute("CREATE TABLE songs (title)")
        case "newer":
            back_up(database, file)
            with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
                connection.execute("UPDATE alembic_version SET version_num = '9999'")
        case "itself":
            file = database
    with pytest.raises(model.PermanentError):
        restore(database, file)
    names = {path.name for path in database.parent.iterdir()}
    assert not [name for name in names if "partial" in name or "before" in name]
    assert await incidents(database) == {"i1"}


@AS_ROOT
async def test_the_database_belongs_to_whom_it_belonged(database, tmp_path):
    await write(database, "i1")
    file = back_up(database, tmp_path)
    os.chown(database, NOBODY, NOBODY)
    restore(database, file)
    status = database.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (NOBODY, NOBODY, 0o600)


@AS_ROOT
async def test_an_ordinary_user_gets_a_sentence_and_no_traceback(database, tmp_path):
    await write(database, "i1")
    database.parent.chmod(0o700)
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents:  # a worker of pytest-xdist has one more
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o755)
    url = f"sqlite:///{database}"
    os.seteuid(NOBODY)
    try:
        for attempt in (
            lambda: back_up(database, tmp_path / "copy.db"),
            lambda: restore(database, tmp_path / "copy.db"),
        ):
            with pytest.raises(model.PermanentError):
                attempt()
        with pytest.raises(model.PermanentError, match="try with sudo"):
            await store.inspect(url)
        with pytest.raises(model.PermanentError, match="check the permissions"):
            async with opening(database):
                pass
    finally:
        os.seteuid(0)


async def test_a_full_disk_is_found_before_sqlite_maps_its_index(database, monkeypatch):
    await write(database, "i1")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    for _ in range(2):
        with pytest.raises(model.TemporaryError, match="its disk is full: free some space"):
            async with opening(database):
                pass


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "backup .*/other.db does not exist: name one of `watcher backup`"),
        ("folder", "backup .*/other.db is not a file: name one of `watcher backup`"),
        (
            "text",
            r"was not restored: it is not a SQLite database: name one of `watcher backup` \(",
        ),
        (
            "songs",
            "was not restored: it is not a Watcher database: name one of `watcher backup`$",
        ),
    ],
)
def test_of_what_is_no_backup_the_file_is_to_blame_and_not_the_settings(tmp_path, kind, words):
    other = tmp_path / "other.db"
    match kind:
        case "folder":
            other.mkdir()
        case "text":
            other.write_text("hello" * 1000)
        case "songs":
            with contextlib.closing(sqlite3.connect(other)) as connection:
                connection.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(model.PermanentError, match=words) as caught:
        restore(tmp_path / "watcher.db", other)
    assert "[store]" not in str(caught.value)


def test_an_error_of_the_index_on_a_full_disk_is_named_so(tmp_path, monkeypatch):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    assert "check for disk errors" in sqlite.explain(tmp_path / "w.db", error)[0]
    usage = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert "its disk is full" in sqlite.explain(tmp_path / "w.db", error)[0]
