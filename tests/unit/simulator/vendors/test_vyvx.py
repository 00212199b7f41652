"""The simulated Vyvx API."""

import base64
import hashlib
import hmac
from datetime import timedelta
from email.utils import format_datetime

import pytest

from watcher.simulator.vendors import vyvx

PATH = "/vyvx/v1.0/customer/service"


@pytest.fixture
def get(sim, http, clock):
    """A signed GET, written again here to check the simulator's own signing."""

    async def ask(path, *, secret=None, late=timedelta(0), content_type="text/xml", **headers):
        secret = secret or sim.credentials.vyvx_secret
        date = format_datetime(clock.now() + late, usegmt=True)
        signed = f"{date}\n{path.partition('?')[0]}\n{content_type}\nGET\n"
        digest = hmac.new(secret.encode(), signed.encode(), hashlib.sha1).digest()
        signature = base64.b64encode(digest).decode()
        sent = {
            "Date": date,
            "Content-Type": content_type,
            "Authorization": f"MPA {sim.credentials.vyvx_key_id}:{signature}",
        }
        address = sim.vyvx_url.removesuffix(vyvx.PREFIX) + path
        async with http.get(
            address, headers=sent | headers, skip_auto_headers=("Accept",)
        ) as answer:
            body = await answer.json() if answer.status == 200 else await answer.text()
            return answer.status, body

    return ask


@pytest.mark.parametrize(
    ("content_type", "signature"),
    [
        ("", "6CwokMsJfYJZZQGJf00fDJSAozs="),
        ("text/xml", "e/bLSmtFgPgOfyXtF0bwt4ctr7Y="),
        ("application/json", "RdtHc2IpMHupHp84t2YCWKVINbA="),
    ],
)
def test_signing_agrees_with_the_known_vectors(content_type, signature):
    assert (
        vyvx.sign(
            "example-secret",
            date="Tue, 20 Jul 2010 08:49:37 GMT",
            path=f"{PATH}/_active/status",
            content_type=content_type,
            verb="GET",
            content_md5="",
        )
        == signature
    )


async def test_a_signed_request_sees_every_active_reservation(get):
    status, body = await get(f"{PATH}/_active/status")

    assert status == 200
    assert body["data"]["services"]["1234567"] == {"state": "online", "ingress_state": "online"}
    assert body["data"]["time"] == "2026-05-14T12:00:00.000Z"


@pytest.mark.covers("vyvx/mpa")
@pytest.mark.parametrize("path", ["1234567/status", "1234567/history?start=2026-01-01T00:00:00Z"])
async def test_the_query_is_not_part_of_the_signature(get, path):
    assert (await get(f"{PATH}/{path}"))[0] == 200


async def test_a_wrong_secret_is_forbidden(get):
    assert (await get(f"{PATH}/_active/status", secret="other"))[0] == 403


@pytest.mark.covers("vyvx/clock-skew")
@pytest.mark.parametrize(("minutes", "status"), [(-16, 401), (-14, 200), (14, 200), (16, 401)])
async def test_a_date_more_than_15_minutes_off_is_refused(get, minutes, status):
    assert (await get(f"{PATH}/_active/status", late=timedelta(minutes=minutes)))[0] == status


async def test_a_request_without_a_signature_is_refused(sim, http):
    async with http.get(f"{sim.vyvx_url}/customer/service/_active/status") as answer:
        assert answer.status == 401


@pytest.mark.covers("vyvx/accept")
@pytest.mark.parametrize(
    ("accept", "status"), [("text/xml", 200), ("*/*", 406), ("application/json", 406)]
)
async def test_any_accept_but_text_xml_is_not_acceptable(get, accept, status):
    assert (await get(f"{PATH}/_active/status", Accept=accept))[0] == status


async def test_the_outage_is_seen_in_status_and_in_history(get, clock):
    clock.advance(10)
    _, status = await get(f"{PATH}/1234567/status")
    _, history = await get(f"{PATH}/1234567/history?start=2026-05-14T12:00:00.000Z&end=")

    assert status["data"]["services"]["1234567"]["state"] == "offline"
    assert history["data"]["services"]["1234567"]["history"]["events"] == [
        {
            "interval": {"start": "2026-05-14T12:00:06.000Z", "end": ""},
            "state": "offline",
            "message": "TS Loss",
        }
    ]


async def test_the_end_of_the_outage_closes_its_alarm(get, clock):
    clock.advance(30)
    _, body = await get(f"{PATH}/1234567/history?start=2026-05-14T12:00:00.000Z")

    (event,) = body["data"]["services"]["1234567"]["history"]["events"]
    assert event["interval"]["end"] == "2026-05-14T12:00:27.000Z"


@pytest.mark.parametrize("query", ["", "?start=yesterday", "?2026-01-01T00:00:00Z"])
async def test_history_without_a_start_is_a_bad_request(get, query):
    assert (await get(f"{PATH}/1234567/history{query}"))[0] == 400


async def test_details_say_who_where_and_when(get):
    _, body = await get(f"{PATH}/1234567/details")

    details = body["data"]["services"]["1234567"]
    assert (details["name"], details["po_number"]) == ("USA East", "12345")
    assert details["origins"][0]["city"] == "Centennial"
    assert body["timestamp"] == "2026-05-14T12:00:00.000Z"
    schedule = details["reservations"][0]["schedule"]
    assert schedule["scheduled"] == {
        "start": "2026-05-14T11:15:00.000Z",
        "end": "2026-05-14T14:15:00.000Z",
    }
    assert schedule["activated"][0]["end"] == ""
    assert "terminal" not in schedule


async def test_a_reservation_can_leave_the_list_and_still_have_details(get, sim):
    sim.change(vyvx={"id": "1234567", "active": False})
    _, body = await get(f"{PATH}/_active/status")

    assert "1234567" not in body["data"]["services"]
    assert (await get(f"{PATH}/1234567/details"))[0] == 200


async def test_a_reservation_can_be_broken_while_the_others_are_intact(get, sim):
    sim.change(vyvx={"id": "1234567", "raw": {"state": 5}})
    _, body = await get(f"{PATH}/_active/status")

    assert body["data"]["services"]["1234567"] == {"state": 5}
    assert body["data"]["services"]["9999999"]["state"] == "online"


async def test_an_unknown_reservation_is_not_found(get):
    assert (await get(f"{PATH}/42/details"))[0] == 404


async def test_the_time_of_answers_can_be_stale(get, sim):
    sim.change(stale="10m")
    _, body = await get(f"{PATH}/_active/status")

    assert body["data"]["time"] == "2026-05-14T11:50:00.000Z"
