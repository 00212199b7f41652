"""What every request to a simulated vendor passes: it is counted, and a fault may spoil it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from watcher.simulator import orange
from watcher.simulator.record import Heard
from watcher.simulator.scenario import Fault
from watcher.simulator.world import World

_MAINTENANCE = (
    "<!DOCTYPE html><html><head><title>{title}</title></head>"
    "<body><h1>{title}</h1><p>Please try again later.</p></body></html>"
)

_SLACK_ERRORS = {429: "ratelimited", 503: "service_unavailable"}


def gate(world: World) -> Middleware:
    """Middleware over every route whose name is `vendor.endpoint`; others pass freely."""

    @web.middleware
    async def pass_through(request: web.Request, handler: Handler) -> web.StreamResponse:
        call = request.match_info.route.name
        if call is None:
            return await handler(request)
        call = call.replace("METHOD", request.match_info.get("method", ""))
        world.settle()
        world.calls[call] += 1
        fault = world.strike(call)
        answer = handler(request) if fault is None else _spoil(request, handler, fault)
        if call not in world.record.calls:
            return await answer
        return await _noted(request, call, answer, world, good=fault is None)

    return pass_through


async def _noted(
    request: web.Request,
    call: str,
    coming: Awaitable[web.StreamResponse],
    world: World,
    *,
    good: bool,
) -> web.StreamResponse:
    """Keep what was asked and answered, also when the caller went away meanwhile."""
    began, answer = world.record.now(), None
    try:
        answer = await coming
        return answer
    finally:
        body = answer.text if isinstance(answer, web.Response) else ""
        world.record.heard.append(
            Heard(
                call=call,
                host=request.host,
                query=dict(request.query),
                began=began,
                ended=world.record.now(),
                whole=good and answer is not None,
                body=body or "",
            )
        )


async def _spoil(request: web.Request, handler: Handler, fault: Fault) -> web.StreamResponse:
    match fault.kind:
        case "hang":
            await asyncio.Event().wait()
            raise AssertionError("nobody sets this event")
        case "reset":
            return _cut(request)
        case "drop":
            await handler(request)
            return _cut(request)
        case "truncated":
            return await _halve(request, await handler(request))
        case _:
            return _answer(fault)


def _answer(fault: Fault) -> web.Response:
    """Answer something else than what was asked for."""
    match fault.kind:
        case "empty":
            return web.Response(body=b"", content_type="application/json")
        case "html":
            text = _MAINTENANCE.format(title="Scheduled maintenance")
            return web.Response(text=text, content_type="text/html")
        case "answer":
            return web.Response(
                status=fault.status,
                text=json.dumps(fault.body),
                content_type="application/json",
                headers=_retry_after(fault),
            )
        case _:
            return _refuse(fault, int(fault.kind.removeprefix("http_")))


def _refuse(fault: Fault, status: int) -> web.Response:
    """Answer with an error status in the way of the vendor."""
    headers = _retry_after(fault)
    match fault.vendor:
        case "orange":
            return orange.refusal(status, headers)
        case "slack":
            error = _SLACK_ERRORS.get(status, "internal_error")
            text = json.dumps({"ok": False, "error": error})
            return web.Response(
                status=status, text=text, content_type="application/json", headers=headers
            )
        case _:
            text = _MAINTENANCE.format(title=f"{status} {HTTPStatus(status).phrase}")
            return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def _retry_after(fault: Fault) -> dict[str, str]:
    return {"Retry-After": fault.retry_after} if fault.retry_after else {}


def _cut(request: web.Request) -> web.StreamResponse:
    """End the connection with a reset, in the middle of whatever was going on."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        # Lingering for zero seconds turns the close into a reset (socket(7)).
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def _halve(request: web.Request, whole: web.StreamResponse) -> web.StreamResponse:
    """Promise the whole body, send half of it, and close."""
    if not isinstance(whole, web.Response) or not isinstance(whole.body, bytes):
        return whole
    half = web.StreamResponse(status=whole.status, headers={"Content-Type": "application/json"})
    half.content_length = len(whole.body)
    await half.prepare(request)
    await half.write(whole.body[: len(whole.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return half
