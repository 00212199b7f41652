"""Signatures and tokens, against a server that checks, counts and refuses."""

from __future__ import annotations

import asyncio
import base64

import pytest
from aiohttp import web
from yarl import URL

from watcher import model
from watcher.vendors.http import auth, errors
from watcher.vendors.settings import OAuth2Account

STATUS_PATH = "/vyvx/v1.0/customer/service/_active/status"


@pytest.mark.covers("vyvx/mpa")
@pytest.mark.parametrize(
    ("content_type", "signature"),
    [
        ("", "6CwokMsJfYJZZQGJf00fDJSAozs="),
        ("text/xml", "e/bLSmtFgPgOfyXtF0bwt4ctr7Y="),
        ("application/json", "RdtHc2IpMHupHp84t2YCWKVINbA="),
    ],
)
def test_signatures_match_the_known_vectors(content_type, signature):
    assert signature == auth.sign(
        "example-secret",
        verb="GET",
        path=STATUS_PATH,
        date="Tue, 20 Jul 2010 08:49:37 GMT",
        content_type=content_type,
    )


@pytest.mark.covers("vyvx/mpa", "vyvx/accept")
async def test_a_signed_request_carries_what_was_signed_and_nothing_that_was_not(
    vendor, connect, mpa_account
):
    vendor.replies(body=b"{}")
    await connect(mpa_account, url=f"{vendor.url}/vyvx/v1.0").get(
        "/customer/service/1%2F2/history", query=[("start", "2019-01-02T15:04:05.000Z")]
    )
    headers = vendor.asked[0].headers
    assert headers["Date"] == "Sun, 01 Mar 2026 12:00:00 GMT"
    assert headers["Content-Type"] == "text/xml"
    assert headers["Content-Length"] == "0"
    assert "Accept" not in headers
    signature = auth.sign(
        "example-secret",
        verb="GET",
        path="/vyvx/v1.0/customer/service/1%2F2/history",
        date=headers["Date"],
        content_type="text/xml",
    )
    assert headers["Authorization"] == f"MPA K1:{signature}"


@pytest.mark.covers("vyvx/accept")
async def test_an_accept_header_is_sent_where_it_is_configured(vendor, connect, mpa_account):
    vendor.replies(body=b"{}")
    await connect(mpa_account.model_copy(update={"accept": "text/XML"})).get("/x")
    assert vendor.asked[0].headers["Accept"] == "text/XML"


@pytest.mark.covers("vyvx/mpa-refused", "vyvx/clock-skew")
@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_signature_names_key_secret_and_the_clock_that_is_off(
    vendor, connect, mpa_account, status
):
    vendor.replies(status=status, headers={"Date": "Sun, 01 Mar 2026 12:20:00 GMT"})
    with pytest.raises(model.PermanentError) as caught:
        await connect(mpa_account, name="vyvx").get("/x")
    message = str(caught.value)
    assert "clock is 20 min behind the vendor's" in message
    assert "key_id and secret of [accounts.vyvx]" in message
    assert "example-secret" not in message
    assert len(vendor.asked) == 1


@pytest.mark.covers("vyvx/mpa-refused")
async def test_a_refused_signature_with_a_right_clock_does_not_blame_the_clock(
    vendor, connect, mpa_account
):
    vendor.replies(status=401, headers={"Date": "Sun, 01 Mar 2026 12:00:30 GMT"})
    with pytest.raises(model.PermanentError) as caught:
        await connect(mpa_account).get("/x")
    assert "clock" not in str(caught.value)


@pytest.mark.covers("token/single-flight")
async def test_twenty_calls_at_once_fetch_one_token(vendor, connect, oauth2_account):
    vendor.replies(body=b"{}")
    api = connect(oauth2_account)
    await asyncio.gather(*(api.get("/x") for _ in range(20)))
    assert vendor.tokens == 1
    assert {request.headers["Authorization"] for request in vendor.asked} == {"Bearer token-1"}


