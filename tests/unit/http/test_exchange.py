"""One exchange: what is read is bounded, what goes wrong is in our words, no secret comes back."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.fakes.fuzzing import SECRET
from tests.servers.odd_answers import odd_server
from watcher import model
from watcher.http import exchange

ZEROS = gzip.compress(bytes(200 * exchange.MEGABYTE), compresslevel=9)


async def ask(server, session, **options):
    options = {"headers": {}, "within": 5.0, "cap": exchange.MEGABYTE} | options
    return await exchange.exchange(session, "POST", URL(server.url + "/path"), **options)


async def test_a_small_body_that_grows_when_it_is_read_is_cut_off_early():
    async with odd_server() as server, exchange.open_session() as session:
        server.says(ZEROS, headers=b"Content-Encoding: gzip\r\n")
        tracemalloc.start()
        try:
            with pytest.raises(model.TemporaryError, match="more than 1 MB"):
                await ask(server, session)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 80 * exchange.MEGABYTE


async def test_without_a_cap_the_body_is_not_read():
    async with odd_server() as server, exchange.open_session() as session:
        server.says(b"x" * exchange.MEGABYTE)
        reply = await ask(server, session, cap=0)
    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize(
    "authorization", [f"Bearer {SECRET}", aiohttp.encode_basic_auth("id", SECRET)]
)
async def test_the_credentials_that_were_sent_are_blotted_out_of_the_answer(authorization):
    async with odd_server() as server, exchange.open_session() as session:
        server.says(f"no: {authorization} {SECRET}".encode(), status=401)
        reply = await ask(server, session, headers={"Authorization": authorization})
    shown = reply.redact(reply.body.decode())
    assert "***" in shown
    assert SECRET not in shown
    assert authorization.split()[1] not in shown


async def test_an_address_that_is_a_secret_is_in_no_error():
    async with odd_server() as server, exchange.open_session() as session:
        server.answer = f"{SECRET} /path {SECRET}\r\n\r\n".encode()
        with pytest.raises(model.TemporaryError) as caught:
            await ask(server, session, place="webhook", hide_url=True, secrets=[SECRET])
    assert SECRET not in str(caught.value)
    assert "/path" not in str(caught.value)


async def test_a_websocket_follows_no_redirect():
    async with odd_server() as other, odd_server() as server, exchange.open_session() as session:
        server.says(b"", status=302, headers=f"Location: {other.url}\r\n".encode())
        with pytest.raises(aiohttp.ClientError, match="302"):
            async with asyncio.timeout(5):
                await session.ws_connect(server.url)
        assert other.heads == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"entries": [{"a": 1}, [2], "\\u00e9\\"]}", null], "page": {"total": 3}, "more": true}',
        b'{"entries": []}',
        b'{"entries": [1], "entries": [2]}',
        b'{"entries": {"a": 1}}',
        b'{"entries": null}',
        b'{"other": [1]}',
        b"[1]",
        b'{"entries": [1, }',
        b'{"entries": ["\xff"]}',
        b"",
    ],
)
def test_a_long_listing_is_decoded_item_by_item_to_the_same(body, monkeypatch):
    reply = exchange.Reply(
        place="GET /x", status=200, headers=CIMultiDictProxy(CIMultiDict()), body=body
    )
    outcomes = []
    for read in (exchange.parse_object, lambda reply: exchange.parse_listing(reply, "entries")):
        monkeypatch.setattr(exchange, "LONG", -1)
        try:
            outcomes.append(read(reply))
        except model.TemporaryError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]
