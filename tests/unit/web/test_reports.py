"""An incident's page: the finding that matters first, its report in place, its charts."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.fakes import sample_data
from tests.fakes.sample_data import BEGIN, NOW, minutes
from tests.unit.web.test_pages import Tags, words
from watcher import model, ports
from watcher.web import triage

PNG = b"\x89PNG\r\n\x1a\n"
PAGE = "/incidents/w-7k3mq2xd/reports/r-4c0vw1zn"


@pytest.fixture
async def night(serve, reader):
    reporter = sample_data.bad_night(reader)
    kept = ports.ReportFiles(run="r-4c0vw1zn", pdf=sample_data.PDF, preview=PNG)
    reader.kept_files["r-4c0vw1zn"] = kept
    async with serve(reporter=reporter) as site:
        yield site


async def test_the_finding_that_matters_stands_above_everything_else(night):
    page = words((await night.get("/incidents/w-7k3mq2xd")).text)
    finding = page.index("SVC1: Trouble found in Lumen's network; Loss of light at NYCMNY54")
    assert finding < page.index("Vendor triage")
    assert finding < page.index("Incident w-7k3mq2xd, version 7")


async def test_each_page_of_the_report_is_a_picture_in_place(night):
    answer = await night.get("/incidents/w-7k3mq2xd")
    pictures = [names for tag, names in Tags(answer.text).seen if tag == "img"]
    assert [picture["src"] for picture in pictures] == [f"{PAGE}/{n}.png" for n in (1, 2, 3, 4)]
    assert pictures[1]["alt"] == "Page 2 of SVC1.pdf"
    first = await night.get(f"{PAGE}/1.png")
    assert (first.status, first.body) == (200, PNG)
    assert first.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "immutable" in first.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", [f"{PAGE}/0.png", f"{PAGE}/21.png", "/incidents/w-2b8fz0aa/reports/r-4c0vw1zn/1.png"]
)
async def test_a_page_that_is_not_of_the_incident_is_not_given(night, path):
    answer = await night.get(path)
    assert answer.status == 404
    assert "has no such page of a report" in words(answer.text)


async def test_deliveries_lead_to_the_thread_and_say_until_when(night):
    answer = await night.get("/incidents/w-7k3mq2xd")
    addresses = [names.get("href") for tag, names in Tags(answer.text).seen if tag == "a"]
    assert (
        "https://slack.com/app_redirect?channel=C0123456789&message_ts=1763694622.125" in addresses
    )
    assert "tel:+15550100" in addresses
    assert "up to 03:10:24 UTC: noted" in words(answer.text)


async def test_a_breach_is_drawn_with_its_limit(serve, reader):
    incident = reader.open(sample_data.incident("w-full", source="evpl"), subject="evpl/7")
    alert = replace(reader.alerts_of["w-full"][0], metric="utilization", limit=80.0, unit="%")
    reader.alerts_of["w-full"] = (alert,)
    reader.samples = [
        model.Sample(subject="evpl/7", metric="utilization", at=BEGIN - minutes(5 * n), value=90)
        for n in range(20)
    ]
    async with serve() as site:
        page = words((await site.get(f"/incidents/{incident.id}")).text)
    assert "utilization last 90 %, highest 90 %" in page
    assert "vyvx-service-down: limit 80 %" in page


def test_a_run_that_failed_says_nothing_and_an_older_one_speaks():
    done = sample_data.diagnosis()
    failed = replace(done, run="r-2", status=model.DiagnosisStatus.FAILED, disposition="no answer")
    incident = sample_data.incident(diagnostics=(done, failed))
    assert triage.first_finding(incident).startswith("SVC1: Trouble found")
    assert triage.first_finding(sample_data.incident(opened_at=NOW)) == ""