@pytest.mark.covers("token/request")
async def test_the_token_is_asked_for_with_basic_authorization_and_a_form(
    vendor, connect, oauth2_account
):
    seen = {}

    async def token(request: web.Request) -> web.Response:
        seen.update(await request.post(), basic=request.headers["Authorization"])
        return web.Response(text='\n{"access_token": "abc", "expires_in": "3599"}')

    vendor.token_answer = token
    vendor.replies(body=b"{}")
    await connect(oauth2_account.model_copy(update={"scope": "read"})).get("/x")
    basic = base64.b64encode(b"app-1:hush-hush").decode()
    assert seen == {
        "grant_type": "client_credentials",
        "scope": "read",
        "basic": f"Basic {basic}",
    }


@pytest.mark.covers("token/single-flight", "token/revoked")
async def test_a_revoked_token_is_refreshed_once_however_many_calls_it_fails(
    vendor, connect, oauth2_account
):
    revoked = {"Bearer token-1"}

    async def answer(request: web.Request) -> web.Response:
        bad = request.headers["Authorization"] in revoked
        return web.Response(status=401) if bad else web.Response(body=b"{}")

    vendor.answer = answer
    api = connect(oauth2_account)
    await asyncio.gather(*(api.get("/x") for _ in range(5)))
    assert vendor.tokens == 2


@pytest.mark.covers("token/rotated")
async def test_a_secret_that_was_rotated_is_named_and_asked_for_no_more_than_needed(
    vendor, connect, oauth2_account
):
    vendor.replies(body=b"{}")
    api = connect(oauth2_account, name="lumen")
    await api.get("/x")

    async def rotated(request: web.Request) -> web.Response:
        return web.Response(status=401, text='{"error": "invalid_client"}')

    vendor.token_answer = rotated
    vendor.replies(status=401)
    with pytest.raises(
        model.PermanentError, match=r"client_id and client_secret of \[accounts.lumen\]"
    ):
        await api.get("/x")
    assert (vendor.tokens, len(vendor.asked)) == (2, 2)


@pytest.mark.covers("token/revoked")
async def test_a_401_that_a_fresh_token_does_not_cure_is_permanent(vendor, connect, oauth2_account):
    vendor.replies(status=401, text='{"code": 41, "message": "Invalid credentials"}')
    with pytest.raises(model.PermanentError, match=r"Invalid credentials.*check the account"):
        await connect(oauth2_account).get("/x")
    assert (vendor.tokens, len(vendor.asked)) == (2, 2)


@pytest.mark.covers("token/lifetime")
async def test_a_token_is_replaced_a_little_before_it_expires(
    vendor, connect, oauth2_account, clock
):
    vendor.replies(body=b"{}")
    api = connect(oauth2_account)
    await api.get("/x")
    clock.seconds += 3_569
    await api.get("/x")
    assert vendor.tokens == 1
    clock.seconds += 2
    await api.get("/x")
    assert vendor.tokens == 2


@pytest.mark.covers("token/lifetime-text")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (3600, 3600),
        ("3599", 3599),
        ("3599.5", 3599.5),
        (5, 5),
        (None, 300),
        ("soon", 300),
        ("", 300),
        (-1, 300),
        (0, 300),
        ("inf", 300),
        (float("nan"), 300),
        ([], 300),
    ],
)
def test_a_lifetime_is_read_as_gateways_write_it(value, seconds):
    assert auth.parse_lifetime(value) == seconds


