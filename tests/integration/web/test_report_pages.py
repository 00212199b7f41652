"""Pages of a report are drawn by the confined process."""

from __future__ import annotations

import pytest
from reportlab.pdfgen.canvas import Canvas

from tests.fakes import sample_data
from tests.unit.web.test_pages import words
from tests.unit.web.test_reports import PAGE
from watcher import ports


@pytest.fixture
async def night(serve, reader):
    async with serve(reporter=sample_data.bad_night(reader)) as site:
        yield site


async def test_the_second_page_is_drawn_when_it_is_asked_for(night, reader, tmp_path):
    canvas = Canvas(str(tmp_path / "report.pdf"))
    for number in (1, 2):
        canvas.drawString(100, 100, f"page {number}")
        canvas.showPage()
    canvas.save()
    pdf = (tmp_path / "report.pdf").read_bytes()
    reader.kept_files["r-4c0vw1zn"] = ports.ReportFiles(run="r-4c0vw1zn", pdf=pdf)
    first, second = [await night.get(f"{PAGE}/{number}.png") for number in (1, 2)]
    assert first.status == second.status == 200
    assert second.body.startswith(b"\x89PNG")
    assert first.body != second.body
    assert (await night.get(f"{PAGE}/3.png")).status == 404


async def test_what_is_no_pdf_is_drawn_by_nobody_and_said_so(night):
    answer = await night.get(f"{PAGE}/2.png")
    assert answer.status == 404
    assert "the PDF cannot be opened" in words(answer.text)
