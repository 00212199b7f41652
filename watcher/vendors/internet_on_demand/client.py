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

from watcher import model, off_loop, text
from watcher.http import exchange
from watcher.vendors.http.account import CallPriority
from watcher.vendors.http.api import VendorApi
from watcher.vendors.http.paging import read_paging

Unit = Literal["", "kbps", "Mbps", "Gbps"]

LEAST_MBPS, MOST_MBPS = 1, 1_000_000
_TOLERANCE = 0.5  # Mbit/s; what was given in kbps does not come out even
_PATH = "/internet-on-demand/connections"
_HEADERS = {"Accept": "application/json"}
# Bits alone: MB/s and MBps are bytes. Three digits after a point may be thousands, unless the
# whole part is zero, and a comma may be either.
_BANDWIDTH = re.compile(
    r"\s*(?P<figure>0\.[0-9]{1,9}|[0-9]{1,9}(?:\.(?![0-9]{3}(?![0-9]))[0-9]{1,9})?)"
    r"\s*(?:(?P<prefix>[kKmMgGtT])(?:bps|BPS|b/s|[bB]its?/s))?\s*"
)
_IN_MBPS = {"k": 0.001, "m": 1.0, "g": 1000.0, "t": 1_000_000.0}
_FIGURE = re.compile(r"[0-9.]+")


class Connection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One connection; `status` and `bandwidth` as sent.

    `bandwidth_mbps` is None where `bandwidth` is anything but a number with a known unit.
    """

    id: str
    status: str
    bandwidth_mbps: float | None
    bandwidth: str = ""
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

    async def set_bandwidth(
        self, connection: str, mbps: float, *, reference: str, words: str = ""
    ) -> Order:
        """Order another bandwidth, once; AmbiguousError when nobody can tell whether it was.

        `reference` is ours, at most 20 characters, by which the vendor's people find the order.
        `words` are the vendor's own for this bandwidth, and are sent as they are.
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
        return await off_loop.run_long(lambda: self._read(reply), is_long=exchange.is_long(reply))

    def _read(self, reply: exchange.Reply) -> Inventory:
        body = exchange.parse_listing(reply, "connections")
        items = listed(body, "connections", reply.place)
        paging = read_paging(body)  # none is documented, so further pages cannot be asked for
        complete = not paging.promises(1) and paging.total <= len(items)
        return inventory([self._parse(item) for item in items], complete=complete)

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
        content = {"bandwidth": format_order(mbps), "locationId": location}
        if description:
            content["description"] = description
        reply = await self._api.send("POST", _PATH, content, headers=_HEADERS)
        answer = accepted(self._api, reply)
        return Order(id=text.clean(text.as_text(answer.get("id")), 100))

    async def set_bandwidth(
        self, connection: str, mbps: float, *, reference: str, words: str = ""
    ) -> Order:
        """`PUT /internet-on-demand/connections/{id}/bandwidth`; it has no room for `reference`."""
        del reference
        path = f"{_PATH}/{quote(connection, safe='')}/bandwidth"
        content = {"bandwidth": format_order(mbps, words, self._unit)}
        accepted(self._api, await self._api.send("PUT", path, content, headers=_HEADERS))
        return Order()

    def _parse(self, item: object) -> Connection | None:
        if not isinstance(item, dict):
            return None
        return connection_of(
            item.get("id"),
            item.get("status"),
            item.get("bandwidth"),
            item.get("location"),
            unit=self._unit,
        )


def parse_bandwidth(text: object, unit: Unit = "") -> float | None:
    """Parse `500 Mbps`, `1gbps` or `1.5 Gbit/s` as Mbit/s; None for anything that is not certain.

    A bare number is taken for `unit`s; without a unit it is None. So is what could be read in two
    ways (`1,000 Mbps`, `1.000 Mbps`), and a number among other words.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return None
    if not isinstance(text, str):
        scale = _IN_MBPS.get(unit[:1].lower())
        return float(text) * scale if scale and 0 <= text < 1e9 else None
    match = _BANDWIDTH.fullmatch(text)
    if match is None:
        return None
    scale = _IN_MBPS.get((match["prefix"] or unit[:1]).lower())
    return round(float(match["figure"]) * scale, 9) if scale else None


def lacks_unit(words: str) -> bool:
    """Return whether a bandwidth is a bare number."""
    return _FIGURE.fullmatch(words) is not None


def format_order(mbps: float, words: str = "", unit: Unit = "") -> str:
    """Return a bandwidth as it is ordered: the vendor's own words, or `500 Mbps`, `2 Gbps`.

    Raises PermanentError for words that do not mean this bandwidth, and for what is not sold.
    """
    if words:
        meant = parse_bandwidth(words, unit)
        if meant is None or abs(meant - mbps) >= _TOLERANCE or mbps > MOST_MBPS:
            raise model.PermanentError(
                f"{words!r} is not certain to mean {model.format_mbps(mbps)}: nothing was requested"
            )
        return words
    if not LEAST_MBPS <= mbps <= MOST_MBPS or mbps != int(mbps):
        raise model.PermanentError(
            f"{model.format_mbps(mbps)} cannot be ordered: nothing was requested; the range is"
            f" {LEAST_MBPS} to {MOST_MBPS} whole Mbit/s"
        )
    whole = int(mbps)
    return f"{whole // 1000} Gbps" if whole % 1000 == 0 else f"{whole} Mbps"


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
    identity: object, status: object, bandwidth: object, location: object, *, unit: Unit
) -> Connection | None:
    """Return a connection of what was parsed; None without an id."""
    connection_id = text.clean(text.as_text(identity), 100)
    if not connection_id:
        return None
    return Connection(
        id=connection_id,
        status=text.clean(text.as_text(status), 60),
        bandwidth_mbps=parse_bandwidth(bandwidth, unit),
        bandwidth=text.clean(_words(bandwidth), 60),
        location=text.clean(text.as_text(location)),
    )


def _words(bandwidth: object) -> str:
    return str(bandwidth) if isinstance(bandwidth, float) else text.as_text(bandwidth)


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
