"""Lumen Internet On-Demand: connections with status and bandwidth, in two dialects. GET alone.

`connections` is the published OpenAPI document's dialect; `naas` (ProductInventory) is what
Lumen's own how-to and the known clients use. Nothing in the document is required of a connection,
so a missing id costs only that connection.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from watcher import model
from watcher.vendors import http, texts, wire

PAGE_SIZE = 100
MOST_PAGES = 100
_BANDWIDTH = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg])bps?", re.IGNORECASE)
_IN_MBPS = {"k": 0.001, "m": 1.0, "g": 1000.0}


class Connection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One connection; `status` as sent, `bandwidth_mbps` None where it has no unit."""

    id: str
    status: str
    bandwidth_mbps: float | None
    location: str = ""


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """All connections; `unreadable` counts those without an id."""

    connections: tuple[Connection, ...]
    complete: bool = True
    unreadable: int = 0


class Connections:
    """Dialect `connections`: `GET /internet-on-demand/connections` of https://api.lumen.com."""

    def __init__(self, api: http.Api) -> None:
        self._api = api

    async def all(self) -> Inventory:
        """Read every connection. Raises TemporaryError or PermanentError."""
        reply = await self._api.get(
            "/internet-on-demand/connections", headers={"Accept": "application/json"}
        )
        return read_connections(reply)


class Naas:
    """Dialect `naas`: `GET /ProductInventory/v1/inventory`, with the header x-customer-number."""

    def __init__(self, api: http.Api, *, customer_number: str) -> None:
        self._api = api
        self._headers = {"Accept": "application/json", "x-customer-number": customer_number}

    async def all(self) -> Inventory:
        """Read every page. Raises TemporaryError or PermanentError."""
        items: list[Any] = []
        for number in range(1, MOST_PAGES + 1):
            reply = await self._api.get(
                "/ProductInventory/v1/inventory",
                query=[
                    ("serviceType", "Internet"),
                    ("naasEnabled", "true"),
                    ("pageNumber", str(number)),
                    ("pageSize", str(PAGE_SIZE)),
                ],
                headers=self._headers,
            )
            page = _listed(reply, "serviceInventory")
            fresh = [item for item in page if item not in items]
            items += fresh
            if len(page) < PAGE_SIZE:
                return _inventory([_of_service(item) for item in items], complete=True)
            if not fresh:
                break  # the page repeats: there may be more, and nobody tells
        return _inventory([_of_service(item) for item in items], complete=False)


def read_connections(reply: wire.Reply) -> Inventory:
    """Read a list of the `connections` dialect. Raises TemporaryError when it is none."""
    items = _listed(reply, "connections")
    return _inventory([_of_connection(item) for item in items], complete=True)


def read_bandwidth(text: object) -> float | None:
    """Read `500 Mbps` or `1gbps` as Mbit/s; None without a unit, which is not guessed."""
    found = _BANDWIDTH.search(text) if isinstance(text, str) else None
    return float(found[1]) * _IN_MBPS[found[2].lower()] if found else None


def _listed(reply: wire.Reply, key: str) -> list[Any]:
    items = wire.read_object(reply).get(key)
    if not isinstance(items, list):
        raise model.TemporaryError(f"{reply.place} answered 200 without {key}")
    return items


def _inventory(found: list[Connection | None], *, complete: bool) -> Inventory:
    connections = tuple(connection for connection in found if connection is not None)
    return Inventory(
        connections=connections, complete=complete, unreadable=len(found) - len(connections)
    )


def _of_connection(item: object) -> Connection | None:
    if not isinstance(item, dict):
        return None
    return _connection(
        item.get("id"), item.get("status"), item.get("bandwidth"), item.get("location")
    )


def _of_service(item: object) -> Connection | None:
    """Read one service of the inventory; status and characteristics may stand at item level."""
    if not isinstance(item, dict):
        return None
    product = item.get("product")
    product = product if isinstance(product, dict) else {}
    listed = product.get("productCharacteristic") or item.get("productCharacteristic")
    traits = {
        trait.get("name"): trait.get("value")
        for trait in (listed if isinstance(listed, list) else [])
        if isinstance(trait, dict)
    }
    place = item.get("location")
    place = place if isinstance(place, dict) else {}
    return _connection(
        item.get("serviceId"),
        product.get("status") or item.get("status"),
        traits.get("Bandwidth"),
        place.get("masterSiteid") or place.get("masterSiteId"),
    )


def _connection(
    identity: object, status: object, bandwidth: object, location: object
) -> Connection | None:
    known = texts.clean(texts.written(identity), 100)
    if not known:
        return None
    return Connection(
        id=known,
        status=texts.clean(texts.written(status), 60),
        bandwidth_mbps=read_bandwidth(bandwidth),
        location=texts.clean(texts.written(location)),
    )
