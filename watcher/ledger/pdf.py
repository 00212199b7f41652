"""The ledger as a PDF; needs the extra `report`."""

from __future__ import annotations

import io
from xml.sax.saxutils import escape

from reportlab.lib import colors, pagesizes, styles  # type: ignore[import-untyped]  # publishes no types
from reportlab.platypus import (  # type: ignore[import-untyped]  # publishes no types
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
)

from watcher.ledger import text
from watcher.ledger.document import LedgerDocument

_HEADINGS = ("Circuit", "Available", "Agreed", "Down", "Degraded", "Announced", "Unknown")
_MARGIN, _SIZE = 40, 8.5  # points


def pdf(ledger: LedgerDocument) -> bytes:
    """Return a PDF in A4."""
    plain = styles.ParagraphStyle("plain", fontName="Helvetica", fontSize=_SIZE, leading=12)
    head = styles.ParagraphStyle("head", parent=plain, fontSize=14, leading=20)
    rows = [[Paragraph(name, plain) for name in _HEADINGS]]
    for circuit in ledger.circuits:
        cells = [
            text.percent(circuit.availability),
            "" if circuit.sla_percent is None else f"{circuit.sla_percent:g} %",
            *(text.minutes(circuit.minutes[name]) for name in ("down", "degraded", "planned")),
            text.minutes(circuit.minutes["blind"]),
        ]
        rows.append([Paragraph(escape(cell), plain) for cell in (circuit.name, *cells)])
    parts = [Paragraph(f"Availability in {ledger.month}", head)]
    note = f"The month is that of {escape(ledger.zone)}; times are UTC, spans are in minutes."
    parts.append(Paragraph(note, plain))
    grid = [("GRID", (0, 0), (-1, -1), 0.3, colors.grey)]
    parts += [Spacer(0, 8), Table(rows, repeatRows=1, style=grid)]
    for circuit in ledger.circuits:
        if circuit.outages:
            parts += [Spacer(0, 8), Paragraph(f"<b>{escape(circuit.name)}</b>", plain)]
        for outage in circuit.outages:
            parts.append(Paragraph(escape(text.describe_outage(outage)), plain))
            for record in outage.recorded:
                line = f"on the vendor's record: {text.describe_record(record)}"
                parts.append(Paragraph(escape(line), plain, bulletText=" "))
        for booking in text.lossy(circuit):
            line = f"booking {text.describe_booking(booking)}"
            parts.append(Paragraph(escape(line), plain))
        for line in circuit.claim.splitlines():
            parts.append(Paragraph(escape(line), plain))
    written = io.BytesIO()
    SimpleDocTemplate(
        written,
        pagesize=pagesizes.A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        title=f"Availability {ledger.month}",
        author="Watcher",
        invariant=1,
    ).build(parts)
    return written.getvalue()
