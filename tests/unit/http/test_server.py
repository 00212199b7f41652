"""A port that strangers reach: connections and time are limited, and nonsense is one line."""

from __future__ import annotations

import asyncio
import resource
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.eventually import eventually
from tests.fakes.fuzzing import examples
from watcher.http import server
from watcher.logs import LimitedLog

QUICK = server.Limits(head_seconds=0.2, answer_seconds=0.3, connections=4, reserved=0)
BODY = bytes(8_000_000)
NONSENSE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    b"GET /\x1b[31m HTTP/1.1\r\n\r\n",
    b"\r\n\r\n\r\nhello\r\n\r\n",
)


@asynccontextmanager
async def serving(limits=QUICK):
    """Serve `/`, a large `/body`, `/wait` that never answers and `/bug`; yield guard and port."""

    async def root(_):
        return web.Response(text="fine")

    async def body(_):
        return web.Response(body=BODY)

    async def wait(_):
        await asyncio.Event().wait()

    async def bug(_):
        raise KeyError("not expected")

    app = web.Application()
    app.add_routes(
        [web.get("/", root), web.get("/body", body), web.get("/wait", wait), web.get("/bug", bug)]
    )
    guard = server.Guard("board", limits)
    async with server.serve_tcp(app, guard, "127.0.0.1", 0) as port:
        yield guard, port


async def fetch(port: int, path: str = "/") -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.read()


async def send(port: int, raw: bytes) -> bytes:
    """Send bytes, and return what comes back until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("half", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n"])
async def test_a_request_that_does_not_come_is_not_waited_for(half):
    async with serving() as (_, port):
        assert await send(port, half) == b""


async def test_a_connection_that_stays_idle_after_its_answer_is_closed():
    async with serving() as (_, port):
        answer = await send(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.endswith(b"fine")


async def test_one_connection_too_many_is_closed_and_others_go_on():
    async with serving(server.Limits(connections=3, reserved=0)) as (_, port):
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        with capture_logs() as logs:
            assert await send(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") == b""
        assert [line["event"] for line in logs] == ["connection refused"]
        idle[0][1].close()
        await idle[0][1].wait_closed()
        async with asyncio.timeout(5):
            while not (await send(port, b"GET / HTTP/1.0\r\n\r\n")).endswith(b"fine"):
                pass  # its end has not been noticed yet
        for _, writer in idle:
            writer.close()


class FakeConnection:
    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.transport = object()


def test_one_peer_takes_a_share_and_programs_on_this_host_have_room():
    guard = server.Guard("board", server.Limits(connections=10, per_peer=3, reserved=2))
    greedy = [FakeConnection("192.0.2.1") for _ in range(5)]
    assert [guard.admit(connection) for connection in greedy] == [True] * 3 + [False] * 2
    others = [FakeConnection(f"192.0.2.{number}") for number in range(2, 9)]
    assert [guard.admit(connection) for connection in others] == [True] * 5 + [False] * 2
    local = [FakeConnection("127.0.0.1") for _ in range(3)]
    assert [guard.admit(connection) for connection in local] == [True] * 2 + [False]
    guard.release(greedy[0])
    guard.release(greedy[0])
    guard.release(greedy[4])
    assert guard.admit(FakeConnection("127.0.0.1"))


def test_most_descriptors_are_left_for_the_daemons_own_work(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 1_024))
    assert server.Limits().within_descriptors() == 16
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, 0))
    assert server.Limits().within_descriptors() == 100


async def test_a_body_that_is_not_taken_is_given_up_with_one_line():
    async with serving() as (guard, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000)
        with capture_logs() as logs:
            writer.write(b"GET /body HTTP/1.1\r\nHost: a\r\n\r\n")
            await eventually(lambda: logs and not guard._open, within=5)
        assert [line["event"] for line in logs] == ["answer not taken in time"]
        assert logs[0]["peer"] == "127.0.0.1"
        writer.close()
        assert await fetch(port) == (200, b"fine")


async def test_an_answer_that_does_not_come_ends_its_connection():
    async with serving() as (_, port):
        assert await send(port, b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n") == b""


async def test_a_body_that_is_taken_is_whole():
    async with serving(server.Limits()) as (_, port):
        assert await fetch(port, "/body") == (200, BODY)


@pytest.mark.parametrize("raw", NONSENSE, ids=lambda raw: repr(raw[:20]))
async def test_what_is_not_http_is_one_line_with_the_peer_and_no_traceback(raw):
    async with serving() as (_, port):
        with capture_logs() as logs:
            await send(port, raw)
        assert len(logs) <= 1
        for line in logs:
            assert line["event"] == "malformed request"
            assert line["peer"] == "127.0.0.1"
            assert line["reason"].isprintable()
            assert len(str(line)) < 400
        assert await fetch(port) == (200, b"fine")


async def test_a_flood_of_nonsense_is_a_few_lines():
    async with serving(server.Limits()) as (_, port):
        with capture_logs() as logs:
            for _ in range(10):
                await asyncio.gather(*(send(port, raw) for raw in NONSENSE))
        assert 1 <= len(logs) <= 2 * LimitedLog.MOST


async def test_our_own_fault_is_an_answer_and_one_traceback():
    async with serving(server.Limits()) as (_, port):
        with capture_logs() as logs:
            for _ in range(3):
                status, _ = await fetch(port, "/bug")
                assert status == 500
        assert len([line for line in logs if line.get("exc_info")]) == 1
        assert {line["event"] for line in logs} == {"unexpected error", "request failed"}


def test_what_was_left_out_is_counted_in_the_next_minute(monkeypatch):
    minutes = iter([60.0] * 25 + [120.0] * 2)
    monkeypatch.setattr("watcher.logs.SystemClock.monotonic", lambda _: next(minutes))
    lines = LimitedLog()
    with capture_logs() as logs:
        for _ in range(26):
            lines.warning("malformed request", peer="192.0.2.1")
    assert [line.get("left_out") for line in logs] == [None] * LimitedLog.MOST + [15, None]


@pytest.mark.fuzz
@examples(40)
@given(
    raw=st.binary(max_size=200)
    | st.builds(
        lambda path, name, value: b"GET /%s HTTP/1.1\r\n%s: %s\r\n\r\n" % (path, name, value),
        *(st.binary(max_size=30) for _ in range(3)),
    )
)
def test_whatever_is_sent_the_next_request_is_answered(raw):
    async def scenario():
        async with serving() as (_, port):
            with capture_logs() as logs:
                await send(port, raw)
            assert not [line for line in logs if line.get("exc_info")]
            assert await fetch(port) == (200, b"fine")

    asyncio.run(scenario())
