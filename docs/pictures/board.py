"""Takes pictures of the board on a wall, a desktop and a phone, with made-up records."""

from __future__ import annotations

import asyncio
import io
import math
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace
from PIL import Image
from playwright.async_api import Browser, ViewportSize, async_playwright
from reportlab.pdfgen.canvas import Canvas

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.fakes import sample_data
from tests.unit.web.conftest import parts
from watcher import model, ports
from watcher.ledger import ledger
from watcher.ledger.spans import Span
from watcher.ledger.states import CircuitState, Condition
from watcher.web import server
from watcher.web.settings import Web

CHROMIUM = "/usr/bin/chromium"
WALL: ViewportSize = {"width": 1920, "height": 1080}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
LINE = "evpl/PAR-LON-7"

Shot = tuple[str, str, ViewportSize, str]  # path, name, size, scheme
OF_A_NIGHT: Sequence[Shot] = (
    ("/", "board-desktop", DESKTOP, "light"),
    ("/", "board-phone", PHONE, "dark"),
    ("/incidents/w-7k3mq2xd", "incident", DESKTOP, "dark"),
    ("/incidents/w-7k3mq2xd", "incident-phone", PHONE, "light"),
    (f"/subjects/{LINE}", "subject", DESKTOP, "light"),
)
OF_A_STORM: Sequence[Shot] = (
    ("/", "board-wall", WALL, "dark"),
    ("/subjects?source=vyvx", "services", DESKTOP, "dark"),
)


async def main() -> None:
    """Serve a bad night and a worse one, and photograph them."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        await _photograph(browser, OF_A_NIGHT, incidents=0)
        await _photograph(browser, OF_A_STORM, incidents=56)
        await browser.close()


async def _photograph(browser: Browser, shots: Sequence[Shot], *, incidents: int) -> None:
    reader, clock = sample_data.InMemoryReader(), sample_data.FakeClock()
    reporter = sample_data.bad_night(reader)
    if incidents:
        sample_data.full_house(reader, incidents=incidents)
    _fill(reader)
    serving = server.serve(
        Web(listen="127.0.0.1:0"),
        stuck=lambda: "",
        ready=lambda: True,
        reporter=reporter,
        **parts(reader, read_ledger_between=_ledger),
        clock=clock,
    )
    async with serving as port:
        for path, name, size, scheme in shots:
            page = await browser.new_page(viewport=size, color_scheme=scheme)
            await page.goto(f"http://127.0.0.1:{port}{path}")
            await page.locator("img").evaluate_all(
                "all => Promise.all(all.map(one => (one.loading = 'eager', one.decode())))"
            )
            whole = size is DESKTOP and path != "/subjects?source=vyvx"
            shot = Image.open(io.BytesIO(await page.screenshot(full_page=whole)))
            shot.quantize(192).save(HERE / f"{name}.png", optimize=True)
            await page.close()


def _fill(reader: sample_data.InMemoryReader) -> None:
    """Add what a picture needs beside the bad night: notifications, a report, and a busy line."""
    reader.kept_notifications = [
        sample_data.DELIVERED,
        replace(
            sample_data.DELIVERED,
            receiver="mqtt",
            delivered_at=sample_data.DELIVERED.first_attempt_at,
            failures=(),
        ),
    ]
    reader.kept_receipts = [
        replace(receipt, notification=sample_data.UNDER_WAY if receipt.receiver == "noc" else None)
        for receipt in reader.kept_receipts
    ]
    for run, files in reader.kept_files.items():
        reader.kept_files[run] = ports.ReportFiles(
            run=files.run, pdf=_report(), preview=files.preview, raw=files.raw
        )
    reader.kept_subjects[LINE] = model.Subject(
        key=LINE,
        source="evpl",
        fields={"utilization": 91.0},
        labels={"name": "Paris to London", "site": "PAR"},
        since=sample_data.NOW - timedelta(minutes=40),
    )
    reader.alerts = _no_alerts  # type: ignore[method-assign]  # they are made up for one subject
    reader.samples = [
        model.Sample(
            subject=LINE,
            metric="utilization",
            direction=direction,
            at=sample_data.NOW - timedelta(minutes=5 * number),
            value=height + 18 * math.cos(number / 40) + 4 * math.sin(number * 2.3),
        )
        for direction, height in (("in", 68), ("out", 31))
        for number in range(280)
    ]


async def _no_alerts(_: str) -> list[model.Alert]:
    return []


def _report() -> bytes:
    """Return a PDF of four pages."""
    file = io.BytesIO()
    canvas = Canvas(file)
    for number in range(1, 5):
        canvas.setFont("Helvetica-Bold", 22)
        canvas.drawString(70, 740, "Service Diagnostics")
        canvas.setFont("Helvetica", 13)
        lines = ("Service SVC1", "Trouble found in the network", f"Page {number} of 4", "")
        for row, line in enumerate(
            (*lines, "Loss of light at NYCMNY54", "Optical power -31.2 dBm")
        ):
            canvas.drawString(70, 700 - 22 * row, line)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


async def _ledger(start: datetime, end: datetime) -> ledger.Ledger:
    """Return a line that was down once, and unseen at the end."""
    edges = (0.0, 0.55, 0.6, 0.93, 1.0)
    conditions = (Condition.UP, Condition.DOWN, Condition.UP, Condition.BLIND)
    spans = tuple(
        Span(
            start + (end - start) * edges[number],
            start + (end - start) * edges[number + 1],
            CircuitState(condition=condition),
        )
        for number, condition in enumerate(conditions)
    )
    circuit = ledger.CircuitLedger(
        key=LINE, name="", labels={}, spans=spans, lengths={}, by_domain={}, outages=()
    )
    return ledger.Ledger(start=start, end=end, circuits=(circuit,))


if __name__ == "__main__":
    asyncio.run(main())
