"""The simulator's own endpoint, for tests and for whoever plays with the demo.

POST /_sim/begin starts the scenario's clock; POST /_sim/change lets one thing happen, written as an
event of a scenario without its `at`; GET /_sim/state, /_sim/calls and /_sim/reports/SERVICE.pdf
tell what there is. POST /_sim/record names calls that are kept from then on with their answers;
GET /_sim/record?after=N gives those after the first N.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from aiohttp import web

from watcher.simulator import scenario
from watcher.simulator.vendors.lumen import Lumen
from watcher.simulator.world import World


class Control:
    """The world's levers."""

    def __init__(self, world: World, lumen: Lumen) -> None:
        self._world = world
        self._lumen = lumen

    def add_routes(self, app: web.Application) -> None:
        """Serve under /_sim."""
        app.router.add_post("/_sim/begin", self.begin)
        app.router.add_post("/_sim/change", self.change)
        app.router.add_get("/_sim/state", self.state)
        app.router.add_get("/_sim/calls", self.calls)
        app.router.add_get("/_sim/reports/{id}.pdf", self.report)
        app.router.add_post("/_sim/record", self.record)
        app.router.add_get("/_sim/record", self.heard)

    async def begin(self, _: web.Request) -> web.Response:
        """Start the scenario's clock."""
        self._world.begin()
        return web.json_response({"begun": True})

    async def change(self, request: web.Request) -> web.Response:
        """Let one thing happen now; 400 with the reasons when it cannot."""
        self._world.settle()
        try:
            change = scenario.parse_change(await request.json())
            self._world.apply(change, at=self._world.now())
        except json.JSONDecodeError:
            return web.json_response({"faults": ["change: is no JSON"]}, status=400)
        except scenario.ScenarioError as error:
            return web.json_response({"faults": list(error.faults)}, status=400)
        return web.json_response({"changed": True})

    async def state(self, _: web.Request) -> web.Response:
        """Tell what is true in the world now."""
        self._world.settle()
        return web.json_response(self._world.state())

    async def calls(self, _: web.Request) -> web.Response:
        """How many calls each endpoint has had, and the most diagnostics of one service at once."""
        most = self._lumen.most_at_once
        return web.json_response({"calls": self._world.calls, "most_diagnostics_at_once": most})

    async def record(self, request: web.Request) -> web.Response:
        """Keep these calls from now on: `{"calls": ["vyvx.active"]}`."""
        self._world.record.calls = frozenset((await request.json())["calls"])
        return web.json_response({"recording": True})

    async def heard(self, request: web.Request) -> web.Response:
        """Give what was asked and answered since."""
        after = int(request.query.get("after", "0"))
        heard = [asdict(one) for one in self._world.record.heard[after:]]
        return web.json_response({"heard": heard})

    async def report(self, request: web.Request) -> web.Response:
        """Give the PDF of a service's latest run, to compare byte for byte."""
        wanted = request.match_info["id"]
        for run in reversed(self._world.runs):
            if run.service_id == wanted:
                return web.Response(body=run.pdf, content_type="application/pdf")
        return web.Response(status=404, text=f"no run of {wanted} yet")
