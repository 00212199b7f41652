"""Vyvx, as far as the plan says what is true there."""

from __future__ import annotations

import json
from datetime import datetime

from tests.year.faults import VendorFault
from tests.year.network import JSON, Answer, Request, answer_json
from tests.year.peers import refusals
from tests.year.plan import Booking
from tests.year.world import World

HOST = "vyvx.invalid"


class Vyvx:
    """The reservations API: status of all, status, details and history of one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._names = {circuit.id: circuit.name for circuit in world.plan.circuits_of("vyvx")}
        self._kept: tuple[object, str] = (None, "")

    async def serve(self, request: Request) -> Answer:
        """Answer one request; it and the answer take a while to arrive."""
        world = self._world
        await world.travel()
        *_, identity, what = request.url.path.split("/")
        asked, fault = world.now(), world.spoilt(VendorFault)
        answer = self._answer(identity, what, fault)
        await world.travel()
        if identity == "_active":
            world.record("polled", source="vyvx", asked=asked, whole=fault is None)
        return answer

    def _answer(self, identity: str, what: str, fault: VendorFault | None) -> Answer:
        if refused := refusals.refusal(fault):
            return refused
        true_at = refusals.known_at(fault, self._world.now())
        services: dict[str, object]
        if identity == "_active":
            return refusals.cut(fault, self._all(true_at, refusals.step(fault)))
        if identity not in self._names:
            return Answer(status=404)
        if what == "status":
            services = {identity: _status(self._world.states(true_at)[identity])}
        elif what == "details":
            reservations = self._reservations(identity, true_at)
            details = {"id": identity, "name": self._names[identity], "reservations": reservations}
            services = {identity: details}
        else:
            services = {identity: {"history": {"events": self._events(identity, true_at)}}}
        document = {"data": {"services": services, "time": _stamp(true_at)}}
        return refusals.cut(fault, answer_json(document))

    def _all(self, true_at: datetime, step: int) -> Answer:
        """Return the status of all; most of it is kept until a state changes."""
        key = (self._world.changes(true_at), step)
        if key != self._kept[0]:
            states = self._world.states(true_at)
            listed = list(self._names)[::step]
            self._kept = (key, json.dumps({name: _status(states[name]) for name in listed}))
        body = f'{{"data": {{"services": {self._kept[1]}, "time": "{_stamp(true_at)}"}}}}'
        return Answer(body=body.encode(), headers=JSON)

    def _reservations(self, identity: str, true_at: datetime) -> list[dict[str, object]]:
        bookings: dict[int, Booking] = {}
        for fact in self._world.plan.facts:
            if isinstance(fact, Booking) and fact.circuit == identity and fact.at <= true_at:
                bookings[fact.number] = fact
        return [
            {
                "id": f"{identity}-{number}",
                "schedule": {
                    "scheduled": {"start": _stamp(booking.begin), "end": _stamp(booking.end)}
                },
            }
            for number, booking in bookings.items()
        ]

    def _events(self, identity: str, true_at: datetime) -> list[dict[str, object]]:
        events: list[dict[str, object]] = []
        interval: dict[str, str] = {}
        for fact in self._world.statuses():
            if fact.circuit != identity or fact.at > true_at:
                continue
            interval["end"] = _stamp(fact.at)
            interval = {"start": _stamp(fact.at), "end": ""}
            if fact.state != "online":
                events.append({"state": fact.state, "message": "", "interval": interval})
        return events


def _status(state: str) -> dict[str, str]:
    return {"state": state, "ingress_state": "online"}


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
