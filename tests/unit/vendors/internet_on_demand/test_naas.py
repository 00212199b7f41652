"""Internet On-Demand in the dialect of Lumen's how-to: inventory, quote, order."""

from __future__ import annotations

import msgspec
import pytest
from aiohttp import web

from watcher import model
from watcher.vendors.internet_on_demand import naas as naas_forms
from watcher.vendors.internet_on_demand.client import Connection, Inventory, Order
from watcher.vendors.internet_on_demand.naas import NaasClient

FIRST = Connection(
    id="77133831778",
    status="Active",
    bandwidth_mbps=500.0,
    bandwidth="500 Mbps",
    location="PL0000000001",
)
SECOND = Connection(
    id="77133831779",
    status="Change pending",
    bandwidth_mbps=1000.0,
    bandwidth="1 Gbps",
    location="PL0000000002",
)


@pytest.fixture
def client(vendor, connect, oauth2_account) -> NaasClient:
    return NaasClient(connect(oauth2_account), customer_number="1-ABCDE")


def service(number: int) -> dict[str, object]:
    return {"serviceId": str(number), "product": {"status": "Active"}}


def pages(vendor, *answers: dict[str, object]) -> None:
    """Answer page after page; beyond them the last one again."""

    async def answer(request: web.Request) -> web.Response:
        number = min(int(request.query.get("pageNumber", "1")), len(answers))
        return web.json_response(answers[number - 1])

    vendor.answer = answer


@pytest.mark.covers("naas/inventory", "naas/site-spelling", "naas/item-level", "naas/status-words")
async def test_the_inventory_is_read_in_all_of_its_spellings(vendor, client, fixture_bytes):
    vendor.replies(body=fixture_bytes("internet_on_demand/inventory.json"))
    inventory = await client.all()
    (asked,) = vendor.asked
    assert asked.path == "/ProductInventory/v1/inventory"
    assert asked.headers["x-customer-number"] == "1-ABCDE"
    assert asked.query["serviceType"] == "Internet"
    assert inventory == Inventory(connections=(FIRST, SECOND), unreadable=1)


@pytest.mark.covers("naas/paging")
async def test_every_page_is_read_and_the_vendors_page_size_counts(vendor, client):
    pages(
        vendor,
        {"pageSize": 2, "serviceInventory": [service(1), service(2)]},
        {"pageSize": 2, "serviceInventory": [service(3), service(4)]},
        {"pageSize": 2, "serviceInventory": [service(5)]},
    )
    inventory = await client.all()
    assert [connection.id for connection in inventory.connections] == ["1", "2", "3", "4", "5"]
    assert inventory.complete


@pytest.mark.covers("naas/paging")
async def test_a_total_that_is_given_ends_the_reading(vendor, client):
    pagination = [{"pageNumber": 1, "pageSize": 2, "totalRecords": 4}]
    pages(
        vendor,
        {"pagination": pagination, "serviceInventory": [service(1), service(2)]},
        {"pagination": pagination, "serviceInventory": [service(3), service(4)]},
    )
    assert (await client.all()).complete
    assert len(vendor.asked) == 2


@pytest.mark.covers("naas/paging")
async def test_a_count_of_this_page_alone_is_not_taken_for_a_total(vendor, client):
    pages(
        vendor,
        {"pageSize": "2", "resultCount": "2", "serviceInventory": [service(1), service(2)]},
        {"pageSize": "2", "resultCount": "1", "serviceInventory": [service(3)]},
    )
    inventory = await client.all()
    assert ([connection.id for connection in inventory.connections], inventory.complete) == (
        ["1", "2", "3"],
        True,
    )


@pytest.mark.covers("naas/paging")
@pytest.mark.parametrize(
    "says",
    [
        lambda n: {"pageNumber": n, "totalPages": 3},
        lambda n: {"pagination": [{"pageNumber": n, "totalPages": "3"}]},
        lambda n: {"hasNext": "True" if n < 3 else "False"},
        lambda n: {"has_next": n < 3},
        lambda _: {"totalRecords": 6},
        lambda _: {"resultCount": 6},
        lambda _: {},
    ],
)
async def test_pages_smaller_than_asked_for_are_read_to_the_end(vendor, client, says):
    numbers = ((1, 2), (3, 4), (5, 6), ())
    pages(
        vendor,
        *(
            {**says(page), "serviceInventory": [service(number) for number in listed]}
            for page, listed in enumerate(numbers, 1)
        ),
    )
    inventory = await client.all()
    assert (len(inventory.connections), inventory.complete) == (6, True)


