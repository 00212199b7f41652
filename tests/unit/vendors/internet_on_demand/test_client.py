"""Internet On-Demand in the published document's dialect."""

from __future__ import annotations

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from watcher import model
from watcher.vendors.internet_on_demand.client import (
    LEAST_MBPS,
    MOST_MBPS,
    Connection,
    ConnectionsClient,
    Inventory,
    Order,
    format_order,
    parse_bandwidth,
)

BLIP = {
    "reason": "Not a NaaS Enabled Location",
    "code": "INVALIDVALUE",
    "propertyPath": "masterSiteId",
}
PENDING = {
    "exception": {
        "httpStatusCode": "422",
        "code": "422001",
        "message": (
            "The Service Id cannot be modified since the current status is - Change pending"
        ),
    }
}


@pytest.fixture
def client(vendor, connect, oauth2_account) -> ConnectionsClient:
    return ConnectionsClient(connect(oauth2_account))


@pytest.mark.covers("iod/list", "iod/nothing-required", "iod/bandwidth-text")
async def test_connections_are_read_as_documented_and_as_they_come(vendor, client, fixture_bytes):
    vendor.replies(body=fixture_bytes("internet_on_demand/connections.json"))
    result = await client.all()
    assert vendor.asked[0].path == "/internet-on-demand/connections"
    assert result.connections == (
        Connection(
            id="conn-1001",
            status="active",
            bandwidth_mbps=500.0,
            bandwidth="500 Mbps",
            location="111 8th Ave, New York",
        ),
        Connection(id="conn-1002", status="provisioning", bandwidth_mbps=1000.0, bandwidth="1gbps"),
        Connection(id="conn-1003", status="suspended", bandwidth_mbps=None, bandwidth="200"),
        Connection(id="1004", status="Terminated", bandwidth_mbps=None),
    )
    assert (result.unreadable, result.complete) == (2, True)


@pytest.mark.covers("iod/pages")
@pytest.mark.parametrize(
    "says", [{"hasNext": "true"}, {"currentPage": 1, "totalPages": 3}, {"totalRecords": 2}]
)
async def test_a_list_that_has_further_pages_is_incomplete(vendor, client, says):
    vendor.replies(body=msgspec.json.encode({**says, "connections": [{"id": "c1"}]}))
    assert not (await client.all()).complete


async def test_no_connection_at_all_is_an_answer(vendor, client):
    vendor.replies(text='{"connections": []}')
    assert await client.all() == Inventory(connections=())


@pytest.mark.covers("iod/wrong-dialect")
@pytest.mark.parametrize("body", ["{}", '{"serviceInventory": []}', '{"connections": {}}'])
async def test_an_answer_of_another_kind_says_that_the_dialect_may_be_wrong(vendor, client, body):
    vendor.replies(text=body)
    with pytest.raises(model.TemporaryError, match="without connections: check the dialect"):
        await client.all()


@pytest.mark.covers("iod/401-404")
async def test_an_application_without_the_product_is_refused_after_one_fresh_token(vendor, client):
    vendor.replies(status=401)
    with pytest.raises(model.PermanentError, match="approved for this API"):
        await client.all()
    assert (vendor.tokens, len(vendor.asked)) == (2, 2)


@pytest.mark.covers("iod/one", "iod/401-404")
async def test_one_connection_is_read_and_one_that_is_gone_is_permanent(vendor, client):
    vendor.replies(text='{"id": "a/b", "status": "active", "bandwidth": "2 Gbps"}')
    assert (await client.connection("a/b")).bandwidth_mbps == 2000
    assert vendor.asked[0].raw_path == "/internet-on-demand/connections/a%2Fb"
    vendor.replies(status=404)
    with pytest.raises(model.PermanentError, match="answered 404"):
        await client.connection("gone")


@pytest.mark.covers("iod/create")
async def test_a_connection_is_ordered_once(vendor, client):
    vendor.replies(status=201, text='{"id": "conn-2001", "status": "provisioning"}')
    order = await client.create(location="LOC1", mbps=2000, description="backup")
    assert order == Order(id="conn-2001")
    (asked,) = vendor.asked
    assert (asked.method, asked.path) == ("POST", "/internet-on-demand/connections")
    assert asked.headers["Content-Type"] == "application/json"


@pytest.mark.covers("iod/set-bandwidth")
@pytest.mark.parametrize("body", ["", "{}", "OK", "[]"])
async def test_a_change_that_was_taken_needs_no_body(vendor, client, body):
    vendor.replies(text=body)
    assert await client.set_bandwidth("c 1", 1500, reference="r") == Order()
    (asked,) = vendor.asked
    assert (asked.method, asked.raw_path) == (
        "PUT",
        "/internet-on-demand/connections/c%201/bandwidth",
    )


@pytest.mark.covers("iod/never-repeated")
@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_change_that_ends_in_a_server_error_is_ambiguous_and_left_once(
    vendor, client, status
):
    vendor.replies(status=status)
    with pytest.raises(model.AmbiguousError, match="may have been carried out"):
        await client.set_bandwidth("c1", 500, reference="r")
    assert len(vendor.asked) == 1


@pytest.mark.covers("iod/never-repeated")
@pytest.mark.parametrize("status", [429, 503])
async def test_a_change_that_was_put_off_is_temporary_and_left_once(vendor, client, status):
    vendor.replies(status=status)
    with pytest.raises(model.TemporaryError) as caught:
        await client.set_bandwidth("c1", 500, reference="r")
    assert not isinstance(caught.value, model.AmbiguousError)
    assert len(vendor.asked) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 422])
