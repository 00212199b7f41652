"""`check --connect` tries a webhook and the heartbeat without a request, and shows progress."""

from __future__ import annotations

import asyncio
import io
import sys

import pytest

from watcher import model
from watcher.cli import daemon, preflight, terminal
from watcher.cli.setup.reachability import reach


class Screen(io.StringIO):
    def isatty(self):
        return True


async def test_it_connects_and_sends_nothing():
    received = asyncio.get_running_loop().create_future()

    async def serve(reader, writer):
        received.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        sentence, remarks = await reach(f"http://127.0.0.1:{port}/hook", "nothing was posted")
        assert await received == b""
    assert sentence == f"127.0.0.1:{port} can be reached; nothing was posted"
    assert remarks == ()


async def test_a_port_on_which_nobody_listens_is_said(unused_tcp_port):
    where = f"127.0.0.1:{unused_tcp_port}"
    with pytest.raises(
        model.PermanentError, match=f"^{where} cannot be reached: Connection refused$"
    ):
        await reach(f"http://{where}/hook", "")


def test_only_our_own_words_have_colours_and_only_on_a_terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen, pipe = Screen(), io.StringIO()
    for stream in (screen, pipe):
        safe = terminal.SafeStream(stream)
        safe.paint("FAIL\x1b[2J", terminal.RED)
        safe.rewrite_line("1 of 2 tried")
    assert (
        screen.getvalue() == "\x1b[31mFAIL\N{REPLACEMENT CHARACTER}[2J\x1b[0m\r\x1b[K1 of 2 tried"
    )
    assert pipe.getvalue() == "FAIL\N{REPLACEMENT CHARACTER}[2J"
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.SafeStream(screen).has_colours()


def test_on_a_terminal_the_check_says_how_many_are_still_to_come(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    safe = terminal.SafeStream(screen)
    monkeypatch.setattr(sys, "stdout", safe)
    monkeypatch.setattr(sys, "stderr", safe)
    for number, name in enumerate(("store", "mqtt"), start=1):
        daemon._print_result(preflight.Result(name=name, ok=True, sentence="fine"), number, 2)
    assert screen.getvalue() == (
        "\r\x1b[Kok    store: fine\n\r\x1b[K1 of 2 tried\r\x1b[Kok    mqtt: fine\n"
    )
