"""Lumen Internet On-Demand in the dialect `naas`: product inventory, quotes and orders.

This is what Lumen's own how-to and the known public clients speak; no specification is public.
Source: those clients, as in docs/reference/vendors.md.

Alone, as there, with this client instead:

    config = settings.OAuth2Account(
        kind="oauth2",
        token_url="https://api.lumen.com/oauth/v2/token",
        client_id="ID",
        client_secret="SECRET",
    )
    async with open_account(config) as account:
        api = VendorApi(account, "https://api.lumen.com", timeout=timedelta(seconds=30))
        client = NaasClient(api, customer_number="1-ABCDE")
        for connection in (await client.all()).connections:
            print(connection.id, connection.status, connection.bandwidth_mbps)
"""

from __future__ import annotations

from typing import Any

import msgspec

from watcher import model, off_loop, text
from watcher import text as texts
from watcher.http import exchange
from watcher.vendors.http.account import CallPriority
from watcher.vendors.http.api import VendorApi
from watcher.vendors.http.paging import Paging, read_paging
from watcher.vendors.internet_on_demand.client import (
    Connection,
    Inventory,
    Order,
    Unit,
    accepted,
    connection_of,
    format_order,
    inventory,
    listed,
)

MOST_PAGES = 100
_INVENTORY = "/ProductInventory/v1/inventory"


class NaasClient:
    """The dialect `naas`, at https://api.lumen.com, with the header x-customer-number."""

    def __init__(
        self,
        api: VendorApi,
        *,
        customer_number: str,
        unit: Unit = "",
        contact: Contact | None = None,
    ) -> None:
        self._api = api
        self._customer = customer_number
        self._unit = unit
        self._contact = contact or Contact()
        self._headers = {"Accept": "application/json", "x-customer-number": customer_number}

    async def all(self) -> Inventory:
        """`GET /ProductInventory/v1/inventory?serviceType=Internet`: read every page."""
        items, complete = await self._items()
        return await off_loop.run_long(
            lambda: inventory([self._parse(item) for item in items], complete=complete),
            is_long=len(items) > MOST_ON_LOOP,
        )

    async def connection(self, connection_id: str) -> Connection:
        """Fetch one service. Raises PermanentError when the inventory has none of this id."""
        connection = self._parse(await self._item(connection_id))
        assert connection is not None  # noqa: S101  # it was found by its id
        return connection

    async def create(self, *, location: str, mbps: int, description: str = "") -> Order:
        """Refuse: it costs money, and how to order a new service is published nowhere."""
        del mbps, description
        raise model.PermanentError(
            f"a new connection at {location} cannot be ordered in the dialect naas: Lumen"
            " has not published that order's format; order it in Lumen's portal"
        )

    async def set_bandwidth(
        self, connection: str, mbps: float, *, reference: str, words: str = ""
    ) -> Order:
        """Request a price, then order at that price; a quote holds for 15 minutes.

        `POST /Product/v1/priceRequest`, `POST /Customer/v3/Ordering/orderRequest`.
        """
        speed = format_order(mbps, words, self._unit)
        item = await self._item(connection)
        request = price_request(item, customer=self._customer, speed=speed)
        try:
            reply = await self._api.send(
                "POST", "/Product/v1/priceRequest", request, headers=self._headers
            )
        except model.AmbiguousError as error:
            raise model.TemporaryError(f"{error.__cause__}: nothing was ordered") from error
        if reply.status >= 500:
            raise self._api.error_from(reply)  # a price that was not heard has changed nothing
        quote = accepted(self._api, reply)
        number = text.as_text(quote.get("id")) or text.as_text(quote.get("quoteId"))
        if not number:
            raise model.TemporaryError(f"{reply.place} answered {reply.status} without a quote id")
        order = order_request(item, quote=number, reference=reference, contact=self._contact)
        reply = await self._api.send(
            "POST", "/Customer/v3/Ordering/orderRequest", order, headers=self._headers
        )
        answer = accepted(self._api, reply)
        return Order(id=text.clean(text.as_text(answer.get("id")), 100), price=price(quote))

    async def _item(self, connection: str) -> dict[str, Any]:
        """Look one up by its id, which may fail while a change is pending; then in the list."""
        reply = await self._page([("serviceId", connection)], CallPriority.LOOKUP)
        items = listed(exchange.parse_object(reply), "serviceInventory", reply.place)
        item = by_id(items, connection)
        if item is None:
            items, _ = await self._items()
            item = by_id(items, connection)
        if item is None:
            raise model.PermanentError(f"the inventory has no connection {connection}")
        return item

    async def _items(self) -> tuple[list[Any], bool]:
        """Collect every page; False when pages are missing.

        Whether paging is obeyed at all, and what counts as a whole page, is not published: the
        reply's own figures count where it has them.
        """
        items: dict[object, Any] = {}
        for number in range(1, MOST_PAGES + 1):
            reply = await self._page(
                [
                    ("serviceType", "Internet"),
                    ("naasEnabled", "true"),
                    ("pageNumber", str(number)),
                    ("pageSize", str(PAGE_SIZE)),
                ]
            )
            body = exchange.parse_object(reply)
            page = listed(body, "serviceInventory", reply.place)
            paging = read_paging(body)
            before = len(items)
            for place, item in enumerate(page):
                items[id_of(item) or (number, place)] = item
            if _is_last(paging, page, number, len(items)):
                return list(items.values()), True
            if len(items) == before:  # it repeats or is empty, though there was to be more
                return list(items.values()), paging == Paging()
        return list(items.values()), False

    async def _page(
        self, query: list[tuple[str, str]], priority: CallPriority = CallPriority.POLL
    ) -> exchange.Reply:
        return await self._api.get(
            _INVENTORY, query=query, headers=self._headers, priority=priority
        )

    def _parse(self, item: object) -> Connection | None:
        """Parse one service; status and characteristics may be at item level."""
        if not isinstance(item, dict):
            return None
        product = part(item, "product")
        return connection_of(
            item.get("serviceId"),
            product.get("status") or item.get("status"),
            characteristics(item).get("bandwidth"),
            site_of(item),
            unit=self._unit,
        )


