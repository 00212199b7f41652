"""Planned works on the board, in the API, and as a calendar to subscribe to."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import icalendar
import jsonschema
import pytest
import recurring_ical_events
from msgspec.structs import replace

from tests.fakes import sample_data
from tests.unit.operations.test_works import window, work
from watcher import model
from watcher.ledger.document import LedgerDocument
from watcher.model import WorkStatus
from watcher.operations import documents, status, works_calendar

NOW = sample_data.NOW  # 2026-11-21 03:24:12
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TONIGHT = window(NOW.replace(hour=23, minute=0, second=0))  # until 01:00
OURS = {"2-DEF": ("vyvx/1234567",)}


async def find_ours():
    return lambda work: OURS if work.notice.provider == "lumen" else {}


@pytest.fixture
async def site(serve, reader):
    reader.kept_works = [
        work("CHG-1", TONIGHT, window(NOW + 3 * DAY)),
        work("<b>&", window(NOW + DAY), provider="orange", status=WorkStatus.CANCELLED),
        work("RUN", window(NOW - HOUR), dismissed_by="ann"),
        work("OLD", window(NOW - 40 * DAY)),
    ]
    async with serve(subjects_of=find_ours) as opened:
        yield opened


async def test_the_page_has_each_day_of_a_window_and_each_maintenance(site):
    page = await site.get("/works")
    assert page.status == 200
    assert "Planned works in 2026-11" in page.text
    assert '23:00\N{EN DASH}24:00 <a href="#work-' in page.text
    assert '00:00\N{EN DASH}01:00 <a href="#work-' in page.text
    assert "&lt;b&gt;&amp; of Orange" in page.text
    assert "<b>&" not in page.text
    assert 'href="/subjects/vyvx/1234567"' in page.text
    assert "none of ours" in page.text
    assert "dismissed by ann: outages call people" in page.text
    assert 'href="/works?month=2026-12&amp;zone=UTC"' in page.text
    assert "OLD" not in page.text
    assert "OLD of Lumen" in (await site.get("/works?month=2026-10")).text


async def test_each_window_stands_where_it_is_and_not_where_another_one_is(site, reader):
    windows = (window(NOW - 2 * DAY), window(NOW - HOUR), window(NOW + 2 * DAY))
    reader.kept_works = [work("CHG-1", *windows)]
    text = (await site.get("/works")).text
    assert re.findall(r'<li class="work (\w+)">', text) == ["over", "running", "ahead"]


async def test_the_days_are_those_of_the_zone(site):
    text = (await site.get("/works?zone=America/Denver")).text
    assert '16:00\N{EN DASH}18:00 <a href="#work-' in text
    assert "days and times of the calendar are those of America/Denver" in text


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/works?month=soon", "is not a month"),
        ("/works?month=0001-01", "is not a month"),
        ("/works?month=9999-12", "is not a month"),
        ("/works?zone=Denver", "is not a time zone"),
        ("/works?year=2026", "unknown parameter"),
        ("/works.ics?x=1", "unknown parameter"),
        ("/api/v1/works?state=gone", "state must be one of ahead, running"),
        ("/api/v1/works?limit=0", "limit must be a whole number"),
        ("/api/v1/works?cursor=x", "cursor is not one of ours"),
    ],
)
async def test_what_cannot_be_asked_is_refused_in_words(site, path, sentence):
    answer = await site.get(path)
    assert answer.status == 400
    assert sentence in answer.text.replace("&#39;", "'")


async def test_programs_list_works_by_state_and_page_by_page(site):
    listed = (await site.get("/api/v1/works")).json
    assert [document["key"] for document in listed["works"]] == [
        *("lumen/RUN", "lumen/CHG-1", "orange/<b>&"),
    ]
    assert listed["works"][1]["circuits"][1]["subjects"] == ["vyvx/1234567"]
    over = (await site.get("/api/v1/works?state=over&state=cancelled")).json
    assert [document["key"] for document in over["works"]] == ["lumen/OLD", "orange/<b>&"]
    keys, address = [], "/api/v1/works?limit=1"
    while address:
        page = (await site.get(address)).json
        keys += [document["key"] for document in page["works"]]
        address = page["next"]
    assert keys == ["lumen/RUN", "lumen/CHG-1", "orange/<b>&"]


async def test_what_programs_read_keeps_to_the_schema(site, reader):
    schema = documents.api_schema({"/api/v1/availability": LedgerDocument})

    def check(path, answer):
        reference = {**schema["$defs"][path], "$defs": schema["$defs"]}
        jsonschema.validate(answer, reference, cls=jsonschema.Draft202012Validator)

    check("/api/v1/works", (await site.get("/api/v1/works?limit=1")).json)
    check("/api/v1/works/KEY", (await site.get("/api/v1/works/lumen/CHG-1")).json)
    check("/api/v1/availability", (await site.get("/api/v1/availability")).json)
    check("/api/v1/silences", (await site.get("/api/v1/silences")).json)
    reader.open(sample_data.incident())
    incident = "/api/v1/incidents/w-7k3mq2xd"
    check("/api/v1/incidents/ID", (await site.get(incident)).json)
    check("/api/v1/incidents/ID/receipts", (await site.get(f"{incident}/receipts")).json)


async def test_programs_read_one_by_its_key(site):
    answer = await site.get("/api/v1/works/lumen/CHG-1")
    assert answer.json["state"] == "ahead"
    assert (await site.get("/api/v1/works/orange/%3Cb%3E%26")).json["state"] == "cancelled"
    missing = await site.get("/api/v1/works/lumen/none")
    assert (missing.status, missing.json["error"]) == (404, "there are no planned works lumen/none")


async def test_nothing_of_it_is_answered_without_the_token(serve):
    async with serve(token="s3cret") as site:
        for path in ("/works", "/works.ics", "/api/v1/works", "/api/v1/works/lumen/CHG-1"):
            assert (await site.get(path)).status == 401
        answer = await site.get("/works.ics", Authorization="Bearer s3cret")
        assert answer.status == 200


async def read(site):
    answer = await site.get("/works.ics")
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    return icalendar.Calendar.from_ical(answer.text)


async def test_a_calendar_programs_reads_each_window_as_an_event(site):
    calendar = await read(site)
    events = recurring_ical_events.of(calendar).between(NOW, NOW + 10 * DAY)
    assert sorted((str(event["SUMMARY"]), str(event["STATUS"])) for event in events) == [
        ("<b>& of Orange: outage", "CANCELLED"),
        ("CHG-1 of Lumen: outage", "CONFIRMED"),
        ("CHG-1 of Lumen: outage", "CONFIRMED"),
        ("RUN of Lumen: outage", "CANCELLED"),
    ]
    (tonight,) = [event for event in events if event["DTSTART"].dt == TONIGHT.begin]
    assert tonight["DTEND"].dt == TONIGHT.end
    assert tonight["X-MAINTNOTE-PROVIDER"] == "lumen"
    assert tonight["X-MAINTNOTE-MAINTENANCE-ID"] == "CHG-1"
    assert tonight["X-MAINTNOTE-STATUS"] == "CONFIRMED"
    assert tonight["X-MAINTNOTE-IMPACT"] == "OUTAGE"
    circuits = [
        (str(id_), id_.params["X-MAINTNOTE-OBJECT-IMPACT"])
        for id_ in tonight["X-MAINTNOTE-OBJECT-ID"]
    ]
    assert circuits == [("1-ABC", "DEGRADED"), ("2-DEF", "OUTAGE")]
    assert "2-DEF: outage (vyvx/1234567)" in tonight["DESCRIPTION"]
    assert len({str(event["UID"]) for event in events}) == 4
    assert calendar["METHOD"] == "PUBLISH"


async def test_a_calendar_has_no_account_and_not_where_a_notice_was_read(site, reader):
    secret = work("CHG-9", TONIGHT, extra={"account": "ACC-77", "origin": "mail <x@noc.example>"})
    reader.kept_works = [secret]
    text = (await site.get("/works.ics")).text
    assert "CHG-9" in text
    assert "ACC-77" not in text
    assert "noc.example" not in text


def events_of(shown):
    body = works_calendar.calendar([shown], NOW, lambda _: {})
    events = icalendar.Calendar.from_ical(body).walk("VEVENT")
    return {str(event["UID"]): event for event in events}


def test_a_window_that_moves_keeps_its_event_and_one_that_is_gone_is_cancelled():
    first = work("1", TONIGHT, window(NOW + 2 * DAY))
    notice = replace(first.notice, windows=(window(NOW + 5 * DAY),), sequence=4)
    moved = replace(first, notice=notice, history=(first.notice,))
    before, after = events_of(first), events_of(moved)
    assert list(before) == list(after)
    kept, gone = after.values()
    assert (kept["DTSTART"].dt, str(kept["STATUS"])) == (NOW + 5 * DAY, "CONFIRMED")
    assert (gone["DTSTART"].dt, str(gone["STATUS"])) == (NOW + 2 * DAY, "CANCELLED")
    assert kept["SEQUENCE"] > next(iter(before.values()))["SEQUENCE"]


@pytest.mark.parametrize(
    ("carriers", "word"),
    [
        (WorkStatus.TENTATIVE, "TENTATIVE"),
        (WorkStatus.IN_PROCESS, "CONFIRMED"),
        (WorkStatus.CANCELLED, "CANCELLED"),
    ],
)
def test_the_status_is_one_that_calendars_know(carriers, word):
    (event,) = events_of(work("1", TONIGHT, status=carriers)).values()
    assert str(event["STATUS"]) == word


def test_a_decision_of_people_is_a_newer_event():
    shown = work("1", TONIGHT)
    numbers = [
        works_calendar.sequence_of(decided)
        for decided in (
            shown,
            replace(shown, dismissed_by="ann"),
            replace(shown, confirmed_by="ann"),
        )
    ]
    assert numbers == [6, 7, 7]


HOSTILE = "x\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:forged\x00;,\\"


def test_a_carriers_text_makes_no_line_of_its_own():
    circuit = model.AffectedCircuit(id=HOSTILE, impact=model.WorkImpact.OUTAGE)
    changes = {"summary": HOSTILE, "provider": HOSTILE, "circuits": (circuit,)}
    notice = replace(work(HOSTILE, TONIGHT).notice, **changes)
    (event,) = events_of(model.Work(notice=notice)).values()
    assert str(event["SUMMARY"]).startswith("x END:VEVENT")


def named(title, begin, *, impact=model.WorkImpact.OUTAGE):
    return status.NamedWork(
        key=title, title=title, begin=begin, end=begin + 2 * HOUR, impact=impact, subjects=2
    )


async def test_works_under_way_are_in_the_headline_and_the_next_ones_below(serve, reader):
    reporter = sample_data.reporter(
        reader,
        works=(
            named("CHG-1 of Lumen", NOW - HOUR),
            named("QUIET of Lumen", NOW - HOUR, impact=model.WorkImpact.NO_IMPACT),
            named("CHG-2 of Lumen", NOW + DAY),
        ),
    )
    async with serve(reporter=reporter) as site:
        page = (await site.get("/")).text
    assert "No open incidents, planned works CHG-1 of Lumen until 04:24 UTC</h1>" in page
    assert "CHG-2 of Lumen from 2026-11-22 03:24 UTC for 2 h: outage of 2 services" in page
    assert "QUIET of Lumen under way until 04:24 UTC: no impact of 2 services" in page
    assert 'class="headline watch"' in page


@pytest.mark.parametrize("zone", ["America/New_York", "UTC"])
async def test_every_month_has_whole_weeks_when_the_clocks_change_as_well(site, reader, zone):
    begin = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # 01:30 in New York, twice that night
    reader.kept_works = [work("DST", window(begin, hours=2))]
    page = await site.get(f"/works?month=2026-11&zone={zone}")
    assert page.text.count("<td") == 6 * 7
    assert "DST of Lumen" in page.text


def parts(status):
    """Return works in two windows, and what the carrier wrote later of the first one alone."""
    first, second = window(NOW + DAY), window(NOW + 2 * DAY)
    whole = work("CHG-7", first, second, extra={"received_at": NOW - DAY, "sequence": None})
    part = work("CHG-7-1", first, status=status, extra={"received_at": NOW - HOUR})
    return whole, part


async def test_a_window_that_is_cancelled_under_a_name_of_its_own_is_shown_as_such(site, reader):
    reader.kept_works = list(parts(WorkStatus.CANCELLED))
    listed = (await site.get("/api/v1/works")).json["works"]
    assert [(shown["key"], shown["state"], len(shown["windows"])) for shown in listed] == [
        ("lumen/CHG-7-1", "cancelled", 1),
        ("lumen/CHG-7", "ahead", 1),
    ]
    assert listed[1]["windows"][0]["from"] == model.format_timestamp(NOW + 2 * DAY)
    text = (await site.get("/works")).text
    assert re.findall(r'<li class="work (\w+)">', text) == ["cancelled", "ahead"]


async def test_a_calendar_loses_a_window_that_is_cancelled_under_a_name_of_its_own(site, reader):
    def events(calendar):
        return {str(event["UID"]): event for event in calendar.walk("VEVENT")}

    whole, part = parts(WorkStatus.CANCELLED)
    reader.kept_works = [whole]
    before = events(await read(site))
    reader.kept_works = [whole, part]
    after = events(await read(site))
    assert before.keys() < after.keys()  # nothing that was subscribed to is left as it was
    assert {str(event["STATUS"]) for event in before.values()} == {"CONFIRMED"}
    live = [event for event in after.values() if str(event["STATUS"]) == "CONFIRMED"]
    assert [event.decoded("DTSTART") for event in live] == [NOW + 2 * DAY]
    for uid, event in before.items():
        assert int(after[uid]["SEQUENCE"]) > int(event["SEQUENCE"])


async def test_works_whose_windows_all_have_names_of_their_own_are_listed_by_these(site, reader):
    first, second = window(NOW + DAY), window(NOW + 2 * DAY)
    whole, part = parts(WorkStatus.CONFIRMED)
    other = work("CHG-7-2", second, extra={"received_at": NOW, "sequence": None})
    reader.kept_works = [whole, part, other]
    listed = (await site.get("/api/v1/works")).json["works"]
    assert [shown["key"] for shown in listed] == ["lumen/CHG-7-1", "lumen/CHG-7-2"]
    assert (await site.get("/api/v1/works/lumen/CHG-7")).json["state"] == "moved"
    reader.kept_works = [
        whole,
        *(
            work(
                name, at, status=WorkStatus.CANCELLED, extra={"received_at": NOW, "sequence": None}
            )
            for name, at in (("CHG-7-1", first), ("CHG-7-2", second))
        ),
    ]
    assert (await site.get("/api/v1/works/lumen/CHG-7")).json["state"] == "cancelled"
