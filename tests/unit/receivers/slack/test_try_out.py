"""A Slack receiver is tried at the start, without posting anything."""

from __future__ import annotations

import aiohttp
import pytest

from watcher import model, simulator
from watcher.clock import SystemClock
from watcher.receivers import settings as receiver_settings
from watcher.receivers.slack.receiver import SlackReceiver
from watcher.simulator import scenario


@pytest.fixture
async def sim(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    world = scenario.parse("world: {}", name="slack.yaml")
    async with simulator.Simulator(world, with_broker=False) as running:
        yield running


@pytest.fixture
async def receiver_of(sim):
    async with aiohttp.ClientSession() as session:

        def build(token: str, channel: str) -> SlackReceiver:
            return SlackReceiver(
                name="noc",
                channel=receiver_settings.SlackReceiver(kind="slack", channel=channel),
                settings=receiver_settings.Slack(
                    bot_token=token, api_url=sim.slack_api_url.rstrip("/")
                ),
                session=session,
                clock=SystemClock(),
            )

        yield build


async def test_a_token_that_is_accepted_in_its_channel_is_fine(sim, receiver_of):
    credentials = sim.credentials
    assert await receiver_of(credentials.slack_bot_token, credentials.slack_channel).try_out()
    assert not [call for call in sim.world.calls if "post" in call.lower()]


async def test_a_wrong_token_needs_a_person(sim, receiver_of):
    with pytest.raises(model.PermanentError, match="the token is wrong"):
        await receiver_of("xoxb-...", sim.credentials.slack_channel).try_out()


async def test_what_cannot_be_read_shows_nothing(sim, receiver_of):
    assert not await receiver_of(sim.credentials.slack_bot_token, "C0NOWHERE99").try_out()
