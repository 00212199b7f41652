"""Pages learn of a change at once, and every stream ends."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.fakes import sample_data
from watcher import model
from watcher.web import live


@pytest.fixture(autouse=True)
def quick(monkeypatch, clock):
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.01)
    ticks = iter(range(10**6))
    monkeypatch.setattr(clock, "monotonic", lambda: float(next(ticks)), raising=False)


async def first_line(stream, prefix):
    async with asyncio.timeout(10):
        async for line in stream.content:
            if line.startswith(prefix):
                return line.decode().strip()
    return ""


@pytest.mark.parametrize("what", ["an incident", "a source"])
async def test_a_change_is_said_at_once(site, reader, what):
    async with aiohttp.ClientSession() as session, session.get(f"{site.url}/events") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert await first_line(stream, b"retry") == "retry: 1000"
        if what == "an incident":
            reader.open(sample_data.incident())
        else:
            reader.health[0] = model.SourceHealth(source="vyvx", sight=model.Visibility.BLIND)
        assert await first_line(stream, b"event") == "event: changed"


async def test_who_leaves_a_page_keeps_no_place(site):
    for _ in range(live.MOST_OF_PEER):
        async with aiohttp.ClientSession() as session, session.get(f"{site.url}/events") as stream:
            assert stream.status == 200
    async with asyncio.timeout(5), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{site.url}/events") as stream:
                if stream.status == 200:
                    return


async def test_a_stream_ends_by_itself_and_says_nothing_while_nothing_changes(
    site, reader, monkeypatch
):
    monkeypatch.setattr(live, "LASTS_SECONDS", 0.2)
    reader.open(sample_data.incident())
    answer = await site.get("/events")
    assert answer.text == "retry: 1000\n\n"


async def test_a_store_that_cannot_be_read_is_no_change(site, reader, monkeypatch):
    monkeypatch.setattr(live, "LASTS_SECONDS", 0.2)
    reader.broken = "locked"
    assert (await site.get("/events")).text == "retry: 1000\n\n"


async def test_one_listener_too_many_is_refused_and_a_stopping_daemon_ends_them(serve, monkeypatch):
    monkeypatch.setattr(live, "MOST_LISTENERS", 1)
    async with aiohttp.ClientSession() as session:
        async with serve() as site:
            stream = await session.get(f"{site.url}/events")
            assert await first_line(stream, b"retry")
            refused = await site.get("/events")
            assert refused.status == 503
        async with asyncio.timeout(5):
            assert await stream.content.read() == b"\n"
