"""Both dialects against the simulated vendor, whose code is its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import stamina

from tests.fakes.vendor_account import make_account
from watcher import model, simulator
from watcher.http import exchange
from watcher.simulator import scenario as script
from watcher.vendors import catalog, poller
from watcher.vendors.internet_on_demand.settings import InternetOnDemandSource
from watcher.vendors.internet_on_demand.vendor import build_client

WORLD = """
world:
  iod:
    takes: 6m
    page_size: 2
    connections:
      c1: {bandwidth: 500 Mbps}
      c2: {bandwidth: 1gbps, site_key: masterSiteId, flat: true, data_center: false}
      c3: {bandwidth: 100 Mbps}
"""


class HandClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, 0, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture
async def sim(hand):
    scenario = script.parse(WORLD, name="iod.yaml")
    async with simulator.Simulator(scenario, hand, with_broker=False) as running:
        yield running


@pytest.fixture
async def account(sim, hand):
    with stamina.set_testing(testing=True, attempts=3, cap=True):
        async with exchange.open_session() as session:
            yield make_account(sim, "lumen", session, hand)


@pytest.fixture(params=["connections", "naas"])
def config(request, sim) -> InternetOnDemandSource:
    return InternetOnDemandSource(
        kind="internet_on_demand",
        base_url=sim.lumen_url,
        dialect=request.param,
        customer_number=sim.credentials.lumen_customer_number,
    )


async def fields(source, differ) -> dict[str, tuple[object, object]]:
    polled = differ.compare(await source.poll())
    return {
        subject.key: (subject.fields["status"], subject.fields["bandwidth_mbps"])
        for subject in polled.seen
    }


@pytest.mark.covers("iod/list", "naas/inventory", "iod/set-bandwidth", "naas/order", "iod/accepted")
async def test_a_change_is_pending_until_the_inventory_shows_it(account, config, hand):
    source = catalog.build("iod", config, account)
    client = build_client(config, account)
    differ = poller.Differ("iod")
    assert await fields(source, differ) == {
        "iod/c1": ("active", 500),
        "iod/c2": ("active", 1000),
        "iod/c3": ("active", 100),
    }
    await client.set_bandwidth("c2", 2000, reference="w-1")
    pending = "change_pending" if config.dialect == "naas" else "provisioning"
    assert await fields(source, differ) == {"iod/c2": (pending, 1000)}
    assert (await client.connection("c2")).bandwidth_mbps == 1000
    with pytest.raises(model.TemporaryError, match="wait until it is done"):
        await client.set_bandwidth("c2", 3000, reference="w-2")
    hand.seconds += 361
    assert await fields(source, differ) == {"iod/c2": ("active", 2000)}


@pytest.mark.covers("iod/status-change", "iod/vanished", "iod/nothing-required")
async def test_what_the_vendor_changes_by_itself_is_seen(sim, account, config):
    source = catalog.build("iod", config, account)
    differ = poller.Differ("iod")
    await fields(source, differ)
    sim.change(iod={"id": "c1", "status": "suspended"})
    sim.change(iod={"id": "c3", "nameless": True})
    polled = differ.compare(await source.poll())
    assert {subject.key: subject.fields["status"] for subject in polled.seen} == {
        "iod/c1": "suspended"
    }
    assert not polled.complete


@pytest.mark.covers("iod/422-blip")
async def test_an_hour_of_422_is_temporary_and_ends(sim, account, config, hand):
    source = catalog.build("iod", config, account)
    body = {"reason": "Not a NaaS Enabled Location", "code": "INVALIDVALUE"}
    fault = {"vendor": "lumen", "kind": "answer", "status": 422, "body": body, "for": "1h"}
    for endpoint in ("connections", "inventory"):
        sim.change(fault=fault | {"endpoint": endpoint})
    with pytest.raises(model.TemporaryError, match="Not a NaaS Enabled Location"):
        await source.poll()
    hand.seconds += 3600
    assert len((await source.poll()).readings) == 3


async def test_reaching_the_limit_of_the_day_is_reported(sim, account, config):
    client = build_client(config, account)
    sim.world.on_demand.taken[sim.world.now().date()] = 24
    with pytest.raises(model.TemporaryError, match="limit of changes a day"):
        await client.set_bandwidth("c1", 600, reference="w")


@pytest.mark.covers("iod/never-repeated")
@pytest.mark.parametrize("kind", ["drop", "reset"])
async def test_a_change_that_was_done_without_an_answer_is_ambiguous_and_done_once(
    sim, account, config, kind
):
    client = build_client(config, account)
    endpoint = "order" if config.dialect == "naas" else "bandwidth"
    sim.change(fault={"vendor": "lumen", "kind": kind, "endpoint": endpoint})
    with pytest.raises(model.AmbiguousError, match="check before repeating"):
        await client.set_bandwidth("c1", 600, reference="w")
    assert sim.world.calls[f"lumen.{endpoint}"] == 1
    assert ("c1" in sim.world.on_demand.pending) == (kind != "reset")


async def test_a_revoked_token_is_replaced_before_a_change_and_it_is_made_once(
    sim, account, config, hand
):
    client = build_client(config, account)
    await client.all()
    sim.change(revoke="lumen")
    hand.seconds += 1
    await client.set_bandwidth("c1", 600, reference="w")
    assert sum(sim.world.on_demand.taken.values()) == 1
