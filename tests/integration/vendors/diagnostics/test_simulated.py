"""Service Diagnostics against the simulated vendor."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from tests.fakes.vendor_account import make_account
from watcher import model, simulator
from watcher.clock import SystemClock
from watcher.http import exchange
from watcher.vendors.diagnostics.client import DiagnosticsClient, LumenDiagnostics
from watcher.vendors.diagnostics.preview import PdfPreviewer
from watcher.vendors.diagnostics.settings import Diagnostics

DONE = model.DiagnosisStatus.DONE
NO_REPORT = model.DiagnosisStatus.NO_REPORT


@asynccontextmanager
async def lumen(**service):
    """Yield a diagnostics runner on the simulated vendor, whose SVC1 is as `service` says."""
    whole = simulator.load("outage").model_dump(by_alias=True, exclude_unset=True)
    whole["world"]["diagnostics"]["services"]["SVC1"].update(takes="0s", **service)
    scenario = simulator.Scenario.model_validate(whole)
    system = SystemClock()
    async with (
        simulator.Simulator(scenario, system, with_broker=False) as sim,
        exchange.open_session() as session,
    ):
        account = make_account(sim, "lumen", session, system)
        client = DiagnosticsClient(account, sim.lumen_url, timeout=timedelta(seconds=20))
        yield sim, LumenDiagnostics(client, Diagnostics(), PdfPreviewer())


@pytest.mark.covers("diag/detail")
async def test_a_report_is_read_as_the_vendor_wrote_it():
    async with lumen() as (sim, runner):
        diagnosis = await runner.diagnose(run="r1", service_id="SVC1")
        service = sim.world.diagnosables["SVC1"]
        assert diagnosis.status is DONE
        assert diagnosis.disposition == service.disposition
        assert diagnosis.actions == tuple(service.actions)
        findings = [line.partition(":")[0] for line in diagnosis.findings]
        assert sorted(findings) == sorted(test.name for test in service.tests)
        assert findings[0] == "Transport access"  # what failed comes first
        assert diagnosis.report_files.pdf == sim.world.runs[-1].pdf
        assert diagnosis.report_files.preview.startswith(b"\x89PNG")


@pytest.mark.covers("diag/pdf-broken", "diag/huge", "diag/prefix")
@pytest.mark.parametrize(
    ("pdf", "status", "sentence"),
    [
        ("no_prefix", DONE, ""),
        ("truncated", DONE, "no preview"),
        ("missing", NO_REPORT, "contains no PDF"),
        ("bad_base64", NO_REPORT, "not valid base64"),
        ("not_a_pdf", NO_REPORT, "is not a PDF"),
        ("huge", NO_REPORT, "larger than 10 MB"),
    ],
)
async def test_whatever_the_pdf_is_the_findings_are_reported(pdf, status, sentence):
    async with lumen(pdf=pdf) as (_, runner):
        diagnosis = await runner.diagnose(run="r1", service_id="SVC1")
    assert (diagnosis.status, diagnosis.disposition != "") == (status, True)
    assert sentence in diagnosis.message


@pytest.mark.covers("diag/shapes")
@pytest.mark.parametrize(
    ("shape", "status"), [("object", DONE), ("list", DONE), ("empty", NO_REPORT)]
)
async def test_each_shape_of_the_data_is_read(shape, status):
    async with lumen(shape=shape) as (_, runner):
        diagnosis = await runner.diagnose(run="r1", service_id="SVC1")
    assert diagnosis.status is status


async def test_a_service_that_lumen_does_not_know_is_a_permanent_error():
    async with lumen() as (_, runner):
        with pytest.raises(model.PermanentError, match="does not know service"):
            await runner.diagnose(run="r1", service_id="SVC404")
