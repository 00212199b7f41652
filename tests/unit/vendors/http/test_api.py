"""What the one HTTP layer makes of vendors that hang, break off, lie, or say no."""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from watcher import model
from watcher.http import exchange
from watcher.http.headers import parse_retry_after
from watcher.vendors.http.account import CallPriority, VendorAccount
from watcher.vendors.http.api import VendorApi


@pytest.mark.covers("http/hang")
async def test_a_vendor_that_hangs_after_its_headers_is_temporary(vendor, connect):
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.Event().wait()
        return response

    vendor.answer = answer
    with pytest.raises(model.TemporaryError, match=r"did not answer completely within 0\.1 s"):
        await connect(seconds=0.1).get("/x")
    assert len(vendor.asked) == 1


@pytest.mark.covers("http/hang")
async def test_the_loop_goes_on_while_a_vendor_hangs(vendor, connect):
    asked = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        return web.Response()

    vendor.answer = answer
    call = asyncio.ensure_future(connect(seconds=60).get("/x"))
    async with asyncio.timeout(30):
        await asked.wait()  # the vendor answers on the same loop
        for _ in range(100):
            await asyncio.sleep(0)
    assert not call.done()
    call.cancel()


async def test_a_vendor_that_hangs_is_a_temporary_error(vendor, connect):
    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    vendor.answer = answer
    with pytest.raises(model.TemporaryError):
        await connect(seconds=0.2).get("/x")


@pytest.mark.covers("http/reset")
async def test_a_connection_reset_amid_the_body_is_tried_again_and_then_temporary(
    raw_vendor, connect
):
    connections = 0

    async def talk(reader, writer) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        await writer.drain()
        writer.transport.abort()

    with pytest.raises(model.TemporaryError, match="broke off"):
        await connect(url=await raw_vendor(talk)).get("/x")
    assert connections == 3


@pytest.mark.covers("http/no-http")
async def test_an_answer_that_is_not_http_is_temporary(raw_vendor, connect):
    async def talk(reader, writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        writer.close()

    with pytest.raises(model.TemporaryError, match="invalid HTTP"):
        await connect(url=await raw_vendor(talk)).get("/x")


@pytest.mark.covers("http/not-there")
async def test_a_vendor_that_is_not_there_is_temporary(connect, unused_port):
    with pytest.raises(model.TemporaryError, match="cannot connect"):
        await connect(url=f"http://127.0.0.1:{unused_port}").get("/x")


@pytest.mark.covers("http/blip")
async def test_a_blip_is_cured_by_trying_again(vendor, connect):
    vendor.replies_in_turn(lambda: web.Response(status=502), lambda: web.Response(body=b"{}"))
    reply = await connect().get("/x")
    assert (reply.body, len(vendor.asked)) == (b"{}", 2)


async def test_one_attempt_is_one_request(vendor, connect):
    vendor.replies(status=503)
    with pytest.raises(model.TemporaryError):
        await connect(attempts=1).get("/x")


@pytest.mark.covers("http/no-json")
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "an empty body"),
        (b"  \n", "an empty body"),
        (b"<html>", "an HTML page"),
        (b'{"data": {"serv', "truncated JSON"),
        (b"[" * 100_000, "truncated JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'"\xff"', "not JSON"),
        (b"[]", "JSON that is not an object"),
        (b"null", "JSON that is not an object"),
    ],
)
async def test_a_200_without_a_json_object_is_temporary(vendor, connect, body, problem):
    vendor.replies(body=body)
    reply = await connect().get("/x")
    with pytest.raises(model.TemporaryError, match=f"answered 200 with .*{problem}"):
        exchange.parse_object(reply)


@pytest.mark.covers("http/content-type")
async def test_json_counts_whatever_content_type_it_claims(vendor, connect):
    vendor.replies(body=b'{"a": 1}', content_type="text/html")
    assert exchange.parse_object(await connect().get("/x")) == {"a": 1}


@pytest.mark.covers("http/gzip")
async def test_a_compressed_body_is_read(vendor, connect):
    vendor.replies(body=gzip.compress(b'{"a": 1}'), headers={"Content-Encoding": "gzip"})
    assert exchange.parse_object(await connect().get("/x")) == {"a": 1}


