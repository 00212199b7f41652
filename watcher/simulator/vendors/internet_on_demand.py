"""Internet On-Demand, in both dialects: the published document's, and that of Lumen's how-to.

Sources: the OpenAPI document of Internet On-Demand; for the other dialect the public clients that
speak it. What those leave open is a guess: the status of a change beyond the day's limit, and that
the published dialect shows a pending change as `provisioning`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from watcher.simulator import scenario_schema
from watcher.simulator.vendors.iod_inventory import OrderRejectedError
from watcher.simulator.vendors.lumen import PREFIX, Lumen, refusal
from watcher.simulator.world import World

QUOTE_LIFE = timedelta(minutes=15)
_PATH = f"{PREFIX}/internet-on-demand/connections"


class Iod:
    """The endpoints of both dialects."""

    def __init__(self, world: World, lumen: Lumen, *, customer_number: str) -> None:
        self._world = world
        self._lumen = lumen
        self._customer = customer_number
        self._quotes: dict[str, tuple[str, datetime]] = {}
        self.orders: list[dict[str, Any]] = []

    def add_routes(self, app: web.Application) -> None:
        """Serve under PREFIX."""
        app.router.add_get(_PATH, self.all, name="lumen.connections")
        app.router.add_post(_PATH, self.create, name="lumen.create")
        app.router.add_get(f"{_PATH}/{{id}}", self.show, name="lumen.connection")
        app.router.add_put(f"{_PATH}/{{id}}/bandwidth", self.change, name="lumen.bandwidth")
        path = f"{PREFIX}/ProductInventory/v1/inventory"
        app.router.add_get(path, self.inventory, name="lumen.inventory")
        app.router.add_post(f"{PREFIX}/Product/v1/priceRequest", self.price, name="lumen.price")
        path = f"{PREFIX}/Customer/v3/Ordering/orderRequest"
        app.router.add_post(path, self.order, name="lumen.order")

    async def all(self, request: web.Request) -> web.Response:
        """List the connections."""
        if denied := self._lumen.deny(request):
            return denied
        shown = [self._shown(*item) for item in self._now().items()]
        return web.json_response({"connections": shown})

    async def show(self, request: web.Request) -> web.Response:
        """Show one connection."""
        if denied := self._lumen.deny(request):
            return denied
        key = request.match_info["id"]
        connection = self._now().get(key)
        if connection is None:
            return refusal(404, "NOTFOUND", "Connection not found")
        return web.json_response(self._shown(key, connection))

    async def create(self, request: web.Request) -> web.Response:
        """Accept an order of a new connection."""
        if denied := self._lumen.deny(request):
            return denied
        body = await _json_body(request)
        bandwidth, location = body.get("bandwidth"), body.get("locationId")
        if not isinstance(bandwidth, str) or not isinstance(location, str):
            return refusal(400, "INVALIDVALUE", "bandwidth and locationId are required")
        try:
            key = self._world.on_demand.create(bandwidth, location, self._world.now())
        except OrderRejectedError as error:
            return refusal(error.status, error.code, error.reason)
        return web.json_response(self._shown(key, self._now()[key]), status=201)

    async def change(self, request: web.Request) -> web.Response:
        """Accept another bandwidth for a connection."""
        if denied := self._lumen.deny(request):
            return denied
        bandwidth = (await _json_body(request)).get("bandwidth")
        if not isinstance(bandwidth, str):
            return refusal(400, "INVALIDVALUE", "bandwidth is required")
        try:
            self._world.on_demand.order(request.match_info["id"], bandwidth, self._world.now())
        except OrderRejectedError as error:
            return refusal(error.status, error.code, error.reason)
        return web.Response(status=200)

    async def inventory(self, request: web.Request) -> web.Response:
        """List services by type, or look one up by its id."""
        if denied := self._deny(request):
            return denied
        config = self._world.on_demand.config
        service_id = request.query.get("serviceId")
        if service_id is not None:
            matches = [item for key, item in self._items() if key == service_id]
            if service_id in self._world.on_demand.pending and config.lookup == "empty":
                matches = []
            return web.json_response({"serviceInventory": matches})
        if "serviceType" not in request.query:
            return refusal(400, "INVALIDVALUE", "serviceId or serviceType is required")
        size = min(_number(request, "pageSize", config.page_size), config.page_size)
        number = _number(request, "pageNumber", 1) if config.paging == "obeyed" else 1
        items = [item for _, item in self._items()]
        page = items[(number - 1) * size : number * size]
        return web.json_response(
            {
                "pageNumber": number,
                "pageSize": size,
                "resultCount": len(page),
                "serviceInventory": page,
            }
        )

    async def price(self, request: web.Request) -> web.Response:
        """Quote a price that holds for a quarter of an hour."""
        if denied := self._deny(request):
            return denied
        body = await _json_body(request)
        site = body.get("masterSiteId")
        if site not in {connection.site for connection in self._now().values()}:
            return refusal(422, "INVALIDVALUE", "Not a NaaS Enabled Location")
        if not isinstance(body.get("speed"), str) or not body.keys() & {"partnerId", "serviceId"}:
            return refusal(400, "INVALIDVALUE", "speed, and partnerId or serviceId, are required")
        quote = f"NaaS-{1466 + len(self._quotes)}"
        self._quotes[quote] = (body["speed"], self._world.now() + QUOTE_LIFE)
        price = [{"name": "MRC", "value": "$331.20000000000005"}]
        return web.json_response({"id": quote, "price": price})

    async def order(self, request: web.Request) -> web.Response:
        """Accept a change at a quoted price."""
        if denied := self._deny(request):
            return denied
        body = await _json_body(request)
        try:
            quote, service = body["quote"][0]["id"], body["productOrderItem"][0]["product"]["id"]
            speed, until = self._quotes[quote]
        except (KeyError, IndexError, TypeError):
            return refusal(400, "INVALIDVALUE", "quote and productOrderItem are required")
        if self._world.now() > until:
            return refusal(422, "QUOTEEXPIRED", "The quote has expired")
        try:
            self._world.on_demand.order(service, speed, self._world.now())
        except OrderRejectedError as error:
            exception = {
                "httpStatusCode": str(error.status),
                "code": f"{error.status}001",
                "message": error.reason,
            }
            return web.json_response({"exception": exception}, status=error.status)
        self.orders.append(body)
        return web.json_response({"id": f"ORD-{len(self.orders)}"}, status=201)

    def _deny(self, request: web.Request) -> web.Response | None:
        denied = self._lumen.deny(request)
        if denied is None and request.headers.get("x-customer-number") != self._customer:
            return refusal(403, "FORBIDDEN", "x-customer-number is missing or not yours")
        return denied

    def _now(self) -> dict[str, scenario_schema.Connection]:
        return self._world.on_demand.at(self._world.now())

    def _shown(self, key: str, connection: scenario_schema.Connection) -> Any:
        if connection.raw is not None:
            return connection.raw
        pending = key in self._world.on_demand.pending
        created = self._world.when(connection.created)
        shown = {
            "id": key,
            "status": "provisioning" if pending else connection.status,
            "bandwidth": connection.bandwidth,
            "location": connection.location,
            "createdAt": created.isoformat() if created else None,
        }
        return {
            name: value for name, value in shown.items() if name != "id" or not connection.nameless
        }

    def _items(self) -> Iterator[tuple[str, Any]]:
        """Yield each connection as a service of the inventory."""
        for number, (key, connection) in enumerate(self._now().items()):
            if connection.raw is not None:
                yield key, connection.raw
                continue
            pending = key in self._world.on_demand.pending
            product = {
                "status": "Change pending" if pending else connection.status.capitalize(),
                "productCharacteristic": [
                    {"name": "Bandwidth", "value": connection.bandwidth},
                    {"name": "UNI Service ID", "value": f"BBDX{number:05}"},
                ],
            }
            profile: dict[str, Any] = {"dataCenter": connection.data_center}
            if connection.data_center:
                profile["relatedParty"] = {"id": "PARTNER-9"}
            item: dict[str, Any] = {
                "serviceId": key,
                "billingAccount": {"id": "5-ABCDE", "name": "Example Broadcasting"},
                "location": {connection.site_key: connection.site},
                "locationProfile": profile,
            }
            item |= product if connection.flat else {"product": product}
            if connection.nameless:
                del item["serviceId"]
            yield key, item


async def _json_body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except json.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _number(request: web.Request, name: str, otherwise: int) -> int:
    text = request.query.get(name, "")
    return max(1, int(text)) if text.isdigit() else otherwise
