"""Lumen Internet On-Demand, as far as the plan says what is true there."""

from __future__ import annotations

from tests.year.faults import VendorFault
from tests.year.network import Answer, Request, answer_json
from tests.year.peers import refusals
from tests.year.world import World

HOST = "iod.invalid"
STATUSES = {"online": "active", "offline": "suspended"}


class InternetOnDemand:
    """The list of connections. Nobody records what one was before."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def serve(self, request: Request) -> Answer:
        """Answer one request; it and the answer take a while to arrive."""
        del request
        world = self._world
        await world.travel()
        asked, fault = world.now(), world.spoilt(VendorFault)
        answer = self._answer(fault)
        await world.travel()
        world.record("polled", source="iod", asked=asked, whole=fault is None)
        return answer

    def _answer(self, fault: VendorFault | None) -> Answer:
        if refused := refusals.refusal(fault):
            return refused
        states = self._world.states(refusals.known_at(fault, self._world.now()))
        connections = [
            {
                "id": circuit.id,
                "status": STATUSES[states[circuit.id]],
                "bandwidth": "500 Mbps",
                "location": "Denver",
            }
            for circuit in self._world.plan.circuits_of("iod")
        ]
        listed = connections[:: refusals.step(fault)]
        return refusals.cut(fault, answer_json({"connections": listed}))