@pytest.mark.covers(
    "token/refused", "token/refused-as-500", "token/error-as-200", "evpl/token-errors"
)
@pytest.mark.parametrize(
    "reply",
    [
        (401, '{"ErrorCode":"invalid_client","Error":"Client identifier is required"}', "required"),
        (
            500,
            '{"ErrorCode":"invalid_grant_type","Error":"grant_type is required"}',
            "grant_type is required",
        ),
        (
            401,
            '{"reason":"Missing or no credentials provided","code":"missingCredentials"}',
            "Missing or no credentials provided",
        ),
        (
            401,
            '{"error":"invalid_client","error_description":"the ones provided were invalid."}',
            "the ones provided were invalid",
        ),
        (400, '{"error":"invalid_request","error_description":"Missing grant_type"}', "Missing"),
        (200, '{"error":"invalid_client"}', "invalid_client"),
        (401, "", "empty body"),
    ],
)
async def test_refused_client_credentials_are_permanent_and_say_what_to_check(
    vendor, connect, oauth2_account, reply
):
    status, body, reason = reply

    async def token(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    vendor.token_answer = token
    with pytest.raises(model.PermanentError) as caught:
        await connect(oauth2_account, name="lumen").get("/x")
    message = str(caught.value)
    assert reason in message
    assert "client_id and client_secret of [accounts.lumen]" in message
    assert (vendor.tokens, vendor.asked) == (1, [])


@pytest.mark.covers("token/wrong-url")
async def test_a_wrong_token_url_is_named(vendor, connect, oauth2_account):
    async def token(request: web.Request) -> web.Response:
        body = '{"code":"404","message":"Not Found","info":"Requested resource not found"}'
        return web.Response(status=404, text=body)

    vendor.token_answer = token
    with pytest.raises(model.PermanentError, match=r"check token_url of \[accounts.main\]"):
        await connect(oauth2_account).get("/x")


@pytest.mark.covers("token/trouble")
@pytest.mark.parametrize(
    ("status", "body"), [(503, ""), (429, "{}"), (200, "<html>"), (200, "{}"), (200, "")]
)
async def test_a_failing_token_endpoint_is_temporary(vendor, connect, oauth2_account, status, body):
    async def token(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    vendor.token_answer = token
    with pytest.raises(model.TemporaryError):
        await connect(oauth2_account, attempts=1).get("/x")


@pytest.mark.covers("token/single-flight")
async def test_all_who_wait_for_a_token_share_its_failure(vendor, session, clock, oauth2_account):
    async def token(request: web.Request) -> web.Response:
        return web.Response(status=401, text='{"error": "invalid_client"}')

    vendor.token_answer = token
    account = auth.OAuth2("main", oauth2_account, session, clock)
    calls = [account.headers("GET", URL("http://api")) for _ in range(10)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, model.PermanentError) for result in results)
    assert vendor.tokens == 1
    with pytest.raises(model.PermanentError):
        await account.headers("GET", URL("http://api"))
    assert vendor.tokens == 2


@pytest.mark.covers("http/secrets")
async def test_a_vendor_that_repeats_our_secrets_does_not_get_them_into_an_error(
    vendor, connect, oauth2_account
):
    vendor.replies(
        status=403,
        text='{"code": "no token-1", "message": "hush-hush", "description": "saw token-1"}',
        headers={"X-Request-Id": "token-1"},
    )
    with pytest.raises(model.PermanentError) as caught:
        await connect(oauth2_account).get("/x", query=[("key", "in-the-query")])
    for secret in ("hush-hush", "token-1", "in-the-query"):
        assert secret not in str(caught.value)


@pytest.mark.covers("http/secrets")
def test_an_account_does_not_show_its_secret(mpa_account, oauth2_account):
    assert "example-secret" not in repr(mpa_account)
    assert "hush-hush" not in repr(oauth2_account)


@pytest.mark.covers("token/url-per-account")
async def test_two_accounts_of_one_vendor_ask_at_their_own_address(vendor, connect, oauth2_account):
    other = oauth2_account.model_copy(update={"token_url": f"{vendor.url}/oauth2/token"})
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, request.headers.get("Authorization", "")))
        return web.json_response({"access_token": "other", "expires_in": 60})

    vendor.answer = answer
    await connect(oauth2_account, name="diagnostics").get("/x")
    await connect(other, name="iod").get("/x")
    assert [path for path, _ in asked] == ["/x", "/oauth2/token", "/x"]
    assert (asked[0][1], asked[2][1]) == ("Bearer token-1", "Bearer other")


@pytest.mark.covers("http/lumen-product")
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("token_url", "who"),
    [
        ("https://api.lumen.com/oauth/v2/token", "Lumen Connect"),
        ("https://api-test.lumen.com/oauth/v2/token", "Lumen Connect"),
        ("https://api.orange.com/oauth/v3/token", "contact the vendor"),
    ],
)
def test_a_refused_product_says_where_its_vendor_enables_it(status, token_url, who):
    account = OAuth2Account(kind="oauth2", token_url=token_url, client_id="C", client_secret="S")
    oauth = auth.OAuth2("main", account, None, None)
    hint = oauth.hint(errors.ErrorReply(place="GET /x", http=status))
    assert hint.startswith(("account 'main' is not entitled", "a fresh token of account 'main'"))
    assert who in hint
