"""The dead-man's switch, against a real server."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
import structlog
from aiohttp import web

from watcher.daemon import lifecycle


@pytest.fixture
async def elsewhere(monkeypatch):
    """A service that counts pings; beats follow each other without a minute between."""
    monkeypatch.setattr(lifecycle, "HEARTBEAT_SECONDS", 0)
    pings = asyncio.Queue()
    status = [200]

    async def ping(request):
        pings.put_nowait(request.path)
        return web.Response(status=status[0])

    app = web.Application()
    app.router.add_get("/ping/secret", ping)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/ping/secret", pings, status
    await runner.cleanup()


async def beating(url, stuck, until):
    async with aiohttp.ClientSession() as session:
        task = asyncio.create_task(lifecycle.send_heartbeats(session, url, stuck))
        try:
            async with asyncio.timeout(5):
                await until()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_progress_is_pinged(elsewhere):
    url, pings, _ = elsewhere
    await beating(url, lambda: "", pings.get)


async def test_no_ping_while_something_is_stuck(elsewhere):
    url, pings, _ = elsewhere
    looks = []
    asked = asyncio.Event()

    def stuck() -> str:
        looks.append(1)
        if len(looks) >= 3:
            asked.set()
        return "ingest has made no progress"

    await beating(url, stuck, asked.wait)
    assert pings.empty()


async def test_a_failing_service_is_logged_once_and_its_address_never(elsewhere):
    url, pings, status = elsewhere
    status[0] = 500
    with structlog.testing.capture_logs() as logs:

        async def thrice():
            for _ in range(3):
                await pings.get()

        await beating(url, lambda: "", thrice)
    assert len(logs) == 1
    assert "secret" not in str(logs)
