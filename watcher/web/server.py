"""Health and metrics over HTTP, read-only.

Law: /healthz says 200 only while progress is real; nothing here changes anything.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from watcher import model
from watcher.web.settings import Web

_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serving(
    settings: Web,
    *,
    stuck: Callable[[], str],
    ready: Callable[[], bool],
    metrics: Callable[[], Awaitable[bytes]],
) -> AsyncIterator[int]:
    """Serve while the context lasts; yields the port. `stuck` says what stands still, or nothing.

    Raises model.PermanentError when the address cannot be listened on.
    """

    async def healthz(_: web.Request) -> web.Response:
        reason = stuck()
        return web.Response(status=503 if reason else 200, text=reason or "ok")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ready") if ready() else web.Response(status=503, text="starting")

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=await metrics(), headers={hdrs.CONTENT_TYPE: _EXPOSITION})

    app = web.Application(middlewares=[_token_required(settings.token.get_secret_value())])
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", exposition),
        ]
    )
    host, port = settings.address
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise model.PermanentError(
                f"cannot listen on {settings.listen} ({error.strerror}): "
                "another program has it, or the host has no such address; see [web] listen"
            ) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _token_required(token: str) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(hdrs.AUTHORIZATION, "").removeprefix("Bearer ")
        if token and not hmac.compare_digest(given.encode(), token.encode()):
            return web.Response(status=401, text="a bearer token is required")
        return await handler(request)

    return check
