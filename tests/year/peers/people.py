"""People, who see an incident in the control room's display and send commands over MQTT."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.year.broker import Broker
from tests.year.plan import Press, Silence, Unsilence
from tests.year.world import World

_COMMANDS = "watcher/commands"
_INCIDENTS = "watcher/incidents/"


class People:
    """They act when the plan says so, on what is shown then."""

    def __init__(self, world: World, broker: Broker) -> None:
        self._world = world
        self._broker = broker
        self._subjects = {circuit.id: circuit.subject for circuit in world.plan.circuits}
        loop = asyncio.get_running_loop()
        for number, fact in enumerate(world.plan.facts):
            seconds = (fact.at - world.plan.begin).total_seconds()
            if isinstance(fact, Press):
                loop.call_at(seconds, self._press, fact, f"press-{number}")
            elif isinstance(fact, Silence):
                loop.call_at(seconds, self._silence, fact, f"silence-{number}")
            elif isinstance(fact, Unsilence):
                loop.call_at(seconds, self._unsilence, fact, f"unsilence-{number}")

    def _press(self, press: Press, identity: str) -> None:
        """Press for the newest incident about a circuit, which may be over."""
        shown = newest(self._broker, self._subjects[press.circuit])
        if shown is None:
            return
        opened, incident = shown
        request = {"by": press.by, "id": identity, "incident": incident}
        if press.what == "note":
            request["text"] = f"note {identity}"
        self._world.record(
            "pressed", **request, verb=press.what, circuit=press.circuit, opened=opened
        )
        for _ in range(press.times):
            self._send(press.what, request)

    def _silence(self, silence: Silence, identity: str) -> None:
        request = {
            "by": "noc",
            "id": identity,
            "matchers": [f"subject={self._subjects[silence.circuit]}"],
            "from": silence.begin.isoformat(),
            "until": silence.until.isoformat(),
            "confirmed": True,
        }
        self._world.record("silenced", id=identity, circuit=silence.circuit)
        self._send("silence", request)

    def _unsilence(self, unsilence: Unsilence, identity: str) -> None:
        """End a silence by the name that its answer gave; without an answer nobody can."""
        asked = (unsilence.circuit, unsilence.asked)
        name = next(
            f"silence-{number}"
            for number, fact in enumerate(self._world.plan.facts)
            if isinstance(fact, Silence) and (fact.circuit, fact.at) == asked
        )
        for record in self._world.trace.of("mqtt"):
            if record.fields["topic"] == "watcher/answers":
                answer = json.loads(record.fields["payload"])
                if answer.get("id") == name and answer["ok"]:
                    request = {"by": "noc", "id": identity, "silence": answer["silence"]}
                    self._send("unsilence", request)
                    return

    def _send(self, command: str, request: dict[str, Any]) -> None:
        topic, payload = f"{_COMMANDS}/{command}", json.dumps(request).encode()
        self._broker.publish(topic, payload, retain=False)


def newest(broker: Broker, subject: str) -> tuple[str, str] | None:
    """Return when the newest incident about a subject was opened, and its id."""
    incidents = [
        json.loads(payload)
        for topic, payload in broker.retained.items()
        if topic.startswith(_INCIDENTS) and topic.count("/") == 2 and payload
    ]
    about = [
        (incident["opened_at"], incident["id"])
        for incident in incidents
        if any(alert["subject"] == subject for alert in incident["alerts"])
    ]
    return max(about, default=None)
