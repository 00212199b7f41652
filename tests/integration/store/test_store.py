"""Opening: permissions, migrations, and everything that may be wrong with a file."""

import asyncio
import contextlib
import os
import sqlite3
import stat
import tempfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from tests.fakes import factories
from watcher import model
from watcher.clock import SystemClock
from watcher.store import store, tables
from watcher.store.dialects import sqlite


def opening(path: Path | str, **keys):
    return store.open(f"sqlite:///{path}", clock=SystemClock(), **keys)


async def open_and_close(path: Path | str, **keys) -> None:
    async with opening(path, **keys):
        pass


@contextlib.contextmanager
def raw(path: Path):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@contextlib.contextmanager
def as_nobody():
    """Root may do everything, so a test of permissions has to be somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public():
    """A folder that everybody may enter, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o777)
        yield path
        path.chmod(0o777)


async def test_migrations_from_nothing_make_the_tables_that_the_verbs_expect(opened):
    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), tables.metadata)

    async with opened.database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_opening_again_migrates_nothing_and_keeps_everything(tmp_path):
    path = tmp_path / "watcher.db"
    async with opening(path) as opened:
        await opened.commits.commit(
            await opened.leadership.acquire("first"), factories.commit(*factories.outage_effects())
        )
    async with opening(path) as opened:
        assert len((await factories.load(opened)).incidents) == 1


async def test_two_daemons_that_open_a_new_file_together_both_succeed(tmp_path):
    path = tmp_path / "watcher.db"
    await asyncio.gather(*(open_and_close(path) for _ in range(4)))


async def test_the_files_are_for_their_owner_alone(tmp_path):
    old = os.umask(0)
    try:
        async with opening(tmp_path / "watcher.db") as opened:
            await opened.commits.commit(
                await opened.leadership.acquire("first"),
                factories.commit(*factories.outage_effects()),
            )
            files = sorted(tmp_path.iterdir())
            assert [file.name for file in files] == [
                "watcher.db",
                "watcher.db-shm",
                "watcher.db-wal",
                "watcher.db.lock",
            ]
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    finally:
        os.umask(old)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_every_commit_reaches_the_disk(opened):
    async with opened.database.read() as connection:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2)):
            assert await connection.scalar(text(f"PRAGMA {pragma}")) == value


@pytest.mark.parametrize("name", ["with space.db", "100%.db", "a?b=c.db", "ü#.db"])
async def test_any_file_name_will_do(tmp_path, name):
    await open_and_close(tmp_path / name)
    assert (tmp_path / name).is_file()


async def test_a_url_of_neither_database_is_reported():
    with pytest.raises(model.PermanentError, match="neither sqlite:///FILE nor postgresql://"):
        async with store.open("mysql://host/watcher", clock=SystemClock()):
            pass


