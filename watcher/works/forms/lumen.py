r"""Lumen's mails about scheduled maintenance, as its network change management sends them in HTML.

A mail has one maintenance, with a table of begin and end for each window, in GMT and once more in
local time, and below it a table of the circuits. Customers may have several accounts in it, so a
circuit can come twice. The row in GMT counts; one in another zone only where there is none.

circuit-maintenance-parser reads these mails as well, and drops every circuit whose impact is not an
outage; it is therefore not asked about them (docs/decisions/0034).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from watcher import model
from watcher.text import clean
from watcher.works.entries import ENDED, OVER, Announcement, NoticeError, window
from watcher.works.forms.page import Page, Table

PROVIDER = "lumen"
_NUMBER = re.compile(r"Scheduled Maintenance (?:Window )?#:?\s*([\w.-]{3,60})", re.IGNORECASE)
_UPDATE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?) (GMT|UTC) *[-\u2013] *(.*)")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d)(?::\d\d)? *([A-Z]{2,5})\b")
# Offsets from UTC in hours. Lumen writes its own abbreviations, always beside GMT.
_ZONES = {"GMT": 0, "UTC": 0, "BST": 1, "CET": 1, "CEST": 2}
_ZONES |= {"EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8}
_ZONES |= {"AKDT": -8, "AKST": -9, "HST": -10}
_UTC_NAMES = frozenset({"GMT", "UTC"})
_NONE = frozenset({"", "_", "-", "N/A", "NONE"})

# The first that fits counts: "completed" stands in "could not be completed" as well.
_SENTENCES = (
    ("cancel", model.WorkStatus.CANCELLED),
    ("postpone", model.WorkStatus.RESCHEDULED),
    ("reschedule", model.WorkStatus.RESCHEDULED),
    ("not be completed", model.WorkStatus.RESCHEDULED),
    ("not completed", model.WorkStatus.CANCELLED),
    ("completed", model.WorkStatus.COMPLETED),
    ("has begun", model.WorkStatus.IN_PROCESS),
    ("is scheduled", model.WorkStatus.CONFIRMED),
)
_CELLS = {
    "completed": model.WorkStatus.COMPLETED,
    "postponed": model.WorkStatus.RESCHEDULED,
    "alternate night": model.WorkStatus.RESCHEDULED,
    "not completed": model.WorkStatus.CANCELLED,
    "cancelled": model.WorkStatus.CANCELLED,
    "canceled": model.WorkStatus.CANCELLED,
}
_IMPACTS = (
    ("no impact", model.WorkImpact.NO_IMPACT),
    ("non-impact", model.WorkImpact.NO_IMPACT),
    ("intermittent", model.WorkImpact.DEGRADED),
    ("outage", model.WorkImpact.OUTAGE),
    ("degrad", model.WorkImpact.DEGRADED),
    ("hit", model.WorkImpact.DEGRADED),
    ("latency", model.WorkImpact.DEGRADED),
    ("loss", model.WorkImpact.DEGRADED),
    ("risk", model.WorkImpact.REDUCED_REDUNDANCY),
    ("redundan", model.WorkImpact.REDUCED_REDUNDANCY),
    ("protect", model.WorkImpact.REDUCED_REDUNDANCY),
)


def parse_page(source: str) -> list[Announcement]:
    """Return an entry for each window; none where the page is not of this form.

    A page without tables is of this form where its update ends windows that were announced before.
    Raises NoticeError where it is, and says something that cannot be.
    """
    page = Page(source)
    numbers = (match[1] for line in page.lines if (match := _NUMBER.search(line)))
    number = next(numbers, "")
    tables = [table for table in page.tables if _is_window(table) or _is_circuits(table)]
    update, stamp = _update(page.lines)
    if not number or not (tables or update in OVER):
        return []
    entries = list(_entries(page, tables, number, update, stamp))
    return entries or [
        Announcement(
            provider=PROVIDER,
            id=number,
            status=update or model.WorkStatus.CONFIRMED,
            window=None,
            circuits=[pair for table in tables if _is_circuits(table) for pair in _rows(table)],
            stamp=stamp,
            summary=_summary(page.lines),
        )
    ]


def _entries(
    page: Page,
    tables: list[Table],
    number: str,
    update: model.WorkStatus | None,
    stamp: datetime | None,
) -> Iterator[Announcement]:
    """Yield each window with the circuits of the table that follows it, or of the nearest one."""
    of_circuits = [place for place, table in enumerate(tables) if _is_circuits(table)]
    for place, table in enumerate(tables):
        if not _is_window(table):
            continue
        after = next((p for p in of_circuits if p > place), None)
        matrix = tables[of_circuits[-1] if after is None else after] if of_circuits else Table()
        status = _status(matrix) or update or model.WorkStatus.CONFIRMED
        yield Announcement(
            provider=PROVIDER,
            id=number,
            status=status,
            window=_window(table, number, status),
            circuits=list(_rows(matrix)),
            stamp=stamp,
            summary=_summary(page.lines),
            account=next((row[0] for row in matrix.rows[1:] if row), ""),
            label=_label(page.lines[: table.before], number),
        )


def _head(table: Table) -> list[str]:
    return [cell.casefold() for cell in table.rows[0]] if table.rows else []


def _is_window(table: Table) -> bool:
    return _head(table)[:2] == ["start", "end"]


def _is_circuits(table: Table) -> bool:
    head = _head(table)
    return "circuit id" in head and "impact type" in head


def _window(table: Table, number: str, status: model.WorkStatus) -> model.WorkWindow | None:
    """Return a window. Work that is over is over, whatever is written of its window."""
    try:
        return window(*_times(table, number), number)
    except NoticeError:
        if status in ENDED:
            return None
        raise


def _times(table: Table, number: str) -> tuple[datetime, datetime]:
    """Return begin and end by the row in GMT, or else by the first whose zone is known."""
    rows = [row for row in table.rows[1:] if len(row) >= 2]
    matches = [[_TIME.search(cell) for cell in row[:2]] for row in rows]
    zones: list[str] = []
    usable: list[tuple[datetime, datetime]] = []
    for pair in matches:
        times = [match for match in pair if match is not None]
        if len(times) != 2:
            continue
        zones += [match[2] for match in times]
        if any(match[2] not in _ZONES for match in times):
            continue
        begin, end = (_moment(match[1], match[2], number) for match in times)
        if all(match[2] in _UTC_NAMES for match in times):
            return begin, end
        usable.append((begin, end))
    if usable:
        return usable[0]
    if zones:
        raise NoticeError(f"{number}: the time zone {zones[0]} of its window is not known")
    raise NoticeError(f"{number}: a window of it has no begin and end that can be read")


def _moment(written: str, zone: str, number: str) -> datetime:
    try:
        local = datetime.strptime(written, "%Y-%m-%d %H:%M").replace(
            tzinfo=timezone(timedelta(hours=_ZONES[zone]))
        )
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NoticeError(f"{number}: {written!r} is not a time") from error


def _rows(table: Table) -> Iterator[tuple[str, model.WorkImpact]]:
    """Yield the circuits of a table; one without an id of its own by its other id."""
    head = _head(table)
    for row in table.rows[1:]:
        cells = dict(zip(head, row, strict=False))
        ids = (cells.get("circuit id", ""), cells.get("alt circuit id", ""))
        circuit = next((name for name in ids if name.upper() not in _NONE), "")
        if circuit:
            yield circuit, _impact(cells.get("impact type", ""))


def _impact(written: str) -> model.WorkImpact:
    """Return the impact; a word that nobody knows is none, so that an outage calls people."""
    written = written.casefold()
    return next(
        (impact for word, impact in _IMPACTS if word in written), model.WorkImpact.NO_IMPACT
    )


def _status(matrix: Table) -> model.WorkStatus | None:
    """Return what the circuits' own column says of the window, where it has one.

    Where some were done and others were not, work is not over: it was put off.
    """
    head = _head(matrix)
    if "status" not in head:
        return None
    column = head.index("status")
    statuses = {
        _CELLS[cell]
        for row in matrix.rows[1:]
        if len(row) > column and (cell := row[column].casefold()) in _CELLS
    }
    if len(statuses) > 1:
        return model.WorkStatus.RESCHEDULED
    return next(iter(statuses), None)


def _update(lines: list[str]) -> tuple[model.WorkStatus | None, datetime | None]:
    """Return what the newest update says, and when it was written."""
    updates = [match for line in lines if (match := _UPDATE.search(line))]
    if not updates:
        return None, None
    newest = max(updates, key=lambda match: match[1])
    sentence = newest[3].casefold()
    status = next((status for words, status in _SENTENCES if words in sentence), None)
    try:
        written = datetime.fromisoformat(newest[1]).replace(tzinfo=UTC)
    except ValueError:
        return status, None
    return status, written


def _summary(lines: list[str]) -> str:
    for place, line in enumerate(lines):
        before, mark, rest = line.partition("Summary:")
        if mark and len(before) < 3:
            return clean(rest or next(iter(lines[place + 1 : place + 2]), ""), 1_000)
    return ""


def _label(lines: list[str], number: str) -> str:
    """Return the carrier's name of a window: the number with a suffix, the last thing before it."""
    for line in reversed(lines[-4:]):
        if re.fullmatch(rf"{re.escape(number)}-\d{{1,4}}", line):
            return line
    return ""
