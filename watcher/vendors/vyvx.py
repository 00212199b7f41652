"""Lumen Vyvx reservations: status of all, status of one, details, alarm history. GET alone.

Source: Lumen help, Media Portal API, "Vyvx reservations". Its examples are not valid JSON and one
names the wrong path; what is read here is strict JSON with the fields that the text names.

Alone:

    async with alone.account(settings.MpaAccount(kind="mpa", key_id="K", secret="S")) as account:
        api = http.Api(account, "https://ws.lumen.com/vyvx/v1.0", timeout=timedelta(seconds=30))
        client = vyvx.Client(api)
        for reservation, service in (await client.statuses()).services.items():
            details = await client.details(reservation)
            print(details.labels["name"], service.state, service.ingress_state)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec

from watcher import model
from watcher.vendors import http, moments, texts, vyvx_details, wire

# One status of 100,000 reservations is 6 MB; give the Api this cap.
STATUS_CAP = 50 * wire.MEGABYTE

LONGEST_ID = 100

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]


class Service(msgspec.Struct, frozen=True, gc=False):
    """The health of one reservation: `online impaired degraded offline unknown`, as sent.

    `ingress_state` is Lumen's estimate of the signal that reaches its network.
    """

    state: str | None
    ingress_state: str | None = None


class _Data(msgspec.Struct, gc=False):
    services: dict[_Id, Service]
    time: Any = None
    timestamp: Any = None


class _Status(msgspec.Struct, gc=False):
    data: _Data
    time: Any = None
    timestamp: Any = None


_STATUS = msgspec.json.Decoder(_Status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """What a status call said; `unreadable` are the ids of malformed entries."""

    services: dict[str, Service]
    unreadable: tuple[str, ...] = ()
    time: datetime | None = None


class Client:
    """The Vyvx API at `base_url`, https://ws.lumen.com/vyvx/v1.0; sign with an MPA account.

    Every call raises TemporaryError or PermanentError. A reservation that is over answers 400 or
    404, which is a PermanentError.
    """

    def __init__(self, api: http.Api) -> None:
        self._api = api

    async def statuses(self) -> Statuses:
        """`GET /customer/service/_active/status`: every active reservation."""
        return read_statuses(await self._api.get("/customer/service/_active/status"))

    async def status(self, service: str) -> Service:
        """`GET /customer/service/{id}/status`: one reservation."""
        reply = await self._api.get(f"{_path(service)}/status", errand=http.Errand.ONE)
        services = read_statuses(reply).services
        if service not in services and len(services) != 1:
            raise model.TemporaryError(f"{reply.place} answered without service {service}")
        return services[service] if service in services else next(iter(services.values()))

    async def details(self, service: str) -> model.Details:
        """`GET /customer/service/{id}/details`: name, route, notes and bookings of one service."""
        reply = await self._api.get(f"{_path(service)}/details", errand=http.Errand.ONE)
        return vyvx_details.read_details(reply, service)

    async def history(
        self, service: str, start: datetime, end: datetime
    ) -> tuple[model.Alarm, ...]:
        """`GET /customer/service/{id}/history?start=&end=`: alarms, oldest first."""
        query = [("start", moments.write(start)), ("end", moments.write(end))]
        reply = await self._api.get(
            f"{_path(service)}/history", query=query, errand=http.Errand.SPARE
        )
        return vyvx_details.read_history(reply, service)


def read_statuses(reply: wire.Reply) -> Statuses:
    """Decode a status reply; a malformed entry costs only itself.

    Raises TemporaryError when it is no object with `data.services`, or no entry can be read.
    """
    # An id with an escape in it is hostile or broken; valid ids need none.
    if b"\\" not in reply.body:
        try:
            status = _STATUS.decode(reply.body)
        except wire.MALFORMED:
            pass  # the tolerant reading below says what is wrong
        else:
            return Statuses(
                services=status.data.services,
                time=moments.read(
                    status.data.time, status.data.timestamp, status.time, status.timestamp
                )
                or moments.read_http(reply.headers.get("Date", "")),
            )
    return _read_tolerantly(reply)


def _read_tolerantly(reply: wire.Reply) -> Statuses:
    root = wire.read_object(reply)
    data = root.get("data")
    entries = data.get("services") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(entries, dict):
        raise model.TemporaryError(f"{reply.place} answered 200 without data.services")
    services: dict[str, Service] = {}
    unreadable = []
    for service, entry in entries.items():
        try:
            reading = msgspec.convert(entry, Service)
        except msgspec.ValidationError:
            reading = None
        if reading is not None and 0 < len(service) <= LONGEST_ID and service.isprintable():
            services[service] = reading
        else:
            unreadable.append(texts.clean(service))
    if unreadable and not services:
        raise model.TemporaryError(
            f"{reply.place} answered 200, but none of its {len(unreadable)} services can be read"
        )
    return Statuses(
        services=services,
        unreadable=tuple(unreadable),
        time=moments.read_vendor_time(root, reply),
    )


def _path(service: str) -> str:
    return f"/customer/service/{quote(service, safe='')}"
