"""What an earlier version left behind is brought to the tables of today, with its rows."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from tests.store import making
from watcher import clock
from watcher.store import database, migrate, postgresql, sqlite, store, tables

REVISIONS = sorted(
    path.name[1:5] for path in Path(migrate.__file__).with_name("migrations").glob("versions/r*.py")
)


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


@pytest.mark.parametrize("revision", REVISIONS)
async def test_an_earlier_database_is_brought_forward(empty_url, revision):
    def upgrade(connection):
        config = Config()
        config.set_main_option("script_location", str(migrate._SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    dialect = dialect_of(empty_url)
    async with database.Database(dialect, "old").write() as connection:
        await connection.run_sync(upgrade)
        await connection.execute(
            text("INSERT INTO lease (name, owner, token, taken_at) VALUES ('ingest', 'old', 41, 0)")
        )
    await dialect.close()
    async with store.open(empty_url, clock=clock.SystemClock()) as opened:
        assert await opened.lead("new") == 42
        await opened.commit(42, making.commit(*making.outage()))
        async with opened._database.read() as connection:
            assert await connection.run_sync(differences) == []
