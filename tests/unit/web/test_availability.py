"""The page and the document of a month's ledger."""

from __future__ import annotations

import asyncio
import html
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.ledger.test_ledger import DAY, HOUR, built, polled
from watcher import engine, model
from watcher.ledger import document
from watcher.web import availability

RECORDS = (
    polled(timedelta(0), a="online", b="online"),
    polled(DAY, a="offline"),
    polled(DAY + HOUR, a="online"),
)
NAMED = {
    "vyvx_a": engine.InventoryEntry(labels={"name": "<USA East>"}, sla_percent=99.95),
    "vyvx_b": engine.InventoryEntry(labels={"name": "USA West"}),
}


@pytest.fixture
def reads():
    return []


@pytest.fixture
async def site(serve, clock, reads):
    clock.at = datetime(2026, 12, 3, tzinfo=UTC)

    async def read(period):
        reads.append(period)
        return document.document(built(*RECORDS, **NAMED), period)

    async with serve(read_ledger=read) as opened:
        yield opened


async def test_the_page_shows_the_worst_circuit_first_with_its_days_in_words(site):
    page = await site.get("/availability?month=2026-11")
    assert page.status == 200
    assert page.text.index("&lt;USA East&gt;") < page.text.index("USA West")
    assert "99.861 % available" in page.text
    assert "60.0 min down" in page.text
    assert 'aria-label="29 days up, 1 day down"' in page.text
    assert 'title="2026-11-02: down"' in page.text
    assert "may be claimed" in page.text
    assert 'href="/availability?month=2026-10&amp;zone=UTC"' in page.text
    assert 'href="/availability?month=2026-12&amp;zone=UTC"' in page.text


async def test_the_page_lists_each_outage_with_what_was_seen(site):
    page = await site.get("/availability?month=2026-11")
    assert "1 outage; likely Lumen side: 60.0 min" in page.text
    assert "2026-11-02 00:00:00 to 01:00:00, 60.0 min: offline; likely Lumen side" in page.text


async def test_the_claim_is_whole_with_its_lines_as_they_are_sent(serve, clock):
    clock.at = datetime(2026, 12, 3, tzinfo=UTC)
    outages = [polled(DAY * day, a="offline") for day in range(1, 28)]
    ends = [polled(DAY * day + HOUR, a="online") for day in range(1, 28)]
    records = sorted((RECORDS[0], *outages, *ends), key=lambda record: record.at)

    async def read(period):
        return document.document(built(*records, **NAMED), period)

    async with serve(read_ledger=read) as opened:
        page = await opened.get("/availability?month=2026-11")
        both = (await opened.get("/api/v1/availability?month=2026-11")).json
    [claim] = [circuit["claim"] for circuit in both["circuits"] if circuit["claim"]]
    assert len(claim) > 1_500
    assert f"<pre>{html.escape(claim)}</pre>" in page.text


async def test_the_document_can_be_narrowed_to_a_subject(site):
    both = (await site.get("/api/v1/availability?month=2026-11")).json
    assert [circuit["subject"] for circuit in both["circuits"]] == ["vyvx/a", "vyvx/b"]
    only = (await site.get("/api/v1/availability?month=2026-11&subject=vyvx/b")).json
    assert [circuit["subject"] for circuit in only["circuits"]] == ["vyvx/b"]


async def test_a_month_is_not_read_again_at_each_refresh(site, reads, clock):
    await site.get("/availability?month=2026-11")
    await site.get("/availability?month=2026-11")
    assert len(reads) == 1
    clock.at += timedelta(minutes=6)
    await site.get("/availability?month=2026-11")
    assert len(reads) == 2


async def test_who_asks_again_joins_the_reading_that_took_too_long(
    serve, clock, reads, monkeypatch
):
    clock.at = datetime(2026, 12, 3, tzinfo=UTC)
    may_end = asyncio.Event()

    async def read(period):
        reads.append(period)
        await may_end.wait()
        return document.document(built(*RECORDS, **NAMED), period)

    address = "/api/v1/availability?month=2026-11"
    async with serve(read_ledger=read) as site:
        monkeypatch.setattr(availability, "PATIENCE_SECONDS", 0.01)
        early = await site.get(address)
        assert (early.status, early.headers["Retry-After"]) == (503, "10")
        assert early.json["error"] == "2026-11 is still being read: ask again"
        monkeypatch.setattr(availability, "PATIENCE_SECONDS", 30)
        asking = [asyncio.create_task(site.get(address)) for _ in range(3)]
        asyncio.get_running_loop().call_later(0.01, may_end.set)
        assert [(await again).status for again in asking] == [200] * 3
    assert len(reads) == 1


async def test_a_month_that_cannot_be_read_is_asked_for_again(serve, clock, reads):
    clock.at = datetime(2026, 12, 3, tzinfo=UTC)

    async def read(period):
        reads.append(period)
        raise model.TemporaryError("the database does not answer")

    async with serve(read_ledger=read) as site:
        for _ in range(2):
            answer = await site.get("/api/v1/availability?month=2026-11")
            assert (answer.status, answer.json["error"]) == (503, "the database does not answer")
    assert len(reads) == 2


async def test_a_reading_ends_with_the_server(serve, clock, monkeypatch):
    clock.at = datetime(2026, 12, 3, tzinfo=UTC)
    ended = asyncio.Event()

    async def read(_):
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(availability, "PATIENCE_SECONDS", 0.01)
    async with serve(read_ledger=read) as site:
        assert (await site.get("/availability?month=2026-11")).status == 503
        assert not ended.is_set()
    assert ended.is_set()


async def test_without_a_month_it_is_this_one_in_the_zone(site, reads):
    await site.get("/availability?zone=Europe/Paris")
    (period,) = reads
    assert (period.name, period.start) == ("2026-12", datetime(2026, 11, 30, 23, tzinfo=UTC))


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("month=0001-01", 400, "'0001-01' is not a month"),
        ("month=November", 400, "'November' is not a month: write YEAR-MONTH, as in 2026-11"),
        ("zone=../etc", 400, "'../etc' is not a time zone: write UTC or Europe/Paris"),
        ("zone=Nowhere/Land", 400, "'Nowhere/Land' is not a time zone"),
        ("month=2027-01", 404, "2027-01 has not begun yet"),
        ("year=2026", 400, "unknown parameter: expected month, subject, zone"),
    ],
)
async def test_what_cannot_be_reported_is_said_in_words(site, reads, query, status, words):
    answer = await site.get(f"/api/v1/availability?{query}")
    assert answer.status == status
    assert words in answer.json["error"]
    assert reads == []


async def test_many_circuits_come_in_parts_that_are_the_same_document(site, monkeypatch):
    address = "/api/v1/availability?month=2026-11"
    whole = (await site.get(address)).json
    monkeypatch.setattr(availability, "MOST_ON_LOOP", 1)
    monkeypatch.setattr(document, "_CHUNK", 1)
    in_parts = await site.get(address)
    assert in_parts.json == whole
    assert in_parts.headers["Content-Type"].startswith("application/json")
    assert "99.861 % available" in (await site.get("/availability?month=2026-11")).text
