"""The simulated pxQualify and the real client, whose readings of the document are their own."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.fakes.vendor_account import make_account
from watcher import model, simulator
from watcher.http import exchange
from watcher.simulator import scenario as script
from watcher.vendors.preorder.backups import PreorderBackupFinder
from watcher.vendors.preorder.client import (
    Address,
    Outcome,
    PreorderClient,
    parse_address,
)
from watcher.vendors.preorder.settings import Preorder

WORLD = """
world:
  tokens: {lumen: 7d}
  preorder:
    addresses:
      1 Main St, Denver, CO 80202:
        offers: [{name: Fiber 940, price: "65.00"}, {name: DSL 20}]
      2 Main St, Denver, CO 80202:
        near: {A1: "2 Main St N, Denver", A2: "2 Main St S, Denver"}
        offers: [{name: Fiber 200}]
      3 Main St, Denver, CO 80202: {status: 500, code: 6000}
      4 Main St, Denver, CO 80202: {}
      6 Main St, Denver, CO 80202: {code: 2086}
"""


@pytest.fixture
def scenario() -> simulator.Scenario:
    return script.parse(WORLD, name="preorder.yaml")


class InMemoryUnservedAddresses(dict[str, datetime]):
    """Remembers addresses while a test lasts."""

    async def last_reported(self, address: str, *, since: datetime) -> datetime | None:
        reported_at = self.get(address)
        return reported_at if reported_at is not None and reported_at > since else None

    async def record(self, address: str, at: datetime, *, since: datetime) -> None:
        self[address] = at


@pytest.fixture
async def make(sim, clock):
    """Make a client with these partner details."""
    async with exchange.open_session() as session:
        opened = make_account(sim, "lumen", session, clock)

        def build(**changed: str) -> PreorderClient:
            defaults = {
                "sales_code": sim.credentials.lumen_sales_code,
                "agent_id": "A",
                "market_segment": "SMB",
                "partner_id": "P",
            }
            keys = Preorder(url=f"{sim.lumen_url}/pxQualify", **(defaults | changed))
            return PreorderClient(opened, keys)

        yield build


def at(number: int) -> Address:
    return parse_address(f"{number} Main St, Denver, CO 80202")


@pytest.mark.covers("px/qualify", "px/answers")
@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (1, Outcome.OFFERS),
        (2, Outcome.NEAR_MATCHES),
        (3, Outcome.NO_OFFERS),
        (4, Outcome.NO_OFFERS),
        (5, Outcome.NO_MATCH),
    ],
)
async def test_each_address_gets_its_answer(make, number, outcome):
    assert (await make().qualify(at(number))).outcome is outcome


@pytest.mark.covers("px/401-config")
@pytest.mark.parametrize("key", ["sales_code", "agent_id", "market_segment", "partner_id"])
async def test_a_wrong_detail_costs_one_token_and_one_question(sim, make, key):
    with pytest.raises(model.PermanentError, match=f"check {key}"):
        await make(**{key: ""}).qualify(at(1))
    assert (sim.world.calls["lumen.token"], sim.world.calls["lumen.pxqualify"]) == (1, 1)


@pytest.mark.covers("px/near-match", "px/day-rollover", "px/410-2220")
async def test_a_choice_survives_central_midnight(sim, make, clock):
    client = make()
    options = await client.qualify(at(2))
    chosen = await client.choose(
        at(2), choice="A1", transaction=options.transaction, day=options.day
    )
    assert [offer.name for offer in chosen.offers] == ["Fiber 200"]
    clock.advance(86_400)
    # a person who comes back the next day does not say of which day the transaction is
    again = await client.choose(at(2), choice="A1", transaction=options.transaction)
    assert [offer.name for offer in again.offers] == ["Fiber 200"]
    assert sim.world.calls["lumen.pxqualify"] == 5


@pytest.mark.parametrize(("transaction", "choice", "code"), [("?", "A1", 2070), ("", "?", 2080)])
async def test_what_was_never_offered_is_refused(make, transaction, choice, code):
    client = make()
    options = await client.qualify(at(2))
    with pytest.raises(model.PermanentError, match=f"code {code}"):
        await client.choose(at(2), choice=choice, transaction=transaction or options.transaction)


async def test_a_scenario_changes_what_an_address_gets(sim, make):
    sim.change(preorder={"address": "1 Main St, Denver, CO 80202", "status": 410, "code": 1005})
    assert (await make().qualify(at(1))).outcome is Outcome.ORDERED


@pytest.mark.covers("px/alternatives")
@pytest.mark.parametrize(
    ("number", "offers", "why"),
    [
        (1, ("Fiber 940 65.00", "DSL 20"), ""),
        (2, (), "2 Main St N, Denver; 2 Main St S, Denver: correct it in the inventory"),
        (3, (), " "),
        (4, (), " "),
    ],
)
async def test_an_address_of_the_inventory_becomes_words(make, clock, number, offers, why):
    finder = PreorderBackupFinder(make(), InMemoryUnservedAddresses(), clock)
    options = await finder.find(f"{number} Main St, Denver, CO 80202")
    assert options.offers == offers
    assert why in options.why


@pytest.mark.covers("px/outside-30-days")
async def test_what_lies_outside_is_asked_once_in_30_days_however_it_is_spelt(sim, make, clock):
    memory = InMemoryUnservedAddresses()
    asked = []
    for text in ("6 Main St, Denver, CO 80202", "6  MAIN ST ,denver, co 80202-1234"):
        finder = PreorderBackupFinder(make(), memory, clock)  # a restart forgets nothing
        asked.append((await finder.find(text)).why)
        clock.advance(86_400)
    first, again = asked
    assert first == "the address is outside the area served"
    assert again == f"{first}, as Lumen said on 2026-05-14; it is asked again after 30 d"
    assert sim.world.calls["lumen.pxqualify"] == 1
    clock.advance(29 * 86_400)
    await finder.find("6 Main St, Denver, CO 80202")
    assert sim.world.calls["lumen.pxqualify"] == 2


@pytest.mark.covers("px/outside-30-days")
async def test_no_other_answer_is_remembered(sim, make, clock):
    memory = InMemoryUnservedAddresses()
    finder = PreorderBackupFinder(make(), memory, clock)
    for number in (1, 2, 3, 4, 5):
        await finder.find(f"{number} Main St, Denver, CO 80202")
    assert memory == {}