@pytest.mark.covers("http/huge-body")
@pytest.mark.parametrize("compressed", [False, True])
async def test_a_huge_body_is_cut_off_at_the_cap(vendor, connect, compressed):
    body = b" " * 2_000_000
    vendor.replies(
        body=gzip.compress(body) if compressed else body,
        headers={"Content-Encoding": "gzip"} if compressed else {},
    )
    with pytest.raises(model.TemporaryError, match="more than 1 MB"):
        await connect(cap=1_000_000, attempts=1).get("/x")


@pytest.mark.covers("http/huge-body")
async def test_a_huge_body_that_is_never_announced_is_cut_off_too(vendor, connect):
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)

    vendor.answer = answer
    with pytest.raises(model.TemporaryError, match="more than 1 MB"):
        await connect(cap=1_000_000, attempts=1).get("/x")


@pytest.mark.covers("http/redirect")
@pytest.mark.parametrize(
    ("status", "error"), [(302, model.TemporaryError), (301, model.PermanentError)]
)
async def test_a_redirect_is_not_followed_with_credentials(
    vendor, connect, oauth2_account, status, error
):
    vendor.replies(status=status, headers={"Location": "https://elsewhere.example/x?code=1"})
    with pytest.raises(error, match=r"redirect to https://elsewhere\.example/x; redirects are not"):
        await connect(oauth2_account).get("/x")
    assert {request.path for request in vendor.asked} == {"/x"}


@pytest.mark.covers("http/429", "http/retry-after")
@pytest.mark.parametrize(
    ("header", "delay"),
    [
        ("7", 7),
        ("0", 1),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 1),
        ("86400000", 3600),
        ("soon", 5),
        ("", 5),
    ],
)
async def test_a_rate_limit_says_how_long_to_wait_and_is_not_tried_again(
    vendor, connect, header, delay
):
    vendor.replies(status=429, headers={"Retry-After": header} if header else {})
    with pytest.raises(model.TemporaryError, match="rate limit") as caught:
        await connect().get("/x")
    assert caught.value.delay == delay
    assert len(vendor.asked) == 1


@pytest.mark.covers("http/retry-after")
async def test_a_503_with_retry_after_is_left_to_the_poller(vendor, connect):
    vendor.replies(status=503, headers={"Retry-After": "30"})
    with pytest.raises(model.TemporaryError) as caught:
        await connect().get("/x")
    assert (caught.value.delay, len(vendor.asked)) == (30, 1)


def test_retry_after_of_no_number_is_none():
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert [parse_retry_after(text, now) for text in ("-5", "1e9", "\u0661", "nan")] == [None] * 4


@pytest.mark.covers("http/refused")
@pytest.mark.parametrize("status", [400, 403, 404, 405, 406, 410, 422])
async def test_a_refusal_is_permanent_and_asked_once(vendor, connect, status):
    vendor.replies(status=status)
    with pytest.raises(model.PermanentError, match=f"answered {status}"):
        await connect().get("/x")
    assert len(vendor.asked) == 1


@pytest.mark.covers("http/trouble")
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_a_failure_on_the_vendors_side_is_temporary(vendor, connect, status):
    vendor.replies(status=status, body=b"<html>Bad gateway</html>")
    with pytest.raises(model.TemporaryError, match=f"answered {status}: an HTML page"):
        await connect().get("/x")
    assert len(vendor.asked) == 3


@pytest.mark.covers("http/envelopes", "http/request-id")
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('{"ErrorCode": "X1", "Error": "Broken"}', "code X1, Broken"),
        (
            '{"code": "c", "reason": "why", "message": "what", "referenceError": ""}',
            "code c, what, why",
        ),
        ('{"code": "404", "message": "Not Found", "info": "Gone"}', "code 404, Not Found, Gone"),
        (
            '{"reason": "No NaaS", "code": "INVALIDVALUE", "propertyPath": "masterSiteId"}',
            "code INVALIDVALUE, No NaaS",
        ),
        (
            '{"exception": {"code": "400004", "message": "Invalid data", "detail": "more"}}',
            "code 400004, Invalid data, more",
        ),
        (
            '{"type": "about:blank", "title": "Teapot", "status": 418, "detail": "short"}',
            "Teapot, short",
        ),
        (
            '{"fault": {"faultstring": "Invalid Access Token", "detail": {"errorcode": "k.i"}}}',
            "code k.i, Invalid Access Token",
        ),
        (
            '{"code": 20, "message": "Bad URL", "description": "d", "infoURL": ""}',
            "code 20, Bad URL, d",
        ),
        ('[{"code": 1, "message": "m"}]', "code 1, m"),
        ('"words"', ""),
        ("the signature does not\nmatch", "the signature does not match"),
        ('{"code": "c"', "broken or truncated JSON"),
        ("<html>", "an HTML page instead of JSON"),
        ("", "an empty body"),
    ],
)
async def test_every_envelope_becomes_one_sentence(vendor, connect, body, sentence):
    vendor.replies(status=418, text=body, headers={"TrackingId": "t-1"})
    with pytest.raises(model.PermanentError) as caught:
        await connect().get("/x", query=[("codeOpe", "private")])
    words = f"answered 418: {sentence}" if sentence else "answered 418"
    assert str(caught.value) == f"GET {vendor.url}/x {words} (request t-1)"


