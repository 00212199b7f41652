"""What every request to a simulated vendor passes: it is counted, slowed, limited and spoiled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from email.utils import format_datetime

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from watcher.simulator import faults
from watcher.simulator.call_log import Heard
from watcher.simulator.scenario import Fault
from watcher.simulator.world import World


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
        fault = world.trouble.strike(call, world.now())
        answer = _dated(_answer(request, handler, call, fault, world), world)
        if call not in world.record.calls:
            return await answer
        good = fault is None or fault.kind == "slow"
        return await _noted(request, call, answer, world, good=good)

    return pass_through


async def _answer(
    request: web.Request, handler: Handler, call: str, fault: Fault | None, world: World
) -> web.StreamResponse:
    vendor, _, endpoint = call.partition(".")
    if (delay := world.pace.delay(vendor)) > 0:
        await asyncio.sleep(delay)
    if fault is not None:
        return await faults.spoil(request, handler, fault)
    if not endpoint.endswith("token"):
        wait = world.pace.spend(vendor, world.now())
        if wait is not None:
            return faults.limited(vendor, wait)
    return await handler(request)


async def _dated(coming: Awaitable[web.StreamResponse], world: World) -> web.StreamResponse:
    """Write the vendor's time on an answer, and not this machine's."""
    date = format_datetime(world.vendors_now(), usegmt=True)
    try:
        answer = await coming
    except web.HTTPException as refusal:
        refusal.headers["Date"] = date
        raise
    answer.headers["Date"] = date
    return answer


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
