"""Service Diagnostics is asked once, and its reply is kept as it came."""

from __future__ import annotations

from datetime import timedelta

import pytest
from aiohttp import web

from watcher import model
from watcher.vendors.diagnostics.client import DiagnosticsClient
from watcher.vendors.http.account import VendorAccount


@pytest.fixture
def client(vendor, session, clock, call_counter, oauth2_account) -> DiagnosticsClient:
    account = VendorAccount("lumen", oauth2_account, session, clock, call_counter)
    return DiagnosticsClient(account, vendor.url, timeout=timedelta(seconds=5))


@pytest.mark.covers("diag/detail", "diag/quoting")
async def test_the_reply_is_given_raw_and_decoded(vendor, client):
    body = b'{"data": [{"pdf": "data:application/pdf;base64,AAAA"}]} '
    vendor.replies(body=body)
    answer = await client.detail("SVC 1/a&b")
    assert answer.raw == body
    assert answer.content == {"data": [{"pdf": "data:application/pdf;base64,AAAA"}]}
    assert vendor.asked[0].path == "/ServiceAssurance/v2/Diagnostics/service/detail"
    assert list(vendor.asked[0].query.items()) == [("serviceId", "SVC 1/a&b")]
    assert vendor.asked[0].headers["Accept"] == "application/json"


@pytest.mark.covers("diag/once")
async def test_a_run_that_fails_is_not_repeated(vendor, client):
    vendor.replies(status=503)
    with pytest.raises(model.TemporaryError):
        await client.detail("SVC1")
    assert len(vendor.asked) == 1


async def test_a_revoked_token_costs_a_second_request_and_no_more(vendor, client):
    vendor.replies_in_turn(
        lambda: web.Response(status=401), lambda: web.Response(text='{"data": []}')
    )
    assert (await client.detail("SVC1")).content == {"data": []}


@pytest.mark.covers("diag/403-404")
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, "does not allow diagnostics of service SVC1: the account is not entitled"),
        (404, "does not know service SVC1: correct `service_ids` in the inventory"),
    ],
)
async def test_a_service_without_diagnostics_is_permanent(vendor, client, status, reason):
    vendor.replies(status=status)
    with pytest.raises(model.PermanentError, match=reason):
        await client.detail("SVC1")


@pytest.mark.covers("diag/huge")
async def test_a_reply_of_fifteen_megabytes_is_taken_and_one_of_thirty_is_not(vendor, client):
    vendor.replies(body=b'{"data": "' + b"A" * 15_000_000 + b'"}')
    assert len((await client.detail("SVC1")).raw) > 15_000_000
    vendor.replies(body=b'{"data": "' + b"A" * 30_000_000 + b'"}')
    with pytest.raises(model.TemporaryError, match="more than 30 MB"):
        await client.detail("SVC1")
