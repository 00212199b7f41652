"""People who read of planned works in Slack, and press what stands below them."""

from __future__ import annotations

import asyncio

from tests.year.peers.pressers import AGAIN_SECONDS, envelope
from tests.year.peers.sockets import Sockets
from tests.year.plan import AHEAD, Remark
from tests.year.slack import Slack
from tests.year.world import World


class Planners:
    """They press when the plan says so, below the newest works of a circuit."""

    def __init__(self, world: World, slack: Slack, sockets: Sockets) -> None:
        self._world = world
        self._slack = slack
        self._sockets = sockets
        self._names = {circuit.id: circuit.name for circuit in world.plan.circuits}
        self._loop = asyncio.get_running_loop()
        world.at_each(Remark, self._press)

    def _press(self, remark: Remark, identity: str) -> None:
        versions = self._slack.shown(AHEAD, self._names[remark.circuit])
        incident = versions[-1].actions.get(remark.what) if versions else None
        if incident is None:
            return
        person = f"planner-{identity.split('-')[1]}"
        pressed = envelope(remark.what, identity, person, versions[-1].ts, incident, AHEAD)
        arrived = self._sockets.send(pressed)
        self._world.record(
            "remarked", id=identity, circuit=remark.circuit, button=remark.what, arrived=arrived
        )
        if remark.is_sent_again:
            self._loop.call_later(AGAIN_SECONDS, self._sockets.send, pressed)
