"""One store for each test, on every database that Watcher knows."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, literal

from watcher.clock import SystemClock
from watcher.store import store, tables
from watcher.store.dialects import postgresql


@pytest.fixture(scope="session")
def migrated(tmp_path_factory) -> Path:
    """A SQLite file with the tables in it."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"

    async def make() -> None:
        async with store.open(f"sqlite:///{path}", clock=SystemClock()):
            pass

    asyncio.run(make())
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a database without a row."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    path = tmp_path / "watcher.db"
    shutil.copy(request.getfixturevalue("migrated"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def hosts_time(monkeypatch) -> None:
    """Let claims on PostgreSQL end on the time that a test hands in.

    PostgreSQL measures them on its own clock, which no test can turn. Tests of that clock are in
    dialects/test_several_daemons.py, which does without this.
    """

    def moment(self, now, ahead=tables.EPOCH - tables.EPOCH):
        return literal(now + ahead, tables.Moment())

    monkeypatch.setattr(postgresql.Postgresql, "moment", moment)


@pytest.fixture
async def opened(url: str, hosts_time):
    async with store.open(url, clock=SystemClock(), busy_timeout=0.2) as opened:
        yield opened


@pytest.fixture
async def token(opened: store.Store) -> int:
    return await opened.leadership.acquire("tests")


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Collect every statement, on whatever connection of whatever thread."""
    collected: list[str] = []

    def collect(connection, cursor, statement, *rest):
        if not statement.startswith("BEGIN"):
            collected.append(statement)

    event.listen(Engine, "before_cursor_execute", collect)
    yield collected
    event.remove(Engine, "before_cursor_execute", collect)
