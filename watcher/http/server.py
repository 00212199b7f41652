"""Serving without trusting who asks: limits on connections and time, and one line for nonsense.

aiohttp limits the size of a request's head, but neither how long it may take nor how many
connections there are, and it logs a traceback for each request that is not HTTP. Anyone who reaches
a port could take every file descriptor of the daemon that way, or fill its log. Here each
connection passes a guard first, and an answer must be taken within a time as well.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from aiohttp import http_exceptions, web
from aiohttp.typedefs import Handler, Middleware
from msgspec import Struct

from watcher import text
from watcher.logs import LimitedLog, TracebackOnce

_SHUTDOWN_SECONDS = 2.0  # for requests that are still being answered
_LOCAL = "a local process"  # the peer of a unix socket
_LOOPBACK = {"127.0.0.1", "::1", _LOCAL}

log = structlog.get_logger()


class Limits(Struct, frozen=True, kw_only=True):
    """What all clients together, and one peer alone, may take; times in seconds."""

    connections: int = 100
    per_peer: int = 20
    reserved: int = 10  # of all connections, for programs on this host, such as a health check
    head_seconds: float = 15.0  # for a request's head, and between two requests
    answer_seconds: float | None = 60.0  # for an answer, and for the client to take it

    def within_descriptors(self) -> int:
        """Return how many connections there may be: most descriptors are for the daemon's work."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return (
            self.connections if soft == resource.RLIM_INFINITY else min(self.connections, soft // 4)
        )


class Guard:
    """Counts the connections of one listener; `name` is what the log calls it."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.lines = LimitedLog()
        self._most = limits.within_descriptors()
        self._open: dict[asyncio.BaseTransport, _Connection] = {}
        self._peers: Counter[str] = Counter()

    def admit(self, connection: _Connection) -> bool:
        """Count a new connection, or return False where it is one too many."""
        peer = connection.peer
        most = self._most if peer in _LOOPBACK else self._most - self.limits.reserved
        is_crowded = self._peers[peer] >= self.limits.per_peer and peer not in _LOOPBACK
        if len(self._open) >= most or is_crowded:
            self.lines.warning(
                "connection refused", listener=self.name, peer=peer, open=len(self._open)
            )
            return False
        self._open[connection.transport] = connection
        self._peers[peer] += 1
        return True

    def release(self, connection: _Connection) -> None:
        """Forget a connection that has ended."""
        if self._open.pop(connection.transport, None) is None:
            return
        self._peers[connection.peer] -= 1
        if not self._peers[connection.peer]:
            del self._peers[connection.peer]

    def middleware(self) -> Middleware:
        """Return the outermost middleware: it answers in time, or ends the connection."""

        @web.middleware
        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            transport = request.transport
            connection = None if transport is None else self._open.get(transport)
            if connection is None or transport is None:
                return web.Response()  # nobody reads it
            connection.wait(None)
            try:
                async with asyncio.timeout(self.limits.answer_seconds):
                    response = await handler(request)
                    await response.prepare(request)
                    await response.write_eof()
            except TimeoutError:
                self.lines.warning(
                    "answer not taken in time", listener=self.name, peer=connection.peer
                )
                transport.abort()
                return web.Response()
            except ConnectionError:
                return web.Response()
            finally:
                connection.wait(self.limits.head_seconds)
            return response

        return answer


class _Connection(asyncio.Protocol):
    """Passes everything on to aiohttp's protocol, unless it is one too many or takes too long."""

    transport: asyncio.Transport
    peer: str

    def __init__(self, guard: Guard, inner: asyncio.Protocol) -> None:
        self._guard = guard
        self._inner: asyncio.Protocol | None = inner
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream has a transport that writes")
        self.transport = transport
        address = transport.get_extra_info("peername")
        self.peer = str(address[0]) if isinstance(address, tuple) else _LOCAL
        if not self._guard.admit(self):
            self._inner = None
            transport.abort()
            return
        if self._inner:
            self._inner.connection_made(transport)
        self.wait(self._guard.limits.head_seconds)

    def wait(self, seconds: float | None) -> None:
        """End the connection unless the next request comes within so many seconds."""
        if self._timer:
            self._timer.cancel()
        self._timer = None
        if seconds is not None and not self.transport.is_closing():
            self._timer = asyncio.get_running_loop().call_later(seconds, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self.wait(None)
        self._guard.release(self)
        if self._inner:
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._inner:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner else None

    def pause_writing(self) -> None:
        if self._inner:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner:
            self._inner.resume_writing()


class _RequestLog:
    """What aiohttp logs through: one line, limited in rate, for what is not HTTP."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._tracebacks = TracebackOnce()

    def debug(self, message: str, *values: object, **more: object) -> None:
        """Say nothing: a client that has gone is not worth a line."""

    def warning(self, message: str, *values: object, **more: object) -> None:
        """Log a line."""
        del more
        self._guard.lines.warning(
            "request failed", listener=self._guard.name, reason=message % values
        )

    error = warning

    def exception(self, message: str, *values: object, exc_info: object = None) -> None:
        """Log what is wrong with a request; a traceback only where it is ours, and once."""
        peer = str(values[0] or _LOCAL) if values else ""
        if isinstance(exc_info, UnicodeEncodeError):  # aiohttp repeats a header that is not text
            reason = "a header that is not text"
            self._guard.lines.warning(
                "malformed request", listener=self._guard.name, peer=peer, reason=reason
            )
        elif isinstance(exc_info, ConnectionError):
            self._guard.lines.warning(
                "request failed", listener=self._guard.name, peer=peer, what="the client has gone"
            )
        elif isinstance(exc_info, http_exceptions.HttpProcessingError):
            reason = text.clean(str(exc_info.message).partition("\n")[0], 120)
            self._guard.lines.warning(
                "malformed request", listener=self._guard.name, peer=peer, reason=reason
            )
        elif isinstance(exc_info, Exception):
            what = self._tracebacks.log(exc_info, part=self._guard.name)
            self._guard.lines.warning(
                "request failed", listener=self._guard.name, peer=peer, what=what
            )
        else:
            self.warning(message, *values)


@asynccontextmanager
async def serve_tcp(app: web.Application, guard: Guard, host: str, port: int) -> AsyncIterator[int]:
    """Serve on a port while the context lasts, and yield the port. Raises OSError."""
    async with _running(app, guard) as factory:
        server = await asyncio.get_running_loop().create_server(factory, host, port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()


@asynccontextmanager
async def serve_unix(app: web.Application, guard: Guard, path: Path) -> AsyncIterator[None]:
    """Serve on a unix socket while the context lasts. Raises OSError."""
    async with _running(app, guard) as factory:
        server = await asyncio.get_running_loop().create_unix_server(factory, path)
        try:
            yield
        finally:
            server.close()


@asynccontextmanager
async def _running(app: web.Application, guard: Guard) -> AsyncIterator[Any]:
    app.middlewares.insert(0, guard.middleware())
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_RequestLog(guard),
        keepalive_timeout=guard.limits.head_seconds,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    await runner.setup()
    aiohttp_protocol = runner.server
    if aiohttp_protocol is None:
        raise AssertionError("it has been set up")
    try:
        yield lambda: _Connection(guard, aiohttp_protocol())
    finally:
        await runner.cleanup()
