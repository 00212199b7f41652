"""Lumen Vyvx as its customers see it: signed requests, status, details and history.

Sources: Lumen help, "Vyvx reservations" and "Constructing an API signature". Where both are silent
(error bodies, clock skew) this is a guess: plain text, and 15 minutes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from aiohttp import web

from watcher.simulator import scenario_schema
from watcher.simulator.world import SimulatedAlarm, World

PREFIX = "/vyvx/v1.0"
_SKEW = timedelta(minutes=15)


class Vyvx:
    """The reservations API."""

    def __init__(self, world: World, *, key_id: str, secret: str) -> None:
        self._world = world
        self._key_id = key_id
        self._secret = secret

    def add_routes(self, app: web.Application) -> None:
        """Serve under PREFIX."""
        path = f"{PREFIX}/customer/service"
        app.router.add_get(f"{path}/_active/status", self.all_status, name="vyvx.active")
        app.router.add_get(f"{path}/{{id}}/status", self.one_status, name="vyvx.status")
        app.router.add_get(f"{path}/{{id}}/details", self.details, name="vyvx.details")
        app.router.add_get(f"{path}/{{id}}/history", self.history, name="vyvx.history")

    async def all_status(self, request: web.Request) -> web.Response:
        """Return the state of every active reservation."""
        self._admit(request)
        services = {
            key: _status(service) for key, service in self._world.services.items() if service.active
        }
        return self._reply(services)

    async def one_status(self, request: web.Request) -> web.Response:
        """Return the state of one reservation."""
        key, service = self._find(request)
        return self._reply({key: _status(service)})

    async def details(self, request: web.Request) -> web.Response:
        """Return who, where and when a reservation is; the time is at the root here."""
        key, service = self._find(request)
        state = service.details_state or service.state
        body = {"id": key, "state": state, "ingress_state": service.ingress_state}
        whole = body | _details(key, service, self._world.when)
        return web.json_response({"data": {"services": {key: whole}}, "timestamp": self._time()})

    async def history(self, request: web.Request) -> web.Response:
        """Return the alarms of one reservation that overlap the requested interval."""
        key, _ = self._find(request)
        start = _requested_time(request, "start")
        end = _requested_time(request, "end") or self._world.now()
        if start is None:
            raise web.HTTPBadRequest(text="missing required request information: start")
        events = [
            _event(alarm)
            for alarm in self._world.alarms[key]
            if alarm.start <= end and (alarm.end is None or alarm.end >= start)
        ]
        return self._reply({key: {"history": {"events": events}}})

    def _reply(self, services: dict[str, Any]) -> web.Response:
        return web.json_response({"data": {"services": services, "time": self._time()}})

    def _time(self) -> str:
        return stamp(self._world.vendor_now() - self._world.stale)

    def _find(self, request: web.Request) -> tuple[str, scenario_schema.Service]:
        self._admit(request)
        key = request.match_info["id"]
        service = self._world.services.get(key)
        if service is None or service.gone == 404:
            raise web.HTTPNotFound(text=f"no service {key}")
        if service.gone:
            raise web.HTTPBadRequest(text=f"service {key} is over")
        return key, service

    def _admit(self, request: web.Request) -> None:
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        key_id, _, signature = rest.partition(":")
        if scheme != "MPA" or not signature:
            raise web.HTTPUnauthorized(text="an MPA Authorization header is required")
        sent = _parse_date(request.headers.get("Date", ""))
        if sent is None or abs(self._world.vendor_now() - sent) > _SKEW:
            raise web.HTTPUnauthorized(text="the Date header is missing or too far from our clock")
        expected = sign(
            self._secret,
            date=request.headers["Date"],
            path=request.rel_url.raw_path,
            content_type=request.headers.get("Content-Type", ""),
            verb=request.method,
            content_md5=request.headers.get("Content-MD5", ""),
        )
        if key_id != self._key_id or not hmac.compare_digest(expected, signature):
            raise web.HTTPForbidden(text="the signature does not match")
        if request.headers.get("Accept", "text/xml").casefold() != "text/xml":
            raise web.HTTPNotAcceptable(text="the only valid Accept is text/xml")


def sign(
    secret: str, *, date: str, path: str, content_type: str, verb: str, content_md5: str
) -> str:
    """Sign a request as "Constructing an API signature" says."""
    text = f"{date}\n{path}\n{content_type}\n{verb}\n{content_md5}"
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def stamp(at: datetime | None) -> str:
    """Return a time as the vendor writes it; empty for an open end."""
    if at is None:
        return ""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _requested_time(request: web.Request, key: str) -> datetime | None:
    text = request.query.get(key, "")
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise web.HTTPBadRequest(text=f"{key} is not a time") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _status(service: scenario_schema.Service) -> Any:
    if service.raw is not None:
        return service.raw
    return {"state": service.state, "ingress_state": service.ingress_state}


def _event(alarm: SimulatedAlarm) -> dict[str, Any]:
    interval = {"start": stamp(alarm.start), "end": stamp(alarm.end)}
    return {"interval": interval, "state": alarm.state, "message": alarm.message}


When = Callable[[timedelta | None], datetime | None]


def _details(key: str, service: scenario_schema.Service, when: When) -> dict[str, Any]:
    notes = [
        {
            "id": note.id,
            "date": stamp(when(note.at)).replace("Z", "+00:00"),
            "message": note.message,
        }
        for note in service.notes
    ]
    return {
        "name": service.name,
        "po_number": service.po_number,
        "notes": notes,
        "origins": [place.model_dump() for place in service.origins],
        "destinations": [place.model_dump() for place in service.destinations],
        "reservations": [
            {"id": booking.id or key, "schedule": _schedule(booking, when)}
            for booking in service.reservations
        ],
    }


def _schedule(booking: scenario_schema.Reservation, when: When) -> dict[str, Any]:
    def written(interval: scenario_schema.Interval) -> dict[str, str]:
        return {"start": stamp(when(interval.start)), "end": stamp(when(interval.end))}

    schedule: dict[str, Any] = {
        "scheduled": written(booking.scheduled),
        "reserved": written(booking.reserved or booking.scheduled),
        "actual": written(booking.actual),
        "activated": [written(interval) for interval in booking.activated],
    }
    if booking.terminal is not None:
        schedule["terminal"] = booking.terminal
    return schedule