PAGE_SIZE = 100
MOST_ON_LOOP = 500  # connections
LONGEST_REFERENCE = 20
_PRODUCT = {"id": "718", "name": "Internet On-Demand"}
_SPECIFICATION = {"id": "5001", "name": "NaaS Internet"}
_CHANNEL = "NaaS ExternalApi"


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the vendor calls about an order."""

    name: str = ""
    email: str = ""
    phone: str = ""


def characteristics(item: dict[str, Any]) -> dict[str, object]:
    """Collect a service's characteristics, their names in lower case."""
    listed = part(item, "product").get("productCharacteristic") or item.get("productCharacteristic")
    return {
        texts.as_text(trait.get("name")).strip().casefold(): trait.get("value")
        for trait in (listed if isinstance(listed, list) else [])
        if isinstance(trait, dict)
    }


def site_of(item: dict[str, Any]) -> str:
    """Return the site: `masterSiteid` in the inventory, `masterSiteId` elsewhere."""
    place = part(item, "location")
    return texts.as_text(place.get("masterSiteid") or place.get("masterSiteId"))


def _is_last(paging: Paging, page: list[Any], number: int, read: int) -> bool:
    """Return whether this page ends the list, by all that it says of that."""
    if paging.promises(number) or read < max(paging.total, paging.listed):
        return False
    if paging == Paging():  # it says nothing: its pages may be smaller than was asked for
        return not page or len(page) > PAGE_SIZE
    if paging.has_next is False or (paging.pages and number >= paging.pages):
        return True
    return len(page) != (paging.size or PAGE_SIZE) or read == paging.total


def price_request(item: dict[str, Any], *, customer: str, speed: str) -> dict[str, Any]:
    """Return a request for a speed's price: by partner in a data centre, else by the port's id.

    Raises PermanentError when the inventory lacks what is needed.
    """
    profile = part(item, "locationProfile")
    if profile.get("dataCenter") is True:
        key, value = "partnerId", texts.as_text(part(profile, "relatedParty").get("id"))
    else:
        key, value = "serviceId", texts.as_text(characteristics(item).get("uni service id"))
    site = site_of(item)
    for name, needed in (("masterSiteid", site), (key, value)):
        if not needed:
            raise model.PermanentError(
                f"connection {id_of(item)} cannot be changed: its inventory has no {name}"
            )
    return {
        "sourceSystem": _CHANNEL,
        "customerNumber": customer,
        "currencyCode": "USD",
        "masterSiteId": site,
        "productCode": _PRODUCT["id"],
        "productName": _PRODUCT["name"],
        "speed": speed,
        key: value,
    }


def order_request(
    item: dict[str, Any], *, quote: str, reference: str, contact: Contact
) -> dict[str, Any]:
    """Order what was quoted."""
    service = id_of(item)
    billing = part(item, "billingAccount")
    order: dict[str, Any] = {
        "externalId": reference[:LONGEST_REFERENCE],
        "billingAccount": {
            "id": texts.as_text(billing.get("id")),
            "name": texts.as_text(billing.get("name")),
        },
        "channel": [{"id": "99", "name": _CHANNEL}],
        "note": [{"text": f"Watcher {reference}"}],
        "productOrderItem": [
            {
                "id": service,
                "quantity": 1,
                "action": "modify",
                "product": {
                    "id": service,
                    "productCharacteristic": [],
                    "productSpecification": _SPECIFICATION,
                },
                "productOffering": _PRODUCT,
            }
        ],
        "quote": [{"id": quote, "name": "quoteId"}],
    }
    if contact != Contact():
        order["relatedContactInformation"] = [
            {
                "name": contact.name,
                "emailAddress": contact.email,
                "number": contact.phone,
                "role": "Order Contact",
                "organization": "",
            }
        ]
    return order


def price(quote: dict[str, Any]) -> str:
    """Return a quote's monthly price; gateways write `$331.20000000000005`."""
    price = quote.get("price")
    entries = price if isinstance(price, list) else [price]
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else ():
            text = str(value).lstrip("$")
            if isinstance(value, str | float | int) and text.replace(".", "", 1).isdigit():
                return f"${float(text):.2f}"
    return ""


def by_id(items: list[Any], connection: str) -> dict[str, Any] | None:
    """Return a service by its id."""
    return next((item for item in items if connection and id_of(item) == connection), None)


def id_of(item: object) -> str:
    """Return a service's id; empty where it has none."""
    service_id = item.get("serviceId") if isinstance(item, dict) else None
    return texts.as_text(service_id).strip()


def part(item: dict[str, Any], key: str) -> dict[str, Any]:
    """Return an object inside another, empty where there is none."""
    inner = item.get(key)
    return inner if isinstance(inner, dict) else {}
