"""Fixtures of the tests that run Service Diagnostics."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

HERE = Path(__file__).parent


def _pdf(*, pages: int = 1, size: tuple[float, float] = (612, 792), text: str = "report") -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=size, invariant=1)
    for number in range(1, pages + 1):
        canvas.drawString(40, size[1] / 2, f"{text}, page {number}")
        canvas.showPage()
    canvas.save()
    return file.getvalue()


@pytest.fixture
def make_pdf() -> Callable[..., bytes]:
    """Make a PDF; the same arguments give the same bytes."""
    return _pdf


@pytest.fixture
def encode() -> Callable[[bytes], str]:
    """Encode a PDF as the vendor documents it."""
    return lambda content: "data:application/pdf;base64," + base64.b64encode(content).decode()
