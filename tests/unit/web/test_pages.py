"""The pages for people, read as text; how they look is in test_pages_in_chromium.py."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from tests.fakes import sample_data
from tests.fakes.planned import SUPPRESSION, WORKS
from tests.fakes.sample_data import BEGIN, NOW, minutes
from watcher import model, ports
from watcher.operations import status
from watcher.web import middleware

HOSTILE = (
    '<img src=x onerror="alert(1)"><script>alert(1)</script>\'"`{{ 7*7 }}<!channel>\u202e\x07\n'
)


class Tags(HTMLParser):
    """Counts tags, and keeps their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def words(text: str) -> str:
    """What a reader reads: no tags, one space between words."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


@pytest.fixture
async def night(serve, reader):
    reporter = sample_data.bad_night(reader)
    async with serve(reporter=reporter) as site:
        yield site


async def test_the_board_says_what_is_open_whose_side_and_who_has_taken_it(night):
    answer = await night.get("/")
    assert answer.status == 200
    board = words(answer.text)
    assert "3 open, 1 acknowledged" in board
    assert "critical since 03:10:22 UTC 13 min NYC Arena uplink is offline" in board
    assert "call Lumen video NOC, +1 555 0100 not acknowledged" in board
    assert "likely Orange side" in board
    assert "✓ acknowledged by ada at 2026-11-20 15:40 UTC" in board
    assert "⊘ silenced until 05:00 UTC by grace" in board
    assert "blind: last known, 14 min ago" in board
    assert "⇅ flapping" in board


@pytest.mark.parametrize(
    ("failure", "overdue_after", "shown"),
    [
        ("", minutes(0), "last drill ● ok 2026-11-20 21:24 UTC, 6 h ago w-drill"),
        ("", minutes(60), "last drill ◆ overdue 2026-11-20 21:24 UTC, 6 h ago w-drill"),
        ("noc: no answer", minutes(0), "6 h ago w-drill noc: no answer"),
    ],
)
async def test_the_board_shows_how_the_last_drill_went_and_the_last_backup(
    serve, reader, failure, overdue_after, shown
):
    reader.kept.clear()
    reader.checks = model.SelfChecks(
        drill=model.DrillResult(incident="w-drill", at=NOW - minutes(360), failure=failure),
        backup=model.Backup(at=NOW - minutes(30), file="/backup/watcher.db", size=2_000_000),
    )
    reporter = sample_data.reporter(reader, drill_overdue_after=overdue_after)
    async with serve(reporter=reporter) as site:
        board = words((await site.get("/")).text)
    assert shown in board
    assert "last backup 02:54 UTC, 30 min ago, 2.0 MB" in board
    assert ("All sources are up" in board) is (not failure and not overdue_after)
    assert ("A drill is overdue: the last one was 6 h ago" in board) is bool(overdue_after)


async def test_an_incident_shows_each_notification_with_its_times(serve, reader):
    reporter = sample_data.bad_night(reader)
    reader.kept_notifications = [
        sample_data.DELIVERED,
        replace(sample_data.DELIVERED, receiver="mqtt", delivered_at=BEGIN, failures=()),
    ]
    reader.kept_receipts = [
        replace(receipt, notification=sample_data.UNDER_WAY if receipt.receiver == "noc" else None)
        for receipt in reader.kept_receipts
    ]
    async with serve(reporter=reporter) as site:
        page = (await site.get("/incidents/w-7k3mq2xd")).text
    shown = words(page)
    assert "mqtt opened (1) 03:10:22 UTC 03:10:22 UTC 03:10:22 UTC after 0.1 s" in shown
    assert (
        "noc opened (1) 03:10:22 UTC 03:10:22 UTC 03:12:22 UTC after 2 min"
        " 2 times rate limited, 03:10:23 UTC to 03:11:22 UTC: Slack: 429"
    ) in shown
    assert "noc diagnosing, noted 03:15:22 UTC 03:15:23 UTC not yet , for 8 min" in shown
    thread = "https://slack.com/app_redirect?channel=C0123456789&amp;message_ts=1763694622.125"
    assert f'<a href="{thread}" rel="noreferrer">Slack thread</a>' in page


async def test_the_board_names_the_works_that_an_outage_belongs_to(serve, reader):
    reporter = sample_data.bad_night(reader)
    planned = sample_data.incident(
        "w-1", title="Boston feed is offline", flags=("planned",), planned=WORKS
    )
    reader.open(replace(planned, suppressed_by=(str(SUPPRESSION),), suppressions=(SUPPRESSION,)))
    async with serve(reporter=reporter) as site:
        board = words((await site.get("/")).text)
    assert "⊘ planned works CHG-1 of Lumen until 04:00 UTC" in board


async def test_the_board_shows_the_health_of_sources_and_receivers(night):
    board = words((await night.get("/")).text)
    assert "evpl ◌ blind blind since 03:11:12 UTC: 18 subjects, last known 14 min ago" in (board)
    assert "api.orange.com/api-monitoring-live/v1: no answer in 30 s" in board
    assert (
        "api.lumen.com: 401, the client secret was refused (has to be fixed by a person)" in board
    )
    assert "noc ▲ failing failing since 03:11:22 UTC, for 12 min; 3 incidents pending" in board
    assert "(channel_not_found) (has to be fixed by a person)" in board
    assert "19400 of 20000 calls used in 2026-11" in board
    assert "◆ nearly used" in board
    assert "vyvx ▲ failing ws.lumen.com has not answered 5 times" in board
    assert "ops1 ● leader" in board
    assert "ops2 ○ standby" in board
    assert "subject=vyvx/7654321 until 05:00 UTC by grace: planned fibre work" in board
    assert "Chicago feed 3 is offline Recovered 2 h 4 min ago" in board


async def test_what_was_refused_at_a_reload_stays_on_the_board(serve, reader):
    reporter = sample_data.reporter(reader)
    reporter.refused = ("rules/a.yaml:3: severity: is missing",)
    async with serve(reporter=reporter) as site:
        board = words((await site.get("/")).text)
    assert "The rules were not reloaded" in board
    assert "rules/a.yaml:3: severity: is missing" in board


async def test_a_store_that_cannot_be_read_is_said_and_the_rest_is_remembered(serve, reader):
    sample_data.bad_night(reader)
    seen = status.Overview(sources=tuple(reader.health), open=3, acknowledged=1)
    failing = {
        "noc": status.ReceiverState(failing_since=BEGIN, error="Slack answered 503"),
        "mqtt": status.ReceiverState(),
    }
    reporter = sample_data.reporter(reader, seen=seen, receivers=failing)
    reader.broken = "database watcher.db is locked by another process"
    async with serve(reporter=reporter) as site:
        answer = await site.get("/")
        assert answer.status == 503
        board = words(answer.text)
        assert "3 open, 1 acknowledged" in board
        assert (
            "The database cannot be read: database watcher.db is locked by another process" in board
        )
        assert "evpl ◌ blind" in board
        assert "Slack answered 503" in board
        assert "mqtt ○ unknown pending deliveries unknown" in board
        assert "Resolved in the last 24 h" not in board
        page = await site.get("/incidents/w-7k3mq2xd")
        assert page.status == 503
        assert "database watcher.db is locked by another process" in words(page.text)


async def test_one_who_stands_by_and_reads_nothing_knows_nothing(serve, reader):
    reader.broken = "database is locked"
    async with serve() as site:
        board = words((await site.get("/")).text)
    assert "Status unknown" in board
    assert "No open incidents" not in board


async def test_an_incident_has_everything_that_an_engineer_needs(night):
    answer = await night.get("/incidents/w-7k3mq2xd")
    page = words(answer.text)
    for text in (
        "NYC Arena uplink is offline: likely Lumen side",
        "call Lumen video NOC, +1 555 0100",
        "vyvx-service-down",
        "https://wiki.example/vyvx",
        "po_number 4711",
        "Source vyvx: 212 subjects, seen 4 s ago",
        "booked 02:00 UTC to 04:00 UTC",
        "SVC1: Trouble found in Lumen's network",
        "Loss of light at NYCMNY54",
        "Next: Open a repair ticket with Lumen",
        "vyvx/1234567: offline since 03:10:22 UTC, was online, state offline",
        "receiver mqtt: notified of everything",
        "receiver noc: notified of 1 of 3 entries (channel C0123456789, ts 1763694622.125)",
        "(9 times): Slack: there is no channel C0123456789",
        "03:10:24 UTC noted fibre cut at mile 12 (ada)",
        "watcher ack w-7k3mq2xd",
    ):
        assert text in page, text
    addresses = [names.get("href") for tag, names in Tags(answer.text).seen if tag == "a"]
    assert "/api/v1/incidents/w-7k3mq2xd/reports/r-4c0vw1zn.pdf" in addresses
    assert "/subjects/vyvx/1234567" in addresses
    for address in addresses:
        if address.startswith("/"):
            assert (await night.get(address)).status == 200, address


async def test_a_circuit_with_two_faces_of_a_fault_is_one_row(site, reader):
    incident = reader.open(sample_data.incident(fault="vyvx-service"))
    (down,) = reader.alerts_of[incident.id]
    degraded = replace(
        down, rule="vyvx-service-degraded", to="degraded", since=BEGIN - minutes(3), until=BEGIN
    )
    reader.alerts_of[incident.id] = (degraded, down)
    page = words((await site.get(f"/incidents/{incident.id}")).text)
    assert "Alerts 1 firing NYC Arena uplink firing vyvx/1234567: offline since 03:10:22" in page
    assert page.count("vyvx/1234567: ") == 1
    assert "po_number 4711" in page
    assert "vyvx-service-down, fault vyvx-service" in page


@pytest.mark.parametrize(
    ("resolution", "ending", "is_green"),
    [
        (model.Resolution.RECOVERED, "✓ Recovered at 03:20:22 UTC", True),
        (model.Resolution.LAPSED, "○ No longer what its rule watches for at 03:20:22 UTC", False),
        (model.Resolution.MANUAL, "○ Resolved by hand at 03:20:22 UTC", False),
    ],
)
async def test_only_what_has_recovered_is_green(site, reader, resolution, ending, is_green):
    over = {
        "status": model.IncidentStatus.RESOLVED,
        "resolution": resolution,
        "began_at": BEGIN - minutes(1),
        "ended_at": BEGIN + minutes(10),
        "resolved_at": BEGIN + minutes(11),
    }
    incident = reader.open(sample_data.incident(**over))
    (down,) = reader.alerts_of[incident.id]
    reader.alerts_of[incident.id] = (
        replace(
            down,
            state=model.AlertState.RESOLVED,
            from_="offline",
            to="degraded",
            since=BEGIN - minutes(1),
            until=BEGIN + minutes(10),
        ),
    )
    answer = await site.get(f"/incidents/{incident.id}")
    page = words(answer.text)
    assert ending in page
    assert "since 03:09:22 UTC 11 min" in page
    assert "First reported 03:10:22 UTC, closed 03:21:22 UTC" in page
    assert "affected from 03:09:22 UTC to 03:20:22 UTC, finally degraded, was offline" in page
    assert ('class="badge fine"' in answer.text) is is_green
    assert ('class="taken"' in answer.text) is is_green


async def test_a_proposed_bandwidth_is_on_the_page_with_the_command_that_approves_it(site, reader):
    remedy = model.Remedy(
        connection="iod/771338",
        status=model.RemedyStatus.PROPOSED,
        from_mbps=500,
        to_mbps=2_000,
        max_mbps=2_000,
        proposed_at=BEGIN,
    )
    incident = reader.open(sample_data.incident(remedy=remedy))
    page = words((await site.get(f"/incidents/{incident.id}")).text)
    assert "Bandwidth of 771338 from 500 Mbps to 2 Gbps: proposed" in page
    assert "watcher remedy approve w-7k3mq2xd" in page


async def test_a_subject_has_its_fields_bookings_alerts_and_incidents(night):
    answer = await night.get("/subjects/vyvx/1234567")
    page = words(answer.text)
    for text in (
        "NYC Arena uplink",
        "vyvx/1234567, in this state since 03:10:22 UTC, 13 min",
        "state offline , before: online",
        "origin Madison Square Garden",
        "Booking 1234567 booked 02:00 UTC to 04:00 UTC activated 02:01 UTC to open",
        "Note: Backup feed on channel 4",
        "rule vyvx-service-down: firing since 2026-11-21 03:10:22 UTC, entered from online",
        "Chicago feed 3 is offline Recovered",
    ):
        assert text in page, text


async def test_a_key_may_hold_anything_that_a_vendor_calls_its_things(site, reader):
    key = "iod/Paris #1/50% ü?&x=<y>"
    reader.kept_subjects[key] = replace(sample_data.SUBJECT, key=key, source="iod")
    reader.open(sample_data.incident(), subject=key)
    page = (await site.get("/incidents/w-7k3mq2xd")).text
    (address,) = {
        names["href"] for _, names in Tags(page).seen if "/subjects/" in (names.get("href") or "")
    }
    answer = await site.get(address)
    assert answer.status == 200
    assert key in words(answer.text)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (
            "/incidents/w-none",
            "there is no incident w-none; see `watcher incidents --all` or the board",
        ),
        ("/subjects/vyvx/none", "there is no subject vyvx/none; see Services on the board"),
        ("/nowhere", "there is nothing at this address"),
    ],
)
async def test_what_is_not_there_is_said_on_a_page(site, path, sentence):
    answer = await site.get(path)
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert sentence in words(answer.text)


async def test_hostile_text_is_shown_as_text_on_every_page(serve, reader):
    run = replace(
        sample_data.diagnosis(),
        service_id=HOSTILE,
        disposition=HOSTILE,
        findings=(HOSTILE,),
        actions=(HOSTILE,),
        message=HOSTILE,
        report=replace(sample_data.diagnosis().report, filename=HOSTILE),
    )
    incident = sample_data.incident(
        title=HOSTILE,
        summary=HOSTILE,
        acknowledged_by=HOSTILE,
        remedy=model.Remedy(
            connection=f"iod/{HOSTILE}",
            status=model.RemedyStatus.FAILED,
            to_mbps=1,
            max_mbps=1,
            message=HOSTILE,
            proposed_at=NOW,
        ),
        contacts=(model.Contact(domain=HOSTILE, text=HOSTILE),),
        runbook=f"javascript:alert(1){HOSTILE}",
        suppressed_by=(HOSTILE,),
        suppressions=(
            model.Suppression(kind=model.SuppressionKind.SILENCE, name=HOSTILE, by=HOSTILE),
        ),
        flags=(HOSTILE,),
        diagnostics=(run,),
    )
    reader.open(incident)
    reader.open(sample_data.incident("w-2", title=HOSTILE, resolution=None, resolved_at=NOW))
    reader.alerts_of[incident.id] = (
        replace(
            reader.alerts_of[incident.id][0],
            name=HOSTILE,
            labels={HOSTILE: HOSTILE},
            fields={HOSTILE: HOSTILE},
            to=HOSTILE,
        ),
    )
    reader.entries[incident.id] = (
        replace(reader.entries[incident.id][0], text=HOSTILE, by=HOSTILE),
    )
    reader.kept_subjects["vyvx/1234567"] = replace(
        sample_data.SUBJECT,
        fields={HOSTILE: HOSTILE},
        labels={HOSTILE: HOSTILE, "name": HOSTILE},
        notes=(HOSTILE,),
    )
    reader.health = [
        model.SourceHealth(source=HOSTILE, sight=model.Visibility.BLIND, error=HOSTILE)
    ]
    reader.present = [ports.Daemon(instance=HOSTILE, since=NOW, leads=True)]
    reader.kept_receipts = [
        model.Receipt(
            incident=incident.id,
            receiver=HOSTILE,
            failing_since=NOW,
            error=HOSTILE,
            intent=HOSTILE,
            notification=replace(
                sample_data.DELIVERED,
                receiver=HOSTILE,
                failures=(replace(sample_data.DELIVERED.failures[0], error=HOSTILE),),
            ),
        )
    ]
    reader.quiet = [
        model.Silence(
            id="s-1",
            matchers=(model.Matcher(name=HOSTILE, value=HOSTILE),),
            begin=NOW,
            end=NOW + minutes(5),
            by=HOSTILE,
            comment=HOSTILE,
        )
    ]
    async with serve(reporter=sample_data.reporter(reader)) as site:
        for path in ("/", "/incidents/w-7k3mq2xd", "/subjects/vyvx/1234567"):
            page = (await site.get(path)).text
            assert "&lt;script&gt;alert(1)" in page
            assert "{{ 7*7 }}" in page
            assert "\u202e" not in page
            assert "\x07" not in page
            tags = Tags(page).seen
            assert [names for tag, names in tags if tag == "script"] == [
                {"src": "/static/refresh.js", "defer": None}
            ]
            assert not any(tag in {"iframe", "style"} for tag, _ in tags)
            pictures = [names["src"] for tag, names in tags if tag == "img"]
            assert all(re.fullmatch(r"/incidents/[\w/-]+\.png", src) for src in pictures)
            for _, names in tags:
                assert not any(name.startswith("on") or name == "style" for name in names)
                assert not (names.get("href") or "").startswith("javascript")


async def test_endless_text_is_cut(site, reader):
    reader.open(sample_data.incident(title="x" * 10_000_000, summary="y" * 10_000_000))
    assert len((await site.get("/incidents/w-7k3mq2xd")).body) < 50_000
    assert len((await site.get("/")).body) < 50_000


async def test_many_readers_at_once_are_all_answered_a_few_at_a_time(site, reader):
    sample_data.bad_night(reader)
    paths = ("/", "/incidents/w-7k3mq2xd", "/subjects/vyvx/1234567", "/api/v1/incidents")
    answers = await asyncio.gather(*(site.get(path) for path in paths * 10))
    assert {answer.status for answer in answers} == {200}
    assert 1 <= reader.most_reading <= middleware.READERS


async def test_a_storm_is_a_page_of_bounded_size(site, reader):
    incident = reader.open(sample_data.incident())
    alert, entry = reader.alerts_of[incident.id][0], reader.entries[incident.id][0]
    reader.alerts_of[incident.id] = tuple(replace(alert, subject=f"vyvx/{n}") for n in range(100))
    reader.entries[incident.id] = tuple(replace(entry, number=n + 1) for n in range(20_000))
    answer = await site.get(f"/incidents/{incident.id}")
    assert "the last 500 of 20000 entries" in words(answer.text)
    assert len(answer.body) < 200_000
