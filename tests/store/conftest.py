"""One store for each test, on every database that Watcher knows."""

from pathlib import Path

import pytest

from watcher import clock
from watcher.store import store


@pytest.fixture(params=["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name an empty database; PostgreSQL becomes a second parameter."""
    return f"{request.param}:///{tmp_path / 'watcher.db'}"


@pytest.fixture
async def opened(url: str):
    async with store.open(url, clock=clock.SystemClock(), busy_timeout=0.2) as opened:
        yield opened


@pytest.fixture
async def token(opened: store.Store) -> int:
    return await opened.lead("tests")
