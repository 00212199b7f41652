"""The page of services and that of one of them: what they say, and the filters of the address."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes import sample_data
from tests.fakes.sample_data import NOW, SUBJECT, minutes
from tests.unit.operations.test_works import window, work
from tests.unit.web.test_pages import Tags, words
from watcher import model
from watcher.ledger import ledger
from watcher.ledger.course import Course
from watcher.ledger.spans import Span
from watcher.ledger.states import CircuitState, Condition
from watcher.web import figures, renderer
from watcher.web.subjects import services

SEEN = {name: model.SourceHealth(source=name, last_success=NOW) for name in ("vyvx", "evpl", "iod")}


def described(subject=SUBJECT, *, health=None, incident=None, now=NOW):
    return services.describe(subject, sample_data.RULES, health or SEEN, incident, now)


@pytest.fixture
async def house(serve, reader):
    sample_data.bad_night(reader)
    sample_data.full_house(reader)
    async with serve(reporter=sample_data.reporter(reader)) as site:
        yield site


def test_a_service_says_how_it_is_where_and_what_is_on_air():
    service = described()
    assert (service.name, service.site, service.says) == ("NYC Arena uplink", "NYC", "down")
    assert (service.word, service.phase) == ("offline", model.Phase.ON_AIR)
    assert service.until == SUBJECT.bookings[0].scheduled.end


def test_a_service_of_a_blind_source_is_neither_up_nor_down():
    blind = replace(SEEN["vyvx"], sight=model.Visibility.BLIND)
    service = described(health={**SEEN, "vyvx": blind})
    assert (service.says, service.seen) == ("unknown", False)


def test_a_line_has_its_figure_for_a_state_and_no_time_since_when():
    line = model.Subject(
        key="evpl/7", source="evpl", fields={"utilization": 56.66}, since=NOW, vendor_time=NOW
    )
    service = described(line)
    assert (service.says, service.word, service.since) == ("up", "56.66 %", None)
    assert described(replace(line, fields={"utilization": None})).word == ""
    assert described().since == SUBJECT.since


async def test_the_page_of_a_line_says_when_it_was_last_measured(serve, reader):
    sample_data.bad_night(reader)
    reader.kept_subjects["evpl/7"] = model.Subject(
        key="evpl/7",
        source="evpl",
        fields={"utilization": 56.66},
        since=NOW,
        vendor_time=NOW - minutes(5),
    )
    async with serve() as site:
        line = words((await site.get("/subjects/evpl/7")).text)
        listed = words((await site.get("/subjects?q=evpl/7")).text)
    assert "evpl/7, last measured 03:19:12 UTC, 5 min ago" in line
    assert "in this state since" not in line
    assert "unknown: last known 56.66 % evpl" in listed
    assert "since" not in listed


def test_a_service_that_is_not_booked_now_is_not_called_down():
    later = model.Booking(
        id="2", scheduled=model.Window(start=NOW + minutes(90), end=NOW + minutes(150))
    )
    service = described(replace(SUBJECT, bookings=(later,)))
    assert (service.says, service.phase) == ("unused", model.Phase.BOOKED)
    assert service.next == NOW + minutes(90)


def test_a_service_that_the_vendor_no_longer_lists_says_so():
    assert described(replace(SUBJECT, missed=2)).word == "no longer listed"


def test_what_has_an_incident_comes_first_and_the_worst_of_them():
    drill = sample_data.incident("w-drill", flags=("drill",))
    warning = sample_data.incident("w-warning", severity=model.Severity.WARNING)
    assert services.worst_of([drill, warning]) is warning
    well = replace(SUBJECT, key="vyvx/1", fields={"state": "online", "ingress_state": "online"})
    ordered = sorted(
        [described(), described(well, incident=warning), described(well, incident=drill)],
        key=lambda service: service.urgency,
    )
    assert [service.incident and service.incident.id for service in ordered] == [
        "w-drill",
        "w-warning",
        None,
    ]


async def test_two_thousand_services_are_counted_and_found_by_what_is_in_the_address(house):
    page = words((await house.get("/subjects")).text)
    assert "2,001 services" in page
    assert "page 1 of 9" in page
    assert "NYC Arena uplink ▼ down: offline vyvx, NYC; since 03:10 UTC, 13 min" in page
    assert "on air until 04:00 UTC" in page
    lines = words((await house.get("/subjects?source=evpl&q=studio")).text)
    assert "500 fit, the worst first" in lines
    assert "500 unknown" in lines
    arena = words((await house.get("/subjects?q=NYC+arena")).text)
    assert "1 fit" in arena
    assert "critical: vyvx-service-down" in arena
    assert "no service fits" in words((await house.get("/subjects?site=nowhere")).text)


async def test_every_link_of_the_page_of_services_leads_somewhere(house):
    answer = await house.get("/subjects?source=vyvx&page=2")
    links = [names["href"] for tag, names in Tags(answer.text).seen if tag == "a"]
    assert "/subjects?source=vyvx" in links
    assert "/subjects?source=vyvx&page=3" in links
    for address in {*links[:8], *links[-12:]}:
        assert (await house.get(address.replace("&amp;", "&"))).status == 200, address


@pytest.mark.parametrize("query", ["page=0", "page=x", "colour=red", "q=%07", "q=" + "a" * 501])
async def test_a_filter_that_is_no_filter_is_refused_in_words(site, query):
    answer = await site.get(f"/subjects?{query}")
    assert answer.status == 400
    assert re.search("unknown parameter|page must be|q contains|q is longer", answer.text)


async def test_a_subject_shows_whom_to_call_its_bands_and_what_was_measured(serve, reader):
    async def read(start, end, summarise):
        changes = [Condition.UP, Condition.DOWN, Condition.BLIND]
        third = (end - start) / 3
        spans = tuple(
            Span(start + third * n, start + third * (n + 1), CircuitState(condition=condition))
            for n, condition in enumerate(changes)
        )
        course = Course(spans=spans, lengths={}, by_domain={}, outages=())
        circuit = ledger.CircuitLedger(key="evpl/7", name="", labels={}, course=course)
        return summarise(ledger.Ledger(start=start, end=end, circuits=(circuit,)))

    sample_data.bad_night(reader)
    reader.kept_subjects["evpl/7"] = model.Subject(
        key="evpl/7", source="evpl", fields={"utilization": 91.0}, since=NOW
    )
    reader.samples = [
        model.Sample(
            subject="evpl/7", metric="utilization", direction="in", at=NOW - minutes(5 * n), value=n
        )
        for n in range(90)
    ]
    async with serve(read_ledger_between=read) as site:
        line = words((await site.get("/subjects/evpl/7")).text)
        circuit = await site.get("/subjects/vyvx/1234567")
    assert re.search(r"The last 24 hours: (\d+ hours (down|up|unknown)(, |; )){3}", line)
    assert re.search(r"The last 30 days: (\d+ days (down|up|unknown)(, |; )){3}", line)
    assert "as of 03:24 UTC" in line
    assert "utilization inbound last 0 %, highest 89 %" in line
    assert "evpl-saturated: limit 80 %" in line
    page = words(circuit.text)
    assert "call lumen: Lumen video NOC, +1 555 0100" in page
    assert "runbook: https://wiki.example/vyvx" in page
    assert 'href="tel:+15550100"' in circuit.text
    assert "nothing is recorded" in page


def test_a_line_has_a_gap_where_nothing_was_measured():
    at = [0, 5, 10, 15, 60, 65]
    samples = [
        model.Sample(subject="evpl/7", metric="utilization", at=NOW + minutes(n), value=n)
        for n in at
    ]
    figure = figures.figure(
        "utilization", "%", samples, [("full", 80.0)], start=NOW, end=NOW + minutes(65)
    )
    assert [len(run.split()) for run in figure.lines[0].runs] == [4, 2]
    assert figure.says == "utilization: last 65 %, highest 65 %; full: limit 80 %"
    nothing = figures.figure("utilization", "%", [], [], start=NOW, end=NOW + timedelta(1))
    assert nothing is None


@pytest.mark.parametrize(
    ("contact", "numbers"),
    [
        ("Lumen NOC, +1 555 0100-22", ["+1555010022"]),
        ("Lumen, +33 1 55 51 00 00 or 0800 123 456", ["+33155510000", "0800123456"]),
        ("truck 4, contract 4711-0815, 10.0.0.1", []),
    ],
)
def test_a_number_can_be_dialled_and_nothing_else_is_taken_for_one(contact, numbers):
    parts = renderer.phones(contact)
    assert "".join(part for part, _ in parts) == contact
    assert [number for _, number in parts if number] == numbers


HOUR = timedelta(hours=1)


async def test_a_service_says_which_works_name_it_on_its_page_and_in_the_list(house, reader):
    reader.kept_works = [
        work("LATER", window(NOW + 48 * HOUR)),
        work("NOW", window(NOW - HOUR)),
        work("OVER", window(NOW - 9 * HOUR)),
        work("OTHERS", window(NOW - HOUR), provider="orange"),
        work("GONE", window(NOW - HOUR), status=model.WorkStatus.CANCELLED),
    ]
    text = words((await house.get(f"/subjects/{SUBJECT.key}")).text)
    assert "works NOW of Lumen under way until 04:24 UTC: degraded announced" in text
    assert "works LATER of Lumen on 2026-11-23 03:24 to 05:24 UTC: degraded announced" in text
    assert not any(name in text for name in ("OVER", "OTHERS", "GONE"))
    listed = words((await house.get("/subjects?works=running")).text)
    assert "1 fit" in listed
    assert "works NOW of Lumen under way until 04:24 UTC: degraded announced, and 1 more" in listed


async def test_works_that_are_ahead_are_not_under_way(house, reader):
    reader.kept_works = [work("LATER", window(NOW + 48 * HOUR))]
    assert "1 fit" in words((await house.get("/subjects?works=any")).text)
    assert "0 fit" in words((await house.get("/subjects?works=running")).text)


async def test_programs_read_which_works_name_a_subject(house, reader):
    ends = window(NOW - 30 * HOUR), window(NOW - HOUR), window(NOW + 48 * HOUR)
    reader.kept_works = [work("NOW", *ends)]
    listed = (await house.get("/api/v1/subjects?source=vyvx&after=vyvx/1234")).json["subjects"]
    named = {subject["key"]: subject["works"] for subject in listed if subject["works"]}
    assert named == {
        SUBJECT.key: [
            {
                "key": "lumen/NOW",
                "state": "running",
                "impact": "degraded",
                "windows": [
                    {
                        "from": model.format_timestamp(announced.begin),
                        "to": model.format_timestamp(announced.end),
                    }
                    for announced in ends[1:]
                ],
            }
        ]
    }


def test_only_what_the_engine_holds_back_as_planned_is_called_planned():
    planned = sample_data.incident(flags=("planned",))
    assert described(incident=planned).says == "planned"
    assert described(incident=sample_data.incident()).says == "down"
    up = replace(SUBJECT, fields={"state": "online", "ingress_state": "online"})
    assert described(up, incident=planned).says == "up"
