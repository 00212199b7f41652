"""Vendors and Slack at 100,000 services, in a process of their own.

In a process of its own so that what it takes is no standstill of the daemon's loop.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from aiohttp import web

from tests.servers.world import FIRST, World

LINES, LINES_OF_A_PAGE = 2_000, 400
CONNECTIONS = 10_000
SPACING = timedelta(minutes=5)


class Others(World):
    """What they say; `POST /state` changes the state of services."""

    def app(self) -> web.Application:
        app = super().app()
        app.router.add_post("/state", self._state)
        app.router.add_get("/evpl/pm_jobs/{job}/reports/{report}", self._lines)
        app.router.add_get("/iod/internet-on-demand/connections", self._connections)
        return app

    async def _state(self, request: web.Request) -> web.Response:
        services, every = int(request.query["services"]), int(request.query["every"])
        numbers = range(FIRST, FIRST + services, every)
        self.set(request.query["state"], *map(str, numbers))
        return web.Response()

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


async def serve(port: int) -> None:
    runner = web.AppRunner(Others(services={}).app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