@pytest.mark.covers("naas/paging")
async def test_an_answer_that_says_nothing_of_pages_and_repeats_is_whole(vendor, client):
    pages(vendor, {"serviceInventory": [service(1), service(2)]})
    inventory = await client.all()
    assert (len(inventory.connections), inventory.complete) == (2, True)


@pytest.mark.covers("naas/repeated-page")
async def test_a_page_that_repeats_ends_the_reading_and_leaves_it_incomplete(vendor, client):
    pages(vendor, {"pageSize": 2, "serviceInventory": [service(1), service(2)]})
    inventory = await client.all()
    assert ([connection.id for connection in inventory.connections], inventory.complete) == (
        ["1", "2"],
        False,
    )
    assert len(vendor.asked) == 2


@pytest.mark.covers("naas/repeated-page")
async def test_an_empty_page_before_the_promised_total_leaves_it_incomplete(vendor, client):
    pages(
        vendor,
        {"pageSize": 2, "resultCount": 5, "serviceInventory": [service(1), service(2)]},
        {"pageSize": 2, "resultCount": 5, "serviceInventory": []},
    )
    assert not (await client.all()).complete


async def test_a_page_beyond_the_asked_size_is_all_there_is(vendor, client):
    everything = [service(number) for number in range(150)]
    pages(vendor, {"serviceInventory": everything})
    inventory = await client.all()
    assert (len(inventory.connections), inventory.complete) == (150, True)
    assert len(vendor.asked) == 1


@pytest.mark.covers("naas/empty-lookup")
async def test_a_lookup_that_is_empty_while_pending_falls_back_on_the_list(
    vendor, client, fixture_bytes
):
    async def answer(request: web.Request) -> web.Response:
        if "serviceId" in request.query:
            return web.json_response({"serviceInventory": []})
        return web.Response(body=fixture_bytes("internet_on_demand/inventory.json"))

    vendor.answer = answer
    assert await client.connection("77133831779") == SECOND


@pytest.mark.covers("naas/empty-lookup")
async def test_a_lookup_that_answers_with_others_does_not_mistake_them(
    vendor, client, fixture_bytes
):
    vendor.replies(body=fixture_bytes("internet_on_demand/inventory.json"))
    with pytest.raises(model.PermanentError, match="has no connection 5"):
        await client.connection("5")


