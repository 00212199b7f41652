"""A Slack receiver at the simulated Slack, and a Slack that answers whatever a test wants."""

import aiohttp
import pytest
from aiohttp import test_utils

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_channel import NOC, Channel
from watcher import simulator
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack.receiver import SlackReceiver
from watcher.simulator import scenario


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def slack():
    fake = FakeSlack()
    async with test_utils.TestServer(fake.app()) as server:
        fake.url = str(server.make_url("")).rstrip("/")
        yield fake


@pytest.fixture
async def sim(clock):
    world = scenario.parse("world: {}", name="slack.yaml")
    async with simulator.Simulator(world, clock, with_broker=False) as running:
        yield running


@pytest.fixture
async def receiver(sim, clock):
    async with aiohttp.ClientSession() as session:
        receiver = SlackReceiver(
            name="noc",
            channel=receiver_settings.SlackReceiver(kind="slack", channel=NOC),
            settings=receiver_settings.Slack(
                bot_token=sim.credentials.slack_bot_token, api_url=sim.slack_api_url.rstrip("/")
            ),
            session=session,
            clock=clock,
        )
        receiver._rate_limit.max_rate = 1_000  # Slack's pace is real time
        yield receiver


@pytest.fixture
def channel(sim):
    return Channel(sim)
