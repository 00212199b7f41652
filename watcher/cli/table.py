"""Tables on a terminal: a header, columns as wide as they need, and no line wider than the screen.

Where nobody looks, as in a pipe, nothing is cut short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from watcher import model, text
from watcher.cli import terminal

Cell = str | tuple[str, str]  # a text, or one with its colour
SEVERITY_COLOURS = {"critical": terminal.RED, "warning": terminal.YELLOW}
_GAP = "  "


def print_table(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print rows below their header; the last column is cut where the terminal ends."""
    titles: list[Cell] = [(title, terminal.GREY) for title in header]
    for line in fitted([titles, *rows], terminal.width()):
        terminal.write(*line)


def print_incidents(incidents: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Print incidents, the worst first."""
    rows = [_row(incident, now) for incident in sorted(incidents, key=_worst_first)]
    print_table(("INCIDENT", "SEVERITY", "STATUS", "BEGAN", "LASTS", "TITLE"), rows)


def _row(incident: Mapping[str, Any], now: datetime) -> Sequence[Cell]:
    began = datetime.fromisoformat(incident["began_at"])
    end = datetime.fromisoformat(incident["ended_at"]) if incident["ended_at"] else now
    severity = incident["severity"]
    colour = SEVERITY_COLOURS.get(severity) if incident["status"] != "resolved" else None
    return (
        incident["id"],
        (severity, colour) if colour else severity,
        ", ".join((incident["status"], *incident["flags"])),
        f"{incident['began_at'][:19]}Z",
        model.format_duration(end - began),
        incident["title"],
    )


def _worst_first(incident: Mapping[str, Any]) -> tuple[bool, int, str]:
    """Sort what is open before what is over, then by severity, then by how long it has lasted."""
    severities = ("critical", "warning", "info")
    return (
        incident["status"] == "resolved",
        severities.index(incident["severity"]),
        incident["began_at"],
    )


def fitted(rows: Sequence[Sequence[Cell]], width: int | None) -> Iterator[list[Cell]]:
    """Yield the parts of each line; all columns but the last are padded."""
    widths = [max(len(_text(row[number])) for row in rows) for number in range(len(rows[0]) - 1)]
    rest = None if width is None else width - sum(widths) - len(_GAP) * len(widths)
    for row in rows:
        line: list[Cell] = []
        for cell, wide in zip(row, widths, strict=False):
            line += [cell, " " * (wide - len(_text(cell))) + _GAP]
        line.append(_cut(row[-1], rest))
        yield line


def _text(cell: Cell) -> str:
    return text.for_terminal(cell if isinstance(cell, str) else cell[0])


def _cut(cell: Cell, width: int | None) -> Cell:
    words = _text(cell)
    if width is None or len(words) <= max(width, 1):
        return cell
    short = words[: max(width, 1) - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return short if isinstance(cell, str) else (short, cell[1])
