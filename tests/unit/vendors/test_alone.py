"""Each client is used alone as its own file says, against the simulated vendor."""

from __future__ import annotations

import importlib
import pydoc
import re
import textwrap
from datetime import UTC, datetime, timedelta

import pytest

from watcher import simulator
from watcher.vendors import settings
from watcher.vendors.http.account import open_account
from watcher.vendors.http.api import VendorApi

WORLD = """
world:
  vyvx: {services: {"1": {name: Cup final, state: offline}}}
  evpl: {lines: {LD1: {utilization: 50}}}
  iod: {connections: {c1: {bandwidth: 1 Gbps}}}
  diagnostics: {services: {SVC1: {takes: 0s, disposition: Transport fault}}}
  preorder: {addresses: {"1 Main St, Denver, CO 80202": {offers: [{name: Fiber 940}]}}}
"""
EXAMPLE = re.compile(r"^Alone.*?:\n\n((?:    .*\n|\n)+)", re.MULTILINE)
MODULES = {
    "vyvx": "vyvx.client",
    "evpl": "evpl.client",
    "internet_on_demand": "internet_on_demand.client",
    "naas": "internet_on_demand.naas",
    "diagnostics": "diagnostics.client",
    "preorder": "preorder.client",
}
PRINTED = {
    "vyvx": "Cup final offline online",
    "evpl": "LD1 UTILIZATION {datetime",
    "internet_on_demand": "c1 active 1000",
    "naas": "c1 Active 1000",
    "diagnostics": "Transport fault",
    "preorder": "offers ['Fiber 940']",
}


@pytest.fixture
async def sim():
    scenario = simulator.parse(WORLD, name="alone.yaml")
    async with simulator.Simulator(scenario, with_broker=False) as running:
        yield running


def on(sim, example: str, client: str) -> str:
    """Put the simulator's addresses and credentials in place of the vendor's."""
    credentials = sim.credentials
    vendor = "orange" if client == "evpl" else "lumen"
    for old, new in {
        "https://api.orange.com/oauth/v3/token": sim.orange_token_url,
        "https://api.lumen.com/oauth/v2/token": sim.lumen_token_url,
        "https://ws.lumen.com/vyvx/v1.0": sim.vyvx_url,
        "https://api.orange.com/api-monitoring-live/v1": sim.orange_url,
        "https://api.lumen.com": sim.lumen_url,
        '"K"': repr(credentials.vyvx_key_id),
        '"S"': repr(credentials.vyvx_secret),
        '"ID"': repr(getattr(credentials, f"{vendor}_client_id")),
        '"SECRET"': repr(getattr(credentials, f"{vendor}_client_secret")),
        '"OPERATOR"': repr(credentials.orange_operator_code),
        '"APPLICATION"': repr(credentials.orange_application_id),
        '"SALES"': repr(credentials.lumen_sales_code),
        '"1-ABCDE"': repr(credentials.lumen_customer_number),
    }.items():
        example = example.replace(old, new)
    return example


@pytest.mark.covers("http/alone")
@pytest.mark.parametrize("client", PRINTED)
async def test_a_client_is_used_alone_as_its_file_says(sim, client):
    module = importlib.import_module(f"watcher.vendors.{MODULES[client]}")
    example = EXAMPLE.search(f"{module.__doc__}\n")
    assert example is not None
    code = on(sim, textwrap.dedent(example[1]), client)
    printed: list[str] = []
    names = {
        **vars(module),
        "VendorApi": VendorApi,
        "UTC": UTC,
        "datetime": datetime,
        "open_account": open_account,
        "print": lambda *words: printed.append(" ".join(map(str, words))),
        "settings": settings,
        "timedelta": timedelta,
    }
    exec(f"async def main():\n{textwrap.indent(code, '    ')}", names)  # noqa: S102  # our own text
    await names["main"]()
    assert PRINTED[client] in printed[0]


@pytest.mark.covers("http/alone")
@pytest.mark.parametrize("client", PRINTED)
def test_a_client_says_where_its_contract_is_from_and_what_its_verbs_raise(client):
    module = importlib.import_module(f"watcher.vendors.{MODULES[client]}")
    words = pydoc.render_doc(module, renderer=pydoc.plaintext)  # what help() shows
    assert "Source:" in words
    assert re.search(r"`(GET|POST) /|`POST pxQualify", words)
    assert "PermanentError" in words
