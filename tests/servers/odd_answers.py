"""A server on loopback that answers every request with the bytes that a test has put down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class OddServer:
    """`answer` goes out as it is after each request's head; `heads` are the heads received."""

    def __init__(self) -> None:
        self.answer = b""
        self.heads: list[bytes] = []
        self.url = ""

    def says(self, body: bytes, *, status: int = 200, headers: bytes = b"") -> None:
        if b"Content-Type" not in headers:
            headers += b"Content-Type: application/json; charset=utf-8\r\n"
        self.answer = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s" % (
            status,
            len(body),
            headers,
            body,
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def odd_server() -> AsyncIterator[OddServer]:
    """Serve while the context lasts."""
    odd = OddServer()
    server = await asyncio.start_server(odd._serve, "127.0.0.1", 0)
    odd.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield odd
    finally:
        server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await server.wait_closed()
