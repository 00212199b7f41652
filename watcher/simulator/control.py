"""The simulator's own endpoint, for tests and for people who play with the demo.

POST /_sim/begin starts the scenario's clock; POST /_sim/change applies one change, written as an
event of a scenario without its `at`; GET /_sim/state, /_sim/calls and /_sim/reports/SERVICE.pdf
return what there is. POST /_sim/record names calls that are logged from then on with their answers;
GET /_sim/record?after=N returns those after the first N.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from aiohttp import web

from watcher.simulator import scenario
from watcher.simulator.vendors.lumen import Lumen
from watcher.simulator.world import World


class Control:
    """The endpoints under /_sim."""

    def __init__(self, world: World, lumen: Lumen) -> None:
        self._world = world
        self._lumen = lumen

    def add_routes(self, app: web.Application) -> None:
        """Serve under /_sim."""
        app.router.add_post("/_sim/begin", self.start)
        app.router.add_post("/_sim/change", self.change)
        app.router.add_get("/_sim/state", self.state)
        app.router.add_get("/_sim/calls", self.calls)
        app.router.add_get("/_sim/reports/{id}.pdf", self.report)
        app.router.add_post("/_sim/record", self.start_call_log)
        app.router.add_get("/_sim/record", self.logged_calls)

    async def start(self, _: web.Request) -> web.Response:
        """Start the scenario's clock."""
        self._world.start()
        return web.json_response({"begun": True})

    async def change(self, request: web.Request) -> web.Response:
        """Apply one change now; 400 with the reasons when it cannot be applied."""
        self._world.catch_up()
        try:
            change = scenario.parse_change(await request.json())
            self._world.apply(change, at=self._world.now())
        except json.JSONDecodeError:
            return web.json_response({"faults": ["change: is no JSON"]}, status=400)
        except scenario.ScenarioError as error:
            return web.json_response({"faults": list(error.problems)}, status=400)
        return web.json_response({"changed": True})

    async def state(self, _: web.Request) -> web.Response:
        """Return the state of the world now."""
        self._world.catch_up()
        return web.json_response(self._world.state())

    async def calls(self, _: web.Request) -> web.Response:
        """Return the calls of each endpoint, and the most diagnostics of one service at once."""
        most = self._lumen.most_at_once
        return web.json_response({"calls": self._world.calls, "most_diagnostics_at_once": most})

    async def start_call_log(self, request: web.Request) -> web.Response:
        """Log these calls from now on: `{"calls": ["vyvx.active"]}`."""
        self._world.call_log.calls = frozenset((await request.json())["calls"])
        return web.json_response({"recording": True})

    async def logged_calls(self, request: web.Request) -> web.Response:
        """Return what was asked and answered since."""
        after = int(request.query.get("after", "0"))
        entries = [asdict(entry) for entry in self._world.call_log.entries[after:]]
        return web.json_response({"heard": entries})

    async def report(self, request: web.Request) -> web.Response:
        """Return the PDF of a service's latest run, to compare byte for byte."""
        service_id = request.match_info["id"]
        for run in reversed(self._world.runs):
            if run.service_id == service_id:
                return web.Response(body=run.pdf, content_type="application/pdf")
        return web.Response(status=404, text=f"no run of {service_id} yet")
