"""Slack is down for good: a webhook is notified instead, across a kill, until Slack is back."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import OFFLINE, ONLINE
from tests.e2e.test_two_daemons import instance
from tests.eventually import eventually

pytestmark = pytest.mark.broker


@pytest.fixture
def bridge(home, bridge):
    """Let it stand in for Slack."""
    config = home / "config.toml"
    keys = 'fallback = "bridge"\nfallback_after = "2s"\n'
    config.write_text(config.read_text().replace("[receivers.noc]\n", f"[receivers.noc]\n{keys}"))
    rules = home / "rules.yaml"
    rules.write_text(rules.read_text().replace("    diagnose: true", "    notify: [noc, mqtt]"))
    return bridge


async def test_the_fallback_is_notified_until_slack_recovers(world, daemon, bridge):
    await world.change(fault={"vendor": "slack", "kind": "http_503"})
    async with daemon() as running:
        await world.change(vyvx=OFFLINE)
        await eventually(bridge.has("vyvx-service-down", "open"))
        await eventually(bridge.has("receiver-failing", "open"))
        running.process.kill()
        await running.process.wait()
    (running.home / "c.sock").unlink(missing_ok=True)
    async with daemon() as running:
        await world.change(clear="slack")
        await eventually(bridge.has("receiver-failing", "open", "resolved"))
        (parent,) = await world.parents()
        thread = json.dumps(await world.thread(parent))
        assert "also notified bridge because noc has been failing since" in thread
        assert bridge.of("vyvx-service-down").count("resolved") == 0
        await world.change(vyvx=ONLINE)
        await eventually(bridge.has("vyvx-service-down", "open", "resolved"))
        posted = len(bridge.posts)
        await world.change(vyvx=OFFLINE)

        async def again() -> bool:
            return "again: " in json.dumps(await world.thread(parent))

        async def corrected() -> bool:
            return {post["status"] for post in bridge.posts[posted:]} == {"open"}

        await eventually(again)
        await eventually(corrected)  # it was told of an end, which is not true any more
        assert await running.stop() == 0


async def test_another_daemon_goes_on_with_the_fallback_and_reports_its_end(
    world, home, bridge, postgresql_url
):
    await world.change(fault={"vendor": "slack", "kind": "http_503"})
    async with (
        instance(home, "ops1", postgresql_url) as ops1,
        instance(home, "ops2", postgresql_url),
    ):
        await world.change(vyvx=OFFLINE)
        await eventually(bridge.has("vyvx-service-down", "open"))
        ops1.process.kill()
        await world.change(vyvx=ONLINE)
        await eventually(bridge.has("vyvx-service-down", "open", "resolved"))
        await world.change(clear="slack")
        await eventually(bridge.has("receiver-failing", "open", "resolved"))
        (parent,) = await world.parents()
        assert "also notified bridge" in json.dumps(await world.thread(parent))
