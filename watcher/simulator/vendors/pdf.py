"""The one-page summary that Service Diagnostics sends: the same content gives the same bytes."""

from __future__ import annotations

import io
from datetime import datetime

from reportlab.lib import colors  # type: ignore[import-untyped]  # publishes no types
from reportlab.lib.pagesizes import LETTER  # type: ignore[import-untyped]  # publishes no types
from reportlab.lib.units import inch  # type: ignore[import-untyped]  # publishes no types
from reportlab.lib.utils import simpleSplit  # type: ignore[import-untyped]  # publishes no types
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]  # publishes no types

from watcher.simulator.scenario_schema import Diagnosable, Test

_INK = colors.HexColor("#1d2733")
_QUIET = colors.HexColor("#5f6b7a")
_RULE = colors.HexColor("#d5dbe3")
_BRAND = colors.HexColor("#0047bb")
_MARKS = {
    "Passed": colors.HexColor("#1b8a4b"),
    "Failed": colors.HexColor("#c4312b"),
    "Not run": _QUIET,
}
_LEFT, _RIGHT = 0.8 * inch, LETTER[0] - 0.8 * inch


def summary(service_id: str, service: Diagnosable, at: datetime) -> bytes:
    """Return the report of one run."""
    file = io.BytesIO()
    # invariant: no creation time and no random id in the file.
    canvas = Canvas(file, pagesize=LETTER, invariant=1, pageCompression=0)
    canvas.setTitle(f"Service Diagnostics {service_id}")
    y = _masthead(canvas, service_id, at)
    y = _outcome(canvas, service, y)
    y = _tests(canvas, service.tests, y)
    _actions(canvas, service.actions, y)
    canvas.setFont("Helvetica", 8)
    canvas.setFillColor(_QUIET)
    canvas.drawString(_LEFT, 0.6 * inch, "Simulated report. No carrier made it.")
    canvas.drawRightString(_RIGHT, 0.6 * inch, "Page 1 of 1")
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _masthead(canvas: Canvas, service_id: str, at: datetime) -> float:
    top = LETTER[1]
    canvas.setFillColor(_BRAND)
    canvas.rect(0, top - 1.0 * inch, LETTER[0], 1.0 * inch, stroke=0, fill=1)
    canvas.setFillColor(colors.white)
    canvas.setFont("Helvetica-Bold", 20)
    canvas.drawString(_LEFT, top - 0.62 * inch, "Service Diagnostics summary")
    canvas.setFont("Helvetica", 10)
    canvas.drawRightString(_RIGHT, top - 0.5 * inch, f"Service {service_id}")
    canvas.drawRightString(_RIGHT, top - 0.7 * inch, f"{at:%Y-%m-%d %H:%M:%S} UTC")
    return float(top - 1.5 * inch)


def _heading(canvas: Canvas, text: str, y: float) -> float:
    canvas.setFillColor(_QUIET)
    canvas.setFont("Helvetica-Bold", 9)
    canvas.drawString(_LEFT, y, text.upper())
    canvas.setStrokeColor(_RULE)
    canvas.line(_LEFT, y - 5, _RIGHT, y - 5)
    return y - 24


def _paragraph(canvas: Canvas, text: str, y: float, *, font: str, size: float) -> float:
    canvas.setFillColor(_INK)
    canvas.setFont(font, size)
    for line in simpleSplit(text, font, size, _RIGHT - _LEFT):
        canvas.drawString(_LEFT, y, line)
        y -= size * 1.4
    return y


def _outcome(canvas: Canvas, service: Diagnosable, y: float) -> float:
    y = _heading(canvas, "Disposition", y)
    return _paragraph(canvas, service.disposition, y, font="Helvetica-Bold", size=14) - 16


def _tests(canvas: Canvas, tests: tuple[Test, ...], y: float) -> float:
    if not tests:
        return y
    y = _heading(canvas, "Tests", y)
    for test in tests:
        canvas.setFillColor(_MARKS[test.status])
        canvas.circle(_LEFT + 4, y + 3.5, 4, stroke=0, fill=1)
        canvas.setFillColor(_INK)
        canvas.setFont("Helvetica-Bold", 10)
        canvas.drawString(_LEFT + 16, y, test.name)
        canvas.setFont("Helvetica", 10)
        canvas.drawString(_LEFT + 2.5 * inch, y, test.status)
        canvas.setFillColor(_QUIET)
        canvas.drawString(_LEFT + 3.3 * inch, y, test.result)
        y -= 19
    return y - 14


def _actions(canvas: Canvas, actions: tuple[str, ...], y: float) -> None:
    if not actions:
        return
    y = _heading(canvas, "Next suggested actions", y)
    for number, action in enumerate(actions, start=1):
        y = _paragraph(canvas, f"{number}. {action}", y, font="Helvetica", size=11) - 3
