"""The board, the API and health of a daemon as a user runs it."""

from __future__ import annotations

import asyncio
import json

import aiomqtt
import pytest

from tests.e2e.conftest import OFFLINE
from tests.eventually import eventually
from tests.servers.ports import free_port

pytestmark = pytest.mark.broker


@pytest.fixture
def site(home, session):
    """Ask the daemon of `home`, which now listens, for a path."""
    url = f"http://127.0.0.1:{free_port()}"
    config = home / "config.toml"
    config.write_text(
        config.read_text().replace('listen = ""', f'listen = "{url.removeprefix("http://")}"')
    )

    async def ask(path: str) -> tuple[int, bytes]:
        async with session.get(url + path) as response:
            return response.status, await response.read()

    return ask


async def test_an_outage_is_on_the_board_and_in_the_api_with_its_pdf(
    world, daemon, site, mosquitto
):
    async with daemon():

        async def ready() -> bool:
            return (await site("/readyz"))[0] == 200

        await eventually(ready)
        assert (await site("/healthz"))[0] == 200
        await world.change(vyvx=OFFLINE)

        async def diagnosed() -> dict:
            _, body = await site("/api/v1/incidents?status=open")
            (incident,) = json.loads(body)["incidents"]
            assert [diagnosis["status"] for diagnosis in incident["diagnostics"]] == ["done"]
            return incident

        incident = await eventually(diagnosed)
        (address,) = [text for name, text in incident["links"].items() if name.startswith("report")]
        assert await site(address) == (200, await world.report("SVC1"))
        again = json.loads((await site(incident["links"]["self"]))[1])
        assert again["booking"].pop("at") >= incident["booking"].pop("at")
        assert again == incident

        status, body = await site("/")
        assert status == 200
        board = body.decode()
        assert "1 open</h1>" in board
        assert "USA East is offline: likely Lumen side" in board
        assert 'Lumen NOC, <a href="tel:+15550100">+1 555 0100</a>' in board
        for page in (incident["links"]["page"], "/subjects/vyvx/1234567"):
            status, body = await site(page)
            assert status == 200
            assert b"USA East" in body

        async def published() -> dict:
            async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
                await client.subscribe(f"watcher/incidents/{incident['id']}")
                async with asyncio.timeout(5):
                    message = await anext(aiter(client.messages))
            document = json.loads(message.payload)
            assert document["version"] == incident["version"]
            return document

        document = await eventually(published)
        del document["booking"]["at"]
        for shown in (document, incident):
            del shown["links"]
            for key in ("topic", "pdf_topic"):
                del shown["diagnostics"][0]["report"][key]
        assert incident == document


async def test_a_missing_channel_is_on_the_board_and_in_the_metrics(world, home, daemon, site):
    config = home / "config.toml"
    channel = world.addresses["credentials"]["slack_channel"]
    config.write_text(config.read_text().replace(channel, "C0000000000"))
    async with daemon():
        await world.change(vyvx=OFFLINE)

        async def shown() -> bool:
            board = (await site("/"))[1].decode()
            assert "noc is failing" in board
            assert "channel_not_found" in board
            assert "has to be fixed by a person" in board
            return b'watcher_delivery_failing{receiver="noc"} 1.0' in (await site("/metrics"))[1]

        await eventually(shown)
