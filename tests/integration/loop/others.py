"""Vendors and Slack at 100,000 services, in a process of their own: `python others.py PORT`.

In a process of its own so that what it takes is no standstill of the daemon's loop.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web

FIRST = 1_000_000
LINES, LINES_OF_A_PAGE = 2_000, 400
CONNECTIONS = 10_000
SPACING = timedelta(minutes=5)


class Others:
    """What they say; `POST /state` changes the state of services."""

    def __init__(self) -> None:
        self.services: dict[str, dict[str, str]] = {}
        self.body = b""
        self.times = itertools.count(1)

    def say(self, state: str, *, services: int, every: int) -> None:
        for number in range(0, services, every):
            self.services[str(FIRST + number)] = {"state": state, "ingress_state": "online"}
        self.body = msgspec.json.encode({"data": {"services": self.services}})

    def app(self) -> web.Application:
        app = web.Application(client_max_size=50_000_000)
        app.router.add_post("/state", self._state)
        app.router.add_get("/vyvx/customer/service/_active/status", self._status)
        app.router.add_get("/vyvx/customer/service/{id}/details", self._details)
        app.router.add_get("/vyvx/customer/service/{id}/history", self._history)
        app.router.add_get("/evpl/pm_jobs/{job}/reports/{report}", self._lines)
        app.router.add_get("/iod/internet-on-demand/connections", self._connections)
        app.router.add_route("*", "/slack/{method}", self._slack)
        app.router.add_route("*", "/upload", self._upload)
        return app

    async def _state(self, request: web.Request) -> web.Response:
        query = request.query
        self.say(query["state"], services=int(query["services"]), every=int(query["every"]))
        return web.Response()

    async def _status(self, _: web.Request) -> web.Response:
        return web.Response(body=self.body, content_type="application/json")

    async def _details(self, request: web.Request) -> web.Response:
        key = request.match_info["id"]
        always = {"start": "2026-01-01T00:00:00.000Z", "end": ""}
        schedule = {"scheduled": always, "activated": [always]}
        entry = {"name": f"Feed {key}", "reservations": [{"id": key, "schedule": schedule}]}
        return web.json_response({"data": {"services": {key: entry}}})

    async def _history(self, request: web.Request) -> web.Response:
        key = request.match_info["id"]
        return web.json_response({"data": {"services": {key: {"history": {"events": []}}}}})

    async def _lines(self, request: web.Request) -> web.Response:
        first = int(request.headers["pagination"]) - 1
        start, end = (
            datetime.fromisoformat(request.query[name]) for name in ("startTime", "endTime")
        )
        at = datetime.fromtimestamp(
            start.timestamp() // SPACING.total_seconds() * SPACING.total_seconds(), UTC
        )
        values = []
        while (at := at + SPACING) <= end:
            values.append({"timeStamp": at.isoformat(), "value": 12.5})
        entries = [
            {
                "objectInstanceId": f"LINE{number:05}",
                "metric_name": f"utilization_{direction}",
                "pop_country": "FR",
                "pop_name": "PARIS",
                "pop_section_name": "A",
                "performanceValues": values,
            }
            for number in range(first // 2, min(LINES, (first + LINES_OF_A_PAGE) // 2))
            for direction in ("in", "out")
        ]
        pages = -(-2 * LINES // LINES_OF_A_PAGE)
        return web.json_response({"entries": entries, "totalPages": pages})

    async def _connections(self, _: web.Request) -> web.Response:
        listed = [
            {"id": f"C{number}", "status": "Active", "bandwidth": "500 Mbps", "location": "NYC"}
            for number in range(CONNECTIONS)
        ]
        return web.json_response({"connections": listed})

    async def _slack(self, request: web.Request) -> web.Response:
        del request
        at = f"{1_800_000_000 + next(self.times) / 1_000:.6f}"
        answer: dict[str, Any] = {"ok": True, "channel": "C0000000001", "messages": []}
        return web.json_response(answer | {"ts": at, "file_id": "F1", "upload_url": "/upload"})

    async def _upload(self, request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text="OK")


async def serve(port: int) -> None:
    runner = web.AppRunner(Others().app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
