"""Tables on a terminal: a header, columns as wide as they need, and no line wider than the screen.

Where nobody looks, as in a pipe, nothing is cut short.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from watcher import model, text
from watcher.cli import terminal

Cell = str | tuple[str, str]  # a text, or one with its colour
SEVERITY_COLOURS = {"critical": terminal.RED, "warning": terminal.YELLOW}
_SEVERITIES = ("critical", "warning", "info")
_GAP = "  "
_LEAST_LAST = 24  # columns that the last column of a table keeps, or half of a narrow screen
_LEAST = 6  # and each other one


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[Cell]], *, wrap: bool = False
) -> None:
    """Print rows below their header.

    Where the terminal ends the last column is cut, or goes on in a line of its own (`wrap`).
    """
    titles: list[Cell] = [(title, terminal.GREY) for title in header]
    for line in fitted([titles, *rows], terminal.width(), wrap=wrap):
        terminal.write(*line)


def print_incidents(incidents: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Print incidents, the worst first."""
    rows = [_row(incident, now) for incident in sorted(incidents, key=_worst_first)]
    print_table(("INCIDENT", "SEVERITY", "STATUS", "BEGAN", "LASTS", "TITLE"), rows)


def print_line(*parts: Cell) -> None:
    """Print one line, broken between words where the terminal ends."""
    for line in fitted([list(parts[-1:])], terminal.width(), wrap=True, lead=parts[:-1]):
        terminal.write(*line)


def severity(name: str) -> Cell:
    """Return a severity in its colour."""
    return (name, SEVERITY_COLOURS[name]) if name in SEVERITY_COLOURS else name


def severity_rank(name: str) -> int:
    """Return a severity's place, the worst first."""
    return _SEVERITIES.index(name) if name in _SEVERITIES else len(_SEVERITIES)


def _row(incident: Mapping[str, Any], now: datetime) -> Sequence[Cell]:
    began = datetime.fromisoformat(incident["began_at"])
    end = datetime.fromisoformat(incident["ended_at"]) if incident["ended_at"] else now
    name = incident["severity"]
    return (
        incident["id"],
        severity(name) if incident["status"] != "resolved" else name,
        ", ".join((incident["status"], *incident["flags"])),
        f"{incident['began_at'][:19]}Z",
        model.format_duration(end - began),
        incident["title"],
    )


def _worst_first(incident: Mapping[str, Any]) -> tuple[bool, int, str]:
    """Sort what is open before what is over, then by severity, then by how long it has lasted."""
    return (
        incident["status"] == "resolved",
        severity_rank(incident["severity"]),
        incident["began_at"],
    )


def fitted(
    rows: Sequence[Sequence[Cell]],
    width: int | None,
    *,
    wrap: bool = False,
    lead: Sequence[Cell] = (),
) -> Iterator[list[Cell]]:
    """Yield the parts of each line; all columns but the last are padded. `lead` opens the first."""
    widths = [
        max(columns(_text(row[number])) for row in rows) for number in range(len(rows[0]) - 1)
    ]
    if width is not None:
        _squeeze(widths, width)
    opening = sum(columns(_text(cell)) for cell in lead)
    taken = sum(widths) + len(_GAP) * len(widths) + opening
    rest = None if width is None else max(width - taken, 1)
    for row in rows:
        line: list[Cell] = list(lead)
        for cell, wide in zip(row, widths, strict=False):
            shown = _cut(cell, wide)
            line += [shown, " " * (wide - columns(_text(shown))) + _GAP]
        if not wrap or rest is None:
            yield _clipped([*line, _cut(row[-1], rest)], width)
            continue
        for part in _wrapped(row[-1], rest):
            yield _clipped([*line, part], width)
            line = [" " * taken]


def columns(written: str) -> int:
    """Return how many columns of a terminal a text takes: signs of East Asia take two."""
    return sum(map(_columns_of, written))


def _columns_of(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def _squeeze(widths: list[int], width: int) -> None:
    """Narrow the widest columns until the last one has room."""
    room = width - min(_LEAST_LAST, width // 2) - len(_GAP) * len(widths)
    while widths and sum(widths) > room:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] <= _LEAST:
            break
        widths[widest] -= 1


def _text(cell: Cell) -> str:
    return text.for_terminal(cell if isinstance(cell, str) else cell[0])


def _cut(cell: Cell, width: int | None) -> Cell:
    words = _text(cell)
    if width is None or columns(words) <= width:
        return cell
    return _painted(_head(words, width - 1) + "\N{HORIZONTAL ELLIPSIS}", cell)


def _head(words: str, width: int) -> str:
    """Return as many of the first signs as have room."""
    taken = 0
    for number, sign in enumerate(words):
        taken += _columns_of(sign)
        if taken > width:
            return words[:number]
    return words


def _wrapped(cell: Cell, width: int) -> Iterator[Cell]:
    """Yield a cell line by line, broken between words where that can be."""
    rest = _text(cell)
    while columns(rest) > width:
        head = _head(rest, width) or rest[:1]
        at = head.rfind(" ") if rest[len(head) :][:1] != " " else len(head)
        at = at if at > 0 else len(head)
        yield _painted(rest[:at].rstrip(), cell)
        rest = rest[at:].lstrip()
    yield _painted(rest, cell)


def _clipped(line: list[Cell], width: int | None) -> list[Cell]:
    """Return a line without spaces at its end, or what a very narrow terminal has no room for."""
    while line and not _text(line[-1]).strip():
        line = line[:-1]
    if line and isinstance(line[-1], str):
        line = [*line[:-1], line[-1].rstrip()]
    if width is None:
        return line
    shown: list[Cell] = []
    for cell in line:
        words = _head(_text(cell), width)
        shown.append(_painted(words, cell))
        width -= columns(words)
    return shown


def _painted(words: str, cell: Cell) -> Cell:
    return words if isinstance(cell, str) else (words, cell[1])
