"""How a fault replaces an answer, breaks it off, or changes its bytes."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import socket
import struct
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from watcher.simulator.scenario import Fault
from watcher.simulator.vendors import orange

ELSEWHERE = "https://elsewhere.example/login"  # where a redirect leads
_MAINTENANCE = (
    "<!DOCTYPE html><html><head><title>{title}</title></head>"
    "<body><h1>{title}</h1><p>Please try again later.</p></body></html>"
)
_SLACK_ERRORS = {429: "ratelimited", 503: "service_unavailable"}
_BY_ID = {"services"}  # objects whose keys are ids, not fields


async def apply(request: web.Request, handler: Handler, fault: Fault) -> web.StreamResponse:
    """Answer as the fault says."""
    match fault.kind:
        case "hang":
            await asyncio.Event().wait()
        case "reset":
            return _cut(request, web.Response())
        case "drop":
            return _cut(request, await handler(request))
        case "slow":
            answer = await handler(request)
            await asyncio.sleep(fault.takes.total_seconds())
            return answer
        case "huge":
            await _flood(request)
        case "stall" | "torn" | "truncated":
            return await _send_half(request, await handler(request), fault.kind)
        case "gzip" | "mistyped" | "doubled" | "extra":
            return _altered(await handler(request), fault.kind)
    return _replacement(fault)


def limited(vendor: str, wait: float) -> web.Response:
    """Refuse a call beyond its quota; Orange does so with a 403 and does not say for how long."""
    if vendor == "orange":
        return orange.refusal(403, {})
    return _refuse(vendor, 429, {"Retry-After": str(math.ceil(wait))})


def _replacement(fault: Fault) -> web.Response:
    """Return something other than what was asked for."""
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    match fault.kind:
        case "empty":
            return web.Response(body=b"", content_type="application/json")
        case "html":
            text = _MAINTENANCE.format(title="Scheduled maintenance")
            return web.Response(text=text, content_type="text/html")
        case "redirect":
            return web.Response(status=302, headers={"Location": ELSEWHERE})
        case "answer":
            text = json.dumps(fault.body)
            return web.Response(
                status=fault.status, text=text, content_type="application/json", headers=headers
            )
        case _:
            return _refuse(fault.vendor, int(fault.kind.removeprefix("http_")), headers)


def _refuse(vendor: str, status: int, headers: dict[str, str]) -> web.Response:
    """Return an error status in the vendor's own way."""
    match vendor:
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


def _cut(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """End the connection with a reset, in the middle of whatever was going on."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        # Lingering for zero seconds turns the close into a reset (socket(7)).
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return answer


async def _send_half(
    request: web.Request, whole: web.StreamResponse, how: str
) -> web.StreamResponse:
    """Promise the whole body, send half of it, and stall, reset or close."""
    body = _body(whole)
    half = web.StreamResponse(status=whole.status, headers={"Content-Type": "application/json"})
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    if how == "stall":
        await asyncio.Event().wait()
    if how == "torn":
        return _cut(request, half)
    if request.transport is not None:
        request.transport.close()
    return half


async def _flood(request: web.Request) -> None:
    """Send spaces until the caller has had enough."""
    flood = web.StreamResponse(headers={"Content-Type": "application/json"})
    await flood.prepare(request)
    while True:
        await flood.write(b" " * 65_536)


def _altered(whole: web.StreamResponse, how: str) -> web.Response:
    """Return the same in other bytes."""
    body, headers, content_type = _body(whole), {}, "application/json"
    match how:
        case "gzip":
            body, headers = gzip.compress(body), {"Content-Encoding": "gzip"}
        case "mistyped":
            content_type = "text/html"
        case "doubled":
            body = _doubled(json.loads(body)).encode()
        case "extra":
            body = json.dumps(_extended(json.loads(body))).encode()
    return web.Response(status=whole.status, body=body, headers=headers, content_type=content_type)


def _doubled(value: Any) -> str:
    """Write every key twice, first with nothing."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(k)}: null, {json.dumps(k)}: {_doubled(v)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_doubled, value)) + "]"
    return json.dumps(value)


def _extended(value: Any, name: str = "") -> Any:
    """Add fields that nobody knows to every object."""
    if isinstance(value, list):
        return [_extended(item) for item in value]
    if not isinstance(value, dict):
        return value
    extended = {key: _extended(item, key) for key, item in value.items()}
    return extended if name in _BY_ID else {**extended, "addedLater": {"nested": [1, None]}}


def _body(whole: web.StreamResponse) -> bytes:
    return whole.body if isinstance(whole, web.Response) and isinstance(whole.body, bytes) else b""
