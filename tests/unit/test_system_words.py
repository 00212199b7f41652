"""What the operating system refuses is said without its numbers and without Python's words."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from pathlib import Path

import pytest

from watcher import system_words

ROOT = Path(__file__).parents[2]


async def test_a_closed_port_refuses_the_connection(unused_tcp_port):
    with pytest.raises(ConnectionRefusedError, match="Connect call failed") as refused:
        await asyncio.open_connection("127.0.0.1", unused_tcp_port)
    assert system_words.of_error(refused.value) == "Connection refused"


def test_a_host_of_several_addresses_says_each_reason_once():
    several = OSError(
        "Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0),"
        " [Errno 111] Connect call failed ('127.0.0.1', 1)"
    )
    assert system_words.of_error(several) == "Connection refused"
    several = OSError(
        "Multiple exceptions: [Errno 101] Connect call failed ('::1', 1, 0, 0),"
        " [Errno 111] Connect call failed ('127.0.0.1', 1)"
    )
    assert system_words.of_error(several) == "Network is unreachable, Connection refused"


async def test_a_server_without_tls_is_said_to_be_one():
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        with pytest.raises(ssl.SSLError) as refused:
            await asyncio.open_connection(host, port, ssl=ssl.create_default_context())
    assert system_words.of_error(refused.value) == "no TLS: wrong version number"


def test_a_file_is_refused_in_the_systems_words(tmp_path):
    with pytest.raises(IsADirectoryError) as refused:
        tmp_path.read_bytes()
    assert system_words.of_error(refused.value) == "Is a directory"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not"),
        (OSError(errno.ENOSPC, "whatever a library says"), "No space left on device"),
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError("Connection lost"), "Connection lost"),
        (ConnectionResetError(), "the connection broke off"),
        (OSError(), "the system gives no reason"),
    ],
)
def test_every_error_has_words(error, words):
    assert system_words.of_error(error).startswith(words)
    assert "Errno" not in system_words.of_error(error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[Errno 111] Connection refused", "Connection refused"),
        ("[Errno -2] Name or service not known", "Name or service not known"),
        ("Operation timed out", "Operation timed out"),
    ],
)
def test_a_text_that_quotes_an_error_loses_its_number(text, words):
    assert system_words.of_text(text) == words


def test_there_is_one_way():
    """Whoever has an OSError asks this module: `strerror` may be empty, or be asyncio's own."""
    files = sorted((ROOT / "watcher").rglob("*.py"))
    asking = [
        os.fspath(file.relative_to(ROOT))
        for file in files
        if re.search(r"\bstrerror\b|\[Errno", file.read_text(encoding="utf-8"))
    ]
    assert asking == ["watcher/system_words.py"]
