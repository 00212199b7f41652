"""What an earlier version left behind is brought to the tables of today, with its rows."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from tests.fakes import factories
from watcher import model
from watcher.clock import SystemClock
from watcher.store import database, migrate, store, tables
from watcher.store.dialects import postgresql, sqlite

REVISIONS = sorted(
    path.name[1:5] for path in Path(migrate.__file__).with_name("migrations").glob("versions/r*.py")
)
WRITTEN = Path(__file__).parents[3] / "data" / "store"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'watcher.db'}"
        return
    with request.getfixturevalue("databases").new() as url:
        yield url


def dialect_of(url):
    if url.startswith("sqlite"):
        return sqlite.Sqlite(Path(url.removeprefix("sqlite:///")), busy_timeout=1)
    return postgresql.Postgresql(url, busy_timeout=1, session="old")


def differences(connection):
    return compare_metadata(MigrationContext.configure(connection), tables.metadata)


async def make_earlier(url, revision):
    """The tables of an earlier version, and who led then."""

    def upgrade(connection):
        config = Config()
        config.set_main_option("script_location", str(migrate._SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    dialect = dialect_of(url)
    async with database.Database(dialect, "old").write() as connection:
        await connection.run_sync(upgrade)
        await connection.execute(
            text("INSERT INTO lease (name, owner, token, taken_at) VALUES ('ingest', 'old', 41, 0)")
        )
    await dialect.close()


@pytest.mark.parametrize("revision", REVISIONS)
async def test_an_earlier_database_is_brought_forward(empty_url, revision):
    await make_earlier(empty_url, revision)
    async with store.open(empty_url, clock=SystemClock()) as opened:
        token = await opened.leadership.acquire("new")
        assert token >= 42
        await opened.commits.commit(token, factories.commit(*factories.outage_effects()))
        async with opened.database.read() as connection:
            assert await connection.run_sync(differences) == []


async def test_daemons_that_start_together_migrate_an_earlier_database_once(empty_url):
    async def start():
        async with (
            store.open(empty_url, clock=SystemClock()) as opened,
            opened.database.read() as connection,
        ):
            return await connection.run_sync(differences)

    await make_earlier(empty_url, REVISIONS[0])
    # A step that is taken twice fails: what it adds is there.
    assert await asyncio.gather(*(start() for _ in range(4))) == [[]] * 4


def test_every_version_of_the_tables_has_left_something_to_read():
    """One that is missing is made with write_old_database.py, by the code of that version."""
    for file in sorted(WRITTEN.glob("*.sql")):
        assert f"VALUES('{file.stem}')" in file.read_text()
    assert [file.stem for file in sorted(WRITTEN.glob("*.sql"))] == REVISIONS


@pytest.mark.parametrize("written", sorted(WRITTEN.glob("*.sql")), ids=lambda file: file.stem)
async def test_what_an_earlier_version_wrote_is_gone_on_with(tmp_path, written):
    """The files are of the code of that time (write_old_database.py)."""
    with contextlib.closing(sqlite3.connect(tmp_path / "watcher.db")) as connection:
        connection.executescript(written.read_text())
    async with store.open(f"sqlite:///{tmp_path / 'watcher.db'}", clock=SystemClock()) as opened:
        assert await opened.leadership.acquire("new") == 2
        state = await factories.load(opened)
        assert list(state.incidents) == [factories.incident()]
        assert list(state.alerts) == [factories.alert()]
        assert list(state.subjects) == [factories.subject()]
        view = await opened.queries.incident_view("i1")
        assert view.timeline == (factories.entry(),)
        assert view.alerts == (factories.incident_alert(),)
        now = SystemClock().now()
        both = {"now": now, "receivers": ["noc", "mqtt"], "lease": factories.MINUTE}
        assert [
            pending.receipt.receiver for pending in await opened.outbox.claim(**both, limit=9)
        ] == ["mqtt"]
        (job,) = await opened.jobs.claim(kind="diagnose", now=now, lease=factories.MINUTE, limit=9)
        assert (job.key, job.service_id) == ("r2", "SVC2")
        (letter,) = await opened.inbox.read()
        assert letter.command == model.Acknowledged(incident="i1", by="ada")
