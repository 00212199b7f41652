"""A vendor may add fields at any time: what is known is read as before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from watcher.vendors.evpl.client import EvplClient
from watcher.vendors.http.api import VendorApi
from watcher.vendors.internet_on_demand.client import ConnectionsClient
from watcher.vendors.internet_on_demand.naas import NaasClient
from watcher.vendors.vyvx.client import VyvxClient

START = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
BY_ID = {"services"}  # objects whose keys are no fields


def grown(body: object, name: str = "") -> object:
    """Add fields that nobody knows to every object."""
    if isinstance(body, list):
        return [grown(value, name) for value in body]
    if not isinstance(body, dict):
        return body
    existing = {key: grown(value, key) for key, value in body.items()}
    more = {"addedLater": {"nested": [1, None]}, "x-new": "text", "": None}
    return existing if name in BY_ID else {**existing, **more}


async def statuses(api: VendorApi) -> object:
    return await VyvxClient(api).statuses()


async def details(api: VendorApi) -> object:
    return await VyvxClient(api).details("1234567")


async def history(api: VendorApi) -> object:
    return await VyvxClient(api).history("1234567", START, START + timedelta(hours=1))


async def utilization(api: VendorApi) -> object:
    five = timedelta(minutes=5)
    client = EvplClient(api, operator_code="OP1", application_id="A1", granularity=five)
    return await client.utilization(START, START + timedelta(hours=1))


async def connections(api: VendorApi) -> object:
    return await ConnectionsClient(api).all()


async def inventory(api: VendorApi) -> object:
    return await NaasClient(api, customer_number="1-ABCDE").all()


@pytest.mark.covers("http/unknown-fields")
@pytest.mark.parametrize(
    ("read", "file"),
    [
        (statuses, "vyvx/status.json"),
        (details, "vyvx/details.json"),
        (history, "vyvx/history.json"),
        (utilization, "evpl/page_2.json"),
        (connections, "internet_on_demand/connections.json"),
        (inventory, "internet_on_demand/inventory.json"),
    ],
)
async def test_unknown_fields_change_nothing(vendor, connect, fixture_bytes, read, file):
    body = fixture_bytes(file)
    more = msgspec.json.encode(grown(msgspec.json.decode(body)))
    vendor.replies(body=body)
    before = await read(connect(attempts=1))
    vendor.replies(body=more)
    assert await read(connect(attempts=1)) == before
