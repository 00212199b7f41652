"""The simulated Service Diagnostics."""

import asyncio
import base64

import pytest

from watcher import simulator
from watcher.simulator.vendors import pdf

PREFIX = "data:application/pdf;base64,"


def basic(name, secret):
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


@pytest.fixture
async def token(sim, http):
    credentials = sim.credentials
    headers = {"Authorization": basic(credentials.lumen_client_id, credentials.lumen_client_secret)}
    form = {"grant_type": "client_credentials"}
    async with http.post(sim.lumen_token_url, data=form, headers=headers) as answer:
        body = await answer.json()
    assert body["expires_in"] == "3599"
    return body["access_token"]


@pytest.fixture
def diagnose(sim, http, token):
    async def ask(service_id="SVC1", token=token):
        address = f"{sim.lumen_url}/ServiceAssurance/v2/Diagnostics/service/detail"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        query = {"serviceId": service_id}
        async with http.get(address, params=query, headers=headers) as answer:
            return answer.status, await answer.json()

    return ask


async def test_a_run_gives_findings_and_the_pdf_that_the_simulator_shows(sim, http, diagnose):
    status, body = await diagnose()

    (report,) = body["data"]
    content = base64.b64decode(report["pdf"].removeprefix(PREFIX), validate=True)
    async with http.get(f"{sim.control_url}/reports/SVC1.pdf") as answer:
        shown = await answer.read()
    assert status == 200
    assert report["disposition"].startswith("Transport fault")
    assert content.startswith(b"%PDF-")
    assert content == sim.world.runs[-1].pdf == shown


def test_the_same_findings_give_the_same_bytes(clock):
    service = simulator.load("outage").world.diagnostics.services["SVC1"]

    assert pdf.summary("SVC1", service, clock.now()) == pdf.summary("SVC1", service, clock.now())


def decoded(text):
    return base64.b64decode(text.removeprefix(PREFIX), validate=True)


async def test_a_pdf_can_come_without_its_prefix(sim, diagnose):
    sim.change(diagnostics={"id": "SVC1", "pdf": "no_prefix"})
    _, body = await diagnose()

    assert not body["data"][0]["pdf"].startswith("data:")
    assert decoded(body["data"][0]["pdf"]).startswith(b"%PDF-")


async def test_a_pdf_can_be_broken_base64(sim, diagnose):
    sim.change(diagnostics={"id": "SVC1", "pdf": "bad_base64"})
    _, body = await diagnose()

    with pytest.raises(ValueError, match="base64"):
        decoded(body["data"][0]["pdf"])


async def test_a_pdf_can_be_a_web_page(sim, diagnose):
    sim.change(diagnostics={"id": "SVC1", "pdf": "not_a_pdf"})
    _, body = await diagnose()

    assert decoded(body["data"][0]["pdf"]).startswith(b"<!DOCTYPE")


async def test_a_pdf_can_be_cut_short(sim, diagnose):
    sim.change(diagnostics={"id": "SVC1", "pdf": "truncated"})
    _, body = await diagnose()

    assert sim.world.runs[-1].pdf.startswith(decoded(body["data"][0]["pdf"]))
    assert len(decoded(body["data"][0]["pdf"])) < len(sim.world.runs[-1].pdf)


async def test_a_pdf_can_be_huge(sim, diagnose):
    sim.change(diagnostics={"id": "SVC1", "pdf": "huge"})
    _, body = await diagnose()

    assert len(body["data"][0]["pdf"]) > 20_000_000


async def test_a_pdf_can_be_missing(sim, diagnose):
    sim.change(diagnostics={"id": "SVC1", "pdf": "missing"})
    _, body = await diagnose()

    assert "pdf" not in body["data"][0]


async def test_data_can_be_an_object_or_empty(sim, diagnose):
    sim.change(diagnostics={"id": "SVC1", "shape": "object"})
    _, body = await diagnose()
    sim.change(diagnostics={"id": "SVC1", "shape": "empty"})
    _, none = await diagnose()

    assert body["data"]["serviceId"] == "SVC1"
    assert none["data"] == []


async def test_an_unknown_service_is_not_found(diagnose):
    assert (await diagnose("SVC9"))[0] == 404


async def test_a_request_without_a_service_is_bad(diagnose):
    assert (await diagnose(""))[0] == 400


async def test_a_token_is_needed_and_must_be_known(diagnose):
    none = await diagnose(token="")
    other = await diagnose(token="made-up")

    assert (none[0], none[1]["code"]) == (401, "missingCredentials")
    assert (other[0], other[1]["fault"]["faultstring"]) == (401, "Invalid Access Token")


async def test_runs_of_one_service_at_once_are_noticed(sim, http, diagnose):
    sim.change(diagnostics={"id": "SVC1", "takes": "50ms"})
    await asyncio.gather(diagnose(), diagnose())
    async with http.get(f"{sim.control_url}/calls") as answer:
        body = await answer.json()

    assert body["most_diagnostics_at_once"] == 2
    assert body["calls"]["lumen.diagnostics"] == 2


async def test_findings_are_those_at_the_end_of_the_run(clock, diagnose):
    clock.advance(29)
    _, body = await diagnose()

    assert body["data"][0]["disposition"] == "No trouble found"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missingCredentials"),
        ({"Authorization": basic("somebody", "else")}, "invalidCredentials"),
    ],
)
async def test_wrong_credentials_get_no_token(sim, http, headers, code):
    form = {"grant_type": "client_credentials"}
    async with http.post(sim.lumen_token_url, data=form, headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (401, code)


async def test_the_printed_token_address_is_not_there(sim, http):
    async with http.post(f"{sim.lumen_url}/oauth/token") as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "404")
