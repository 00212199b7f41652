"""The JSON API, and docs/reference/api.md, whose examples must be true."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.fakes import sample_data
from watcher import engine, model
from watcher.operations import documents
from watcher.web import middleware

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "api.md").read_text()
EXAMPLES = dict(re.findall(r"```json (\S+)\n(.*?)```", PAGE, re.DOTALL))
RUN = "/api/v1/incidents/w-7k3mq2xd/reports/r-4c0vw1zn.pdf"


@pytest.fixture
def outage(reader):
    return reader.open(sample_data.incident(diagnostics=(sample_data.diagnosis(),)))


@pytest.mark.parametrize("address", EXAMPLES)
async def test_the_examples_of_the_page_are_what_is_answered(site, outage, reader, address):
    reader.kept_works = [sample_data.WORK]
    reader.quiet = [
        model.Silence(
            id="s-1f0a9c3e",
            matchers=(
                model.Matcher(name="labels.site", value="NYC"),
                model.Matcher(name="rule", value="vyvx-*"),
            ),
            begin=datetime(2026, 11, 21, 3, tzinfo=UTC),
            end=datetime(2026, 11, 21, 5, tzinfo=UTC),
            by="ann",
            comment="new encoder",
            ticket="CHG-991",
        )
    ]
    assert (await site.get(address)).json == json.loads(EXAMPLES[address])


def test_the_page_names_every_status_and_every_address():
    assert len(EXAMPLES) == 7
    for word in (*model.IncidentStatus, "/healthz", "/readyz", "/metrics", "/", "/subjects/KEY"):
        assert f"`{word}`" in PAGE


async def test_an_incident_is_the_document_of_mqtt(site, reader, outage):
    answer = (await site.get("/api/v1/incidents/w-7k3mq2xd")).json
    published = json.loads(
        documents.incident(await reader.incident_view(outage.id), now=sample_data.NOW).encode()
    )
    del answer["links"], published["links"]
    assert answer == published


async def test_incidents_are_listed_by_status_and_the_newest_first(site, reader):
    sample_data.bad_night(reader)

    async def ids(query: str) -> list[str]:
        listed = (await site.get(f"/api/v1/incidents{query}")).json["incidents"]
        return [item["id"] for item in listed]

    assert await ids("?status=acknowledged") == ["w-2b8fz0aa"]
    assert await ids("?status=resolved&status=acknowledged") == ["w-1a1a1a1a", "w-2b8fz0aa"]
    assert len(await ids("")) == 5


async def test_a_list_is_bounded_and_says_when_there_is_more(site, reader):
    sample_data.bad_night(reader)
    answer = (await site.get("/api/v1/incidents?limit=2")).json
    assert len(answer["incidents"]) == 2
    assert answer["more"] is True
    assert (await site.get("/api/v1/incidents?limit=5")).json["more"] is False


async def test_a_list_is_read_to_its_end_by_the_address_that_it_gives(site, reader):
    sample_data.bad_night(reader)
    ids: list[str] = []
    address = "/api/v1/incidents?limit=2&status=open&status=acknowledged"
    while address:
        answer = (await site.get(address)).json
        ids += [item["id"] for item in answer["incidents"]]
        assert answer["more"] is bool(answer["next"]) is bool(answer["next_cursor"])
        address = answer["next"]
    assert ids == ["w-7k3mq2xd", "w-0c2j7t11", "w-9q4r5s66", "w-2b8fz0aa"]


async def test_incidents_are_filtered_by_what_the_address_says(site, reader):
    sample_data.bad_night(reader)
    answer = await site.get("/api/v1/incidents?severity=warning&rule=evpl-blind&source=evpl")
    assert [item["id"] for item in answer.json["incidents"]] == ["w-0c2j7t11"]
    answer = await site.get("/api/v1/incidents?q=denver&to=2026-11-21&from=2026-11-20T00:00:00Z")
    assert [item["id"] for item in answer.json["incidents"]] == ["w-9q4r5s66"]


async def test_a_timeline_is_read_entry_by_entry(site, outage):
    answer = (await site.get(f"/api/v1/incidents/{outage.id}/timeline?limit=2")).json
    assert [entry["number"] for entry in answer["entries"]] == [1, 2]
    rest = (await site.get(answer["next"])).json
    assert [entry["text"] for entry in rest["entries"]] == ["fibre cut at mile 12"]
    assert (rest["more"], rest["next"]) == (False, None)


async def test_receipts_say_who_has_what_and_where_the_thread_is(site, reader):
    sample_data.bad_night(reader)
    answer = (await site.get("/api/v1/incidents/w-7k3mq2xd/receipts")).json
    mqtt, noc = answer["receipts"]
    assert (mqtt["complete"], mqtt["link"]) == (True, None)
    assert (noc["told_through"], noc["entries"], noc["complete"]) == (1, 3, False)
    thread = "https://slack.com/app_redirect?channel=C0123456789&message_ts=1763694622.125"
    assert noc["link"] == thread


async def test_receipts_say_when_each_notification_was_tried_and_delivered(site, reader):
    sample_data.bad_night(reader)
    reader.kept_notifications = [sample_data.DELIVERED]
    reader.kept_receipts = [
        replace(receipt, notification=sample_data.UNDER_WAY if receipt.receiver == "noc" else None)
        for receipt in reader.kept_receipts
    ]
    answer = (await site.get("/api/v1/incidents/w-7k3mq2xd/receipts")).json
    delivered, under_way = answer["notifications"]
    assert delivered == {
        "receiver": "noc",
        "first_entry": 1,
        "last_entry": 1,
        "pending_since": "2026-11-21T03:10:22.000Z",
        "first_attempt_at": "2026-11-21T03:10:22.400Z",
        "delivered_at": "2026-11-21T03:12:22.000Z",
        "failures": [
            {
                "reason": "rate_limited",
                "count": 2,
                "first_at": "2026-11-21T03:10:23.000Z",
                "last_at": "2026-11-21T03:11:22.000Z",
                "error": "Slack: 429",
            }
        ],
    }
    assert (under_way["first_entry"], under_way["last_entry"], under_way["delivered_at"]) == (
        2,
        0,
        None,
    )


async def test_windows_say_which_are_open_and_when_that_changes(serve, reader):
    window = engine.Maintenance(
        name="weekly-test",
        matchers=(model.Matcher(name="source", value="vyvx"),),
        is_open=lambda _: True,
        next_edge=lambda at: at + sample_data.minutes(36),
    )
    rules = replace(sample_data.RULES, maintenance=(window,))
    async with serve(rules=lambda: rules) as site:
        answer = (await site.get("/api/v1/windows")).json
    assert answer["windows"] == [
        {
            "name": "weekly-test",
            "matchers": ["source=vyvx"],
            "action": "mute",
            "open": True,
            "changes_at": "2026-11-21T04:00:12.000Z",
        }
    ]


async def test_an_error_is_a_problem_document(site):
    answer = await site.get("/api/v1/incidents/w-none")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == answer.status == 404
    assert (answer.json["type"], answer.json["title"]) == ("about:blank", "Not Found")


async def test_subjects_are_read_page_by_page(site, reader):
    for number in range(5):
        key = f"evpl/L{number}"
        reader.kept_subjects[key] = model.Subject(
            key=key, source="evpl", fields={"utilization": 81.5}, since=sample_data.NOW
        )
    keys: list[str] = []
    more, after = True, ""
    while more:
        answer = (await site.get(f"/api/v1/subjects?limit=2&after={after}")).json
        keys += [item["key"] for item in answer["subjects"]]
        more, after = answer["more"], keys[-1]
    assert keys == sorted(reader.kept_subjects)
    only = (await site.get("/api/v1/subjects?source=vyvx")).json["subjects"]
    assert [item["key"] for item in only] == ["vyvx/1234567"]


async def test_the_pdf_is_given_as_it_was_decoded(site, outage):
    answer = await site.get(RUN)
    assert answer.body == sample_data.PDF
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'inline; filename="SVC1.pdf"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_hostile_file_name_stays_a_file_name(site, reader):
    named = model.Report(
        run="r-1", filename='a"\r\nSet-Cookie: b=c; é/../x.pdf', size=1, sha256="0"
    )
    run = model.Diagnosis(
        run="r-1",
        incident="w-7k3mq2xd",
        service_id="SVC1",
        status=model.DiagnosisStatus.DONE,
        report=named,
        started_at=sample_data.BEGIN,
    )
    reader.open(sample_data.incident(diagnostics=(run,)))
    reader.kept_files["r-1"] = reader.kept_files["r-4c0vw1zn"]
    answer = await site.get("/api/v1/incidents/w-7k3mq2xd/reports/r-1.pdf")
    assert (
        answer.headers["Content-Disposition"]
        == 'inline; filename="a___Set-Cookie__b_c____.._x.pdf"'
    )


async def test_a_report_of_another_incident_is_not_given(site, reader, outage):
    reader.open(sample_data.incident("w-2"))
    answer = await site.get(RUN.replace("w-7k3mq2xd", "w-2"))
    assert answer.status == 404
    assert answer.json["detail"] == "w-2 has no report of run r-4c0vw1zn"


async def test_a_report_that_is_no_longer_kept_is_said_to_be(site, reader, outage):
    reader.kept_files.clear()
    answer = await site.get(RUN)
    assert answer.status == 404
    assert answer.json["detail"] == "the report of run r-4c0vw1zn is no longer kept"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("incidents?limit=0", "limit must be a whole number from 1 to 100"),
        ("incidents?limit=101", "limit must be a whole number from 1 to 100"),
        ("incidents?limit=-1", "limit must be a whole number from 1 to 100"),
        ("incidents?limit=%D9%A1", "limit must be a whole number from 1 to 100"),
        ("incidents?limit=99999999999999999999", "limit must be a whole number from 1 to 100"),
        ("incidents?severity=bad", "severity must be one of info, warning, critical"),
        ("incidents?label=site", "label must be NAME=VALUE"),
        ("incidents?from=yesterday", "from must be a time or a date in UTC"),
        ("incidents?to=99999-01-01", "to must be a time or a date in UTC"),
        ("incidents?drills=yes", "drills must be only or no"),
        ("incidents?cursor=7", "cursor is not one of ours"),
        ("incidents?cursor=99999999999999999.w-1", "cursor is not one of ours"),
        ("incidents/w-7k3mq2xd/timeline?after=x", "after must be a whole number"),
        ("incidents?status=gone", "status must be one of open, acknowledged, resolved"),
        ("subjects?limit=1001", "limit must be a whole number from 1 to 1000"),
        ("subjects?after=%00", "after contains characters that are not allowed"),
        ("sources?limit=1", "unknown parameter: none is accepted here"),
    ],
)
async def test_a_wrong_parameter_is_refused_in_words(site, query, sentence):
    answer = await site.get(f"/api/v1/{query}")
    assert answer.status == 400
    assert sentence in answer.json["error"]


@pytest.mark.parametrize("path", ["incidents", "incidents/w-1", "subjects", "sources", "silences"])
async def test_a_database_that_does_not_answer_is_said_in_words(serve, reader, path):
    reader.broken = "database watcher.db is locked by another process"
    async with serve() as site:
        answer = await site.get(f"/api/v1/{path}")
    assert answer.status == 503
    assert answer.json["detail"] == reader.broken


async def test_a_reader_does_not_wait_for_ever(site, reader, monkeypatch):
    monkeypatch.setattr(middleware, "READ_TIMEOUT_SECONDS", 0.05)
    reader.hangs = True
    answer = await site.get("/api/v1/subjects")
    assert answer.status == 503
    assert "the database has not answered for 0.05 s" in answer.json["error"]
