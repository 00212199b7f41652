"""Every scenario of Internet On-Demand, Service Diagnostics and PX, before the real clients."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fakes.vendor_account import make_account
from tests.unit.simulator.conftest import playing
from watcher import model
from watcher.vendors import catalog, poller
from watcher.vendors.diagnostics.client import DiagnosticsClient, LumenDiagnostics
from watcher.vendors.diagnostics.preview import PdfPreviewer
from watcher.vendors.diagnostics.settings import Diagnostics
from watcher.vendors.internet_on_demand.settings import InternetOnDemandSource
from watcher.vendors.preorder.client import Outcome, PreorderClient, parse_address
from watcher.vendors.preorder.settings import Preorder

CONNECTIONS = """
world:
  iod:
    connections:
      a: {status: active}
      b: {status: provisioning}
      c: {status: suspended}
      d: {status: terminated}
      e: {bandwidth: 1gbps}
events:
  - {at: 20m, iod: {id: a, bandwidth: 200 Mbps}}
  - {at: 20m, iod: {id: e, active: false}}
"""


@pytest.mark.covers(
    "iod/status-change", "iod/bandwidth-change", "iod/bandwidth-text", "iod/vanished"
)
@pytest.mark.parametrize("dialect", ["connections", "naas"])
async def test_every_state_of_a_connection_is_seen_in_both_dialects(clock, session, dialect):
    async with playing(CONNECTIONS, clock) as sim:
        config = InternetOnDemandSource(
            kind="internet_on_demand",
            base_url=sim.lumen_url,
            dialect=dialect,
            customer_number=sim.credentials.lumen_customer_number,
        )
        source = catalog.build("iod", config, make_account(sim, "lumen", session, clock))
        differ = poller.Differ("iod")
        first = {
            subject.key[4:]: subject.fields for subject in differ.compare(await source.poll()).seen
        }
        assert {key: subject["status"] for key, subject in first.items()} == {
            "a": "active",
            "b": "provisioning",
            "c": "suspended",
            "d": "terminated",
            "e": "active",
        }
        assert (first["a"]["bandwidth_mbps"], first["e"]["bandwidth_mbps"]) == (500, 1000)
        clock.advance(20 * 60)
        polled = differ.compare(await source.poll())
    # What is stuck in provisioning stays so; for how long is the rules' matter.
    assert [(subject.key, subject.fields["bandwidth_mbps"]) for subject in polled.seen] == [
        ("iod/a", 200)
    ]
    assert polled.absent == ("iod/e",)


DISPOSITIONS = {
    "No trouble found": [],
    "Power loss at the site": ["Restore power at the site", "Open a ticket"],
    "Interface down": ["Check the cabling at the demarcation"],
    "Transport fault": ["Open a ticket with Lumen"],
    "Suspended for non-payment": ["Call billing"],
}


@pytest.mark.covers("diag/dispositions")
@pytest.mark.parametrize("disposition", DISPOSITIONS)
async def test_a_disposition_and_its_actions_are_reported(clock, session, disposition):
    actions = DISPOSITIONS[disposition]
    answer = {"disposition": disposition, "actions": actions, "takes": "0s"}
    async with playing(f"world: {{diagnostics: {{services: {{SVC1: {answer}}}}}}}", clock) as sim:
        account = make_account(sim, "lumen", session, clock)
        client = DiagnosticsClient(account, sim.lumen_url, timeout=timedelta(seconds=5))
        runner = LumenDiagnostics(client, Diagnostics(), PdfPreviewer())
        diagnosis = await runner.diagnose(run="r1", service_id="SVC1")
    assert (diagnosis.disposition, list(diagnosis.actions)) == (disposition, actions)
    assert b'"nextSuggestedActions"' in diagnosis.report_files.raw


@pytest.mark.covers("diag/slow", "diag/403-404")
async def test_a_triage_that_is_slow_not_entitled_or_unknown_is_distinguished(clock, session):
    text = "world: {diagnostics: {services: {SVC1: {takes: 60s}}}}"
    async with playing(text, clock) as sim:
        account = make_account(sim, "lumen", session, clock)
        client = DiagnosticsClient(account, sim.lumen_url, timeout=timedelta(seconds=0.2))
        with pytest.raises(model.TemporaryError, match="did not answer completely"):
            await client.detail("SVC1")
        with pytest.raises(model.PermanentError, match="does not know service SVC2"):
            await client.detail("SVC2")
        sim.change(fault={"vendor": "lumen", "kind": "http_403", "endpoint": "diagnostics"})
        with pytest.raises(model.PermanentError, match="not entitled"):
            await client.detail("SVC1")
        assert sim.world.calls["lumen.diagnostics"] == 3


# How a row of the vendor's table ends: an outcome, or an error and how often it was asked.
ROWS = {
    (200, 2096): Outcome.NO_MATCH,
    (200, 2086): Outcome.OUTSIDE,
    (410, 1005): Outcome.ORDERED,
    (500, 6000): Outcome.NO_OFFERS,
    **{(401, code): (model.PermanentError, 1) for code in (2000, 2010, 2020, 2030, 2040)},
    **{(410, code): (model.PermanentError, 1) for code in (1000, 1010, 1020, 1030, 2070, 2080)},
    (410, 2220): (model.PermanentError, 1),
    **{(500, code): (model.TemporaryError, 3) for code in (4000, 4010, 4020, 4030)},
    **{(500, code): (model.TemporaryError, 2) for code in (5000, 5010)},
}


@pytest.mark.covers(
    "px/answers",
    "px/401-config",
    "px/410-input",
    "px/500-down",
    "px/500-unknown",
    "px/message-junk",
)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}+{row[1]}")
async def test_a_row_of_the_table_ends_as_it_should_and_never_refreshes_a_token(
    clock, session, row
):
    ending = ROWS[row]
    text = "1 Main St, Denver, CO 80202"
    async with playing("world: {}", clock) as sim:
        sim.change(preorder={"address": text, "status": row[0], "code": row[1]})
        keys = Preorder(
            url=f"{sim.lumen_url}/pxQualify",
            sales_code=sim.credentials.lumen_sales_code,
            agent_id="A",
            market_segment="SMB",
            partner_id="P",
        )
        client = PreorderClient(make_account(sim, "lumen", session, clock), keys)
        if isinstance(ending, Outcome):
            assert (await client.qualify(parse_address(text))).outcome is ending
            asked = 1
        else:
            error, asked = ending
            with pytest.raises(error, match=f"code {row[1]}"):
                await client.qualify(parse_address(text))
        assert sim.world.calls == {"lumen.token": 1, "lumen.pxqualify": asked}


@pytest.mark.covers("px/code-per-api")
async def test_a_code_of_the_configure_call_means_nothing_to_qualify(clock, session):
    # 2025 is the configure call's word for the address that qualify names with 2080.
    text = "1 Main St, Denver, CO 80202"
    async with playing("world: {}", clock) as sim:
        sim.change(preorder={"address": text, "status": 401, "code": 2025})
        keys = Preorder(
            url=f"{sim.lumen_url}/pxQualify",
            sales_code=sim.credentials.lumen_sales_code,
            agent_id="A",
            market_segment="SMB",
            partner_id="P",
        )
        client = PreorderClient(make_account(sim, "lumen", session, clock), keys)
        with pytest.raises(model.PermanentError, match="401"):
            await client.qualify(parse_address(text))
