"""Orange's EVPL Monitoring, as far as the plan says what is true there."""

from __future__ import annotations

from datetime import datetime

from tests.year.faults import VendorFault
from tests.year.network import Answer, Request, answer_json
from tests.year.peers import refusals
from tests.year.peers.series import DIRECTIONS, Series
from tests.year.world import World

HOST = "evpl.invalid"
_PAGE = 3  # entries on a page


class Evpl:
    """The utilisation report, page by page."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._series = Series(world.plan)

    async def serve(self, request: Request) -> Answer:
        """Answer one request; it and the answer take a while to arrive."""
        world = self._world
        await world.travel()
        asked, fault = world.now(), world.spoilt(VendorFault)
        known_at = refusals.known_at(fault, asked)
        answer = refusals.refusal(fault) or self._answer(request, known_at, refusals.step(fault))
        await world.travel()
        world.record("polled", source="evpl", asked=asked, whole=fault is None)
        return refusals.cut(fault, answer)

    def _answer(self, request: Request, now: datetime, step: int) -> Answer:
        query = request.url.query
        start = datetime.fromisoformat(query["startTime"])
        entries = [
            {
                "objectType": "EVPL",
                "objectInstanceId": line.id,
                "metric_name": f"UTILIZATION_{direction.upper()}",
                "pop_name": "PARIS",
                "performanceValues": [
                    {"timeStamp": _stamp(at), "value": str(value)}
                    for at, value in self._series.published(line, direction, start, now)
                ],
            }
            for line in self._world.plan.lines
            for direction in DIRECTIONS
        ]
        first = int(request.headers["pagination"]) - 1
        pages = max(1, -(-len(entries) // _PAGE))
        return answer_json(
            {
                "currentPage": first // _PAGE + 1,
                "totalPages": pages,
                "hasNext": first + _PAGE < len(entries),
                "entries": entries[first : first + _PAGE : step],
            }
        )


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
