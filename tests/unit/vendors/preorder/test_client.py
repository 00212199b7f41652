"""PX PreOrder: every row of its table, near matches, and a day that ends at Central midnight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from watcher import model
from watcher.vendors.http.account import VendorAccount
from watcher.vendors.preorder import codes
from watcher.vendors.preorder.backups import PreorderBackupFinder, backup_options
from watcher.vendors.preorder.client import (
    Address,
    Offer,
    Outcome,
    PreorderClient,
    Qualification,
    RetiredError,
    parse_address,
    qualification_request,
)
from watcher.vendors.preorder.settings import Preorder, PreorderFields

HOME = Address(street="1 Main St", city="Denver", state="CO", zip="80202")
OFFERS = {
    "transactionId": "PX1",
    "qualifiedProducts": [{"productName": "Fiber 940", "monthlyPrice": 65.5}, {"productName": ""}],
}
NEAR = {
    "transactionId": "PX1",
    "nearMatches": [
        {"addressDetailId": "A1", "address": "1 Main St N, Denver"},
        {"addressDetailId": "A2", "street": "1 Main St S", "city": "Denver"},
    ],
}


@pytest.fixture
def client(vendor, session, clock, call_counter, oauth2_account) -> PreorderClient:
    account = VendorAccount("lumen", oauth2_account, session, clock, call_counter)
    keys = Preorder(
        account="lumen", url=f"{vendor.url}/px/qualify", sales_code="S1", partner_id="P1"
    )
    return PreorderClient(account, keys)


def coded(status: int, code: object, **more: object):
    body = {"apiStatusCode": status, "internalMessageCode": code, "message": "Missing <B>", **more}
    return lambda: web.json_response(body, status=status)


def answers(vendor, *responses) -> list[dict[str, object]]:
    """Answer in turn and give the bodies that were sent."""
    left, sent = list(responses), []

    async def answer(request: web.Request) -> web.Response:
        sent.append(await request.json())
        return (left.pop(0) if len(left) > 1 else left[0])()

    vendor.answer = answer
    return sent


@pytest.mark.covers("px/qualify")
async def test_what_can_be_ordered_is_listed(vendor, client):
    sent = answers(vendor, lambda: web.json_response(OFFERS))
    result = await client.qualify(HOME)
    assert vendor.asked[0].path == "/px/qualify"
    assert sent == [
        {
            "salesCode": "S1",
            "partnerId": "P1",
            "qualForVideo": False,
            "streetAddress": "1 Main St",
            "city": "Denver",
            "state": "CO",
            "zip": "80202",
        }
    ]
    assert (result.outcome, result.transaction) == (Outcome.OFFERS, "PX1")
    assert result.offers == (Offer(name="Fiber 940", price="65.5"),)


@pytest.mark.covers("px/answers")
@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (200, 2096, Outcome.NO_MATCH),
        (200, 2086, Outcome.OUTSIDE),
        (410, 1005, Outcome.ORDERED),
        (500, 6000, Outcome.NO_OFFERS),
        (500, "6000", Outcome.NO_OFFERS),
    ],
)
async def test_some_codes_are_answers_whatever_their_status(vendor, client, status, code, outcome):
    answers(vendor, coded(status, code, transactionId="PX9"))
    result = await client.qualify(HOME)
    assert (result.outcome, result.transaction, result.offers) == (outcome, "PX9", ())
    assert result.words
    assert len(vendor.asked) == 1


@pytest.mark.covers("px/401-config")
@pytest.mark.parametrize(
    ("code", "key"),
    [
        (2000, "sales_code"),
        (2010, "agent_id"),
        (2020, "market_segment"),
        (2030, "partner_id"),
        (2040, "fields"),
    ],
)
async def test_a_wrong_partner_detail_never_refreshes_a_token(vendor, client, code, key):
    answers(vendor, coded(401, code))
    with pytest.raises(model.PermanentError, match=rf"check {key} of \[preorder\]"):
        await client.qualify(HOME)
    assert (vendor.tokens, len(vendor.asked)) == (1, 1)


@pytest.mark.covers("px/401-token")
async def test_a_401_without_a_code_refreshes_the_token_once(vendor, client):
    answers(vendor, lambda: web.Response(status=401), lambda: web.json_response(OFFERS))
    assert (await client.qualify(HOME)).outcome is Outcome.OFFERS
    assert (vendor.tokens, len(vendor.asked)) == (2, 2)
    answers(vendor, lambda: web.Response(status=401))
    with pytest.raises(model.PermanentError, match="fresh token"):
        await client.qualify(HOME)
    assert (vendor.tokens, len(vendor.asked)) == (3, 4)


@pytest.mark.covers("px/410-input")
@pytest.mark.parametrize("code", [1000, 1010, 1020, 1030, 2070, 2080])
async def test_a_wrong_address_or_transaction_is_permanent(vendor, client, code):
    answers(vendor, coded(410, code))
    with pytest.raises(model.PermanentError, match=f"code {code}, "):
        await client.qualify(HOME)
    assert len(vendor.asked) == 1


@pytest.mark.covers("px/500-down")
@pytest.mark.parametrize("code", [4000, 4010, 4020, 4030])
async def test_systems_behind_it_that_are_down_are_tried_thrice(vendor, client, code):
    answers(vendor, coded(500, code))
    with pytest.raises(model.TemporaryError, match=f"code {code}, "):
        await client.qualify(HOME)
    assert len(vendor.asked) == 3


@pytest.mark.covers("px/500-unknown")
@pytest.mark.parametrize("code", [5000, 5010])
async def test_an_unknown_failure_is_tried_once_more(vendor, client, code):
    answers(vendor, coded(500, code))
    with pytest.raises(model.TemporaryError, match=f"code {code}, "):
        await client.qualify(HOME)
    assert len(vendor.asked) == 2
    answers(vendor, coded(500, code), lambda: web.json_response(OFFERS))
    assert (await client.qualify(HOME)).outcome is Outcome.OFFERS


@pytest.mark.covers("px/code-first")
async def test_the_internal_code_goes_before_both_statuses(vendor, client):
    body = {"apiStatusCode": 401, "internalMessageCode": "2000"}
    answers(vendor, lambda: web.json_response(body))
    with pytest.raises(model.PermanentError, match="sales_code"):
        await client.qualify(HOME)
    assert vendor.tokens == 1


@pytest.mark.covers("px/code-first")
@pytest.mark.parametrize(
    ("status_in_body", "error"), [(410, model.PermanentError), (500, model.TemporaryError)]
)
async def test_a_status_in_the_body_goes_before_that_of_http(vendor, client, status_in_body, error):
    body = {"apiStatusCode": status_in_body, "message": "hm", "products": []}
    answers(vendor, lambda: web.json_response(body))
    with pytest.raises(error, match=f"status {status_in_body}"):
        await client.qualify(HOME)


@pytest.mark.covers("px/message-junk")
@pytest.mark.parametrize(
    "message", ["", "No offers available; TxIX <>", "“quoted” <B> orde?", None]
)
async def test_a_message_decides_nothing(vendor, client, message):
    answers(vendor, coded(200, 2086, message=message))
    assert (await client.qualify(HOME)).outcome is Outcome.OUTSIDE


@pytest.mark.covers("px/near-match")
async def test_near_matches_are_listed_and_one_is_chosen_in_their_transaction(vendor, client):
    sent = answers(vendor, lambda: web.json_response(NEAR), lambda: web.json_response(OFFERS))
    result = await client.qualify(HOME)
    assert result.outcome is Outcome.NEAR_MATCHES
    assert [(match.id, match.address) for match in result.near] == [
        ("A1", "1 Main St N, Denver"),
        ("A2", "1 Main St S, Denver"),
    ]
    chosen = await client.choose(HOME, choice="A2", transaction=result.transaction, day=result.day)
    assert chosen.outcome is Outcome.OFFERS
    assert (sent[1]["transactionId"], sent[1]["addressDetailId"]) == ("PX1", "A2")


@pytest.mark.covers("px/410-2220")
async def test_an_expired_transaction_is_dropped_and_the_choice_made_again(vendor, client):
    sent = answers(
        vendor,
        coded(410, 2220),
        lambda: web.json_response(NEAR | {"transactionId": "PX2"}),
        lambda: web.json_response(OFFERS),
    )
    result = await client.choose(HOME, choice="A1", transaction="PX1")
    assert result.outcome is Outcome.OFFERS
    assert [body.get("transactionId") for body in sent] == ["PX1", None, "PX2"]


@pytest.mark.covers("px/410-2220")
async def test_a_second_expiry_is_permanent(vendor, client):
    answers(vendor, coded(410, 2220))
    with pytest.raises(model.PermanentError, match="earlier day"):
        await client.choose(HOME, choice="A1", transaction="PX1")
    assert len(vendor.asked) == 2


@pytest.mark.covers("px/410-2220")
async def test_a_choice_that_is_gone_after_the_expiry_is_left_to_the_person(vendor, client):
    other = {"transactionId": "PX2", "nearMatches": NEAR["nearMatches"][:1]}
    answers(vendor, coded(410, 2220), lambda: web.json_response(other))
    result = await client.choose(HOME, choice="A2", transaction="PX1")
    assert (result.outcome, [match.id for match in result.near]) == (Outcome.NEAR_MATCHES, ["A1"])


@pytest.mark.covers("px/day-rollover")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        # in winter Central midnight is 06:00 UTC, in summer 05:00
        (datetime(2026, 1, 15, 5, 59, tzinfo=UTC), datetime(2026, 1, 15, 6, 0, tzinfo=UTC)),
        (datetime(2026, 7, 15, 4, 59, tzinfo=UTC), datetime(2026, 7, 15, 5, 0, tzinfo=UTC)),
        # the day on which the clocks go forward, and the one on which they go back
        (datetime(2026, 3, 9, 4, 59, tzinfo=UTC), datetime(2026, 3, 9, 5, 0, tzinfo=UTC)),
        (datetime(2026, 11, 2, 5, 59, tzinfo=UTC), datetime(2026, 11, 2, 6, 0, tzinfo=UTC)),
    ],
)
async def test_a_day_ends_at_central_midnight_summer_and_winter(
    vendor, client, clock, before, after
):
    answers(vendor, lambda: web.json_response(NEAR))
    clock.time = before
    result = await client.qualify(HOME)
    sent = answers(vendor, lambda: web.json_response(OFFERS))
    await client.choose(HOME, choice="A1", transaction="PX1", day=result.day)
    assert [body.get("transactionId") for body in sent] == ["PX1"]
    clock.time = after
    sent = answers(vendor, lambda: web.json_response(NEAR), lambda: web.json_response(OFFERS))
    await client.choose(HOME, choice="A1", transaction="old", day=result.day)
    assert [body.get("transactionId") for body in sent] == [None, "PX1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty body"),
        ("<html>", "HTML"),
        ("{}", "check url"),
        ("[]", "JSON that is not an object"),
        ('{"status": "ok"}', "check url"),
    ],
)
async def test_an_answer_of_another_kind_is_temporary(vendor, client, text, words):
    vendor.replies(text=text)
    with pytest.raises(model.TemporaryError, match=words):
        await client.qualify(HOME)


async def test_an_empty_list_of_products_is_an_answer(vendor, client):
    answers(vendor, lambda: web.json_response({"products": []}))
    assert (await client.qualify(HOME)).outcome is Outcome.NO_OFFERS


async def test_a_question_whose_answer_is_lost_is_temporary(
    raw_vendor, session, clock, call_counter
):
    async def talk(reader, writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    keys = Preorder(url=await raw_vendor(talk))
    client = PreorderClient(VendorAccount("", None, session, clock, call_counter), keys)
    with pytest.raises(model.TemporaryError) as caught:
        await client.qualify(HOME)
    assert not isinstance(caught.value, model.AmbiguousError)


@pytest.mark.covers("px/paths-unknown")
def test_every_name_of_the_request_is_configured_and_may_be_nested():
    keys = Preorder(
        sales_code="S1",
        fields=PreorderFields(street="address.line1", city="address.town", zip="z"),
    )
    assert qualification_request(keys, HOME, transaction="T", choice="A") == {
        "salesCode": "S1",
        "qualForVideo": False,
        "address": {"line1": "1 Main St", "town": "Denver"},
        "state": "CO",
        "z": "80202",
        "transactionId": "T",
        "addressDetailId": "A",
    }


@pytest.mark.parametrize("names", [{"city": "zip"}, {"street": "address", "city": "address.city"}])
def test_two_fields_of_one_name_are_a_config_fault(names):
    with pytest.raises(ValueError, match="names two fields"):
        PreorderFields(**names)


@pytest.mark.covers("px/paths-unknown", "px/sandbox")
def test_where_it_is_asked_is_configured():
    assert Preorder().address == "https://api.lumen.com/pxQualify"
    assert Preorder(sandbox=True).address == "https://api-test.lumen.com/pxQualify"
    assert Preorder(url="https://x.example/q").address == "https://x.example/q"


def test_an_address_is_read_from_one_line():
    assert parse_address(" 1 Main St,Denver,  co 80202-1234 ") == Address(
        street="1 Main St", city="Denver", state="CO", zip="80202-1234"
    )


@pytest.mark.parametrize(
    "text", ["", "1 Main St", "1 Main St, Denver", "1, 2, 3, 4", "a,b,CO 8020"]
)
def test_what_is_not_an_address_is_refused_with_an_example(text):
    with pytest.raises(model.PermanentError, match="write it as in"):
        parse_address(text)


@pytest.mark.covers("px/code-first")
def test_numbers_that_are_not_codes_are_not_taken_for_one():
    body = {"zip": "01010", "zipCode": 1010, "promoCode": 2000, "products": [{"code": 77}]}
    assert codes.parse(body, transaction_key="t", choice_key="c").code == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inside: (
        st.lists(inside)
        | st.dictionaries(
            st.sampled_from(["code", "products", "addressDetailId", "name", "price", "x"]), inside
        )
    ),
)


@given(JSON)
def test_no_reply_whatever_its_shape_breaks_the_reader(body):
    result = codes.parse(body, transaction_key="transactionId", choice_key="addressDetailId")
    assert result.code in {0, *codes.CODES}
    assert len(result.near) <= codes.MOST


GONE = {
    "html": lambda: web.Response(status=404, text="<html>", content_type="text/html"),
    "empty": lambda: web.Response(status=410),
    "apigee": lambda: web.json_response({"code": "404", "message": "Not Found"}, status=404),
    "words": lambda: web.json_response({"apiStatusCode": 410, "message": "Retired"}, status=410),
}


@pytest.mark.covers("px/retired")
@pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
async def test_an_endpoint_that_is_gone_is_said_to_be_retired(vendor, client, gone):
    answers(vendor, gone)
    with pytest.raises(RetiredError, match="PX PreOrder is retired or has moved") as caught:
        await client.qualify(HOME)
    assert "url` of [preorder]" in str(caught.value)
    assert len(vendor.asked) == 1


@pytest.mark.covers("px/retired")
@pytest.mark.parametrize("status", [404, 410])
async def test_a_code_that_is_not_in_the_table_shows_no_retirement(vendor, client, status):
    answers(vendor, coded(status, 1040))
    with pytest.raises(model.PermanentError, match=f"answered {status}") as caught:
        await client.qualify(HOME)
    assert not isinstance(caught.value, RetiredError)


class NoMemory:
    """Remembers no address."""

    async def last_reported(self, key: str, *, since: datetime) -> None:
        return None

    async def record(self, key: str, at: datetime, *, since: datetime) -> None: ...


@pytest.mark.covers("px/retired")
async def test_a_retired_endpoint_is_asked_once_a_day_and_logged_once(vendor, client, clock):
    answers(vendor, GONE["html"])
    finder = PreorderBackupFinder(client, NoMemory(), clock)
    with capture_logs() as logs:
        with pytest.raises(RetiredError):
            await finder.find("1 Main St, Denver, CO 80202")
        options = await finder.find("2 Main St, Denver, CO 80202")
        assert (options.offers, len(vendor.asked)) == ((), 1)
        assert options.why.startswith("pxQualify was not there on 2026-03-01")
        clock.time += timedelta(days=9)  # somebody sets it
        options = await finder.find("2 Main St, Denver, CO 80202")
        assert options.why.startswith("pxQualify was not there on 2026-03-10")
        clock.time += timedelta(days=1)
        clock.seconds += 86_400.0
        with pytest.raises(RetiredError):
            await finder.find("1 Main St, Denver, CO 80202")
    assert [entry["event"] for entry in logs] == ["pxQualify is retired or has moved"]
    answers(vendor, lambda: web.json_response(OFFERS))
    clock.time += timedelta(days=1)
    clock.seconds += 86_400.0
    assert (await finder.find("1 Main St, Denver, CO 80202")).offers


@pytest.mark.covers("px/att")
@pytest.mark.parametrize(
    ("outcome", "note"),
    [
        (Outcome.OFFERS, "offers of CenturyLink and Quantum Fiber"),
        (Outcome.NO_OFFERS, "AT&T took over"),
        (Outcome.OUTSIDE, "AT&T took over"),
        (Outcome.NO_MATCH, ""),
        (Outcome.ORDERED, ""),
    ],
)
def test_what_px_offers_and_who_may_deliver_it_is_said(outcome, note):
    offers = (Offer(name="Fiber 940"),) if outcome is Outcome.OFFERS else ()
    day = datetime(2026, 11, 28, tzinfo=UTC).date()
    options = backup_options(Qualification(outcome=outcome, words="w", offers=offers, day=day))
    assert options.note.startswith(note)
    assert bool(options.note) is bool(note)
    assert ("2026-02-02" in options.note) is bool(note)


@pytest.mark.covers("http/lumen-product")
async def test_a_refused_product_says_who_enables_it(vendor, client):
    answers(vendor, lambda: web.json_response({"message": "Forbidden"}, status=403))
    with pytest.raises(model.PermanentError, match="is not entitled to this product"):
        await client.qualify(HOME)
