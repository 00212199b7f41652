"""Lumen Internet On-Demand: connections with their status and bandwidth, read and changed.

This is the dialect `connections`, which the published OpenAPI document describes; the other one is
in naas.py. The document requires nothing of a connection, so a missing id costs only that one.

Law: what changes a connection leaves once; the caller looks it up before repeating it.
Source: the OpenAPI document of Internet On-Demand.

Alone:

    config = settings.OAuth2Account(
        kind="oauth2",
        token_url="https://api.lumen.com/oauth/v2/token",
        client_id="ID",
        client_secret="SECRET",
    )
    async with open_account(config) as account:
        api = VendorApi(account, "https://api.lumen.com", timeout=timedelta(seconds=30))
        for connection in (await ConnectionsClient(api, unit="Mbps").all()).connections:
            print(connection.id, connection.status, connection.bandwidth_mbps)
"""

from __future__ import annotations

import re
from typing import Any, Literal, Protocol
from urllib.parse import quote

import msgspec

from watcher import model, text
from watcher.vendors.http import exchange
from watcher.vendors.http.account import CallPriority
from watcher.vendors.http.api import VendorApi

Unit = Literal["", "kbps", "Mbps", "Gbps"]

LEAST_MBPS, MOST_MBPS = 1, 1_000_000
_PATH = "/internet-on-demand/connections"
_HEADERS = {"Accept": "application/json"}
_BANDWIDTH = re.compile(
    r"(?<![\d.,])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?\s*(?:([kmg])(?:b(?:it)?)?(?:ps|/s)?\b)?",
    re.IGNORECASE,
)
_IN_MBPS = {"k": 0.001, "m": 1.0, "g": 1000.0}


class Connection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One connection; `status` as sent, `bandwidth_mbps` None where it cannot be known."""

    id: str
    status: str
    bandwidth_mbps: float | None
    location: str = ""


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """All connections; `unreadable` counts those without an id."""

    connections: tuple[Connection, ...]
    complete: bool = True
    unreadable: int = 0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the vendor accepted; it is carried out only when `connection()` shows it.

    `id` is the order's or the new connection's, empty where the vendor gives none.
    """

    id: str = ""
    price: str = ""


class InternetOnDemandClient(Protocol):
    """What both dialects can do. Every verb raises TemporaryError or PermanentError."""

    async def all(self) -> Inventory:
        """Fetch every connection."""

    async def connection(self, connection_id: str) -> Connection:
        """Fetch one connection."""

    async def create(self, *, location: str, mbps: int, description: str = "") -> Order:
        """Order a connection, once; AmbiguousError when nobody can tell whether it was."""

    async def set_bandwidth(self, connection: str, mbps: int, *, reference: str) -> Order:
        """Order another bandwidth, once; AmbiguousError when nobody can tell whether it was.

        `reference` is ours, at most 20 characters, by which the vendor's people find the order.
        """


class ConnectionsClient:
    """Dialect `connections`, at https://api.lumen.com.

    `unit` is what a bandwidth without a unit is counted in; empty: it stays unknown.
    Source: the OpenAPI document "Lumen Internet On-Demand API".
    """

    def __init__(self, api: VendorApi, *, unit: Unit = "") -> None:
        self._api = api
        self._unit = unit

    async def all(self) -> Inventory:
        """`GET /internet-on-demand/connections`: read every connection."""
        reply = await self._api.get(_PATH, headers=_HEADERS)
        items = listed(exchange.parse_object(reply), "connections", reply.place)
        return inventory([self._parse(item) for item in items], complete=True)

    async def connection(self, connection_id: str) -> Connection:
        """`GET /internet-on-demand/connections/{id}`: PermanentError when there is none."""
        reply = await self._api.get(
            f"{_PATH}/{quote(connection_id, safe='')}",
            headers=_HEADERS,
            priority=CallPriority.LOOKUP,
        )
        connection = self._parse(exchange.parse_object(reply))
        if connection is None:
            raise model.TemporaryError(f"{reply.place} answered {reply.status} without an id")
        return connection

    async def create(self, *, location: str, mbps: int, description: str = "") -> Order:
        """`POST /internet-on-demand/connections`: order a connection at a location of Lumen's."""
        content = {"bandwidth": format_bandwidth(mbps), "locationId": location}
        if description:
            content["description"] = description
        reply = await self._api.send("POST", _PATH, content, headers=_HEADERS)
        answer = accepted(self._api, reply)
        return Order(id=text.clean(text.as_text(answer.get("id")), 100))

    async def set_bandwidth(self, connection: str, mbps: int, *, reference: str) -> Order:
        """`PUT /internet-on-demand/connections/{id}/bandwidth`; it has no room for `reference`."""
        del reference
        path = f"{_PATH}/{quote(connection, safe='')}/bandwidth"
        content = {"bandwidth": format_bandwidth(mbps)}
        accepted(self._api, await self._api.send("PUT", path, content, headers=_HEADERS))
        return Order()

    def _parse(self, item: object) -> Connection | None:
        if not isinstance(item, dict):
            return None
        return connection_of(
            item.get("id"),
            item.get("status"),
            parse_bandwidth(item.get("bandwidth"), self._unit),
            item.get("location"),
        )


