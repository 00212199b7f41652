"""Slack is down for good: a webhook is notified instead, across a kill, until Slack is back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.e2e.test_two_daemons import OFFLINE, ONLINE, instance
from tests.eventually import eventually
from tests.servers.ports import free_port

pytestmark = pytest.mark.broker


class Bridge:
    """What was posted, by rule, in order."""

    def __init__(self) -> None:
        self.posts: list[dict] = []

    async def take(self, request: web.Request) -> web.Response:
        self.posts.append(await request.json())
        return web.Response()

    def of(self, rule: str) -> list[str]:
        return [post["status"] for post in self.posts if post["rule"] == rule]

    def has(self, rule: str, *statuses: str):
        async def posted() -> bool:
            return list(dict.fromkeys(self.of(rule))) == list(statuses)

        return posted


@pytest.fixture
async def bridge(home) -> AsyncIterator[Bridge]:
    bridge, port = Bridge(), free_port()
    app = web.Application()
    app.add_routes([web.post("/hook", bridge.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    config = home / "config.toml"
    keys = 'fallback = "bridge"\nfallback_after = "2s"\n'
    text = config.read_text().replace("[receivers.noc]\n", f"[receivers.noc]\n{keys}")
    hook = f'\n[receivers.bridge]\nkind = "webhook"\nurl = "http://127.0.0.1:{port}/hook"\n'
    config.write_text(text + hook)
    rules = home / "rules.yaml"
    rules.write_text(rules.read_text().replace("    diagnose: true", "    notify: [noc, mqtt]"))
    yield bridge
    await runner.cleanup()


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
