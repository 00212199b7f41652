"""With `[web] public_url`, what people and programs get leads to the incident's page."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.e2e.conftest import OFFLINE
from tests.eventually import eventually
from tests.servers.ports import free_port

pytestmark = pytest.mark.broker


@pytest.fixture
async def hook() -> AsyncIterator[tuple[str, list[dict]]]:
    """The address of a program's webhook, and what it got."""
    received: list[dict] = []

    async def receive(request: web.Request) -> web.Response:
        received.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner, port = web.AppRunner(app), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}/hook", received
    await runner.cleanup()


async def test_links_in_slack_mqtt_webhook_and_packet_open_the_incident(
    world, home, daemon, subscribed, hook
):
    address, received = hook
    board = f"http://127.0.0.1:{free_port()}"
    config = home / "config.toml"
    listens = f'listen = "{board.removeprefix("http://")}"\npublic_url = "{board}"'
    bridge = f'\n[receivers.bridge]\nkind = "webhook"\nurl = "{address}"\n'
    config.write_text(config.read_text().replace('listen = ""', listens) + bridge)

    async def opens(link: str) -> bool:
        async with world.session.get(link) as response:
            assert response.status == 200, link
            return "USA East is offline: likely Lumen side" in await response.text()

    async with subscribed() as seen, daemon():
        await world.change(vyvx=OFFLINE)

        async def diagnosed() -> dict:
            document = seen.document()
            assert any(name.startswith("report") for name in document["links"])
            return document

        document = await eventually(diagnosed)
        links, page = document["links"], f"{board}/incidents/{document['id']}"
        assert links["page"] == page
        assert await opens(page)
        for name, link in links.items():
            async with world.session.get(link) as response:
                assert response.status == 200, name

        async def in_slack() -> list[str]:
            (parent,) = await world.parents()
            return re.findall(r"<(http[^|>]+)\|Board>", json.dumps(parent, ensure_ascii=False))

        assert set(await eventually(in_slack)) == {page}

        async def at_the_program() -> set[str]:
            return {document["links"]["page"] for document in received}

        assert await eventually(at_the_program) == {page}

        packet = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "watcher", "packet", document["id"]),
            *("--socket", str(home / "c.sock")),
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await packet.communicate()
        assert f"Our reference: {document['id']} ({page})." in printed.decode()
