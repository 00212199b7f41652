"""The simulated Slack with one message, and a store that keeps commands."""

import aiohttp
import pytest

from tests.fakes.slack_user import InMemoryStore
from watcher import simulator


@pytest.fixture
async def slack():
    async with simulator.Simulator(simulator.load("quiet"), with_broker=False) as slack:
        yield slack


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def store(builder):
    builder.change(services=("SVC1",))
    return InMemoryStore(builder.incident_view())