def parse_bandwidth(text: object, unit: Unit = "") -> float | None:
    """Parse `500 Mbps`, `1gbps` or `1,000 Mbps` as Mbit/s.

    A bare figure is taken for `unit`s; without a unit it is None, for it is not guessed.
    """
    match = _BANDWIDTH.search(str(text)) if isinstance(text, str | int | float) else None
    if match is None or isinstance(text, bool):
        return None
    whole, rest, letter = match.groups()
    scale = _IN_MBPS.get((letter or unit[:1]).lower())
    return float(whole.replace(",", "") + (rest or "")) * scale if scale else None


def format_bandwidth(mbps: int) -> str:
    """Return Mbit/s as the vendor's examples do: `500 Mbps`, `2 Gbps`. Raises PermanentError."""
    if not LEAST_MBPS <= mbps <= MOST_MBPS:
        raise model.PermanentError(
            f"{mbps} Mbit/s cannot be ordered: the range is {LEAST_MBPS} to {MOST_MBPS}"
        )
    return f"{mbps // 1000} Gbps" if mbps % 1000 == 0 else f"{mbps} Mbps"


def listed(body: dict[str, Any], key: str, place: str) -> list[Any]:
    """Return the list under a key. Raises TemporaryError when there is none."""
    items = body.get(key)
    if not isinstance(items, list):
        raise model.TemporaryError(f"{place} answered 200 without {key}: check the dialect")
    return items


def inventory(parsed: list[Connection | None], *, complete: bool) -> Inventory:
    """Keep what could be parsed and count the rest; of an id listed twice the later counts."""
    by_id = {connection.id: connection for connection in parsed if connection is not None}
    return Inventory(
        connections=tuple(by_id.values()), complete=complete, unreadable=parsed.count(None)
    )


def connection_of(
    identity: object, status: object, mbps: float | None, location: object
) -> Connection | None:
    """Return a connection of what was parsed; None without an id."""
    connection_id = text.clean(text.as_text(identity), 100)
    if not connection_id:
        return None
    return Connection(
        id=connection_id,
        status=text.clean(text.as_text(status), 60),
        bandwidth_mbps=mbps,
        location=text.clean(text.as_text(location)),
    )


def accepted(api: VendorApi, reply: exchange.Reply) -> dict[str, Any]:
    """Return the body, or an empty one, of a change that the vendor accepted; else raise why not.

    A 5xx other than 503 leaves open whether the change was made: AmbiguousError.
    """
    if 200 <= reply.status < 300:
        try:
            body = msgspec.json.decode(reply.body)
        except exchange.MALFORMED:
            return {}  # it was done; the body is not needed
        return body if isinstance(body, dict) else {}
    refusal = api.error_from(reply)
    if reply.status >= 500 and reply.status != 503:
        raise model.AmbiguousError(
            f"{refusal}: it may have been carried out: check before repeating it"
        ) from refusal
    raise refusal
