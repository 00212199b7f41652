"""Takes pictures of other pages of the board, with made-up records: `make pictures`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace
from playwright.async_api import Browser, ViewportSize, async_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.fakes import sample_data
from tests.unit.ledger import test_ledger as records
from tests.unit.operations.test_works import window, work
from tests.unit.web.conftest import parts
from watcher import engine, model
from watcher.ledger import document
from watcher.ledger.document import LedgerDocument
from watcher.ledger.period import Period
from watcher.operations.works import FindSubjects
from watcher.web import server
from watcher.web.settings import Web

CHROMIUM = "/usr/bin/chromium"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def main() -> None:
    """Serve the pages, and photograph them."""
    reader, clock = sample_data.InMemoryReader(), sample_data.FakeClock()
    clock.at = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    serving = server.serve(
        Web(listen="127.0.0.1:0"),
        stuck=lambda: "",
        ready=lambda: True,
        reporter=sample_data.reporter(reader),
        **parts(reader, read_ledger=november, subjects_of=ours),
        clock=clock,
    )
    async with serving as port, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        await _photograph(browser, port, "/availability?month=2026-11", "availability")
        reader.kept_works = december()
        await _photograph(browser, port, "/works", "works")
        await _photograph(browser, port, "/works", "works-phone", viewport=PHONE)
        await browser.close()


async def _photograph(
    browser: Browser, port: int, path: str, name: str, *, viewport: ViewportSize = DESKTOP
) -> None:
    page = await browser.new_page(viewport=viewport, color_scheme="dark")
    await page.goto(f"http://127.0.0.1:{port}{path}")
    await page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    await page.screenshot(path=HERE / f"{name}.png", full_page=viewport is DESKTOP)
    await page.close()


def december() -> list[model.Work]:
    """Return works of a month: one under way, one moved, one cancelled, one that is not ours."""
    now, at = datetime(2026, 12, 1, 8, 0, tzinfo=UTC), datetime(2026, 12, 10, 2, 0, tzinfo=UTC)
    works = [
        work("21266034-1", window(now - HOUR, hours=4), window(now + 7 * DAY)),
        work("21270001", window(at), moved_from=(window(at - 3 * DAY),), confirmed_by="ann"),
        work("CR-8841", window(at + 6 * DAY, hours=26), provider="orange"),
        work("21280415", window(at + 9 * DAY), status=model.WorkStatus.CANCELLED),
        work("M-118", window(at + 12 * DAY, hours=6), provider="zayo", dismissed_by="bob"),
    ]
    said = ("fibre relocation", "card replacement", "software upgrade", "splicing", "power works")
    return [
        replace(known, notice=replace(known.notice, summary=text))
        for known, text in zip(works, said, strict=True)
    ]


async def ours() -> FindSubjects:
    """Return what looks circuits of ours up."""
    return lambda work: {} if work.notice.provider == "zayo" else {"2-DEF": ("vyvx/1234567",)}


async def november(period: Period) -> LedgerDocument:
    """Return a month of three circuits: one that lost an hour, one with works, one that is well."""
    week = timedelta(weeks=1)
    out = {"state": "offline", "ingress_state": "online"}
    night = records.START + 11 * DAY
    works = records.announced((night + HOUR, night + 6 * HOUR))
    ledger = records.built(
        records.polled(timedelta(0), east="online", west="online", london="online"),
        records.polled(6 * DAY + 3 * HOUR, east=out),
        records.polled(6 * DAY + 4.2 * HOUR, east="online"),
        records.record(
            week, "vyvx/east", timedelta(0), week, ("offline", 6.124 * DAY, 6.174 * DAY)
        ),
        records.polled(11 * DAY + 2 * HOUR, west="offline"),
        records.polled(11 * DAY + 5 * HOUR, west="online"),
        records.polled(17 * DAY, london="degraded"),
        records.polled(17.4 * DAY, london="online"),
        records.failed(22 * DAY),
        records.polled(23.5 * DAY, east="online"),
        vyvx_east=engine.InventoryEntry(labels={"name": "USA East"}, sla_percent=99.95),
        vyvx_west=engine.InventoryEntry(labels={"name": "USA West"}),
        vyvx_london=engine.InventoryEntry(labels={"name": "London"}),
        planned=lambda *known: works(*known) if known[0].labels["name"] == "USA West" else [],
    )
    return document.document(ledger, period)


if __name__ == "__main__":
    asyncio.run(main())
