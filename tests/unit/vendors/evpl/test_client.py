"""Orange's pages and values, as documented and as they must be survived."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from watcher import model
from watcher.vendors.evpl.client import (
    MOST_PAGES,
    EvplClient,
    Line,
    Utilization,
    format_granularity,
    join_pages,
)
from watcher.vendors.evpl.samples import parse_value

START = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
END = datetime(2026, 3, 1, 12, 0, 0, 41_000, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START.replace(minute=minute)


@pytest.fixture
def client(connect, oauth2_account) -> EvplClient:
    return EvplClient(
        connect(oauth2_account, attempts=1),
        operator_code="OP1",
        application_id="A1",
        granularity=timedelta(minutes=5),
    )


def entry(instance: str, *, minute: int = 55, value: object = "10") -> dict[str, object]:
    values = [{"timeStamp": model.format_timestamp(at(minute)), "value": value}]
    return {"objectInstanceId": instance, "metric_name": "U", "performanceValues": values}


@pytest.mark.covers("evpl/report", "evpl/two-ctxtid", "evpl/code-ope", "evpl/times", "evpl/jobv")
async def test_the_request_is_what_the_document_asks_for(vendor, client):
    vendor.replies(text='{"entries": [], "hasNext": false}')
    await client.utilization(START, END)
    (request,) = vendor.asked
    assert request.path == "/pm_jobs/JOBV/reports/UTILIZATION"
    assert list(request.query.items()) == [
        ("codeOpe", "OP1"),
        ("startTime", "2026-03-01T11:00:00.000Z"),
        ("endTime", "2026-03-01T12:00:00.041Z"),
        ("offer_type", "EVPL"),
        ("granularity", "300s"),
        ("ctxtid", "wses"),
        ("ctxtid", "vsn"),
    ]
    assert request.headers["ApplicationID"] == "A1"
    assert request.headers["pagination"] == "1"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Authorization"] == "Bearer token-1"


@pytest.mark.covers("evpl/paging", "evpl/value-junk")
async def test_pages_are_joined_and_values_read_tolerantly(vendor, client, fixture_bytes):
    pages = {"1": "evpl/page_1.json", "3": "evpl/page_2.json"}

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=fixture_bytes(pages[request.headers["pagination"]]))

    vendor.answer = answer
    answered = await client.utilization(START, END)
    paris = {"pop_country": "FR", "pop_name": "PAR", "pop_section": "PAR-LON"}
    assert answered == Utilization(
        lines=(
            Line(
                instance="LD100001",
                metric="UtilizationIn",
                **paris,
                values={at(50): 31.5, at(55): 32.5},
            ),
            Line(instance="LD100001", metric="UtilizationOut", **paris, values={at(50): 80.0}),
            Line(
                instance="LD100002",
                metric="Utilization",
                pop_country="GB",
                pop_name="LON",
                values={at(55): 12.5},
            ),
        ),
        unreadable=1,
        dropped=5,
        odd=1,
        example="'99' at 'whenever'",
    )


@pytest.mark.covers("evpl/repeated-page")
async def test_a_page_that_repeats_forever_leaves_the_answer_incomplete(vendor, client):
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"hasNext": True, "entries": [entry("A")]})

    vendor.answer = answer
    answered = await client.utilization(START, END)
    assert not answered.complete
    assert [line.instance for line in answered.lines] == ["A"]
    assert len(vendor.asked) == 2


@pytest.mark.covers("evpl/repeated-page")
async def test_pages_without_end_stop_at_the_cap(vendor, client):
    async def answer(request: web.Request) -> web.Response:
        first = request.headers["pagination"]
        return web.json_response({"hasNext": True, "entries": [entry(f"L{first}")]})

    vendor.answer = answer
    answered = await client.utilization(START, END)
    assert (answered.complete, len(answered.lines)) == (False, MOST_PAGES)


@pytest.mark.covers("evpl/paging")
async def test_an_empty_page_ends_the_answer_though_more_is_promised(vendor, client):
    vendor.replies_in_turn(
        lambda: web.json_response({"hasNext": True, "entries": [entry("A")]}),
        lambda: web.json_response({"hasNext": True, "entries": []}),
    )
    answered = await client.utilization(START, END)
    assert (answered.complete, len(answered.lines)) == (True, 1)


def page(*lines, **paging):
    return lambda: web.json_response({**paging, "entries": [entry(line) for line in lines]})


async def read(vendor, client, *pages):
    vendor.replies_in_turn(*pages)
    answered = await client.utilization(START, END)
    return "".join(line.instance for line in answered.lines), answered.doubt


@pytest.mark.covers("evpl/paging-figures")
@pytest.mark.parametrize(
    "says",
    [
        lambda n: {"currentPage": n, "totalPages": 3},
        lambda n: {"currentPage": n - 1, "totalPages": 3},
        lambda n: {"currentPage": str(n), "totalPages": "3"},
        lambda n: {"current_page": n, "total_pages": 3.0},
        lambda _: {"currentPage": 1, "totalPages": 3},
        lambda _: {"totalPages": 3, "hasNext": None},
        lambda n: {"hasNext": "True" if n < 3 else "False"},
        lambda n: {"hasNext": "TRUE" if n < 3 else "FALSE"},
        lambda n: {"has_next": n < 3},
        lambda n: {"HasNext": int(n < 3)},
        lambda n: {"pagination": {"hasNext": n < 3}},
        lambda n: {"currentPage": n, "totalPages": 3, "hasNext": n < 3},
    ],
)
async def test_pages_are_read_on_whatever_says_that_there_are_more(vendor, client, says):
    pages = [page(*lines, **says(n)) for n, lines in enumerate(("AB", "CD", "EF"), 1)]
    assert await read(vendor, client, *pages) == ("ABCDEF", "")
    assert len(vendor.asked) == 3


@pytest.mark.covers("evpl/paging-figures")
async def test_an_answer_that_says_nothing_of_pages_is_whole(vendor, client):
    assert await read(vendor, client, page("A")) == ("A", "")


@pytest.mark.covers("evpl/paging-figures")
@pytest.mark.parametrize("says", [{"hasNext": "maybe"}, {"currentPage": 1}, {"totalPages": "?"}])
async def test_paging_that_cannot_be_read_leaves_the_answer_incomplete(vendor, client, says):
    assert await read(vendor, client, page("A", **says)) == (
        "A",
        "whether there are more pages cannot be read",
    )


@pytest.mark.covers("evpl/paging-figures")
async def test_a_last_page_that_is_not_the_last_is_read_over_and_said(vendor, client):
    lines, doubt = await read(
        vendor,
        client,
        page("A", currentPage=1, totalPages=2, hasNext=False),
        page("B", currentPage=2, totalPages=2, hasNext=False),
    )
    assert (lines, doubt) == ("AB", "page 1 of 2 says that it is the last one")


@pytest.mark.covers("evpl/paging-figures")
async def test_pages_that_are_announced_and_empty_leave_the_answer_incomplete(vendor, client):
    lines, doubt = await read(
        vendor, client, page("A", totalPages=3), page("B", totalPages=3), page(totalPages=3)
    )
    assert (lines, doubt) == ("AB", "3 pages are announced, and page 3 is empty")


@pytest.mark.covers("evpl/paging-figures")
async def test_more_pages_than_are_announced_leave_the_answer_incomplete(vendor, client):
    lines, doubt = await read(
        vendor,
        client,
        page("A", totalPages=1, hasNext=True),
        page("B", totalPages=1, hasNext=False),
    )
    assert (lines, doubt) == ("AB", "there are more pages than the 1 that are announced")


@pytest.mark.covers("evpl/paging-figures")
@pytest.mark.parametrize("says", [{"currentPage": 1, "totalPages": 1}, {"totalPages": 0}, {}])
async def test_an_empty_answer_is_an_answer(vendor, client, says):
    assert await read(vendor, client, page(**says)) == ("", "")


@pytest.mark.covers("evpl/total-zero")
async def test_total_pages_of_zero_is_not_no_data(vendor, client):
    page = {"currentPage": 0, "totalPages": 0, "hasNext": False, "entries": [entry("A")]}
    vendor.replies_in_turn(lambda: web.json_response(page))
    assert len((await client.utilization(START, END)).lines) == 1


@pytest.mark.covers("evpl/shifting-pages")
async def test_pages_that_shift_between_calls_count_each_value_once(vendor, client):
    vendor.replies_in_turn(
        lambda: web.json_response({"hasNext": True, "entries": [entry("A"), entry("B")]}),
        lambda: web.json_response(
            {"hasNext": False, "entries": [entry("B", value="11"), entry("C")]}
        ),
    )
    answered = await client.utilization(START, END)
    assert {line.instance: dict(line.values) for line in answered.lines} == {
        "A": {at(55): 10.0},
        "B": {at(55): 11.0},
        "C": {at(55): 10.0},
    }


@pytest.mark.covers("evpl/expired-mid-pages")
async def test_a_token_that_expires_amid_the_pages_is_refreshed(vendor, client):
    async def answer(request: web.Request) -> web.Response:
        if request.headers["pagination"] == "1":
            return web.json_response({"hasNext": True, "entries": [entry("A")]})
        if request.headers["Authorization"] == "Bearer token-1":
            return web.json_response({"code": 42, "message": "Expired credentials"}, status=401)
        return web.json_response({"hasNext": False, "entries": [entry("B")]})

    vendor.answer = answer
    assert len((await client.utilization(START, END)).lines) == 2
    assert vendor.tokens == 2


async def test_a_page_that_fails_fails_the_answer(vendor, client):
    vendor.replies_in_turn(
        lambda: web.json_response({"hasNext": True, "entries": [entry("A")]}),
        lambda: web.json_response({"code": 53, "message": "Too many requests"}, status=403),
    )
    with pytest.raises(model.TemporaryError, match="rate limit"):
        await client.utilization(START, END)


@pytest.mark.parametrize("body", ["{}", '{"entries": {}}', '{"entries": null}', "[]", ""])
async def test_a_body_without_entries_is_temporary(vendor, client, body):
    vendor.replies(text=body)
    with pytest.raises(model.TemporaryError):
        await client.utilization(START, END)


@pytest.mark.covers("evpl/value-junk")
@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("12.5", 12.5),
        ("12,5", 12.5),
        (" 7 ", 7.0),
        (7, 7.0),
        (0, 0.0),
        ("1e1", 10.0),
        ("", None),
        ("NaN", None),
        ("N/A", None),
        ("inf", None),
        ("1,234,5", None),
        ("97 %", None),
        ("1_0", None),
        ("\N{ARABIC-INDIC DIGIT FIVE}", None),
        ("1,234.5", None),
        ("9" * 5_000, None),
        (None, None),
        (True, None),
        ([], None),
        ({}, None),
    ],
)
def test_a_value_is_a_number_or_missing_and_never_zero_by_default(value, number):
    assert parse_value(value) == number


@pytest.mark.parametrize("junk", [None, 5, "x", [], {"objectInstanceId": None}, {"metric_name": 1}])
def test_an_entry_that_names_no_line_is_counted(junk):
    assert join_pages([[junk]]) == Utilization(lines=(), unreadable=1)


@pytest.mark.parametrize("values", [None, {}, [None, 3], [{}], [{"timeStamp": 5, "value": 1}]])
def test_malformed_values_leave_a_line_without_samples(values):
    answered = join_pages([[{"objectInstanceId": "A", "performanceValues": values}]])
    assert [dict(line.values) for line in answered.lines] == [{}]


@pytest.mark.covers("evpl/granularity-m")
def test_granularity_is_never_written_in_the_ambiguous_m():
    assert format_granularity(timedelta(minutes=5)) == "300s"
    assert format_granularity(timedelta(milliseconds=1500)) == "1500ms"


def samples(*pairs):
    """Make a line of samples, each as its vendor writes its time and its value."""
    values = [{"timeStamp": written, "value": value} for written, value in pairs]
    return {"objectInstanceId": "A", "performanceValues": values}


def seconds(minute):
    return int(at(minute).timestamp())


async def answered(vendor, client, *entries):
    vendor.replies_in_turn(lambda: web.json_response({"entries": list(entries)}))
    return await client.utilization(START, END)


@pytest.mark.covers("evpl/epoch")
@pytest.mark.parametrize(
    "write",
    [
        seconds,
        lambda minute: str(seconds(minute)),
        lambda minute: seconds(minute) * 1_000,
        lambda minute: f" {seconds(minute) * 1_000} ",
        lambda minute: float(seconds(minute)),
    ],
)
async def test_times_of_the_epoch_are_read_where_all_agree(vendor, client, write):
    result = await answered(vendor, client, samples((write(50), 1), (write(55), "2")))
    assert (result.lines[0].values, result.odd) == ({at(50): 1.0, at(55): 2.0}, 0)


@pytest.mark.covers("evpl/epoch")
@pytest.mark.parametrize(
    "times",
    [
        (seconds(50), seconds(55) * 1_000),
        (seconds(50), 20),
        (seconds(50) * 1_000_000,),
        (seconds(50) - 400 * 86_400,),
        (1_712_011_200_000,),  # fromisoformat reads its text as a day in the year 1712
        ("1712011200000",),
        (True,),
    ],
)
async def test_numbers_that_do_not_agree_are_not_times(vendor, client, times):
    result = await answered(vendor, client, samples(*((written, 1) for written in times)))
    assert (result.lines[0].values, result.odd) == ({}, len(times))


@pytest.mark.covers("evpl/epoch")
async def test_a_number_among_times_in_words_is_not_a_time(vendor, client):
    mixed = samples((seconds(50), 1), (model.format_timestamp(at(55)), 2))
    result = await answered(vendor, client, mixed)
    assert (result.lines[0].values, result.odd) == ({at(55): 2.0}, 1)


@pytest.mark.covers("evpl/nothing-read")
@pytest.mark.parametrize(
    ("given", "example"),
    [
        (samples(("2026-03-01 11:50:00 UTC", "97")), "'97' at '2026-03-01 11:50:00 UTC'"),
        (samples(("2026-03-01T11:50:00Z", "97 %")), "'97 %' at '2026-03-01T11:50:00Z'"),
        (samples(("2026-03-01T11:50:00Z", {"avg": 9})), "dict at '2026-03-01T11:50:00Z'"),
        ({"objectInstanceId": "A", "performanceValues": {"x": 1}}, "dict"),
        ({"objectInstanceId": "A", "performanceValues": [7]}, "7"),
        ({"objectInstanceId": "A", "performanceValues": [{"val": 7}]}, ""),
    ],
)
async def test_what_cannot_be_read_is_counted_with_an_example(vendor, client, given, example):
    result = await answered(vendor, client, given)
    assert (result.odd, result.example) == (1, example)


@pytest.mark.covers("evpl/value-junk")
@pytest.mark.parametrize("nothing", ["", " ", "NaN", "N/A", "n/a", "null", "-", None])
async def test_what_says_that_nothing_was_measured_is_not_odd(vendor, client, nothing):
    result = await answered(vendor, client, samples(("2026-03-01T11:50:00Z", nothing)))
    assert (result.dropped, result.odd) == (1, 0)
