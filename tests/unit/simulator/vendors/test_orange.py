"""The simulated Orange EVPL API."""

import base64
import json

import pytest

from watcher import simulator

QUERY = [
    ("codeOpe", "OP4711"),
    ("startTime", "2026-05-14T11:00:00.000Z"),
    ("endTime", "2026-05-14T12:00:00.000Z"),
    ("offer_type", "EVPL"),
    ("granularity", "300s"),
    ("ctxtid", "wses"),
    ("ctxtid", "vsn"),
]


@pytest.fixture
async def token(sim, http):
    form = {"grant_type": "client_credentials"}
    credentials = sim.credentials
    headers = {
        "Authorization": basic(credentials.orange_client_id, credentials.orange_client_secret)
    }
    async with http.post(sim.orange_token_url, data=form, headers=headers) as answer:
        text = await answer.text()
    assert text.startswith("\n")
    return json.loads(text)["access_token"]


@pytest.fixture
def report(sim, http, token):
    async def ask(query=QUERY, *, leave=(), **headers):
        sent = {
            "Authorization": f"Bearer {token}",
            "ApplicationID": sim.credentials.orange_application_id,
            "Accept": "application/json",
        } | headers
        sent = {key: value for key, value in sent.items() if key not in leave}
        address = f"{sim.orange_url}/pm_jobs/JOBV/reports/UTILIZATION"
        async with http.get(
            address, params=query, headers=sent, skip_auto_headers=("Accept",)
        ) as answer:
            return answer.status, await answer.json()

    return ask


def basic(name, secret):
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def without(key, value=None):
    return [pair for pair in QUERY if pair[0] != key or (value and pair[1] != value)]


def changed(key, value):
    return [(name, value if name == key else old) for name, old in QUERY]


async def test_an_hour_of_every_line_in_five_minute_samples(report):
    status, body = await report()

    assert status == 200
    assert [entry["objectInstanceId"] for entry in body["entries"]] == [
        "LD-LYO-GVA-0003",
        "LD-PAR-FRA-0017",
        "LD-PAR-LON-0042",
    ]
    values = body["entries"][2]["performanceValues"]
    assert len(values) == 13
    assert values[0]["timeStamp"] == "2026-05-14T11:00:00.000Z"
    assert 59 <= float(values[0]["value"]) <= 63
    assert (body["currentPage"], body["totalPages"], body["hasNext"]) == (1, 1, False)


async def test_no_sample_is_younger_than_now(report, clock):
    query = changed("endTime", "2026-05-14T18:00:00.000Z")
    _, body = await report(query)

    assert body["entries"][0]["performanceValues"][-1]["timeStamp"] == "2026-05-14T12:00:00.000Z"


async def test_the_ramp_of_the_outage_story_is_in_the_samples(report, clock):
    clock.advance(30)
    query = changed("granularity", "5s")
    query = [(k, "2026-05-14T12:00:30.000Z" if k == "endTime" else v) for k, v in query]
    _, body = await report(query)

    assert float(body["entries"][2]["performanceValues"][-1]["value"]) > 90


LINES = "lines: {L1: {}, L2: {}, L3: {utilization: 60}}"


@pytest.mark.parametrize(
    "scenario",
    [simulator.parse(f"world: {{evpl: {{page_size: 2, {LINES}}}}}", name="pages.yaml")],
)
async def test_pages_are_turned_by_a_header_that_counts_elements(scenario, report):
    _, first = await report()
    _, second = await report(pagination="3")

    assert (len(first["entries"]), first["hasNext"], first["totalPages"]) == (2, True, 2)
    assert [entry["objectInstanceId"] for entry in second["entries"]] == ["L3"]
    assert (second["currentPage"], second["hasNext"]) == (2, False)


@pytest.mark.covers("evpl/granularity-m")
async def test_m_means_months(report):
    _, body = await report(changed("granularity", "5m"))

    assert len(body["entries"][0]["performanceValues"]) == 0


@pytest.mark.parametrize(
    "scenario", [simulator.parse(f"world: {{evpl: {{unit: ratio, {LINES}}}}}", name="ratio.yaml")]
)
async def test_a_ratio_is_a_hundredth_of_the_percent(scenario, report):
    _, body = await report()

    assert 0.5 < float(body["entries"][2]["performanceValues"][0]["value"]) < 0.7


@pytest.mark.parametrize("junk", ["", "NaN", "12,5", 41.5])
async def test_samples_can_be_junk_and_a_line_can_go(sim, report, junk):
    sim.change(evpl={"id": "LD-PAR-LON-0042", "raw": junk})
    sim.change(evpl={"id": "LD-LYO-GVA-0003", "active": False})
    _, body = await report()

    first, london = body["entries"]
    assert first["objectInstanceId"] == "LD-PAR-FRA-0017"
    assert {value["value"] for value in london["performanceValues"]} == {junk}


@pytest.mark.covers("evpl/two-ctxtid")
@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        (without("ctxtid", "vsn"), 400, 27),
        (without("ctxtid"), 400, 27),
        (without("codeOpe"), 400, 27),
        (changed("ctxtid", "other"), 400, 28),
        (changed("offer_type", "EPL"), 400, 28),
        (changed("startTime", "2026-05-14T11:00:00Z"), 400, 28),
        (changed("granularity", "five"), 400, 28),
        (changed("codeOpe", "NOBODY"), 422, 422),
    ],
)
async def test_a_wrong_query_gets_its_code_of_the_catalogue(report, query, status, code):
    answered, body = await report(query)

    assert (answered, body["code"]) == (status, code)


@pytest.mark.covers("evpl/application-id")
@pytest.mark.parametrize(
    ("leave", "headers", "status", "code"),
    [
        (("ApplicationID",), {}, 400, 25),
        ((), {"ApplicationID": "somebody"}, 403, 50),
        ((), {"pagination": "zero"}, 400, 26),
        (("Accept",), {}, 406, 62),
        (("Authorization",), {}, 401, 40),
        ((), {"Authorization": "Bearer made-up"}, 401, 41),
    ],
)
async def test_a_wrong_header_gets_its_code_of_the_catalogue(report, leave, headers, status, code):
    answered, body = await report(leave=leave, **headers)

    assert (answered, body["code"]) == (status, code)


async def test_a_token_expires_after_its_hour(report, clock):
    clock.advance(3601)
    status, body = await report()

    assert (status, body["code"]) == (401, 42)


async def test_a_revoked_token_is_expired_at_once(sim, report):
    sim.change(revoke="orange")
    status, body = await report()

    assert (status, body["code"]) == (401, 42)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": basic("somebody", "else")},
        {"Authorization": "Basic ???"},
    ],
)
async def test_wrong_credentials_get_no_token(sim, http, headers):
    form = {"grant_type": "client_credentials"}
    async with http.post(sim.orange_token_url, data=form, headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]) == (401, "invalid_client")


async def test_credentials_may_stand_in_the_form(sim, http):
    form = {
        "client_id": sim.credentials.orange_client_id,
        "client_secret": sim.credentials.orange_client_secret,
    }
    async with http.post(sim.orange_token_url, data=form) as answer:
        assert (answer.status, (await answer.json())["error"]) == (400, "invalid_request")
    form["grant_type"] = "client_credentials"
    async with http.post(sim.orange_token_url, data=form) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("kind", "status", "code"), [("http_403", 403, 53), ("http_503", 503, 5), ("http_502", 502, 1)]
)
async def test_a_fault_speaks_the_gateways_language(sim, report, kind, status, code):
    sim.change(fault={"vendor": "orange", "kind": kind})
    answered, body = await report()

    assert (answered, body["code"]) == (status, code)
