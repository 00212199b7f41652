"""What every request to a simulated vendor passes: it is counted, slowed, limited, disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from email.utils import format_datetime

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from watcher.simulator import faults
from watcher.simulator.call_log import LoggedCall
from watcher.simulator.scenario import Fault
from watcher.simulator.world import World


def vendor_middleware(world: World) -> Middleware:
    """Return middleware over every route whose name is `vendor.endpoint`; others pass freely."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        call = request.match_info.route.name
        if call is None:
            return await handler(request)
        call = call.replace("METHOD", request.match_info.get("method", ""))
        world.catch_up()
        world.calls[call] += 1
        fault = world.active_faults.take(call, world.now())
        answer = _dated(_answer(request, handler, call, fault, world), world)
        if call not in world.call_log.calls:
            return await answer
        intact = fault is None or fault.kind == "slow"
        return await _logged(request, call, answer, world, intact=intact)

    return handle


async def _answer(
    request: web.Request, handler: Handler, call: str, fault: Fault | None, world: World
) -> web.StreamResponse:
    vendor, _, endpoint = call.partition(".")
    if (delay := world.quotas.delay(vendor)) > 0:
        await asyncio.sleep(delay)
    if fault is not None:
        return await faults.apply(request, handler, fault)
    if not endpoint.endswith("token"):
        wait = world.quotas.spend(vendor, world.now())
        if wait is not None:
            return faults.limited(vendor, wait)
    return await handler(request)


async def _dated(pending: Awaitable[web.StreamResponse], world: World) -> web.StreamResponse:
    """Date an answer by the vendor's clock and not by this machine's."""
    date = format_datetime(world.vendor_now(), usegmt=True)
    try:
        answer = await pending
    except web.HTTPException as refusal:
        refusal.headers["Date"] = date
        raise
    answer.headers["Date"] = date
    return answer


async def _logged(
    request: web.Request,
    call: str,
    pending: Awaitable[web.StreamResponse],
    world: World,
    *,
    intact: bool,
) -> web.StreamResponse:
    """Log what was asked and answered, even when the caller went away meanwhile."""
    began, answer = world.call_log.now(), None
    try:
        answer = await pending
        return answer
    finally:
        body = answer.text if isinstance(answer, web.Response) else ""
        world.call_log.entries.append(
            LoggedCall(
                call=call,
                host=request.host,
                query=dict(request.query),
                began=began,
                ended=world.call_log.now(),
                whole=intact and answer is not None,
                body=body or "",
            )
        )
