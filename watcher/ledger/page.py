"""The ledger as a page to send."""

from __future__ import annotations

import jinja2

from watcher.ledger import text
from watcher.ledger.document import LedgerDocument

FILTERS = {
    "minute": text.minute,
    "minutes": text.minutes,
    "percent": text.percent,
    "outage": text.describe_outage,
    "record": text.describe_record,
    "sides": text.describe_sides,
    "lossy": text.lossy,
    "booking": text.describe_booking,
}


def html(ledger: LedgerDocument) -> str:
    """Return one page of HTML that needs no other file."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("watcher.ledger", "assets"),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters |= FILTERS
    return templates.get_template("report.html").render(ledger=ledger)