async def test_a_change_that_was_refused_is_permanent(vendor, client, status):
    vendor.replies(status=status, text='{"message": "no"}')
    with pytest.raises(model.PermanentError, match=f"answered {status}: no"):
        await client.create(location="L", mbps=500)


@pytest.mark.covers("iod/change-pending")
async def test_a_change_upon_a_change_is_temporary(vendor, client):
    vendor.replies(status=422, body=msgspec.json.encode(PENDING))
    with pytest.raises(model.TemporaryError, match="wait until it is done"):
        await client.set_bandwidth("c1", 500, reference="r")
    assert len(vendor.asked) == 1


@pytest.mark.covers("iod/422-blip")
async def test_a_location_that_is_suddenly_not_enabled_is_tried_a_few_times(vendor, client):
    vendor.replies(status=422, body=msgspec.json.encode(BLIP))
    with pytest.raises(model.TemporaryError, match="Not a NaaS Enabled Location"):
        await client.all()
    assert len(vendor.asked) == 3


@pytest.mark.covers("iod/422-blip")
async def test_the_same_code_with_other_words_is_permanent(vendor, client):
    vendor.replies(status=422, body=msgspec.json.encode(BLIP | {"reason": "Unknown location"}))
    with pytest.raises(model.PermanentError, match="Unknown location"):
        await client.all()
    assert len(vendor.asked) == 1


@pytest.mark.parametrize("mbps", [0, -1, 1_000_001])
async def test_an_impossible_bandwidth_is_never_sent(vendor, client, mbps):
    with pytest.raises(model.PermanentError, match="cannot be ordered"):
        await client.set_bandwidth("c1", mbps, reference="r")
    assert vendor.asked == []


@pytest.mark.covers("iod/bandwidth-text")
@pytest.mark.parametrize(
    ("text", "mbps"),
    [
        ("500 Mbps", 500.0),
        ("500Mbit/s", 500.0),
        ("1gbps", 1000.0),
        (" 1.5 Gbps ", 1500.0),
        ("0.512 Gbit/s", 512.0),
        ("64 kbps", 0.064),
        ("100 MBPS", 100.0),
        ("10 Gb/s", 10_000.0),
        ("1Tbps", 1_000_000.0),
        ("500\N{NO-BREAK SPACE}Mbps", 500.0),
        ("1,5 Gbps", None),
        ("0,5 Gbps", None),
        ("1 000 Mbps", None),
        ("1\N{NARROW NO-BREAK SPACE}000 Mbps", None),
        ("1,000 Mbps", None),
        ("1.000 Mbps", None),
        ("1.000.000 kbps", None),
        ("1'000 Mbps", None),
        ("1_000 Mbps", None),
        ("1e3 Mbps", None),
        ("-500 Mbps", None),
        ("+500 Mbps", None),
        ("1GE", None),
        ("2G", None),
        ("500 MB/s", None),
        ("500 MBps", None),
        ("500 Mbps / 50 Mbps", None),
        ("100-500 Mbps", None),
        ("up to 2 Gbps", None),
        ("\N{ARABIC-INDIC DIGIT FIVE}00 Mbps", None),
        ("500", None),
        ("500 meters", None),
        ("fast", None),
        ("", None),
        (None, None),
        (True, None),
        (500, None),
        ({}, None),
    ],
)
def test_a_bandwidth_is_read_in_every_spelling_and_never_guessed(text, mbps):
    result = parse_bandwidth(text)
    assert result == (mbps if mbps is None else pytest.approx(mbps))


@pytest.mark.covers("iod/bandwidth-unit")
@pytest.mark.parametrize(("unit", "mbps"), [("kbps", 0.5), ("Mbps", 500), ("Gbps", 500_000)])
def test_a_bare_figure_is_counted_in_the_configured_unit(unit, mbps):
    assert parse_bandwidth("500", unit) == pytest.approx(mbps)
    assert parse_bandwidth(500, unit) == pytest.approx(mbps)
    assert parse_bandwidth("2 Gbps", unit) == 2000


@pytest.mark.covers("iod/bandwidth-unit")
@pytest.mark.parametrize(
    "words", ["1,5 Gbps", "0,5", "1 000", "1.000", "1GE", "-500", -500, 1e12, "500 MB/s", "500 m"]
)
def test_the_configured_unit_is_for_bare_numbers_alone(words):
    assert parse_bandwidth(words, "Mbps") is None


@pytest.mark.covers("iod/own-words")
async def test_the_vendors_own_words_are_ordered_as_they_are(vendor, client):
    ordered = []

    async def answer(request):
        ordered.append(await request.json())
        return web.json_response({})

    vendor.answer = answer
    await client.set_bandwidth("c1", 1500.0, reference="r", words="1.5 Gbit/s")
    assert ordered == [{"bandwidth": "1.5 Gbit/s"}]


@pytest.mark.covers("iod/own-words")
@pytest.mark.parametrize("words", ["1,5 Gbps", "500", "500 Mbps", "fast"])
async def test_words_that_do_not_mean_the_bandwidth_are_never_ordered(vendor, client, words):
    with pytest.raises(model.PermanentError, match="nothing was requested"):
        await client.set_bandwidth("c1", 1500.0, reference="r", words=words)
    assert vendor.asked == []


@given(st.integers(LEAST_MBPS, MOST_MBPS))
def test_what_is_ordered_reads_back_as_the_same_bandwidth(mbps):
    assert parse_bandwidth(format_order(mbps)) == mbps
