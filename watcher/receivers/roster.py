"""The full list of an incident's alerts as CSV, for a spreadsheet.

Law: a cell never begins with what a spreadsheet takes for a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from watcher import document, model

HEAD = ("subject", "name", "rule", "state", "from", "to", "value", "since")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(alerts: Iterable[model.IncidentAlert]) -> bytes:
    """Write alerts as CSV in UTF-8, one row each below a head."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(HEAD)
    for alert in alerts:
        writer.writerow(
            [
                _plain(alert.subject),
                _plain(alert.name),
                alert.rule,
                alert.state,
                _plain(alert.from_ or ""),
                _plain(alert.to or ""),
                "" if alert.value is None else f"{alert.value:g}",
                document.stamp(alert.since),
            ]
        )
    return file.getvalue().encode("utf-8", "replace")


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
