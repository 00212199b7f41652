"""`watcher preorder qualify`."""

from __future__ import annotations

import json
import re

import pytest

from watcher import simulator
from watcher.simulator import scenario

WORLD = """
world:
  preorder:
    addresses:
      1 Main St, Denver, CO 80202: {offers: [{name: Fiber 940, price: "65.00"}]}
      2 Main St, Denver, CO 80202: {near: {A1: 2 Main St N}, offers: [{name: DSL}]}
      3 Main St, Denver, CO 80202: {status: 500, code: 6000}
      4 Main St, Denver, CO 80202: {code: 2086}
"""
SECTION = """
[preorder]
account = "lumen"
url = "{at.lumen_url}/pxQualify"
sales_code = "{credentials.lumen_sales_code}"
agent_id = "A"
market_segment = "SMB"
partner_id = "P"
"""


@pytest.fixture
async def sim():
    async with simulator.Simulator(
        scenario.parse(WORLD, name="preorder.yaml"), with_broker=False
    ) as running:
        yield running


@pytest.fixture
def qualify(sim, write_config, watcher):
    config = str(write_config(sim, SECTION))
    return lambda *words: watcher("preorder", "qualify", *words, "-c", config)


@pytest.mark.covers("px/by-hand")
async def test_offers_are_listed(qualify):
    done = await qualify("1 Main St, Denver, CO 80202")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[1].split() == ["Fiber", "940", "65.00"]
    assert "AT&T's since 2026-02-02" in done.out


@pytest.mark.covers("px/by-hand")
async def test_no_offers_is_a_valid_result(qualify):
    done = await qualify("3 Main St, Denver, CO 80202")
    assert (done.code, "nothing can be ordered" in done.out) == (0, True)


@pytest.mark.covers("px/by-hand", "px/near-match")
async def test_a_near_match_is_chosen_by_the_words_that_are_printed(qualify):
    done = await qualify("2 Main St, Denver, CO 80202")
    assert done.code == 1
    transaction = re.search(r"--choose ID --transaction (\S+)", done.out)
    assert transaction is not None
    words = ("--choose", "A1", "--transaction", transaction[1], "--json")
    done = await qualify("2 Main St, Denver, CO 80202", *words)
    assert done.code == 0
    assert json.loads(done.out)["offers"] == [{"name": "DSL", "price": ""}]


async def test_an_unknown_address_is_for_the_person_to_check(qualify):
    done = await qualify("9 Main St, Denver, CO 80202")
    assert (done.code, "check it" in done.out) == (1, True)


@pytest.mark.covers("px/outside-30-days")
async def test_asking_again_asks_the_vendor_again(sim, qualify):
    for _ in range(2):
        done = await qualify("4 Main St, Denver, CO 80202")
        assert (done.code, "outside the area served" in done.out) == (0, True)
    assert sim.world.calls["lumen.pxqualify"] == 2


async def test_half_a_choice_is_a_usage_error(qualify):
    assert (await qualify("2 Main St, Denver, CO 80202", "--choose", "A1")).code == 2


async def test_an_invalid_address_is_a_finding_with_an_example(qualify):
    done = await qualify("nowhere")
    assert (done.code, "write it as in" in done.err) == (1, True)


async def test_without_a_section_the_configuration_is_invalid(sim, write_config, watcher):
    config = str(write_config(sim, ""))
    done = await watcher("preorder", "qualify", "1 Main St, Denver, CO 80202", "-c", config)
    assert (done.code, "no [preorder] section" in done.err) == (2, True)