@pytest.mark.covers("http/hostile-text")
async def test_hostile_text_in_an_error_is_bounded_and_on_one_line(vendor, connect):
    vendor.replies(status=400, text='{"message": "a\\n\\u001b[31m' + "b" * 1_000_000 + '"}')
    with pytest.raises(model.PermanentError) as caught:
        await connect().get("/x")
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


@pytest.mark.covers("evpl/codes", "evpl/403-53", "evpl/quota-gone")
@pytest.mark.parametrize(
    "case",
    [
        (403, 53, model.TemporaryError, "rate limit"),
        (429, 53, model.TemporaryError, "rate limit"),
        (403, 50, model.PermanentError, "subscribe the application"),
        (403, 51, model.PermanentError, "Orange has blocked the application"),
        (403, 52, model.PermanentError, "Orange has blocked the account"),
        (401, 40, model.PermanentError, "carried no credentials: check the account"),
        (401, 41, model.PermanentError, "not valid for this API: check the account"),
        (401, 42, model.PermanentError, "a fresh one did not help: check the account"),
        *((400, code, model.PermanentError, f"code {code}") for code in range(20, 25)),
        (400, 25, model.PermanentError, "check application_id"),
        (400, 26, model.PermanentError, "check application_id"),
        (400, 27, model.PermanentError, "code 27"),
        (400, 28, model.PermanentError, "code 28"),
        (405, 61, model.PermanentError, "code 61"),
        (404, 60, model.PermanentError, "check base_url, job and report"),
        (406, 62, model.PermanentError, "code 62"),
        (408, 63, model.TemporaryError, "code 63"),
        (422, 1, model.PermanentError, "code 1"),
        (500, 1, model.TemporaryError, "code 1"),
        (502, 1, model.TemporaryError, "code 1"),
        (504, 6, model.TemporaryError, "code 6"),
        (503, 5, model.TemporaryError, "code 5"),
        (503, 6, model.TemporaryError, "code 6"),
    ],
)
async def test_oranges_codes_decide_what_happens(vendor, connect, case):
    status, code, error, problem = case
    vendor.replies(status=status, text=f'{{"code": {code}, "message": "m"}}')
    with pytest.raises(error, match=problem) as caught:
        await connect(attempts=1).get("/x")
    if code == 53:
        assert caught.value.delay >= 1


@pytest.mark.covers("http/budget")
async def test_a_budget_that_is_used_up_stops_calls_until_next_month(
    vendor, connect, mpa_account, clock, call_counter
):
    vendor.replies(body=b"{}")
    api = connect(mpa_account.model_copy(update={"calls_per_month": 2}), name="orange")
    await api.get("/x")
    await api.get("/x")
    clock.time = datetime(2026, 3, 31, 23, 0, tzinfo=UTC)
    with pytest.raises(
        model.TemporaryError,
        match=r"'orange': monthly budget of 2 calls is used up; requests resume on 1 April",
    ) as e:
        await api.get("/x")
    assert e.value.delay == 3_600
    assert len(vendor.asked) == 2
    clock.time = datetime(2026, 4, 1, tzinfo=UTC)
    await api.get("/x")
    assert call_counter.spent == {("orange", "2026-03"): 2, ("orange", "2026-04"): 1}


