"""What the dialect `naas` writes and expects: services, pages, quotes and orders. Pure.

Source: the public clients of the dialect; no specification is public.
"""

from __future__ import annotations

from typing import Any

import msgspec

from watcher import model
from watcher.vendors import texts

PAGE_SIZE = 100
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
        texts.written(trait.get("name")).strip().casefold(): trait.get("value")
        for trait in (listed if isinstance(listed, list) else [])
        if isinstance(trait, dict)
    }


def site_of(item: dict[str, Any]) -> str:
    """Find the site: `masterSiteid` in the inventory, `masterSiteId` elsewhere."""
    place = part(item, "location")
    return texts.written(place.get("masterSiteid") or place.get("masterSiteId"))


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """What a page says of all: the size of a whole page, and how many items there are.

    `total` is 0 where it is not told; `at_least` may count this page alone.
    """

    size: int
    total: int
    at_least: int


def read_paging(body: dict[str, Any]) -> Paging:
    """Read `pagination: [{pageSize, totalRecords}]`, or `pageSize` and `resultCount` beside it."""
    told = body.get("pagination")
    if isinstance(told, list) and told:
        told = told[0]
    told = told if isinstance(told, dict) else body
    total = _figure(told.get("totalRecords"))
    return Paging(
        size=_figure(told.get("pageSize")) or PAGE_SIZE,
        total=total,
        at_least=max(total, _figure(told.get("resultCount"))),
    )


def price_request(item: dict[str, Any], *, customer: str, speed: str) -> dict[str, Any]:
    """Ask what a speed costs: by partner in a data centre, else by the port's own service id.

    Raises PermanentError when the inventory does not tell what is needed.
    """
    profile = part(item, "locationProfile")
    if profile.get("dataCenter") is True:
        key, value = "partnerId", texts.written(part(profile, "relatedParty").get("id"))
    else:
        key, value = "serviceId", texts.written(characteristics(item).get("uni service id"))
    site = site_of(item)
    for name, found in (("masterSiteid", site), (key, value)):
        if not found:
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
            "id": texts.written(billing.get("id")),
            "name": texts.written(billing.get("name")),
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
    """Read a quote's monthly price; gateways write `$331.20000000000005`."""
    found = quote.get("price")
    entries = found if isinstance(found, list) else [found]
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else ():
            text = str(value).lstrip("$")
            if isinstance(value, str | float | int) and text.replace(".", "", 1).isdigit():
                return f"${float(text):.2f}"
    return ""


def by_id(items: list[Any], connection: str) -> dict[str, Any] | None:
    """Find a service by its id."""
    return next((item for item in items if connection and id_of(item) == connection), None)


def id_of(item: object) -> str:
    """Read a service's id; empty where it has none."""
    found = item.get("serviceId") if isinstance(item, dict) else None
    return texts.written(found).strip()


def part(item: dict[str, Any], key: str) -> dict[str, Any]:
    """Give an object inside another, empty where there is none."""
    found = item.get(key)
    return found if isinstance(found, dict) else {}


def _figure(value: object) -> int:
    text = texts.written(value)
    return int(text) if text.isascii() and text.isdigit() else 0