class Shop:
    """Quotes and orders, and remembers what was sent."""

    def __init__(self, inventory: bytes) -> None:
        self.inventory = inventory
        self.sent: list[tuple[str, object]] = []
        self.answers: dict[str, tuple[int, object]] = {
            "/Product/v1/priceRequest": (
                200,
                {"id": "NaaS-1466", "price": [{"name": "MRC", "value": "$331.20000000000005"}]},
            ),
            "/Customer/v3/Ordering/orderRequest": (201, {"id": "ORD-1"}),
        }

    async def answer(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.Response(body=self.inventory)
        self.sent.append((request.path, await request.json()))
        status, body = self.answers[request.path]
        return web.json_response(body, status=status)


@pytest.fixture
def shop(vendor, fixture_bytes) -> Shop:
    opened = Shop(fixture_bytes("internet_on_demand/inventory.json"))
    vendor.answer = opened.answer
    return opened


@pytest.mark.covers("iod/own-words")
async def test_the_vendors_own_words_are_quoted_as_they_are(shop, client):
    await client.set_bandwidth("77133831778", 1500.0, reference="r", words="1.5 Gbit/s")
    assert shop.sent[0][1]["speed"] == "1.5 Gbit/s"


@pytest.mark.covers("naas/quote", "naas/order", "naas/price-text")
async def test_a_change_is_quoted_and_then_ordered_at_that_quote(shop, client):
    order = await client.set_bandwidth("77133831778", 2000, reference="w-0123456789abcdef-and-on")
    assert order == Order(id="ORD-1", price="$331.20")
    (first, quote), (second, bought) = shop.sent
    assert (first, second) == ("/Product/v1/priceRequest", "/Customer/v3/Ordering/orderRequest")
    assert (quote["speed"], quote["masterSiteId"]) == ("2 Gbps", "PL0000000001")
    assert (quote["partnerId"], quote.get("serviceId")) == ("PARTNER-9", None)
    assert bought["quote"] == [{"id": "NaaS-1466", "name": "quoteId"}]
    assert bought["externalId"] == "w-0123456789abcdef-a"
    assert bought["billingAccount"] == {"id": "5-ABCDE", "name": "Example Broadcasting"}
    assert bought["productOrderItem"][0]["action"] == "modify"
    assert "relatedContactInformation" not in bought


@pytest.mark.covers("naas/quote")
async def test_outside_a_data_centre_the_quote_names_the_ports_service(shop, client):
    await client.set_bandwidth("77133831779", 500, reference="r")
    quote = shop.sent[0][1]
    assert (quote["serviceId"], quote.get("partnerId")) == ("BBDX00002", None)


async def test_an_order_names_whom_to_call(shop, connect, oauth2_account):
    contact = naas_forms.Contact(name="NOC", email="noc@example.com", phone="+1 555 0100")
    client = NaasClient(connect(oauth2_account), customer_number="1-A", contact=contact)
    await client.set_bandwidth("77133831778", 500, reference="r")
    (sent,) = shop.sent[1][1]["relatedContactInformation"]
    assert (sent["name"], sent["emailAddress"]) == ("NOC", "noc@example.com")


@pytest.mark.covers("naas/quote")
async def test_without_a_quote_nothing_is_ordered(shop, client):
    shop.answers["/Product/v1/priceRequest"] = (200, {"price": []})
    with pytest.raises(model.TemporaryError, match="without a quote id"):
        await client.set_bandwidth("77133831778", 500, reference="r")
    assert len(shop.sent) == 1


async def test_a_quote_that_fails_is_temporary_and_no_riddle(shop, client):
    shop.answers["/Product/v1/priceRequest"] = (500, {})
    with pytest.raises(model.TemporaryError) as caught:
        await client.set_bandwidth("77133831778", 500, reference="r")
    assert not isinstance(caught.value, model.AmbiguousError)


@pytest.mark.covers("iod/never-repeated")
async def test_an_order_that_ends_in_a_server_error_is_ambiguous_and_left_once(shop, client):
    shop.answers["/Customer/v3/Ordering/orderRequest"] = (502, {})
    with pytest.raises(model.AmbiguousError, match="check before repeating"):
        await client.set_bandwidth("77133831778", 500, reference="r")
    assert len(shop.sent) == 2


async def test_a_connection_whose_inventory_lacks_its_site_is_not_changed(shop, client):
    item = {"serviceId": "9", "locationProfile": {"dataCenter": False}}
    shop.inventory = msgspec.json.encode({"serviceInventory": [item]})
    with pytest.raises(model.PermanentError, match="has no masterSiteid"):
        await client.set_bandwidth("9", 500, reference="r")
    assert shop.sent == []


@pytest.mark.covers("naas/no-create")
async def test_a_new_connection_is_not_guessed_at(vendor, client):
    with pytest.raises(model.PermanentError, match="order it in Lumen's portal"):
        await client.create(location="L", mbps=500)
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("quote", "price"),
    [
        ({"price": [{"amount": 10.5}]}, "$10.50"),
        ({"price": {"monthlyRecurring": 99}}, "$99.00"),
        ({"price": [{"name": "MRC"}]}, ""),
        ({"price": "dear"}, ""),
        ({}, ""),
    ],
)
def test_a_price_is_read_where_there_is_one(quote, price):
    assert naas_forms.price(quote) == price


async def test_no_id_finds_no_connection_without_one(vendor, client, fixture_bytes):
    vendor.replies(body=fixture_bytes("internet_on_demand/inventory.json"))
    with pytest.raises(model.PermanentError, match="has no connection"):
        await client.connection("")


async def test_a_quote_whose_answer_is_lost_has_ordered_nothing(shop, vendor, client):
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/Product/v1/priceRequest":
            assert request.transport is not None
            request.transport.abort()
        return await shop.answer(request)

    vendor.answer = answer
    with pytest.raises(model.TemporaryError, match="nothing was ordered") as caught:
        await client.set_bandwidth("77133831778", 500, reference="r")
    assert not isinstance(caught.value, model.AmbiguousError)
