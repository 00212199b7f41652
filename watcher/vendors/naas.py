"""Lumen Internet On-Demand in the dialect `naas`: product inventory, quotes and orders.

This is what Lumen's own how-to and the known public clients speak; no specification is public.
Source: those clients, as told in docs/reference/vendors.md. Law: as in internet_on_demand.py.

Alone, as there, with this client instead:

    keys = settings.OAuth2Account(
        kind="oauth2",
        token_url="https://api.lumen.com/oauth/v2/token",
        client_id="ID",
        client_secret="SECRET",
    )
    async with alone.account(keys) as account:
        api = http.Api(account, "https://api.lumen.com", timeout=timedelta(seconds=30))
        client = naas.Naas(api, customer_number="1-ABCDE")
        for one in (await client.all()).connections:
            print(one.id, one.status, one.bandwidth_mbps)
"""

from __future__ import annotations

from typing import Any

from watcher import model
from watcher.vendors import http, texts, wire
from watcher.vendors import internet_on_demand as iod
from watcher.vendors import naas_forms as forms

MOST_PAGES = 100
_INVENTORY = "/ProductInventory/v1/inventory"


class Naas:
    """The dialect `naas`, at https://api.lumen.com, with the header x-customer-number."""

    def __init__(
        self,
        api: http.Api,
        *,
        customer_number: str,
        unit: iod.Unit = "",
        contact: forms.Contact | None = None,
    ) -> None:
        self._api = api
        self._customer = customer_number
        self._unit = unit
        self._contact = contact or forms.Contact()
        self._headers = {"Accept": "application/json", "x-customer-number": customer_number}

    async def all(self) -> iod.Inventory:
        """`GET /ProductInventory/v1/inventory?serviceType=Internet`: read every page."""
        items, complete = await self._items()
        return iod.inventory([self._read(item) for item in items], complete=complete)

    async def one(self, connection: str) -> iod.Connection:
        """Read one service. Raises PermanentError when the inventory has none of this id."""
        found = self._read(await self._item(connection))
        assert found is not None  # noqa: S101  # it was found by its id
        return found

    async def create(self, *, location: str, mbps: int, description: str = "") -> iod.Order:
        """Refuse: it costs money, and how to order a new service is published nowhere."""
        del mbps, description
        raise model.PermanentError(
            f"a new connection at {location} cannot be ordered in the dialect naas: nobody has"
            " published that order's form; order it in Lumen's portal"
        )

    async def set_bandwidth(self, connection: str, mbps: int, *, reference: str) -> iod.Order:
        """Ask for a price, then order at that price; a quote holds for 15 minutes.

        `POST /Product/v1/priceRequest`, `POST /Customer/v3/Ordering/orderRequest`.
        """
        item = await self._item(connection)
        wanted = forms.price_request(item, customer=self._customer, speed=iod.write_bandwidth(mbps))
        try:
            reply = await self._api.send(
                "POST", "/Product/v1/priceRequest", wanted, headers=self._headers
            )
        except model.AmbiguousError as error:
            raise model.TemporaryError(f"{error.__cause__}: nothing was ordered") from error
        if reply.status >= 500:
            raise self._api.refusal(reply)  # a price that was not heard has changed nothing
        quote = iod.accepted(self._api, reply)
        number = texts.written(quote.get("id")) or texts.written(quote.get("quoteId"))
        if not number:
            raise model.TemporaryError(f"{reply.place} answered {reply.status} without a quote id")
        order = forms.order_request(item, quote=number, reference=reference, contact=self._contact)
        reply = await self._api.send(
            "POST", "/Customer/v3/Ordering/orderRequest", order, headers=self._headers
        )
        answer = iod.accepted(self._api, reply)
        return iod.Order(
            id=texts.clean(texts.written(answer.get("id")), 100), price=forms.price(quote)
        )

    async def _item(self, connection: str) -> dict[str, Any]:
        """Look one up by its id, which may fail while a change is pending; then in the list."""
        reply = await self._page([("serviceId", connection)], http.Errand.ONE)
        items = iod.listed(wire.read_object(reply), "serviceInventory", reply.place)
        found = forms.by_id(items, connection)
        if found is None:
            items, _ = await self._items()
            found = forms.by_id(items, connection)
        if found is None:
            raise model.PermanentError(f"the inventory has no connection {connection}")
        return found

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
                    ("pageSize", str(forms.PAGE_SIZE)),
                ]
            )
            body = wire.read_object(reply)
            page = iod.listed(body, "serviceInventory", reply.place)
            paging = forms.read_paging(body)
            before = len(items)
            for place, item in enumerate(page):
                items[forms.id_of(item) or (number, place)] = item
            last = len(page) != paging.size or len(items) == paging.total
            if last and len(items) >= paging.at_least:
                return list(items.values()), True
            if len(items) == before:
                break  # the page repeats or is empty, though there was to be more
        return list(items.values()), False

    async def _page(
        self, query: list[tuple[str, str]], errand: http.Errand = http.Errand.POLL
    ) -> wire.Reply:
        return await self._api.get(_INVENTORY, query=query, headers=self._headers, errand=errand)

    def _read(self, item: object) -> iod.Connection | None:
        """Read one service; status and characteristics may also stand at item level."""
        if not isinstance(item, dict):
            return None
        product = forms.part(item, "product")
        return iod.connection_of(
            item.get("serviceId"),
            product.get("status") or item.get("status"),
            iod.read_bandwidth(forms.characteristics(item).get("bandwidth"), self._unit),
            forms.site_of(item),
        )