@pytest.mark.covers("http/budget-for-polls")
async def test_what_can_be_spared_leaves_the_budget_to_polls(
    vendor, connect, mpa_account, clock, call_counter
):
    vendor.replies(body=b"{}")
    api = connect(mpa_account.model_copy(update={"calls_per_month": 310}), name="vyvx")
    clock.time = datetime(2026, 3, 2, tzinfo=UTC)  # ten calls for each day, and eight to spare
    for _ in range(8):
        await api.get("/history", priority=CallPriority.BACKGROUND)
    with pytest.raises(model.HeldBackError, match="calls of 2026-03 are kept for polls"):
        await api.get("/history", priority=CallPriority.BACKGROUND)
    for _ in range(20):
        await api.get("/status")
    clock.time = datetime(2026, 3, 3, tzinfo=UTC)
    with pytest.raises(model.HeldBackError):  # polls have used what this day gave
        await api.get("/history", priority=CallPriority.BACKGROUND)
    await api.get("/details", priority=CallPriority.LOOKUP)
    assert call_counter.spent == {("vyvx", "2026-03"): 29}


@pytest.mark.covers("http/budget")
async def test_the_budget_counts_each_request_that_leaves(
    vendor, connect, mpa_account, call_counter
):
    vendor.replies(status=502)
    with pytest.raises(model.TemporaryError):
        await connect(mpa_account.model_copy(update={"calls_per_month": 9})).get("/x")
    assert call_counter.spent == {("main", "2026-03"): 3}


@pytest.mark.covers("http/pace")
async def test_calls_are_spread_out_to_the_accounts_rate(vendor, connect, mpa_account):
    vendor.replies(body=b"{}")
    api = connect(mpa_account.model_copy(update={"calls_per_second": 100}))
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(api.get("/x") for _ in range(6)))
    assert asyncio.get_running_loop().time() - began >= 0.05


@pytest.mark.covers("http/never-repeated")
@pytest.mark.parametrize("verb", ["POST", "PUT"])
async def test_a_change_whose_connection_breaks_is_ambiguous_and_left_once(
    raw_vendor, connect, verb
):
    requests = 0

    async def talk(reader, writer) -> None:
        nonlocal requests
        await reader.readuntil(b"\r\n\r\n")
        requests += 1
        writer.transport.abort()

    with pytest.raises(model.AmbiguousError, match="may have been carried out"):
        await connect(url=await raw_vendor(talk)).send(verb, "/x", {})
    assert requests == 1


@pytest.mark.covers("http/never-repeated")
async def test_a_change_that_is_answered_too_late_is_ambiguous(vendor, connect):
    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    vendor.answer = answer
    with pytest.raises(model.AmbiguousError, match=r"within 0\.1 s"):
        await connect(seconds=0.1).send("POST", "/x", {})
    assert len(vendor.asked) == 1


async def test_a_change_that_never_left_is_temporary(connect, unused_port):
    with pytest.raises(exchange.UnsentError, match="cannot connect: Connection refused"):
        await connect(url=f"http://127.0.0.1:{unused_port}").send("POST", "/x", {})


async def test_a_change_is_sent_again_only_when_its_token_was_refused(
    vendor, connect, oauth2_account
):
    vendor.replies_in_turn(lambda: web.Response(status=401), lambda: web.Response(status=201))
    reply = await connect(oauth2_account).send("POST", "/x", {"a": 1})
    assert (reply.status, len(vendor.asked), vendor.tokens) == (201, 2, 2)


async def test_what_is_sent_is_json_with_the_headers_given(vendor, connect):
    sent = []

    async def answer(request: web.Request) -> web.Response:
        sent.append((request.method, request.headers["Content-Type"], await request.json()))
        return web.Response(status=418, text="no")

    vendor.answer = answer
    reply = await connect().send("PUT", "/x", {"a": [1]}, headers={"X-A": "b"})
    assert sent == [("PUT", "application/json", {"a": [1]})]
    assert reply.status == 418


@pytest.mark.covers("http/quiet")
async def test_a_rate_limit_holds_back_all_clients_that_share_the_account(
    vendor, session, clock, call_counter, mpa_account
):
    shared = VendorAccount("main", mpa_account, session, clock, call_counter)
    first, second = (VendorApi(shared, vendor.url, timeout=timedelta(seconds=5)) for _ in range(2))
    vendor.replies(status=429, headers={"Retry-After": "30"})
    with pytest.raises(model.TemporaryError, match="answered 429"):
        await first.get("/x")
    clock.seconds += 20
    with pytest.raises(model.TemporaryError, match="next request in 10 s") as caught:
        await second.get("/y")
    assert (len(vendor.asked), caught.value.delay) == (1, pytest.approx(10))
    clock.seconds += 10
    vendor.replies(text="{}")
    assert (await second.get("/y")).status == 200
