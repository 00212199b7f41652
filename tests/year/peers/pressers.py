"""People in front of Slack, who press the buttons of what they see, or saw a while ago."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from tests.year.peers.sockets import Sockets
from tests.year.plan import NOC, Click
from tests.year.slack import HOST, Shown, Slack
from tests.year.world import World

VERBS = {"acknowledge": "ack", "unacknowledge": "unack", "packet": "packet"}
_IN_MENU = {"packet", "unsilence"}
AGAIN_SECONDS = 0.5  # after which Slack delivers a press again


class Pressers:
    """They press when the plan says so; each press has a person of its own."""

    def __init__(self, world: World, slack: Slack, sockets: Sockets) -> None:
        self._world = world
        self._slack = slack
        self._sockets = sockets
        self._names = {circuit.id: circuit.name for circuit in world.plan.circuits}
        self._loop = asyncio.get_running_loop()
        world.at_each(Click, self._press)

    def _press(self, click: Click, identity: str) -> None:
        """Press below the newest message about a circuit, or a storm."""
        messages = self._slack.shown(NOC, self._names[click.circuit])
        versions = messages or self._slack.shown(NOC, "Storm on vyvx")
        if not versions:
            return
        # Who looks at a message that was not drawn again presses what it had first.
        message = versions[0] if click.is_stale else versions[-1]
        incident = message.actions.get(click.what)
        if incident is None:
            return
        for time in range(click.times):
            self._send(click, f"{identity}-{time}", message, incident)

    def _send(self, click: Click, identity: str, message: Shown, incident: str) -> None:
        person = f"person-{identity.split('-')[1]}"
        pressed = envelope(click.what, identity, person, message.ts, incident)
        arrived = self._sockets.send(pressed)
        self._world.record(
            "pressed",
            id=identity,
            by=person,
            incident=incident,
            verb=VERBS[click.what],
            circuit=click.circuit,
            opened=datetime.fromtimestamp(float(message.ts), tz=UTC).isoformat(),
            arrived=arrived,
        )
        if click.is_sent_again:
            self._loop.call_later(AGAIN_SECONDS, self._sockets.send, pressed)


def envelope(  # noqa: PLR0917  # as Slack has them
    what: str, identity: str, person: str, ts: str, incident: str, channel: str = NOC
) -> dict[str, Any]:
    """Return what Slack sends of a press of a button, or of what the menu has, below a message."""
    action: dict[str, Any] = {"action_id": what, "value": incident}
    if what in _IN_MENU:
        action = {"action_id": "menu", "selected_option": {"value": f"{what}/{incident}"}}
    return {
        "type": "interactive",
        "envelope_id": identity,
        "payload": {
            "type": "block_actions",
            "user": {"id": person, "username": person},
            "actions": [action],
            "channel": {"id": channel},
            "container": {"message_ts": ts},
            "response_url": f"https://{HOST}/actions/{identity}",
            "trigger_id": identity,
        },
    }