async def test_a_database_of_a_newer_version_is_refused_untouched(tmp_path):
    path = tmp_path / "watcher.db"
    await open_and_close(path)
    with raw(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(model.PermanentError, match=r"watcher\.db was written by a newer Watcher"):
        await open_and_close(path)
    with raw(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            ("9999",)
        ]


async def test_a_database_of_another_program_is_refused_untouched(tmp_path):
    path = tmp_path / "other.db"
    with raw(path) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(model.PermanentError, match="belongs to another program"):
        await open_and_close(path)
    with raw(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("songs",)]


async def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "watcher.db"
    with raw(path) as connection:
        connection.execute("CREATE VIEW calls AS SELECT 1")  # the last table is in the way
    with pytest.raises(model.TemporaryError, match="already exists"):
        await open_and_close(path)
    with raw(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("calls",)]


async def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(model.PermanentError, match=r"directory .*/nowhere .* does not exist"):
        await open_and_close(tmp_path / "nowhere" / "watcher.db")


async def test_a_directory_is_not_a_database(tmp_path):
    with pytest.raises(model.PermanentError, match="is not a file"):
        await open_and_close(tmp_path)


async def test_a_directory_that_may_not_be_written_is_named(public):
    public.chmod(0o555)
    with as_nobody(), pytest.raises(model.PermanentError, match=r"cannot be created .*permissions"):
        await open_and_close(public / "watcher.db")


async def test_a_file_that_may_not_be_written_is_named(public):
    path = public / "watcher.db"
    await open_and_close(path)
    path.chmod(0o444)
    with as_nobody(), pytest.raises(model.PermanentError, match=r"watcher\.db is not writable"):
        await open_and_close(path)


async def test_a_lock_that_may_not_be_made_is_named(public):
    path = public / "watcher.db"
    await open_and_close(path)
    path.chmod(0o666)
    public.chmod(0o555)
    lock = sqlite.FileLock(path)
    with as_nobody(), pytest.raises(model.PermanentError, match=r"watcher\.db\.lock"):
        lock.acquire("tests")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not a database at all " * 100, "is not a SQLite database"),
        (b"SQLite format 3\x00" + b"\xff" * 4096, "is not a SQLite database|is damaged"),
    ],
)
async def test_a_file_of_another_kind_is_reported_in_words(tmp_path, content, words):
    path = tmp_path / "watcher.db"
    path.write_bytes(content)
    with pytest.raises(model.PermanentError, match=words):
        await open_and_close(path)
    assert path.read_bytes() == content


async def test_a_damaged_file_is_reported_in_words(tmp_path):
    path = tmp_path / "watcher.db"
    await open_and_close(path)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:4096] + b"\xa5" * (size - 4096))
    with pytest.raises(model.PermanentError, match="is damaged: stop the daemon"):
        await open_and_close(path)


async def test_a_database_locked_by_another_is_temporary_and_named(tmp_path):
    path = tmp_path / "watcher.db"
    async with opening(path, busy_timeout=0.05) as opened:
        token = await opened.leadership.acquire("first")
        with raw(path) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(model.TemporaryError, match=r"watcher\.db is locked"):
                await opened.commits.commit(token, factories.commit(*factories.outage_effects()))
            await opened.queries.incidents()  # reading goes on
            other.execute("ROLLBACK")
        await opened.commits.commit(token, factories.commit(*factories.outage_effects()))


async def test_a_new_file_locked_by_another_is_temporary(tmp_path):
    path = tmp_path / "watcher.db"
    with raw(path) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(model.TemporaryError, match="is locked by another process"):
            await open_and_close(path, busy_timeout=0.05)


async def test_a_full_disk_is_temporary_and_loses_nothing_that_was_committed(tmp_path):
    async with opening(tmp_path / "watcher.db") as opened:
        token = await opened.leadership.acquire("first")
        await opened.commits.commit(token, factories.commit(*factories.outage_effects()))
        before = await factories.load(opened)
        async with opened.database.dialect.writer.connect() as connection:
            await connection.execute(text("PRAGMA max_page_count = 60"))
        many = [factories.subject(f"vyvx/{number}") for number in range(2000)]
        with pytest.raises(model.TemporaryError, match="disk is full: free some space"):
            await opened.commits.commit(token, factories.commit(*many))
        assert await factories.load(opened) == before
        await opened.commits.commit(
            token, factories.commit(factories.subject(missed=1))
        )  # room for a small one


async def test_a_missing_table_is_an_error_when_it_is_read(tmp_path):
    path = tmp_path / "watcher.db"
    async with opening(path) as opened:
        assert await opened.queries.daemons() == []
        with raw(path) as other:
            other.execute("DROP TABLE lease")
        with pytest.raises(model.TemporaryError, match="rejected a statement"):
            await opened.queries.daemons()


async def test_an_error_never_shows_what_was_to_be_written(opened, token):
    secret = factories.entry(text="hunter2")
    with pytest.raises(model.TemporaryError) as caught:
        await opened.commits.commit(token, factories.commit(secret, secret))
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(caught.value.__cause__)
