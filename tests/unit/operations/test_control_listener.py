"""What of a request to the control socket is refused, and whose the socket is."""

from __future__ import annotations

import asyncio
import json
import socket as sockets

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from yarl import URL

from tests.fakes.fuzzing import ODD_BODIES, examples, odd_json
from tests.unit.operations.test_control_socket import InMemoryStore, serve_socket, socket, store
from watcher import model
from watcher.operations import control_listener, control_socket

__all__ = ["socket", "store"]  # fixtures

WORDS = ("by", "text", "matchers", "seconds", "comment", "receivers", "page", "id", "until", "end")
POSTS = (
    "/drills",
    "/silences",
    "/silences/s-1/expire",
    "/incidents/w-open/note",
    "/incidents/w-open/ack",
    "/changes",
    "/reload",
)


async def post(path, resource: str, body: bytes, method: str = "POST") -> tuple[int, object]:
    connector = aiohttp.UnixConnector(str(path))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.request(
            method, URL(f"http://watcher{resource}", encoded=True), data=body
        ) as response,
    ):
        return response.status, json.loads(await response.read())


@pytest.mark.parametrize("resource", POSTS)
@pytest.mark.parametrize("body", ODD_BODIES, ids=lambda body: repr(body[:12]))
async def test_a_body_that_is_no_object_is_answered_with_a_reason(socket, resource, body):
    status, answer = await post(socket, resource, body)
    assert status in {400, 422}
    assert answer["error"].isprintable() or status == 422


@pytest.mark.parametrize(
    "resource",
    [
        "/why/%00",
        "/why/%1b%5b2J",
        "/why/" + "x" * 600,
        "/incidents/%ff/packet",
        "/incidents?all=%07",
    ],
    ids=lambda resource: resource[:20],
)
async def test_a_name_that_cannot_be_is_answered_with_a_reason(socket, resource):
    status, answer = await post(socket, resource, b"", method="GET")
    assert status in {400, 404}
    assert answer["error"].isprintable()


async def test_an_address_that_is_not_there_and_a_wrong_method_are_said_in_json(socket):
    assert (await post(socket, "/nothing", b"{}"))[0] == 404
    assert (await post(socket, "/status", b"{}"))[0] == 405


@pytest.mark.fuzz
@examples(60)
@given(
    resource=st.sampled_from(POSTS)
    | st.text(max_size=20).map(lambda text: f"/incidents/{text}/ack"),
    body=odd_json(WORDS),
)
def test_whatever_is_asked_is_answered_and_never_with_500(tmp_path_factory, resource, body):
    path = tmp_path_factory.mktemp("control") / "s"

    async def scenario():
        async with serve_socket(InMemoryStore(), path):
            with capture_logs() as logs:
                status, answer = await post(path, str(URL(resource)), body)
            assert status != 500
            assert isinstance(answer, dict)
            assert not [line for line in logs if line.get("exc_info")]

    asyncio.run(scenario())


async def test_a_living_daemons_socket_is_not_taken(socket, tmp_path):
    with pytest.raises(model.PermanentError, match="another daemon listens on the control socket"):
        async with control_listener.listen(web.Application(), socket):
            pass
    answer = await control_socket.ask(socket, "GET", "/status")
    assert answer["instance"] == "ops1"


async def test_the_socket_of_a_killed_daemon_is_replaced(tmp_path):
    path = tmp_path / "control.sock"
    with sockets.socket(sockets.AF_UNIX) as killed:
        killed.bind(str(path))
    async with control_listener.listen(web.Application(), path):
        assert path.stat().st_mode & 0o777 == control_listener.MODE
    assert not path.exists()


async def test_a_socket_that_another_daemon_made_meanwhile_stays(tmp_path):
    path = tmp_path / "control.sock"
    async with control_listener.listen(web.Application(), path):
        path.unlink()
        with sockets.socket(sockets.AF_UNIX) as other:
            other.bind(str(path))
    assert path.exists()


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path):
    path = tmp_path / "control.sock"
    path.write_text("notes")
    with pytest.raises(model.PermanentError, match="cannot create the control socket"):
        async with control_listener.listen(web.Application(), path):
            pass
    assert path.read_text() == "notes"


async def test_a_path_that_is_too_long_for_a_socket_says_so(tmp_path):
    with pytest.raises(model.PermanentError, match=r"\(AF_UNIX path too long\): set \[control\]"):
        async with control_listener.listen(web.Application(), tmp_path / ("long" * 30)):
            pass
