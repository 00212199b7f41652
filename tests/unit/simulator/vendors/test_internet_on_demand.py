"""The simulated Internet On-Demand, from outside, with raw requests."""

from __future__ import annotations

import base64

import pytest

from watcher import simulator
from watcher.simulator import scenario as script

WORLD = """
world:
  tokens: {lumen: 7d}
  iod:
    takes: 6m
    changes_per_day: 2
    page_size: 2
    connections:
      c1: {bandwidth: 500 Mbps}
      c2: {bandwidth: 1gbps, site_key: masterSiteId, flat: true, data_center: false}
      c3: {nameless: true}
events:
  - at: 5s
    iod: {id: c1, status: suspended}
"""


@pytest.fixture
def scenario() -> simulator.Scenario:
    return script.parse(WORLD, name="iod.yaml")


@pytest.fixture
async def ask(sim, http):
    credentials = sim.credentials
    pair = f"{credentials.lumen_client_id}:{credentials.lumen_client_secret}".encode()
    headers = {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    form = {"grant_type": "client_credentials"}
    async with http.post(sim.lumen_token_url, data=form, headers=headers) as answer:
        token = (await answer.json())["access_token"]

    async def request(
        verb, path, body=None, *, customer=credentials.lumen_customer_number, **query
    ):
        headers = {"Authorization": f"Bearer {token}", "x-customer-number": customer}
        async with http.request(
            verb, sim.lumen_url + path, json=body, params=query, headers=headers
        ) as answer:
            text = await answer.read()
            return answer.status, (await answer.json() if text else None)

    return request


CONNECTIONS = "/internet-on-demand/connections"
INVENTORY = "/ProductInventory/v1/inventory"


async def test_nobody_is_shown_anything_without_a_token(sim, http):
    for path in (CONNECTIONS, f"{CONNECTIONS}/c1", INVENTORY):
        async with http.get(sim.lumen_url + path) as answer:
            assert answer.status == 401


async def test_the_published_dialect_lists_shows_and_changes(ask, clock):
    status, body = await ask("GET", CONNECTIONS)
    assert (status, [connection.get("id") for connection in body["connections"]]) == (
        200,
        ["c1", "c2", None],
    )
    assert (await ask("PUT", f"{CONNECTIONS}/c1/bandwidth", {"bandwidth": "2 Gbps"}))[0] == 200
    _, connection = await ask("GET", f"{CONNECTIONS}/c1")
    assert (connection["status"], connection["bandwidth"]) == ("provisioning", "500 Mbps")
    clock.advance(361)
    _, connection = await ask("GET", f"{CONNECTIONS}/c1")
    assert (connection["status"], connection["bandwidth"]) == ("active", "2 Gbps")


async def test_a_new_connection_takes_its_time(ask, clock):
    status, made = await ask("POST", CONNECTIONS, {"bandwidth": "1 Gbps", "locationId": "L1"})
    assert (status, made["status"]) == (201, "provisioning")
    clock.advance(361)
    assert (await ask("GET", f"{CONNECTIONS}/{made['id']}"))[1]["status"] == "active"


async def test_what_is_not_there_or_not_whole_is_refused(ask):
    assert (await ask("GET", f"{CONNECTIONS}/c9"))[0] == 404
    assert (await ask("PUT", f"{CONNECTIONS}/c9/bandwidth", {"bandwidth": "1 Gbps"}))[0] == 404
    assert (await ask("PUT", f"{CONNECTIONS}/c1/bandwidth", {}))[0] == 400
    assert (await ask("POST", CONNECTIONS, {"bandwidth": "1 Gbps"}))[0] == 400
    assert (await ask("GET", INVENTORY))[0] == 400
    assert (await ask("GET", INVENTORY, serviceType="Internet", customer="1-OTHER"))[0] == 403


async def test_a_second_change_waits_for_the_first_and_a_day_has_its_limit(ask, clock):
    path = f"{CONNECTIONS}/c1/bandwidth"
    await ask("PUT", path, {"bandwidth": "2 Gbps"})
    status, body = await ask("PUT", path, {"bandwidth": "3 Gbps"})
    assert (status, body["reason"].endswith("Change pending")) == (422, True)
    clock.advance(361)
    assert (await ask("PUT", path, {"bandwidth": "3 Gbps"}))[0] == 200
    clock.advance(361)
    assert (await ask("PUT", path, {"bandwidth": "4 Gbps"}))[0] == 429
    clock.advance(86_400)
    assert (await ask("PUT", path, {"bandwidth": "4 Gbps"}))[0] == 200


async def test_the_inventory_has_pages_and_both_spellings(ask):
    query = {"serviceType": "Internet", "pageSize": "100"}
    _, first = await ask("GET", INVENTORY, **query)
    _, second = await ask("GET", INVENTORY, **query, pageNumber="2")
    assert first["pageSize"] == 2
    first_item, second_item = first["serviceInventory"]
    assert first_item["location"] == {"masterSiteid": "PL0000000001"}
    assert first_item["product"]["status"] == "Active"
    assert second_item["location"] == {"masterSiteId": "PL0000000001"}
    assert second_item["status"] == "Active"
    assert ["serviceId" in item for item in second["serviceInventory"]] == [False]


async def test_a_lookup_is_empty_while_a_change_is_pending(ask):
    _, before = await ask("GET", INVENTORY, serviceId="c1")
    await ask("PUT", f"{CONNECTIONS}/c1/bandwidth", {"bandwidth": "2 Gbps"})
    _, during = await ask("GET", INVENTORY, serviceId="c1")
    _, listed = await ask("GET", INVENTORY, serviceType="Internet")
    assert len(before["serviceInventory"]) == 1
    assert during["serviceInventory"] == []
    assert listed["serviceInventory"][0]["product"]["status"] == "Change pending"


async def test_an_order_needs_a_quote_that_still_holds(ask, clock):
    asked = {"masterSiteId": "PL0000000001", "speed": "2 Gbps", "serviceId": "BBDX00000"}
    _, quote = await ask("POST", "/Product/v1/priceRequest", asked)
    order = {"quote": [{"id": quote["id"]}], "productOrderItem": [{"product": {"id": "c1"}}]}
    path = "/Customer/v3/Ordering/orderRequest"
    assert (await ask("POST", path, {"quote": [{"id": "?"}]}))[0] == 400
    clock.advance(901)
    assert (await ask("POST", path, order))[0] == 422
    _, quote = await ask("POST", "/Product/v1/priceRequest", asked)
    order["quote"] = [{"id": quote["id"]}]
    assert (await ask("POST", path, order))[0] == 201
    status, body = await ask("POST", path, order)
    assert (status, body["exception"]["code"]) == (422, "422001")
    wrong = asked | {"masterSiteId": "PL9"}
    assert (await ask("POST", "/Product/v1/priceRequest", wrong))[0] == 422


async def test_a_scenario_changes_connections(sim, ask, clock):
    clock.advance(6)
    assert (await ask("GET", f"{CONNECTIONS}/c1"))[1]["status"] == "suspended"
    sim.change(iod={"id": "c1", "active": False})
    sim.change(iod={"id": "c9", "bandwidth": "10 Gbps"})
    _, body = await ask("GET", CONNECTIONS)
    assert [connection.get("id") for connection in body["connections"]] == ["c2", None, "c9"]
    sim.change(iod={"id": "c2", "raw": 5})
    _, body = await ask("GET", CONNECTIONS)
    assert body["connections"][0] == 5
