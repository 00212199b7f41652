"""People in front of Slack, who silence what they see: a press opens a form, which they fill in."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from tests.year.peers.pressers import AGAIN_SECONDS, envelope
from tests.year.peers.sockets import Sockets
from tests.year.plan import NOC, Form
from tests.year.slack import Slack
from tests.year.world import World

FILL_SECONDS = 20.0  # from a press until a form is sent off
_READ_SECONDS = 10.0  # a question that comes in its place


class Fillers:
    """They press when the plan says so, and fill in what opens; each has a name of their own."""

    def __init__(self, world: World, slack: Slack, sockets: Sockets) -> None:
        self._world = world
        self._slack = slack
        self._sockets = sockets
        self._names = {circuit.id: circuit.name for circuit in world.plan.circuits}
        self._loop = asyncio.get_running_loop()
        world.at_each(Form, self._press)

    def _press(self, form: Form, identity: str) -> None:
        versions = self._slack.shown(NOC, self._names[form.circuit])
        incident = versions[-1].actions.get(form.what) if versions else None
        if incident is None:
            return
        pressed = envelope(form.what, identity, _person(identity), versions[-1].ts, incident)
        arrived = self._sockets.send(pressed)
        self._world.record("asked", id=identity, form=form.what, arrived=arrived)
        self._loop.call_later(FILL_SECONDS, self._fill_in, form, identity)

    def _fill_in(self, form: Form, identity: str) -> None:
        view = self._slack.views.get(identity)
        if view is not None:
            self._send(form, identity, identity, view, _values(form))

    def _send(
        self, form: Form, identity: str, name: str, view: dict[str, Any], values: dict[str, Any]
    ) -> None:
        """Send a form off; `name` is that of the envelope."""
        sent = {
            "type": "interactive",
            "envelope_id": f"sent-{name}",
            "payload": {
                "type": "view_submission",
                "user": {"id": _person(identity), "username": _person(identity)},
                "view": {
                    "id": f"V-{name}",
                    "callback_id": view["callback_id"],
                    "private_metadata": view["private_metadata"],
                    "state": {"values": values},
                },
            },
        }
        arrived = self._sockets.send(sent)
        self._world.record("sent off", id=identity, by=_person(identity), arrived=arrived)
        if form.is_sent_again:
            self._loop.call_later(AGAIN_SECONDS, self._sockets.send, sent)
        self._loop.call_later(_READ_SECONDS, self._read, form, identity, name)

    def _read(self, form: Form, identity: str, name: str) -> None:
        """Answer the question that has come in the place of a form: yes."""
        answer = self._sockets.answers.pop(f"sent-{name}", {})
        view = answer.get("view", {})
        if "submit" in view:
            once = replace(form, is_sent_again=False)
            self._send(once, identity, f"{identity}-really", view, {})
        elif answer:
            self._world.record("refused", id=identity, answer=answer)


def _person(identity: str) -> str:
    return f"filler-{identity.split('-')[1]}"


def _values(form: Form) -> dict[str, Any]:
    """Return what is filled in, by field."""
    if form.what == "unsilence":
        return {"which": {"which": {"selected_option": {"value": "all"}}}}
    values: dict[str, Any] = {"length": {"length": {"selected_option": {"value": form.length}}}}
    if form.until is not None:
        values["end"] = {"end": {"selected_date_time": int(form.until.timestamp())}}
    return values
